/** One call at a time for each key: what comes while it is under way shares it. No answer is kept, and no failure. */

/** A call that is under way. */
export interface Flight<T, Of> {
  /** What it was begun for. */
  readonly of: Of;
  readonly answer: Promise<T>;
}

/** The calls under way, by key. */
export class SingleFlight<T, Of = void> {
  readonly #flights = new Map<string, Flight<T, Of>>();

  /** The call that is under way. */
  get(key: string): Flight<T, Of> | undefined {
    return this.#flights.get(key);
  }

  /** Begins a call; none of the key may be under way. */
  begin(key: string, call: () => Promise<T>, of: Of): Promise<T> {
    const answer = call().finally(() => this.#flights.delete(key));
    this.#flights.set(key, { of, answer });
    return answer;
  }
}
