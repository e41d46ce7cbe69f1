/**
 * A clock that only moves when a test says so.
 *
 * `advance` runs every timer that falls due, in order, and lets the promises behind it settle as far as they can
 * without I/O. What depends on sockets is awaited by the test on the event itself, never by time.
 */

import type { Clock, Timer } from "../../src/clock.js";

interface Pending {
  readonly dueAt: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #now: number;
  readonly #pending = new Set<Pending>();
  /** What `random` answers; 0.5 is the middle of every jitter. */
  nextRandom = 0.5;

  constructor(startAt = Date.parse("2026-01-15T08:00:00Z")) {
    this.#now = startAt;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.nextRandom;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const pending = { dueAt: this.#now + Math.max(0, delayMs), callback };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** How many timers wait: zero is the proof that nothing polls any more. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Milliseconds until the next timer falls due, or null when none waits. */
  get nextTimerInMs(): number | null {
    const next = this.#earliest();
    return next === undefined ? null : next.dueAt - this.#now;
  }

  /** Moves time on by `ms`, running the timers on the way. */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    for (let next = this.#earliest(); next !== undefined && next.dueAt <= target; next = this.#earliest()) {
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.dueAt);
      next.callback();
      await settle();
    }
    this.#now = target;
    await settle();
  }

  #earliest(): Pending | undefined {
    let earliest: Pending | undefined;
    for (const pending of this.#pending) {
      if (earliest === undefined || pending.dueAt < earliest.dueAt) earliest = pending;
    }
    return earliest;
  }
}

/** Lets all promise jobs that are ready run. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The outcome of `work`, with time passing until it is there: for what waits for IMM's next second. */
export async function withTimePassing<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let isOver = false;
  const outcome = work.finally(() => {
    isOver = true;
  });
  while (!isOver) await clock.advance(100);
  return outcome;
}
