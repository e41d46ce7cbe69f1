/**
 * Waits for tasks to end, for `awaitTask`. A wait follows its task like any subscriber, so it costs no call that a
 * subscription would not cause; what it holds is a timer and a stream, of which there are a bounded number at once.
 */

import type { Clock } from "../../clock.js";
import type { Interest } from "../../interest.js";
import type { Cause } from "../../observe.js";
import { UpstreamThrottledError, UpstreamTimeoutError } from "../../errors.js";
import type { TaskKey, TaskParts } from "../task.js";
import type { TaskSnapshot } from "../snapshot.js";
import { FULL_RETRY_MS } from "./project-followers.js";
import type { WatchHub } from "./watch-hub.js";
import type { WatchStream } from "./watch-stream.js";

export interface TaskWaiterOptions {
  readonly hub: WatchHub;
  readonly clock: Clock;
  /** Waits at once; a further one is refused. Minimum: `1`. */
  readonly maxWaitingOperations: number;
}

export interface WaitRequest {
  readonly key: TaskKey;
  readonly parts: TaskParts;
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** Aborted when the answer is not wanted any more. */
  readonly signal: Interest;
  /** The operations that wait, where they are traced. @default none is */
  readonly waiting?: ReadonlySet<Cause> | undefined;
}

export class TaskWaiter {
  readonly #options: TaskWaiterOptions;
  #waits = 0;

  constructor(options: TaskWaiterOptions) {
    this.#options = options;
  }

  /**
   * The final snapshot, or at the timeout the present one.
   *
   * @throws UpstreamThrottledError - when so many wait already, or so many tasks are watched.
   * @throws UpstreamTimeoutError - when nothing was seen of the task in time, or the answer is not wanted any more.
   * @throws GatewayError - when the task cannot be followed.
   */
  async wait({ key, parts, timeoutMs, signal, waiting }: WaitRequest): Promise<TaskSnapshot> {
    // A client that has gone before the wait began is not heard of again.
    if (signal.aborted) throw noAnswer();
    if (this.#waits >= this.#options.maxWaitingOperations) {
      throw new UpstreamThrottledError("As many operations wait for tasks as may.", { retryAfterMs: FULL_RETRY_MS });
    }
    const stream = this.#options.hub.watch({ keys: [key], parts, waiting });
    const close = (): void => stream.close();
    const timer = this.#options.clock.setTimer(timeoutMs, close);
    // Every wait of the operation listens; their number is bounded by its loader.
    signal.addEventListener("abort", close);
    this.#waits += 1;
    try {
      return await lastSnapshot(stream);
    } finally {
      this.#waits -= 1;
      timer.cancel();
      signal.removeEventListener("abort", close);
    }
  }
}

/** What the stream showed last when it ended. */
async function lastSnapshot(stream: WatchStream): Promise<TaskSnapshot> {
  let last: TaskSnapshot | undefined;
  for await (const event of stream) {
    if (event.kind === "failure") throw event.error;
    if (event.kind === "snapshot") last = event.snapshot;
  }
  if (last === undefined) throw noAnswer();
  return last;
}

function noAnswer(): UpstreamTimeoutError {
  return new UpstreamTimeoutError("IMM did not answer before the wait was over.");
}
