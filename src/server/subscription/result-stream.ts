/**
 * What one subscriber reads of a shared execution: results are put into its hands as they come, one batch at a time.
 *
 * `shared-subscriptions.ts` writes, a transport reads. While the client has not taken the last batch, the newest result of each
 * task waits here, and nothing else does. Nothing in it is awaited: a change reaches thousands of subscribers in one loop.
 */

import type { ExecutionResult } from "graphql";
import { Mailbox } from "../../mailbox.js";

/** A transport, on behalf of one client. */
export interface ResultReader {
  /**
   * Sends results, at least one, in this order. There are no more until `onTaken` is called.
   *
   * @param onTaken - to be called when the connection has let go of them.
   */
  send(results: readonly ExecutionResult[], onTaken: () => void): void;
  /** Nothing more comes, since all was sent or the stream was closed. Called once, unless `fail` is. */
  end(): void;
  /** Nothing more comes, since the execution or `send` failed. */
  fail(error: unknown): void;
}

/** What an operation gives: one result, or for a subscription that can be followed the results of its events. */
export type Outcome = ExecutionResult | ResultStream;

/** What a stream failed with. */
export interface Failure {
  readonly error: unknown;
}

type Ending = { readonly failure?: Failure };

/** What all streams of a gateway have come to. */
export interface DeliveryCounts {
  /** Results that were given to transports. */
  delivered: number;
  /** Results that were unread when a newer one of the same task took their place. */
  replaced: number;
}

export class ResultStream {
  readonly #onLeave: (stream: ResultStream) => void;
  readonly #mailbox: Mailbox<string, ExecutionResult>;
  readonly #counts: DeliveryCounts;
  #reader: ResultReader | undefined;
  #isOver = false;
  #ending: Ending | undefined;
  #onOver: ((failure: Failure | undefined) => void) | undefined;

  /**
   * @param unread - what there is to begin with, by task.
   * @param onLeave - called once, when the stream is over for whatever reason.
   * @param counts - to which what it gives is added. @default counts of its own
   */
  constructor(
    unread: ReadonlyMap<string, ExecutionResult>,
    onLeave: (stream: ResultStream) => void,
    counts: DeliveryCounts = { delivered: 0, replaced: 0 },
  ) {
    this.#mailbox = new Mailbox(unread);
    this.#counts = counts;
    this.#onLeave = onLeave;
  }

  /** Begins to read. Called at most once. */
  read(reader: ResultReader): void {
    this.#reader = reader;
    if (this.#isOver) this.#sayEnd();
    else this.#goOn();
  }

  /** Calls the listener once when the stream is over, or now where it is; with what it failed with, if it did. */
  onceOver(listener: (failure: Failure | undefined) => void): void {
    const before = this.#onOver;
    if (this.#isOver) listener(this.#ending?.failure);
    else if (before === undefined) this.#onOver = listener;
    else {
      this.#onOver = (failure) => {
        before(failure);
        listener(failure);
      };
    }
  }

  /** Puts a result in the place of an unread older one of the same task. Ignored once the stream has been ended. */
  push(taskText: string, result: ExecutionResult): void {
    if (this.#ending !== undefined) return;
    if (this.#mailbox.unread(taskText) !== undefined) this.#counts.replaced += 1;
    this.#mailbox.put(taskText, result);
  }

  /** Nothing more will be pushed; what is unread is still sent. */
  end(ending: Ending = {}): void {
    this.#ending ??= ending;
    if (this.#mailbox.isAwaited) this.#leave();
  }

  /** Leaves at once, with what is unread. */
  close(): void {
    this.#ending = {};
    this.#leave();
  }

  /** Ends at once, with what is unread, and says why. */
  fail(error: unknown): void {
    this.#ending = { failure: { error } };
    this.#leave();
  }

  readonly #goOn = (): void => {
    if (this.#ending !== undefined && this.#mailbox.isEmpty) this.#leave();
    else this.#mailbox.read(this.#send);
  };

  /** A reader that fails ends this stream alone: those of other subscribers are sent the same in the same loop. */
  readonly #send = (first: ExecutionResult): void => {
    try {
      const results = [first].concat(this.#mailbox.readRest());
      this.#counts.delivered += results.length;
      this.#reader?.send(results, this.#goOn);
    } catch (error) {
      this.fail(error);
    }
  };

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#mailbox.readRest();
    try {
      this.#sayEnd();
    } finally {
      this.#onLeave(this);
      this.#onOver?.(this.#ending?.failure);
    }
  }

  #sayEnd(): void {
    if (this.#ending?.failure === undefined) this.#reader?.end();
    else this.#reader?.fail(this.#ending.failure.error);
  }
}
