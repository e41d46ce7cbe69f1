/**
 * How fast a project may be asked: full speed until IMM throttles, then half of it each time, and bit by bit up again.
 * Additive increase and multiplicative decrease, so that all who share the project's budget come to share it evenly.
 */

import type { PollBounds } from "./poll-schedule.js";

/** The least share of full speed. */
const MIN_SHARE = 1 / 32;
/** What each answer without throttling adds to the share. */
const STEP = 0.1;
/** However much IMM throttles, the next look comes within so many of the longest intervals. */
const MAX_SLOWED_INTERVALS = 4;

/** A planned delay at the project's pace; one that was planned beyond the bound stays as it is. */
export function slowedDelayMs(delayMs: number, slowdown: number, { maxPollIntervalMs }: PollBounds): number {
  return Math.min(delayMs * slowdown, Math.max(delayMs, maxPollIntervalMs * MAX_SLOWED_INTERVALS));
}

/** One project's pace. */
export class Pace {
  #share = 1;

  /** By what every planned delay is multiplied: 1 at full speed, up to 32. */
  get slowdown(): number {
    return 1 / this.#share;
  }

  /** Takes in how a round of calls went. */
  adapt(isThrottled: boolean): void {
    this.#share = isThrottled ? Math.max(MIN_SHARE, this.#share / 2) : Math.min(1, this.#share + STEP);
  }
}
