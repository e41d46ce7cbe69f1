/**
 * Time and chance as a port, so that tests move both by hand.
 *
 * There are two times. The wall clock is for what is shown and what IMM is asked; it may be set, also back. Ages and plans are
 * counted in ticks, which only go forward. Everything that waits, reads a time or draws a random number takes a `Clock`;
 * this is the only file that touches the platform's timers, clocks and `Math.random`.
 */

/** A timer that has been set. */
export interface Timer {
  /** Forgets the callback. Harmless after it ran. */
  cancel(): void;
}

/** Where time comes from. */
export interface Clock {
  /** The wall clock: milliseconds since the epoch, UTC. A name of such an instant ends in `At`. */
  now(): number;
  /** Milliseconds from any fixed instant, which never go back. A name of such an instant ends in `Tick`. */
  tick(): number;
  /** A number from 0 (included) to 1 (excluded), uniformly drawn. */
  random(): number;
  /** Calls `callback` once, `delayMs` milliseconds from now (at the earliest in the next turn). */
  setTimer(delayMs: number, callback: () => void): Timer;
}

/** One instant, on both clocks. */
export interface Moment {
  readonly at: number;
  readonly tick: number;
}

/** This instant. */
export function momentOf(clock: Clock): Moment {
  return { at: clock.now(), tick: clock.tick() };
}

/** The longest delay of the platform's timers; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  tick: () => Math.floor(performance.now()),
  random: () => Math.random(),
  setTimer(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(delayMs, MAX_TIMER_MS));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves when what already waits on the event loop, sockets above all, has had its turn. No time is measured. */
export async function letOthersRun(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Settles with the last turn that was asked for. */
let lastTurn: Promise<void> = Promise.resolve();

/**
 * The same, for what takes long: those who wait have a turn each, in their order. In one turn for all, many that go on for a
 * while would keep everybody else waiting.
 */
export async function awaitOwnTurn(): Promise<void> {
  lastTurn = lastTurn.then(letOthersRun);
  return lastTurn;
}
