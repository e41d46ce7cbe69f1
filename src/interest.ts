/**
 * Whether someone still waits for an answer: an AbortSignal, as far as the gateway uses one, without what Node makes for each
 * (an error with its stack, an event target), which took as long as answering from memory. An AbortSignal fits as well.
 */

/** Somebody's interest. */
export interface Interest {
  /** Whether it is over. */
  readonly aborted: boolean;
  /** Calls the listener when it ends; never when it is over already. */
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** An interest that the gateway ends; one within another is over with that. */
export class EndableInterest implements Interest {
  readonly #outer: Interest | undefined;
  /** Made for the first: most have none. */
  #listeners: Set<() => void> | undefined;
  #isOver = false;

  constructor(outer?: Interest) {
    this.#outer = outer;
  }

  get aborted(): boolean {
    return this.#isOver || this.#outer?.aborted === true;
  }

  addEventListener(type: "abort", listener: () => void): void {
    (this.#listeners ??= new Set()).add(listener);
    this.#outer?.addEventListener(type, listener);
  }

  removeEventListener(type: "abort", listener: () => void): void {
    this.#listeners?.delete(listener);
    this.#outer?.removeEventListener(type, listener);
  }

  /** Called again, it does nothing. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const listener of this.#listeners ?? []) listener();
    this.#listeners = undefined;
  }
}
