/**
 * A bucket for each caller or address, in bounded memory: when many others have come, those are forgotten that are full, and
 * beyond the bound those that were used least recently, which costs nobody anything: whoever comes again has a full one.
 */

import type { Clock } from "../../clock.js";
import { TokenBucket, type BucketSize } from "./token-bucket.js";

/** How many buckets there are at most: some 14 MB of them, with names of 50 characters. */
const MAX_BUCKETS = 50_000;
/** So large a part of them comes before the old ones are looked at. */
const SWEPT_PART = 0.1;

/** Buckets by name. */
export class TokenBuckets {
  readonly #clock: Pick<Clock, "tick">;
  readonly #maxBuckets: number;
  /** The least recently used first. */
  readonly #buckets = new Map<string, TokenBucket>();
  #untilSweep: number;

  constructor(clock: Pick<Clock, "tick">, maxBuckets = MAX_BUCKETS) {
    this.#clock = clock;
    this.#maxBuckets = maxBuckets;
    this.#untilSweep = this.#sweepInterval;
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
    if (isNew) this.#sweep(tick);
    return used;
  }

  get #sweepInterval(): number {
    return Math.ceil(this.#maxBuckets * SWEPT_PART);
  }

  /** Not for each that is new: a Map that loses its first over and over takes ever longer to find it. */
  #sweep(tick: number): void {
    this.#untilSweep -= 1;
    if (this.#untilSweep > 0) return;
    this.#untilSweep = this.#sweepInterval;
    const maxKept = this.#maxBuckets - this.#untilSweep;
    for (const [name, bucket] of this.#buckets) {
      if (!bucket.isFull(tick) && this.#buckets.size <= maxKept) return;
      this.#buckets.delete(name);
    }
  }
}
