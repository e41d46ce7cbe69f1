/**
 * A bucket for each caller or address, in bounded memory: a full one is forgotten when others come, and where none is full the
 * one that was used least recently, which costs nobody anything but its own debt.
 */

import type { Clock } from "../../clock.js";
import { TokenBucket, type BucketSize } from "./token-bucket.js";

/** How many buckets there are at most: some 20 MB of them. */
const MAX_BUCKETS = 100_000;

/** Buckets by name. */
export class TokenBuckets {
  readonly #clock: Pick<Clock, "tick">;
  readonly #maxBuckets: number;
  /** The least recently used first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(clock: Pick<Clock, "tick">, maxBuckets = MAX_BUCKETS) {
    this.#clock = clock;
    this.#maxBuckets = maxBuckets;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** As `TokenBucket.take` has it, of the bucket of this name, which always has this size. */
  take(name: string, size: BucketSize, tokens = 1): number | null {
    return this.#use(name, size, (bucket, tick) => bucket.take(tokens, tick));
  }

  /** After how many milliseconds the bucket would give a token; null when it would now. Takes none. */
  wait(name: string, size: BucketSize): number | null {
    const waitMs = this.take(name, size);
    if (waitMs === null) this.giveBack(name, size, 1);
    return waitMs;
  }

  /** Puts back what was taken and not used; less than nothing is what was used beyond that. */
  giveBack(name: string, size: BucketSize, tokens: number): void {
    if (tokens !== 0) this.#use(name, size, (bucket, tick) => bucket.giveBack(tokens, tick));
  }

  #use<T>(name: string, size: BucketSize, use: (bucket: TokenBucket, tick: number) => T): T {
    const tick = this.#clock.tick();
    const bucket = this.#buckets.get(name) ?? new TokenBucket(size, tick);
    const used = use(bucket, tick);
    const isNew = !this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (isNew) this.#forget(tick);
    return used;
  }

  /** For each that is new at least one goes, where one may: so there are no more than those that were used lately. */
  #forget(tick: number): void {
    for (const [name, bucket] of this.#buckets) {
      if (!bucket.isFull(tick) && this.#buckets.size <= this.#maxBuckets) return;
      if (this.#buckets.size === 1) return;
      this.#buckets.delete(name);
    }
  }
}
