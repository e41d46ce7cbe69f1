/**
 * What the gateway says of what it does, in its own words: `Metrics` is called as things happen, `Readings` are taken when asked
 * for, `Tracing` makes spans. By default each does nothing; the adapters stand behind them only where they are asked for, and
 * nothing that is said here holds a query, a variable, a token, or a word of IMM's but its codes.
 */

/** Why a call to IMM was refused before it was sent: by the open breaker, or since too many wait or are under way. */
export type CallRefusal = "breaker" | "budget" | "under_way";

/** An operation of a client that has been answered: of a subscription, one whose stream has begun, or was refused. */
export interface AnsweredOperation {
  /** `http`, `sse` or `websocket`. */
  readonly transport: string;
  /** `query`, `mutation` or `subscription`; `unknown` where the document does not say. */
  readonly kind: string;
  /** That of its first error; `OK` where it has none. */
  readonly code: string;
  readonly durationMs: number;
  /** Tasks that were answered from memory. */
  readonly cachedTasks: number;
  /** Tasks that were answered by calls which others had caused. */
  readonly sharedTasks: number;
  /** Calls that others, or memory, have saved it. */
  readonly savedCalls: number;
}

/** What is counted as it happens. Nothing in here throws. */
export interface Metrics {
  /** An attempt of a call to IMM has been answered or given up. */
  callEnded(action: string, error: unknown, durationMs: number): void;
  callRefused(reason: CallRefusal): void;
  operationAnswered(operation: AnsweredOperation): void;
  streamBegan(transport: string): void;
  streamEnded(transport: string): void;
  /**
   * A client was refused before its operation was looked at, or by an allowance.
   *
   * @param allowance - the name of the setting that was used up; empty where none was.
   */
  refused(reason: string, allowance: string): void;
  /** A watched project was polled. */
  polled(durationMs: number, error: unknown): void;
  /** Many tasks were looked for in the lists of their project. */
  swept(pages: number, tasks: number): void;
  /** A snapshot that IMM gave so long ago has been handed to the subscribers of its task. */
  delivered(ageMs: number): void;
  /** A script has run in Redis, or was given up. @param script - one of few names. */
  scriptEnded(script: string, error: unknown, durationMs: number): void;
}

/** What is read when it is asked for. */
export interface Readings {
  readonly callsInFlight: number;
  /** By urgency. */
  readonly callsWaiting: Readonly<Record<"query" | "confirmation" | "progress", number>>;
  /** Calls that the busiest project may be sent in this second, as far as this instance knows. */
  readonly callsLeft: number;
  readonly breaker: "closed" | "open" | "trying";
  readonly watchedTasks: number;
  readonly watchedProjects: number;
  readonly followers: number;
  /** The age of what is known of the watched task that IMM has said nothing of for the longest time; 0 where none is watched. */
  readonly oldestWatchedMs: number;
  readonly finishedTasks: number;
  readonly runningTasks: number;
  readonly sockets: number;
  readonly deliveredEvents: number;
  /** Events that a client had not taken when a newer one of the same task came. */
  readonly replacedEvents: number;
  /** Watched projects that another instance polls. */
  readonly projectsPolledElsewhere: number;
  /** By what instances share; undefined where this one shares nothing. */
  readonly redis: { readonly state: "unseen" | "up" | "away"; readonly instances: number } | undefined;
}

/** What calls to IMM are made for: an operation, or a poll. */
export interface Cause {
  /** An attempt is sent. */
  call(action: string, projectName: string): CallSpan;
}

/** An attempt of a call to IMM. */
export interface CallSpan {
  /** @param error - undefined where it was answered as it should be. */
  end(error: unknown): void;
}

/** A request that carries an operation: of HTTP, or a message of a socket. */
export interface RequestSpan {
  readonly operation: OperationSpan;
  /** Its answer has left, or its client has gone. */
  end(): void;
}

/** An operation, from the moment that its request has been read. */
export interface OperationSpan extends Cause {
  /** In hexadecimal, for the log. */
  readonly traceId: string;
  /** @param name - what the client calls it, which is a name of GraphQL. */
  name(kind: string, name: string | undefined): void;
  /** @param code - that of its first error; `OK` where it has none. */
  end(code: string, calls: number, sharedTasks: number): void;
}

/** A poll that answers for all who wait for it. */
export interface PollSpan extends Cause {
  end(error: unknown): void;
}

/** Makes spans. Nothing in here throws. */
export interface Tracing {
  /** @param headers - of the request, which may say whose part it is. */
  request(
    transport: string,
    requestId: string,
    headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  ): RequestSpan;
  /** @param waiting - the operations that wait for it. */
  poll(projectName: string, waiting: Iterable<Cause>): PollSpan;
}

/** What one gateway is observed by: its parts hold this object, and what is in it is set before the gateway listens. */
export interface Observers {
  metrics: Metrics;
  /** Undefined where there are no traces. */
  tracing: Tracing | undefined;
}

const ignore = (): void => undefined;

const SILENT_METRICS: Metrics = {
  callEnded: ignore,
  callRefused: ignore,
  operationAnswered: ignore,
  streamBegan: ignore,
  streamEnded: ignore,
  refused: ignore,
  polled: ignore,
  swept: ignore,
  delivered: ignore,
  scriptEnded: ignore,
};

/** For a gateway that may be observed later. */
export function createObservers(): Observers {
  return { metrics: SILENT_METRICS, tracing: undefined };
}

/** For a part that is used by itself. */
export const UNOBSERVED: Readonly<Observers> = createObservers();
