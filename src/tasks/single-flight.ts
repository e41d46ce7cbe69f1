/** One call at a time for each key: what comes while it is under way shares it. No answer is kept, and no failure. */

/** A call that is under way, and what it was begun for. */
type Flight<T, Purpose> = { readonly answer: Promise<T>; readonly purpose: Purpose };

/** The calls under way, by key. */
export class SingleFlight<T, Purpose = void> {
  readonly #flights = new Map<string, Flight<T, Purpose>>();

  /** The call that is under way. */
  get(key: string): Flight<T, Purpose> | undefined {
    return this.#flights.get(key);
  }

  /** Begins a call; none of the key may be under way. */
  begin(key: string, call: () => Promise<T>, purpose: Purpose): Promise<T> {
    const answer = this.#landed(key, call());
    this.#flights.set(key, { answer, purpose });
    return answer;
  }

  /** A call that has begun: what it comes to, once it is under way no more. */
  async #landed(key: string, begun: Promise<T>): Promise<T> {
    try {
      return await begun;
    } finally {
      this.#flights.delete(key);
    }
  }
}
