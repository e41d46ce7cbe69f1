/**
 * When the calls of the last second were granted: a window that slides, so that no second, wherever it begins, has more of them
 * than there may be. `call-grants` has one for each project. It sets no timer; all instants are ticks, since a wall clock may be
 * set.
 */

export class CallWindow {
  readonly #windowMs: number;
  /** Of the calls that count, and of some before them, until the next one is counted. */
  readonly #ticks: number[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Milliseconds until there are fewer than `max`; 0 or less when there are now. */
  restMs(now: number, max: number): number {
    const tick = this.#ticks.at(-max);
    return tick === undefined ? 0 : tick + this.#windowMs - now;
  }

  /** How many more there may be at this moment. */
  left(now: number, max: number): number {
    const recent = this.#ticks.filter((tick) => now - tick < this.#windowMs).length;
    return Math.max(0, max - recent);
  }

  isEmpty(now: number): boolean {
    return now - (this.#ticks.at(-1) ?? -Infinity) >= this.#windowMs;
  }

  count(now: number): void {
    while (now - (this.#ticks[0] ?? now) >= this.#windowMs) this.#ticks.shift();
    this.#ticks.push(now);
  }
}
