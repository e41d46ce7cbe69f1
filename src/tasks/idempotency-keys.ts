/**
 * The keys that creates were started with in the last 24 hours, and what became of each. In memory and bounded: the least
 * recently used go first. The `TaskStarter` owns it; it makes no call and sets no timer.
 */

import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.js";
import { checkSameInput, type IdempotencyMark } from "./idempotency-mark.js";

/** How long a key holds, from its first use on. */
export const KEY_LIFETIME_MS = 24 * 60 * 60 * 1_000;

/** What became of one key. */
export interface KeyUse<T> {
  readonly input: string;
  readonly expiresAt: number;
  /** The create that is under way or was answered: whoever comes with the same key shares it. */
  attempt: Promise<T> | undefined;
  /** When a create's answer was lost, in milliseconds since the epoch; null when none was. */
  lostAt: number | null;
}

/** Remembers keys. */
export class IdempotencyKeys<T> {
  readonly #uses: LRUCache<string, KeyUse<T>>;
  readonly #clock: Clock;

  /** @param maxKeys - how many keys are remembered at once. */
  constructor(maxKeys: number, clock: Clock) {
    this.#uses = new LRUCache({ max: maxKeys });
    this.#clock = clock;
  }

  /**
   * What became of a key; a new use of it when it was not used before.
   *
   * @throws BadUserInputError - when it was used with another input.
   */
  use(mark: IdempotencyMark): KeyUse<T> {
    const now = this.#clock.now();
    const known = this.#uses.get(mark.key);
    if (known !== undefined && known.expiresAt > now) {
      checkSameInput(known.input, mark);
      return known;
    }
    const use = { input: mark.input, expiresAt: now + KEY_LIFETIME_MS, attempt: undefined, lostAt: null };
    this.#uses.set(mark.key, use);
    return use;
  }

  /** Frees a key whose create certainly started nothing. */
  free(mark: IdempotencyMark): void {
    this.#uses.delete(mark.key);
  }
}
