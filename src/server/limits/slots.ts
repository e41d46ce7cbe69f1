/** How many of something each caller or address has open at this moment, and may have. Pure. */

/** Slots by name. A name without any takes no memory. */
export class Slots {
  readonly #max: number;
  readonly #taken = new Map<string, number>();

  /** @param max - for each name; 0 for any number. */
  constructor(max: number) {
    this.#max = max;
  }

  /** How many names have one. */
  get size(): number {
    return this.#taken.size;
  }

  /** Whether the name may take one more. */
  hasRoom(name: string): boolean {
    return this.#max === 0 || (this.#taken.get(name) ?? 0) < this.#max;
  }

  /** Takes one, and answers what gives it back, once; or null where there is no room. */
  take(name: string): (() => void) | null {
    if (!this.hasRoom(name)) return null;
    if (this.#max === 0) return () => undefined;
    this.#taken.set(name, (this.#taken.get(name) ?? 0) + 1);
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      const left = (this.#taken.get(name) ?? 0) - 1;
      if (left > 0) this.#taken.set(name, left);
      else this.#taken.delete(name);
    };
  }
}
