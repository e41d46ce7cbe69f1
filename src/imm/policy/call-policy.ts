/**
 * Limits and retries around any `ImmClient`: what keeps the gateway a good neighbour of a project's other users.
 *
 * Around every attempt, from the outside in: the project's budget of calls a second, the bound on calls in flight, the
 * circuit breaker, the deadline; so that all is decided when the call is sent. Around the attempts: retries with full jitter, of creates only where the attempt before
 * certainly started nothing. The primitives are cockatiel's and `project-budget`'s; this file decides what they are
 * applied to. It knows nothing of what the calls mean.
 */

import { setMaxListeners } from "node:events";
import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  ConstantBackoff,
  DelegateBackoff,
  handleWhen,
  retry,
  TaskCancelledError,
  timeout,
  TimeoutStrategy,
  type CircuitBreakerPolicy,
  type IPolicy,
  type IRetryBackoffContext,
} from "cockatiel";
import type { Clock } from "../../clock.js";
import {
  GatewayError,
  UpstreamInvalidResponseError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
  toError,
} from "../../errors.js";
import { silentLogger, type Logger } from "../../log.js";
import { ProjectBudget } from "./call-budget.js";
import {
  CallPriority,
  type CallOptions,
  type CreatedTask,
  type CreateTaskRequest,
  type GetResultRequest,
  type GetTaskRequest,
  type ImmClient,
  type ImmTask,
  type ImmTaskPage,
  type ImmTaskResult,
  type ListTasksRequest,
} from "../imm-client.js";
import { UpstreamJournal } from "./upstream-journal.js";
import { WireShapeError } from "../wire/wire.js";

/** How IMM may be called. */
export interface CallPolicyLimits {
  /** Milliseconds that one attempt may take once it is sent; then UPSTREAM_TIMEOUT. */
  readonly callTimeoutMs: number;
  /** Calls in flight at the same time, over all projects. Further ones wait. */
  readonly maxConcurrentCalls: number;
  /** Attempts for one project in any window of a second. IMM's own limit is 100 for everybody together. */
  readonly maxCallsPerSecond: number;
  /** Calls of one project and urgency that may wait for their turn; beyond it UPSTREAM_THROTTLED at once. */
  readonly maxQueuedCalls: number;
  /** Further attempts of a call that failed in passing. `0` turns retries off. */
  readonly maxRetries: number;
  /** Milliseconds: the first retry waits between 0 and this, and the bound doubles with each further one. */
  readonly retryDelayMs: number;
  /** Milliseconds: the longest wait before a retry. When IMM asks for a longer one the call fails at once and says so. */
  readonly maxRetryDelayMs: number;
  /** Failures in a row (timeouts, 5xx, network, unreadable answers) after which calls fail at once. */
  readonly breakerThreshold: number;
  /** Milliseconds after which an open breaker lets one call through. */
  readonly breakerResetMs: number;
}

/** What a `GuardedImmClient` is made of. */
export interface CallPolicyOptions {
  readonly limits: CallPolicyLimits;
  /** The source of the jitter, and of the seconds that IMM counts by. Other waits are the libraries', on the machine's timers. */
  readonly clock: Clock;
  /** Where to log. @default nowhere */
  readonly logger?: Logger | undefined;
}

/** Calls of one urgency under way over all projects, as a multiple of those of one project that may wait. */
const MAX_FULL_QUEUES = 10;
/** When to come back after that. */
const UNDER_WAY_RETRY_MS = 1_000;
/** Cockatiel would count the wait of an open breaker by the wall clock, which may be set: `#refuseWhileOpen` counts it in ticks. */
const AT_ONCE = -Infinity;
/** Project names come from clients: idle budgets beyond this number are forgotten. */
const MAX_IDLE_BUDGETS = 1_000;

/** One attempt of a call. */
type Attempt<T> = (signal: AbortSignal) => Promise<T>;

type Outcome<T> = { readonly value: T } | { readonly refusal: Error };

/** An `ImmClient` that obeys `CallPolicyLimits` and calls another one. */
export class GuardedImmClient implements ImmClient {
  readonly #client: ImmClient;
  readonly #limits: CallPolicyLimits;
  readonly #clock: Clock;
  /** By project, the one that has waited longest for a place first. */
  readonly #budgets = new Map<string, ProjectBudget>();
  #callsInFlight = 0;
  /** By urgency, over all projects: calls in flight and calls that wait, for whatever reason. */
  readonly #underWay = new Map<number, number>();
  readonly #stopping = new AbortController();
  readonly #readRetries: IPolicy;
  readonly #createRetries: IPolicy;
  readonly #breaker: CircuitBreakerPolicy;
  readonly #journal: UpstreamJournal;
  /** When the breaker last opened. */
  #openedTick = -Infinity;
  readonly #deadline: IPolicy;

  constructor(client: ImmClient, { limits, clock, logger = silentLogger }: CallPolicyOptions) {
    const { maxRetryDelayMs } = limits;
    this.#client = client;
    this.#limits = limits;
    this.#clock = clock;
    // Every waiting call listens to it; their number is bounded by the queues.
    setMaxListeners(0, this.#stopping.signal);
    this.#deadline = timeout(limits.callTimeoutMs, TimeoutStrategy.Aggressive);
    this.#breaker = circuitBreaker(handleWhen(isOutage), {
      breaker: new ConsecutiveBreaker(limits.breakerThreshold),
      halfOpenAfter: new ConstantBackoff(AT_ONCE),
    });
    this.#journal = new UpstreamJournal({ logger, clock });
    this.#breaker.onBreak(() => {
      this.#openedTick = clock.tick();
      this.#journal.breakerOpened(limits.breakerThreshold);
    });
    this.#breaker.onReset(() => this.#journal.breakerClosed());
    this.#breaker.onStateChange(() => this.#pauseOrResume());
    this.#readRetries = createRetries(limits, clock, (error) => isWorthRetrying(error, maxRetryDelayMs));
    this.#createRetries = createRetries(
      limits,
      clock,
      (error) => isWorthRetrying(error, maxRetryDelayMs) && !mayHaveArrived(error),
    );
  }

  async getTask(request: GetTaskRequest, options?: CallOptions): Promise<ImmTask> {
    return this.#call(this.#readRetries, request.projectName, options, async (sent) =>
      this.#client.getTask(request, sent),
    );
  }

  async listTasks(request: ListTasksRequest, options?: CallOptions): Promise<ImmTaskPage> {
    return this.#call(this.#readRetries, request.projectName, options, async (sent) =>
      this.#client.listTasks(request, sent),
    );
  }

  async getResult(request: GetResultRequest, options?: CallOptions): Promise<ImmTaskResult> {
    return this.#call(this.#readRetries, request.projectName, options, async (sent) =>
      this.#client.getResult(request, sent),
    );
  }

  async createTask(request: CreateTaskRequest, options?: CallOptions): Promise<CreatedTask> {
    return this.#call(this.#createRetries, request.input.ProjectName, options, async (sent) =>
      this.#client.createTask(request, sent),
    );
  }

  /** Fails every call that waits or is in flight, and every further one. No timer of a waiting call is left. */
  dispose(): void {
    this.#stopping.abort(stopped({ mayHaveArrived: false }));
    for (const budget of this.#budgets.values()) budget.dispose();
  }

  async #call<T>(
    retries: IPolicy,
    projectName: string,
    options: CallOptions = {},
    call: (options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const { priority = CallPriority.query, onAttempt } = options;
    const attempt: Attempt<T> = async (signal) => {
      onAttempt?.();
      return call({ ...options, signal });
    };
    return this.#countedUnderWay(priority, async () =>
      retries.execute(async () => this.#takeTurn(projectName, this.#admit(projectName, priority), priority, attempt)),
    );
  }

  /** Refuses a call beyond those of its urgency that may be under way: each project that a client names has a queue. */
  async #countedUnderWay<T>(priority: number, call: () => Promise<T>): Promise<T> {
    const underWay = this.#underWay.get(priority) ?? 0;
    if (underWay >= this.#limits.maxQueuedCalls * MAX_FULL_QUEUES) {
      throw new BudgetSpentError("The gateway has as many calls to IMM under way as it may.", {
        retryAfterMs: UNDER_WAY_RETRY_MS,
      });
    }
    this.#underWay.set(priority, underWay + 1);
    try {
      return await call();
    } finally {
      this.#underWay.set(priority, (this.#underWay.get(priority) ?? 0) - 1);
    }
  }

  /** The project's queue, unless the breaker is open or too many calls of the same urgency wait in it already. */
  #admit(projectName: string, priority: number): ProjectBudget {
    this.#refuseWhileOpen();
    const budget = this.#budgetOf(projectName);
    if (budget.waitingAt(priority) < this.#limits.maxQueuedCalls) return budget;
    throw new BudgetSpentError("The gateway's own budget of calls for this project is spent.", {
      retryAfterMs: budget.waitMs,
    });
  }

  async #takeTurn<T>(projectName: string, budget: ProjectBudget, priority: number, call: Attempt<T>): Promise<T> {
    let hasStarted = false;
    const run = async (): Promise<T> => {
      hasStarted = true;
      this.#takePlace(projectName, budget);
      try {
        return await this.#throughBreaker(projectName, async () => this.#withDeadline(call));
      } finally {
        this.#givePlace();
      }
    };
    const admit = (): void => this.#refuseWhileOpen();
    try {
      return await budget.take(run, { priority, signal: this.#stopping.signal, admit });
    } catch (thrown) {
      if (thrown instanceof StoppedError && hasStarted) throw stopped({ mayHaveArrived: true });
      throw thrown;
    }
  }

  /** Refuses a call while the breaker is open, but for one that tries, after a while, whether it may close. */
  #refuseWhileOpen(): void {
    if (this.#breaker.state !== CircuitState.Open) return;
    if (this.#clock.tick() - this.#openedTick >= this.#limits.breakerResetMs) return;
    this.#journal.breakerRefused();
    throw new BreakerOpenError("IMM has failed repeatedly; the gateway waits before it asks again.", {
      retryAfterMs: this.#limits.breakerResetMs,
      mayHaveArrived: false,
    });
  }

  /** Lets the breaker see outages as failures and everything else, a refusal too, as proof that IMM is there. */
  async #throughBreaker<T>(projectName: string, call: () => Promise<T>): Promise<T> {
    const outcome = await this.#breaker.execute(async (): Promise<Outcome<T>> => {
      try {
        const value = await call();
        this.#journal.succeeded();
        return { value };
      } catch (thrown) {
        const error = toError(thrown);
        if (!(error instanceof StoppedError)) this.#journal.failed(projectName, error);
        if (isOutage(error)) throw error;
        return { refusal: error };
      }
    });
    if ("refusal" in outcome) throw outcome.refusal;
    return outcome.value;
  }

  #takePlace(projectName: string, budget: ProjectBudget): void {
    this.#callsInFlight += 1;
    this.#budgets.delete(projectName);
    this.#budgets.set(projectName, budget);
    if (!this.#hasPlace()) this.#pauseOrResume();
  }

  #givePlace(): void {
    this.#callsInFlight -= 1;
    this.#pauseOrResume();
  }

  /** With the last place gone every queue pauses, so that none counts a call that it cannot start. */
  #pauseOrResume(): void {
    for (const budget of Array.from(this.#budgets.values())) {
      if (this.#hasPlace()) budget.resume();
      else budget.pause();
    }
  }

  /** Whether a call may be started. While one tries whether the breaker may close, the others wait for what it finds. */
  #hasPlace(): boolean {
    return this.#breaker.state !== CircuitState.HalfOpen && this.#callsInFlight < this.#limits.maxConcurrentCalls;
  }

  /** What is given up, by the deadline or since the gateway stops, learns it by its signal. */
  async #withDeadline<T>(call: Attempt<T>): Promise<T> {
    try {
      return await this.#deadline.execute(async ({ signal }) => call(signal), this.#stopping.signal);
    } catch (thrown) {
      if (thrown instanceof TaskCancelledError) throw new UpstreamTimeoutError("IMM did not answer in time.");
      throw thrown;
    }
  }

  #budgetOf(projectName: string): ProjectBudget {
    let budget = this.#budgets.get(projectName);
    if (budget === undefined) {
      if (this.#budgets.size >= MAX_IDLE_BUDGETS) this.#forgetIdleBudgets();
      const { maxCallsPerSecond } = this.#limits;
      budget = new ProjectBudget({ clock: this.#clock, maxCallsPerSecond, isPaused: !this.#hasPlace() });
      this.#budgets.set(projectName, budget);
    }
    return budget;
  }

  #forgetIdleBudgets(): void {
    for (const [projectName, budget] of this.#budgets) {
      if (budget.isIdle) this.#budgets.delete(projectName);
    }
  }
}

/** Further attempts with full jitter, no earlier than IMM asks for. */
function createRetries(
  { maxRetries, retryDelayMs, maxRetryDelayMs }: CallPolicyLimits,
  clock: Clock,
  isWorthIt: (error: Error) => boolean,
): IPolicy {
  const policy = retry(handleWhen(isWorthIt), {
    maxAttempts: maxRetries,
    backoff: new DelegateBackoff<IRetryBackoffContext<unknown>>(({ attempt, result }) => {
      const bound = Math.min(maxRetryDelayMs, retryDelayMs * 2 ** (attempt - 1));
      const asked = "error" in result && result.error instanceof GatewayError ? result.error.retryAfterMs : 0;
      return (asked ?? 0) + clock.random() * bound;
    }),
  });
  // A wait that nobody waits for any more must not hold a stopped process up.
  return policy.dangerouslyUnref();
}

/** The local budget is spent: trying again at once would only lengthen the queue. */
class BudgetSpentError extends UpstreamThrottledError {}

/** The gateway stops: there is no later. */
class StoppedError extends UpstreamUnavailableError {}

function stopped(details: { readonly mayHaveArrived: boolean }): StoppedError {
  return new StoppedError("The gateway is stopping.", details);
}

/** The breaker is open: trying again before it closes is pointless. */
class BreakerOpenError extends UpstreamUnavailableError {}

/** What a retry at once would only repeat: failures of our own making, and a whole answer of another shape than documented. */
const HOPELESS = [BudgetSpentError, BreakerOpenError, StoppedError, WireShapeError];

/** Whether the failure says that IMM as a whole is in trouble; throttling, refusals, and one odd task do not. */
function isOutage(error: Error): boolean {
  return (
    error instanceof UpstreamUnavailableError ||
    error instanceof UpstreamTimeoutError ||
    (error instanceof UpstreamInvalidResponseError && !(error instanceof WireShapeError))
  );
}

/** An error that is not the house's says nothing, so the worst is assumed. */
function mayHaveArrived(error: Error): boolean {
  return !(error instanceof GatewayError) || error.mayHaveArrived;
}

function isWorthRetrying(error: Error, maxRetryDelayMs: number): boolean {
  if (HOPELESS.some((kind) => error instanceof kind)) return false;
  return error instanceof GatewayError && error.retryable && (error.retryAfterMs ?? 0) <= maxRetryDelayMs;
}
