/**
 * Token buckets by name: the port by which the instances of the gateway may share them, and those of one instance, in bounded
 * memory. When many others have come, those are forgotten that are full, and beyond the bound those that were used least
 * recently: who comes again then has a full one.
 */

import type { Clock } from "./clock.js";
import { TokenBucket, type BucketSize } from "./token-bucket.js";

/** What is taken from one of an owner's buckets. */
export interface Charge {
  /** Unlike that of the owner's other buckets, and without a space. Always comes with this size. */
  readonly bucket: string;
  readonly size: BucketSize;
  readonly tokens: number;
}

/** What came of charges: all of them were taken, or none. */
export type Charged<C extends Charge> = Receipt<C> | Shortage<C>;

/** All were taken. */
export interface Receipt<C extends Charge> {
  /** Puts back what was taken and not used; less than nothing is what was used beyond that. Never throws, and is not waited for. */
  giveBack(charge: C, tokens: number): void;
}

/** None was taken. */
export interface Shortage<C extends Charge> {
  /** The first that its bucket had not enough for. */
  readonly charge: C;
  /** Until its bucket has enough. */
  readonly retryAfterMs: number;
}

/** Buckets of owners, which have several each. */
export interface Buckets {
  /** Takes all charges, or none. At once where the buckets are this instance's own, else a promise, which never rejects. */
  charge<C extends Charge>(owner: string, charges: readonly C[]): Charged<C> | Promise<Charged<C>>;
}

/** How many buckets there are at most: some 14 MB of them, with names of 50 characters. */
const MAX_BUCKETS = 50_000;
/** So large a part of them comes before the old ones are looked at. */
const SWEPT_PART = 0.1;

/** The buckets of one instance. */
export class TokenBuckets implements Buckets {
  readonly #clock: Pick<Clock, "tick">;
  readonly #maxBuckets: number;
  /** The least recently used first. */
  readonly #buckets = new Map<string, TokenBucket>();
  /** The name of the most recently used one. */
  #newest = "";
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
    const tick = this.#clock.tick();
    return this.#bucketOf(name, size, tick).take(tokens, tick);
  }

  /** After how many milliseconds the bucket would give a token; null when it would now. Takes none. */
  wait(name: string, size: BucketSize): number | null {
    // One that nothing was taken from is full.
    if (!this.#buckets.has(name)) return null;
    const waitMs = this.take(name, size);
    if (waitMs === null) this.giveBack(name, size, 1);
    return waitMs;
  }

  /** Puts back what was taken and not used; less than nothing is what was used beyond that. */
  giveBack(name: string, size: BucketSize, tokens: number): void {
    if (tokens === 0) return;
    const tick = this.#clock.tick();
    this.#bucketOf(name, size, tick).giveBack(tokens, tick);
  }

  charge<C extends Charge>(owner: string, charges: readonly C[]): Charged<C> {
    const receipt = new OwnReceipt(this, owner);
    for (const charge of charges) {
      const retryAfterMs = this.take(nameOf(owner, charge), charge.size, charge.tokens);
      if (retryAfterMs === null) continue;
      for (const taken of charges.slice(0, charges.indexOf(charge))) receipt.giveBack(taken, taken.tokens);
      return { charge, retryAfterMs };
    }
    return receipt;
  }

  /** The bucket of this name, which is the most recently used one now. */
  #bucketOf(name: string, size: BucketSize, tick: number): TokenBucket {
    const known = this.#buckets.get(name);
    // What is taken is given back soon: a Map takes a multiple of the rest to move it.
    if (known !== undefined && name === this.#newest) return known;
    if (known === undefined) this.#sweep(tick);
    else this.#buckets.delete(name);
    const bucket = known ?? new TokenBucket(size, tick);
    this.#buckets.set(name, bucket);
    this.#newest = name;
    return bucket;
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

/** By name, so that also a caller whose bucket was full and was forgotten meanwhile owes. */
class OwnReceipt implements Receipt<Charge> {
  readonly #buckets: TokenBuckets;
  readonly #owner: string;

  constructor(buckets: TokenBuckets, owner: string) {
    this.#buckets = buckets;
    this.#owner = owner;
  }

  giveBack(charge: Charge, tokens: number): void {
    this.#buckets.giveBack(nameOf(this.#owner, charge), charge.size, tokens);
  }
}

/** No bucket's name has a space, so no two owners have one name. */
function nameOf(owner: string, { bucket }: Charge): string {
  return `${owner} ${bucket}`;
}
