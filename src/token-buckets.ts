/**
 * Token buckets by their owner: the port by which the instances of the gateway may share them, and those of one instance, in
 * bounded memory. When many others have come, owners are forgotten whose buckets are full, and beyond the bound those that came
 * least recently: who comes again then has full ones.
 */

import type { Clock } from "./clock.js";
import { TokenBucket, type BucketSize } from "./token-bucket.js";

/** What is taken from one of an owner's buckets. */
export interface Charge {
  /** Unlike that of the owner's other buckets. Always comes with this size. */
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

/** How many owners are remembered at most: with one bucket each, and names of 50 characters, some 14 MB. */
const MAX_OWNERS = 50_000;
/** So large a part of them comes before the old ones are looked at. */
const SWEPT_PART = 0.1;

/** The buckets of one instance. */
export class TokenBuckets implements Buckets {
  readonly #clock: Pick<Clock, "tick">;
  readonly #maxOwners: number;
  /** Of each owner its first; the least recently used first. */
  readonly #owned = new Map<string, OwnedBucket>();
  /** The most recently used owner. */
  #newest = "";
  #untilSweep: number;

  constructor(clock: Pick<Clock, "tick">, maxOwners = MAX_OWNERS) {
    this.#clock = clock;
    this.#maxOwners = maxOwners;
    this.#untilSweep = this.#sweepInterval;
  }

  /** How many owners are remembered. */
  get size(): number {
    return this.#owned.size;
  }

  /** As `TokenBucket.take` has it. */
  take(owner: string, charge: Charge): number | null {
    const tick = this.#clock.tick();
    return this.#bucketOf(owner, charge, tick).take(charge.tokens, tick);
  }

  /** After how many milliseconds the bucket would give that; null when it would now. Takes none. */
  wait(owner: string, charge: Charge): number | null {
    // One that nothing was taken from is full.
    if (!this.#owned.has(owner)) return null;
    const waitMs = this.take(owner, charge);
    if (waitMs === null) this.giveBack(owner, charge, charge.tokens);
    return waitMs;
  }

  /** Puts back what was taken and not used; less than nothing is what was used beyond that. */
  giveBack(owner: string, charge: Charge, tokens: number): void {
    if (tokens === 0) return;
    const tick = this.#clock.tick();
    this.#bucketOf(owner, charge, tick).giveBack(tokens, tick);
  }

  charge<C extends Charge>(owner: string, charges: readonly C[]): Charged<C> {
    const receipt = new OwnReceipt(this, owner);
    for (const charge of charges) {
      const retryAfterMs = this.take(owner, charge);
      if (retryAfterMs === null) continue;
      for (const taken of charges.slice(0, charges.indexOf(charge))) receipt.giveBack(taken, taken.tokens);
      return { charge, retryAfterMs };
    }
    return receipt;
  }

  /** The owner is the most recently used one now. */
  #bucketOf(owner: string, { bucket: name, size }: Charge, tick: number): TokenBucket {
    const first = this.#owned.get(owner);
    const known = findBucket(first, name);
    // What is taken is given back soon: a Map takes a multiple of the rest to move it.
    if (known !== undefined && owner === this.#newest) return known.bucket;
    if (first === undefined) this.#sweep(tick);
    else this.#owned.delete(owner);
    const { bucket } = known ?? { bucket: new TokenBucket(size, tick) };
    this.#owned.set(owner, known === undefined || first === undefined ? { name, bucket, next: first } : first);
    this.#newest = owner;
    return bucket;
  }

  get #sweepInterval(): number {
    return Math.ceil(this.#maxOwners * SWEPT_PART);
  }

  /** Not for each that is new: a Map that loses its first over and over takes ever longer to find it. */
  #sweep(tick: number): void {
    this.#untilSweep -= 1;
    if (this.#untilSweep > 0) return;
    this.#untilSweep = this.#sweepInterval;
    const maxKept = this.#maxOwners - this.#untilSweep;
    for (const [owner, first] of this.#owned) {
      if (!areFull(first, tick) && this.#owned.size <= maxKept) return;
      this.#owned.delete(owner);
    }
  }
}

/** One of an owner's buckets, and those behind it: few have more than two. */
interface OwnedBucket {
  readonly name: string;
  readonly bucket: TokenBucket;
  readonly next: OwnedBucket | undefined;
}

function findBucket(first: OwnedBucket | undefined, name: string): OwnedBucket | undefined {
  let owned = first;
  while (owned !== undefined && owned.name !== name) owned = owned.next;
  return owned;
}

function areFull(first: OwnedBucket, tick: number): boolean {
  for (let owned: OwnedBucket | undefined = first; owned !== undefined; owned = owned.next) {
    if (!owned.bucket.isFull(tick)) return false;
  }
  return true;
}

/** By name, so that also an owner who was full and was forgotten meanwhile owes. */
class OwnReceipt implements Receipt<Charge> {
  readonly #buckets: TokenBuckets;
  readonly #owner: string;

  constructor(buckets: TokenBuckets, owner: string) {
    this.#buckets = buckets;
    this.#owner = owner;
  }

  giveBack(charge: Charge, tokens: number): void {
    this.#buckets.giveBack(this.#owner, charge, tokens);
  }
}
