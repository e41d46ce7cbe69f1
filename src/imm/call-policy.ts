/**
 * Limits and retries around any `ImmClient`: what keeps the gateway a good neighbour of a project's other users.
 *
 * Around every attempt, from the outside in: the circuit breaker, the project's budget of calls a second, the bound on
 * calls in flight, the deadline. Around the attempts: retries with full jitter. The primitives are cockatiel's and
 * p-queue's; this file decides what they are applied to. It knows nothing of what the calls mean.
 */

import {
  BrokenCircuitError,
  circuitBreaker,
  ConsecutiveBreaker,
  DelegateBackoff,
  handleWhen,
  retry,
  TaskCancelledError,
  timeout,
  TimeoutStrategy,
  type IPolicy,
  type IRetryBackoffContext,
} from "cockatiel";
import PQueue from "p-queue";
import type { Clock } from "../clock.js";
import {
  GatewayError,
  UpstreamInvalidResponseError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
} from "../errors.js";
import type { GetTaskRequest, ImmClient, ImmTask, ImmTaskPage, ListTasksRequest } from "./imm-client.js";

/** How IMM may be called. */
export interface CallPolicyLimits {
  /** Milliseconds that one attempt may take once it is sent; then UPSTREAM_TIMEOUT. */
  readonly callTimeoutMs: number;
  /** Calls in flight at the same time, over all projects. Further ones wait. */
  readonly maxConcurrentCalls: number;
  /** Attempts for one project in any window of a second. IMM's own limit is 100 for everybody together. */
  readonly maxCallsPerSecond: number;
  /** Calls of one project that may wait for their turn; beyond it UPSTREAM_THROTTLED at once. */
  readonly maxQueuedCalls: number;
  /** Further attempts of a read that failed in passing. `0` turns retries off. */
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
  /** The source of the jitter. The waits themselves are the libraries', on the machine's timers. */
  readonly clock: Clock;
}

const RATE_WINDOW_MS = 1_000;
/** Project names come from clients: idle budgets beyond this number are forgotten. */
const MAX_IDLE_BUDGETS = 1_000;

/** An `ImmClient` that obeys `CallPolicyLimits` and calls another one. */
export class GuardedImmClient implements ImmClient {
  readonly #client: ImmClient;
  readonly #limits: CallPolicyLimits;
  readonly #inFlight: PQueue;
  readonly #budgets = new Map<string, PQueue>();
  readonly #retries: IPolicy;
  readonly #breaker: IPolicy;
  readonly #deadline: IPolicy;

  constructor(client: ImmClient, { limits, clock }: CallPolicyOptions) {
    const { maxRetries, retryDelayMs, maxRetryDelayMs } = limits;
    this.#client = client;
    this.#limits = limits;
    this.#inFlight = new PQueue({ concurrency: limits.maxConcurrentCalls });
    this.#deadline = timeout(limits.callTimeoutMs, TimeoutStrategy.Aggressive);
    this.#breaker = circuitBreaker(handleWhen(isOutage), {
      breaker: new ConsecutiveBreaker(limits.breakerThreshold),
      halfOpenAfter: limits.breakerResetMs,
    });
    this.#retries = retry(
      handleWhen((error) => isWorthRetrying(error, maxRetryDelayMs)),
      {
        maxAttempts: maxRetries,
        backoff: new DelegateBackoff<IRetryBackoffContext<unknown>>(({ attempt, result }) => {
          const bound = Math.min(maxRetryDelayMs, retryDelayMs * 2 ** (attempt - 1));
          const asked = "error" in result && result.error instanceof GatewayError ? result.error.retryAfterMs : 0;
          return (asked ?? 0) + clock.random() * bound;
        }),
      },
    );
  }

  async getTask(request: GetTaskRequest): Promise<ImmTask> {
    return this.#read(request.projectName, () => this.#client.getTask(request));
  }

  async listTasks(request: ListTasksRequest): Promise<ImmTaskPage> {
    return this.#read(request.projectName, () => this.#client.listTasks(request));
  }

  /** Drops the calls that wait for their turn, so that no timer of theirs is left. Calls in flight end by themselves. */
  dispose(): void {
    for (const queue of [...this.#budgets.values(), this.#inFlight]) {
      queue.pause();
      queue.clear();
    }
  }

  async #read<T>(projectName: string, call: () => Promise<T>): Promise<T> {
    return this.#retries.execute(async () => {
      try {
        return await this.#breaker.execute(async () => this.#takeTurn(projectName, call));
      } catch (thrown) {
        if (!(thrown instanceof BrokenCircuitError)) throw thrown;
        throw new BreakerOpenError("IMM has failed repeatedly; the gateway waits before it asks again.", {
          retryAfterMs: this.#limits.breakerResetMs,
          mayHaveArrived: false,
        });
      }
    });
  }

  async #takeTurn<T>(projectName: string, call: () => Promise<T>): Promise<T> {
    const budget = this.#budgetOf(projectName);
    if (budget.size >= this.#limits.maxQueuedCalls) {
      throw new BudgetSpentError("The gateway's own budget of calls for this project is spent.", {
        retryAfterMs: Math.ceil((budget.size / this.#limits.maxCallsPerSecond) * RATE_WINDOW_MS),
      });
    }
    return budget.add(async () => this.#inFlight.add(async () => this.#withDeadline(call)));
  }

  async #withDeadline<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await this.#deadline.execute(call);
    } catch (thrown) {
      if (thrown instanceof TaskCancelledError) throw new UpstreamTimeoutError("IMM did not answer in time.");
      throw thrown;
    }
  }

  #budgetOf(projectName: string): PQueue {
    let budget = this.#budgets.get(projectName);
    if (budget === undefined) {
      if (this.#budgets.size >= MAX_IDLE_BUDGETS) this.#forgetIdleBudgets();
      budget = new PQueue({ interval: RATE_WINDOW_MS, intervalCap: this.#limits.maxCallsPerSecond, strict: true });
      this.#budgets.set(projectName, budget);
    }
    return budget;
  }

  #forgetIdleBudgets(): void {
    for (const [projectName, budget] of this.#budgets) {
      if (budget.size === 0 && budget.pending === 0) this.#budgets.delete(projectName);
    }
  }
}

/** The local budget is spent: trying again at once would only lengthen the queue. */
class BudgetSpentError extends UpstreamThrottledError {}

/** The breaker is open: trying again before it closes is pointless. */
class BreakerOpenError extends UpstreamUnavailableError {}

/** Whether the failure says that IMM as a whole is in trouble; throttling and refusals do not. */
function isOutage(error: Error): boolean {
  return (
    error instanceof UpstreamUnavailableError ||
    error instanceof UpstreamTimeoutError ||
    error instanceof UpstreamInvalidResponseError
  );
}

function isWorthRetrying(error: Error, maxRetryDelayMs: number): boolean {
  if (error instanceof BudgetSpentError || error instanceof BreakerOpenError) return false;
  return error instanceof GatewayError && error.retryable && (error.retryAfterMs ?? 0) <= maxRetryDelayMs;
}
