/**
 * The keys that creates were started with in the last 24 hours, and what became of each. In memory and bounded: of those
 * that were answered the least recently used go first; those that are under way or whose answer was lost never go, or the
 * next one with such a key would start another task. The `TaskStarter` owns it; it makes no call and sets no timer.
 */

import { LRUCache } from "lru-cache";
import type { Clock } from "../../clock.js";
import { UpstreamThrottledError } from "../../errors.js";
import { checkSameInput, type IdempotencyTag } from "./idempotency-tag.js";

/** How long a key holds, from its first use on. */
export const KEY_LIFETIME_MS = 24 * 60 * 60 * 1_000;

/** What became of one key. */
export interface KeyUse<T> {
  readonly input: string;
  readonly expiresTick: number;
  /** The create that is under way or was answered: a request with the same key shares it. */
  attempt: Promise<T> | undefined;
  /** When a create's answer was lost; null when none was. */
  lostTick: number | null;
}

export class IdempotencyKeys<T> {
  readonly #answered: LRUCache<string, KeyUse<T>>;
  /** Under way, or lost. */
  readonly #open = new Map<string, KeyUse<T>>();
  readonly #maxKeys: number;
  readonly #clock: Clock;

  /** @param maxKeys - how many keys are remembered at once, of those that were answered and of the others. */
  constructor(maxKeys: number, clock: Clock) {
    this.#answered = new LRUCache({ max: maxKeys });
    this.#maxKeys = maxKeys;
    this.#clock = clock;
  }

  /**
   * What became of a key; a new use of it when it was not used before.
   *
   * @throws IdempotencyKeyReusedError - when it was used with another input.
   * @throws UpstreamThrottledError - when too many others are under way or lost.
   */
  use(tag: IdempotencyTag): KeyUse<T> {
    const now = this.#clock.tick();
    const known = this.#open.get(tag.key) ?? this.#answered.get(tag.key);
    if (known !== undefined && known.expiresTick > now) {
      checkSameInput(known.input, tag);
      return known;
    }
    this.#makeRoom(now);
    const use = { input: tag.input, expiresTick: now + KEY_LIFETIME_MS, attempt: undefined, lostTick: null };
    this.#answered.delete(tag.key);
    this.#open.set(tag.key, use);
    return use;
  }

  /** Takes down that a key's create was answered: from now on it may be forgotten. */
  settle(tag: IdempotencyTag, use: KeyUse<T>): void {
    if (this.#open.get(tag.key) !== use) return;
    this.#open.delete(tag.key);
    this.#answered.set(tag.key, use);
  }

  /** Frees a key whose create certainly started nothing. */
  free(tag: IdempotencyTag): void {
    this.#open.delete(tag.key);
  }

  #makeRoom(now: number): void {
    if (this.#open.size < this.#maxKeys) return;
    for (const [key, { expiresTick }] of this.#open) {
      if (expiresTick <= now) this.#open.delete(key);
    }
    if (this.#open.size < this.#maxKeys) return;
    throw new UpstreamThrottledError(
      "Too many creates with an idempotency key are under way or have lost their answer.",
    );
  }
}
