/**
 * What one operation cost IMM, and what it was spared: for `extensions.imm`, and for what its caller is charged. Made by
 * `server/` once per operation; the facade, the loader and the reader write to it.
 */

import type { Cause } from "../observe.js";
import type { TaskParts } from "./task.js";
import { isFinal, type TaskSnapshot } from "./snapshot.js";

/** The tally as it is reported. */
export interface CallReport {
  /** Calls to IMM that were made for this operation, every attempt counted. */
  readonly calls: number;
  /** Calls that the same selections cost where each asks for itself, less those that were made. */
  readonly savedCalls: number;
  /** Tasks that were answered from memory. */
  readonly cachedTasks: number;
  /** Tasks that were answered by calls which others had caused. */
  readonly sharedTasks: number;
  /** The age of the oldest data about a running task, in milliseconds; null when there is none. */
  readonly oldestMs: number | null;
}

/** Counts for one operation. */
export class CallTally {
  #calls = 0;
  #callsOfItsOwn = 0;
  #followedTasks = 0;
  #cachedTasks = 0;
  #sharedTasks = 0;
  #oldestObservedTick: number | null = null;
  #cause: Cause | undefined;
  #waiting: Set<Cause> | undefined;

  /** What the calls of the operation are made for, where it is traced. */
  get cause(): Cause | undefined {
    return this.#cause;
  }

  /** The operations that wait for what this one follows, it among them, where they are traced. */
  get waiting(): Set<Cause> | undefined {
    return this.#waiting;
  }

  /** The operation has a span. */
  trace(cause: Cause): void {
    this.#cause = cause;
    this.#waiting = new Set([cause]);
  }

  /** One more attempt of a call that this operation causes. */
  readonly countCall = (): void => {
    this.#calls += 1;
  };

  /** A watch, whose polls are nobody's, takes up tasks that nobody followed, or a project: each may take a first call. */
  countFollowed(count: number): void {
    this.#followedTasks += count;
  }

  /** What the caller is charged for: the calls of the operation, and what it has made a watch take up. */
  get chargedCalls(): number {
    return this.#calls + this.#followedTasks;
  }

  /** A field of the operation, or a page of its list, takes a call by itself. */
  countOwnCall(): void {
    this.#callsOfItsOwn += 1;
  }

  /** Tasks were answered from memory. */
  countCached(tasks: number): void {
    this.#cachedTasks += tasks;
  }

  /** Tasks were answered by a call that another operation had caused. */
  countShared(tasks: number): void {
    this.#sharedTasks += tasks;
  }

  /** A field of the operation has been given this answer. By itself it would have taken GetTask, and a list for its progress. */
  countAnswer(snapshot: TaskSnapshot, parts: TaskParts): void {
    const isRunning = !isFinal(snapshot);
    this.#callsOfItsOwn += parts.progress && isRunning ? 2 : 1;
    if (isRunning) this.#oldestObservedTick = Math.min(this.#oldestObservedTick ?? Infinity, snapshot.observedTick);
  }

  /** @param now - a tick. */
  report(now: number): CallReport {
    return {
      calls: this.#calls,
      savedCalls: Math.max(0, this.#callsOfItsOwn - this.#calls),
      cachedTasks: this.#cachedTasks,
      sharedTasks: this.#sharedTasks,
      oldestMs: this.#oldestObservedTick === null ? null : now - this.#oldestObservedTick,
    };
  }
}
