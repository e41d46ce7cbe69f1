/**
 * The time between the wish to stop and the drain: everything is served as before, and a load balancer learns that this
 * instance goes. Further wishes can only bring the end forward.
 */

import type { Clock, Timer } from "../clock.js";

/** One delay. Ends once. */
export class DrainDelay {
  /** Settles at the end. */
  readonly over: Promise<void>;
  readonly #clock: Clock;
  readonly #timers: Timer[] = [];
  #end: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Ends it in so many milliseconds, unless it ends before. */
  endIn(delayMs: number): void {
    const end = (): void => {
      for (const timer of this.#timers) timer.cancel();
      this.#end();
    };
    if (delayMs === 0) end();
    else this.#timers.push(this.#clock.setTimer(delayMs, end));
  }
}
