/**
 * Limits and retries around any `ImmClient`: what keeps the gateway a good neighbour of a project's other users.
 *
 * Around each attempt, from the outside in: the budget, the circuit breaker, the deadline; so that all is decided when the
 * call is sent. Around the attempts: retries, of creates only where the attempt before certainly started nothing. This file
 * decides what those parts are applied to; it knows nothing of what the calls mean.
 */

import { setMaxListeners } from "node:events";
import type { Clock } from "../../clock.js";
import {
  GatewayError,
  UpstreamInvalidResponseError,
  UpstreamMisconfiguredError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
  toError,
} from "../../errors.js";
import { silentLogger, type Logger } from "../../log.js";
import { UNOBSERVED, type Observers, type Readings } from "../../observe.js";
import { resultOperationOf } from "../operations/operations.js";
import { Breaker } from "./breaker.js";
import { CallInFlight } from "./call-in-flight.js";
import { BudgetSpentError, CallBudget } from "./call-budget.js";
import type { CallGrants } from "./call-grants.js";
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
import { withRetries, type RetryLimits, type RetryOptions } from "./retries.js";
import { UpstreamJournal } from "./upstream-journal.js";
import { WireShapeError } from "../wire/wire.js";

export interface CallPolicyLimits extends RetryLimits {
  /** Milliseconds that one attempt may take once it is sent; then UPSTREAM_TIMEOUT. */
  readonly callTimeoutMs: number;
  /** Calls in flight at the same time, over all projects. Further ones wait. */
  readonly maxConcurrentCalls: number;
  /** Attempts for one project in any window of a second. IMM's own limit is 100 for all callers together. */
  readonly maxCallsPerSecond: number;
  /** Calls of one project and urgency that may wait for their turn; beyond it UPSTREAM_THROTTLED at once. */
  readonly maxQueuedCalls: number;
  /** Failures in a row (timeouts, 5xx, network, unreadable answers) after which calls fail at once. */
  readonly breakerThreshold: number;
  /** Milliseconds after which an open breaker lets one call through. */
  readonly breakerResetMs: number;
}

export interface CallPolicyOptions {
  readonly limits: CallPolicyLimits;
  readonly clock: Clock;
  /** Counts the deadlines: the network takes its time also where `clock` is moved by hand. @default `clock` */
  readonly networkClock?: Clock | undefined;
  /** What grants the attempts of a second, where instances share them. @default `maxCallsPerSecond` for this one */
  readonly grants?: CallGrants | undefined;
  /** Where to log. @default nowhere */
  readonly logger?: Logger | undefined;
  /** Are called for each attempt. @default none */
  readonly observers?: Observers | undefined;
}

/** What is to be known of an attempt. */
interface Attempt extends Pick<CallOptions, "cause"> {
  /** IMM's name of what is asked. */
  readonly action: string;
  readonly projectName: string;
}

/** Calls of one urgency under way over all projects, as a multiple of those of one project that may wait. */
const MAX_FULL_QUEUES = 10;
/** So many refusals of the gateway's credentials in a row are believed, for so long. */
const MAX_MISCONFIGURED = 3;
const MISCONFIGURED_MS = 30_000;
/** When to come back after that. */
const UNDER_WAY_RETRY_MS = 1_000;

/** An `ImmClient` that obeys `CallPolicyLimits` and calls another one. */
export class GuardedImmClient implements ImmClient {
  readonly #client: ImmClient;
  readonly #limits: CallPolicyLimits;
  readonly #clock: Clock;
  readonly #networkClock: Clock;
  readonly #budget: CallBudget;
  readonly #breaker: Breaker;
  readonly #journal: UpstreamJournal;
  readonly #observers: Observers;
  /** By urgency, over all projects: calls in flight and calls that wait, for whatever reason. */
  readonly #underWay = new Map<number, number>();
  /** Calls in a row that failed for the gateway's own credentials, clock or endpoint, and when the last one did. */
  #misconfigured = 0;
  #misconfiguredTick = -Infinity;
  readonly #inFlight = new Set<CallInFlight>();
  /** Ends the waits of retries. */
  readonly #stopping = new AbortController();
  readonly #retries: RetryOptions;

  constructor(client: ImmClient, options: CallPolicyOptions) {
    const { limits, clock, networkClock = clock, grants, logger = silentLogger, observers = UNOBSERVED } = options;
    this.#client = client;
    this.#limits = limits;
    this.#clock = clock;
    this.#networkClock = networkClock;
    this.#observers = observers;
    this.#retries = { ...limits, clock, signal: this.#stopping.signal };
    // Each wait listens to it; their number is bounded by the queues.
    setMaxListeners(0, this.#stopping.signal);
    this.#journal = new UpstreamJournal({ logger, clock });
    this.#breaker = new Breaker({
      clock,
      threshold: limits.breakerThreshold,
      resetMs: limits.breakerResetMs,
      isFailure: isOutage,
      onOpen: () => this.#journal.breakerOpened(limits.breakerThreshold),
      // A trial that is given up as the gateway stops says nothing of IMM.
      onClose: () => {
        if (!this.#stopping.signal.aborted) this.#journal.breakerClosed();
      },
    });
    this.#budget = new CallBudget({
      ...limits,
      clock,
      grants,
      maySend: () => !this.#breaker.isTrying,
      admit: () => this.#refuseWhileOpen(),
      onFull: () => observers.metrics.callRefused("budget"),
    });
  }

  getTask(request: GetTaskRequest, options?: CallOptions): Promise<ImmTask> {
    return this.#call("GetTask", request.projectName, options, (sent) => this.#client.getTask(request, sent));
  }

  listTasks(request: ListTasksRequest, options?: CallOptions): Promise<ImmTaskPage> {
    return this.#call("ListTasks", request.projectName, options, (sent) => this.#client.listTasks(request, sent));
  }

  getResult(request: GetResultRequest, options?: CallOptions): Promise<ImmTaskResult> {
    const action = resultOperationOf(request.taskType)?.action ?? "GetResult";
    return this.#call(action, request.projectName, options, (sent) => this.#client.getResult(request, sent));
  }

  createTask(request: CreateTaskRequest, options?: CallOptions): Promise<CreatedTask> {
    const { action, input } = request;
    const call = (sent: CallOptions): Promise<CreatedTask> => this.#client.createTask(request, sent);
    return this.#call(action, input.ProjectName, options, call, isWorthCreatingAgain);
  }

  /** Fails each call that waits or is in flight, and each further one. Leaves no timer. */
  dispose(): void {
    this.#stopping.abort(stopped({ mayHaveArrived: false }));
    this.#budget.dispose(stopped({ mayHaveArrived: false }));
    for (const call of this.#inFlight) call.giveUp(stopped({ mayHaveArrived: true }));
  }

  /** Why a call would hardly be answered at this moment; undefined where it may be. Before the first call nothing speaks against it. */
  get trouble(): "breaker" | "credentials" | undefined {
    if (this.#breaker.isOpen) return "breaker";
    const isRecent = this.#clock.tick() - this.#misconfiguredTick < MISCONFIGURED_MS;
    return this.#misconfigured >= MAX_MISCONFIGURED && isRecent ? "credentials" : undefined;
  }

  /** What is to be known of it from outside, at this moment. */
  readings(): Pick<Readings, "callsInFlight" | "callsWaiting" | "callsLeft" | "breaker"> {
    const budget = this.#budget;
    const { query, confirmation, progress } = CallPriority;
    return {
      callsInFlight: budget.inFlight,
      callsWaiting: {
        query: budget.waitingAt(query),
        confirmation: budget.waitingAt(confirmation),
        progress: budget.waitingAt(progress),
      },
      callsLeft: budget.left,
      breaker: this.#breaker.state,
    };
  }

  #call<T>(
    action: string,
    projectName: string,
    options: CallOptions = {},
    call: (options: CallOptions) => Promise<T>,
    isWorthIt: (error: Error, limits: RetryLimits) => boolean = isWorthRetrying,
  ): Promise<T> {
    const { priority = CallPriority.query, onAttempt, cause } = options;
    const send = async (inFlight: CallInFlight): Promise<T> => {
      onAttempt?.();
      return call({
        priority,
        onAttempt,
        cause,
        get signal() {
          return inFlight.signal;
        },
      });
    };
    const attempt = async (): Promise<T> => {
      this.#stopping.signal.throwIfAborted();
      this.#refuseWhileOpen();
      return this.#budget.take(projectName, priority, () =>
        this.#observed({ action, projectName, cause }, () => this.#breaker.run(() => this.#withDeadline(send))),
      );
    };
    return this.#countedUnderWay(priority, () => withRetries(attempt, isWorthIt, this.#retries));
  }

  /** Refuses a call beyond those of its urgency that may be under way: each project that a client names has a queue. */
  async #countedUnderWay<T>(priority: number, call: () => Promise<T>): Promise<T> {
    const underWay = this.#underWay.get(priority) ?? 0;
    if (underWay >= this.#limits.maxQueuedCalls * MAX_FULL_QUEUES) {
      this.#observers.metrics.callRefused("under_way");
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

  /** Refuses a call while the breaker is open, but for one that tries, after a while, whether it may close. */
  #refuseWhileOpen(): void {
    if (!this.#breaker.isOpen) return;
    this.#journal.breakerRefused();
    this.#observers.metrics.callRefused("breaker");
    throw new BreakerOpenError("IMM has failed repeatedly; the gateway waits before it asks again.", {
      retryAfterMs: this.#limits.breakerResetMs,
      mayHaveArrived: false,
    });
  }

  /** Where every attempt passes that is sent: the journal, the metrics and the trace learn how it went. */
  async #observed<T>({ action, projectName, cause }: Attempt, call: () => Promise<T>): Promise<T> {
    const span = cause?.call(action, projectName);
    const sentTick = this.#networkClock.tick();
    const end = (error?: unknown): void => {
      this.#observers.metrics.callEnded(action, error, this.#networkClock.tick() - sentTick);
      span?.end(error);
    };
    try {
      const value = await call();
      this.#misconfigured = 0;
      this.#journal.succeeded();
      end();
      return value;
    } catch (thrown) {
      if (!(thrown instanceof StoppedError)) this.#journal.failed(projectName, toError(thrown));
      this.#judgeCredentials(thrown);
      end(thrown);
      throw thrown;
    }
  }

  /** Any other refusal of IMM shows that it takes the credentials. */
  #judgeCredentials(thrown: unknown): void {
    if (thrown instanceof UpstreamMisconfiguredError) {
      this.#misconfigured += 1;
      this.#misconfiguredTick = this.#clock.tick();
    } else if (thrown instanceof GatewayError && thrown.imm !== undefined) this.#misconfigured = 0;
  }

  /** What is given up, by the deadline or since the gateway stops, learns it by its signal. */
  #withDeadline<T>(send: (inFlight: CallInFlight) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const end = (settle: () => void): void => {
        deadline.cancel();
        this.#inFlight.delete(inFlight);
        settle();
      };
      const fail = (reason: unknown): void => end(() => reject(reason));
      const inFlight = new CallInFlight(fail);
      const deadline = this.#networkClock.setTimer(this.#limits.callTimeoutMs, () =>
        inFlight.giveUp(new UpstreamTimeoutError("IMM did not answer in time.")),
      );
      this.#inFlight.add(inFlight);
      send(inFlight).then((value) => end(() => resolve(value)), fail);
    });
  }
}

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
function isOutage(error: unknown): boolean {
  return (
    (error instanceof UpstreamUnavailableError && !(error instanceof StoppedError)) ||
    error instanceof UpstreamTimeoutError ||
    (error instanceof UpstreamInvalidResponseError && !(error instanceof WireShapeError))
  );
}

function isWorthRetrying(error: Error, { maxRetryDelayMs }: RetryLimits): boolean {
  if (HOPELESS.some((kind) => error instanceof kind)) return false;
  return error instanceof GatewayError && error.retryable && (error.retryAfterMs ?? 0) <= maxRetryDelayMs;
}

/** A create that may have arrived may have started a task. */
function isWorthCreatingAgain(error: Error, limits: RetryLimits): boolean {
  return isWorthRetrying(error, limits) && error instanceof GatewayError && !error.mayHaveArrived;
}
