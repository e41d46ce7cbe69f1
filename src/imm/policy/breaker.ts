/**
 * The circuit breaker: after so many failures in a row calls are refused, until a while later one of them tries whether they
 * may go on; the others wait for what it finds. `call-policy` asks it when a call is sent, and says which failures count. It
 * sets no timer.
 */

import type { Clock } from "../../clock.js";

export interface BreakerOptions {
  readonly clock: Clock;
  /** Failures in a row that open it. */
  readonly threshold: number;
  /** Milliseconds after which an open one lets one call through. */
  readonly resetMs: number;
  /** Which failures count; the others are answers, as successes are. */
  readonly isFailure: (error: unknown) => boolean;
  readonly onOpen: () => void;
  readonly onClose: () => void;
}

export class Breaker {
  readonly #options: BreakerOptions;
  #phase: "closed" | "open" | "trying" = "closed";
  #failures = 0;
  #openedTick = -Infinity;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Whether a call tries, at this moment, whether the others may go on. */
  get isTrying(): boolean {
    return this.#phase === "trying";
  }

  /** `trying` also where the next call that is sent tries. */
  get state(): "closed" | "open" | "trying" {
    if (this.#phase === "closed") return "closed";
    return this.isOpen ? "open" : "trying";
  }

  /** Whether a call that is sent now is refused. */
  get isOpen(): boolean {
    const { clock, resetMs } = this.#options;
    return this.#phase === "open" && clock.tick() - this.#openedTick < resetMs;
  }

  /** Makes a call, which is the one that tries when it is open. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    const isTrial = this.#phase === "open";
    if (isTrial) this.#phase = "trying";
    try {
      const value = await call();
      this.#answered(isTrial);
      return value;
    } catch (thrown) {
      if (this.#options.isFailure(thrown)) this.#failed(isTrial);
      else this.#answered(isTrial);
      throw thrown;
    }
  }

  /** What was sent before it opened says nothing of whether it may close. */
  #answered(isTrial: boolean): void {
    if (this.#phase === "closed") this.#failures = 0;
    if (!isTrial) return;
    this.#phase = "closed";
    this.#failures = 0;
    this.#options.onClose();
  }

  #failed(isTrial: boolean): void {
    if (this.#phase === "closed") this.#failures += 1;
    if (!isTrial && (this.#phase !== "closed" || this.#failures < this.#options.threshold)) return;
    this.#phase = "open";
    this.#openedTick = this.#options.clock.tick();
    this.#options.onOpen();
  }
}
