/**
 * One attempt of a call that can be given up. Its signal is made for the first that reads it: an `AbortSignal` takes Node as
 * long as a call that is answered from memory, and a client of IMM in memory reads none.
 */

export class CallInFlight {
  readonly #onGiveUp: (reason: Error) => void;
  #reason: Error | undefined;
  #controller: AbortController | undefined;

  /** @param onGiveUp - called once, when it is given up. */
  constructor(onGiveUp: (reason: Error) => void) {
    this.#onGiveUp = onGiveUp;
  }

  /** Aborted, with the reason, when the call is given up. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Called again, it does nothing. */
  giveUp(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#onGiveUp(reason);
    this.#controller?.abort(reason);
  }
}
