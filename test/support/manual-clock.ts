/**
 * A clock that only moves when a test says so.
 *
 * `advance` runs every timer that falls due, in order, and lets the promises behind it settle as far as they can
 * without I/O. What depends on sockets is awaited by the test on the event itself, never by time.
 */

import type { Clock, Timer } from "../../src/clock.js";

interface Pending {
  readonly dueTick: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  /** Another number than the wall clock's, and below 0: one that is taken for the other shows. */
  #tick = -5_000;
  /** The wall clock less the ticks. */
  #wallOffsetMs: number;
  readonly #pending = new Set<Pending>();
  /** What `random` answers; 0.5 is the middle of every jitter. */
  nextRandom = 0.5;

  constructor(startAt = Date.parse("2026-01-15T08:00:00Z")) {
    this.#wallOffsetMs = startAt - this.#tick;
  }

  now(): number {
    return this.#tick + this.#wallOffsetMs;
  }

  tick(): number {
    return this.#tick;
  }

  /** Sets the wall clock on, or back where `ms` is negative. No time passes. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  random(): number {
    return this.nextRandom;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const pending = { dueTick: this.#tick + Math.max(0, delayMs), callback };
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
    return next === undefined ? null : next.dueTick - this.#tick;
  }

  /** Moves time on by `ms`, running the timers on the way. */
  async advance(ms: number): Promise<void> {
    const target = this.#tick + ms;
    for (let next = this.#earliest(); next !== undefined && next.dueTick <= target; next = this.#earliest()) {
      this.#pending.delete(next);
      this.#tick = Math.max(this.#tick, next.dueTick);
      next.callback();
      await settle();
    }
    this.#tick = target;
    await settle();
  }

  #earliest(): Pending | undefined {
    let earliest: Pending | undefined;
    for (const pending of this.#pending) {
      if (earliest === undefined || pending.dueTick < earliest.dueTick) earliest = pending;
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
