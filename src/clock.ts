/**
 * Time and chance as a port, so that tests move both by hand.
 *
 * Everything that waits, reads the time or draws a random number takes a `Clock`; this is the only file that touches
 * the platform's timers, `Date.now` and `Math.random`. It knows nothing of tasks, IMM or GraphQL.
 */

/** A timer that has been set. */
export interface Timer {
  /** Forgets the callback. Harmless after it ran. */
  cancel(): void;
}

/** Where time comes from. */
export interface Clock {
  /** Milliseconds since the epoch, UTC. */
  now(): number;
  /** A number from 0 (included) to 1 (excluded), uniformly drawn. */
  random(): number;
  /** Calls `callback` once, `delayMs` milliseconds from now (at the earliest in the next turn). */
  setTimer(delayMs: number, callback: () => void): Timer;
}

/** The longest delay of the platform's timers; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimer(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(delayMs, MAX_TIMER_MS));
    return { cancel: () => clearTimeout(handle) };
  },
};
