/**
 * What one project is believed to be granted a second by an IMM that throttles: the rest of the second is waited out and each
 * further one grants half; each second without throttling grants one more, until it is the configured number again. The other
 * callers of the project are throttled as well, other instances among them, so all come to share what IMM grants.
 *
 * `call-budget` has one for each project, beside what is configured, which `call-grants` counts. It sets no timer; all instants
 * are ticks, since a wall clock may be set.
 */

/** IMM counts by whole seconds. */
const WINDOW_MS = 1_000;

export class CallRate {
  readonly #maxCallsPerSecond: number;
  /** Calls a second that IMM is believed to grant; null for as many as are configured. */
  #granted: number | null = null;
  #sentTick = -Infinity;
  #windowTick = -Infinity;
  /** Calls that were sent in the window. */
  #sent = 0;
  #slowedTick = -Infinity;

  /** @param maxCallsPerSecond - what is configured. */
  constructor(maxCallsPerSecond: number) {
    this.#maxCallsPerSecond = maxCallsPerSecond;
  }

  /** Whether it may be forgotten: a new one would grant the same. */
  isUnused(now: number): boolean {
    const restedMs = now - this.#sentTick;
    const recovered = (this.#granted ?? this.#maxCallsPerSecond) + Math.floor(restedMs / WINDOW_MS) - 1;
    return restedMs >= WINDOW_MS && recovered >= this.#maxCallsPerSecond;
  }

  /** Milliseconds that a call waits behind so many others, at the present rate. */
  waitMs(waiting: number): number {
    return Math.ceil((waiting / (this.#granted ?? this.#maxCallsPerSecond)) * WINDOW_MS);
  }

  /** Milliseconds until one more call is granted; 0 or less when it is now. */
  restMs(now: number): number {
    const isSpent = this.#granted !== null && this.#sent >= this.#granted;
    return isSpent ? this.#windowTick + WINDOW_MS - now : 0;
  }

  /** How many more calls are granted at this moment; Infinity while IMM does not throttle. */
  left(now: number): number {
    const spent = now - this.#windowTick < WINDOW_MS ? this.#sent : 0;
    return Math.max(0, (this.#granted ?? Infinity) - spent);
  }

  count(now: number): void {
    if (now - this.#windowTick >= WINDOW_MS) {
      const seconds = Math.floor((now - this.#windowTick) / WINDOW_MS);
      this.#speedUp(this.#slowedTick >= this.#windowTick ? seconds - 1 : seconds);
      this.#windowTick = now;
      this.#sent = 0;
    }
    this.#sent += 1;
    this.#sentTick = now;
  }

  /** A call that was sent at that tick was throttled: grants half, once for all that were in flight together. */
  slowDown(sentTick: number, now: number): void {
    if (sentTick <= this.#slowedTick) return;
    this.#slowedTick = now;
    const before = this.#granted ?? Math.min(this.#maxCallsPerSecond, this.#sent);
    this.#granted = Math.max(1, Math.floor(before / 2));
  }

  /** Grants one call a second more for each second that went by without throttling. */
  #speedUp(seconds: number): void {
    if (this.#granted === null) return;
    const granted = this.#granted + seconds;
    this.#granted = granted < this.#maxCallsPerSecond ? granted : null;
  }
}
