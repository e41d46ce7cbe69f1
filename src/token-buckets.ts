/**
 * Token buckets by their owner: the port by which the instances of the gateway may share them, and those of one instance, in
 * bounded memory. When many others have come, owners are forgotten, those that came least recently first: as long as their buckets
 * are full, and near the bound any. Who comes again then has full ones, also where it owed.
 */

import type { Clock } from "./clock.js";
import { TokenBucket, type BucketSize } from "./token-bucket.js";

/** What is taken from one of an owner's buckets. */
export interface Charge {
  /** Unlike that of the owner's other buckets. Always comes with this size, and once among the charges of one call. */
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
/** Old owners are looked for once in so large a share of new ones, and as much room is left then. */
const SWEPT_PART = 0.1;

/** The buckets of one instance. */
export class TokenBuckets implements Buckets {
  readonly #clock: Pick<Clock, "tick">;
  readonly #maxOwners: number;
  /** The least recently used first. */
  readonly #owners = new Map<string, OwnerBuckets>();
  #newest: OwnerBuckets | undefined;
  #untilSweep: number;

  constructor(clock: Pick<Clock, "tick">, maxOwners = MAX_OWNERS) {
    this.#clock = clock;
    this.#maxOwners = maxOwners;
    this.#untilSweep = this.#sweepInterval;
  }

  /** How many owners are remembered. */
  get size(): number {
    return this.#owners.size;
  }

  /** As `TokenBucket.take` has it. */
  take(owner: string, charge: Charge): number | null {
    const tick = this.#clock.tick();
    return this.#bucketsOf(owner, tick).bucketOf(charge, tick).take(charge.tokens, tick);
  }

  /** After how many milliseconds the bucket would give that; null when it would now. Takes none. */
  wait(owner: string, charge: Charge): number | null {
    // One that nothing was taken from is full.
    if (!this.#owners.has(owner)) return null;
    const tick = this.#clock.tick();
    const bucket = this.#bucketsOf(owner, tick).bucketOf(charge, tick);
    const waitMs = bucket.take(charge.tokens, tick);
    if (waitMs === null) bucket.giveBack(charge.tokens);
    return waitMs;
  }

  /** Takes it in any case. */
  owe(owner: string, charge: Charge, tokens: number): void {
    const tick = this.#clock.tick();
    this.#bucketsOf(owner, tick).bucketOf(charge, tick).owe(tokens, tick);
  }

  charge<C extends Charge>(owner: string, charges: readonly C[]): Charged<C> {
    const tick = this.#clock.tick();
    const owned = this.#bucketsOf(owner, tick);
    for (const charge of charges) {
      const retryAfterMs = owned.bucketOf(charge, tick).take(charge.tokens, tick);
      if (retryAfterMs === null) continue;
      for (const taken of charges.slice(0, charges.indexOf(charge))) owned.giveBack(taken, taken.tokens);
      return { charge, retryAfterMs };
    }
    return owned;
  }

  /** Of whoever is the most recently used owner now. */
  #bucketsOf(owner: string, tick: number): OwnerBuckets {
    const known = this.#owners.get(owner);
    // It is the last already: to move it would take longer than all the rest.
    if (known !== undefined && known === this.#newest) return known;
    if (known === undefined) this.#sweep(tick);
    else this.#owners.delete(owner);
    const owned = known ?? new OwnerBuckets(owner, this);
    this.#owners.set(owner, owned);
    this.#newest = owned;
    return owned;
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
    for (const [owner, owned] of this.#owners) {
      if (!owned.isFull(tick) && this.#owners.size <= maxKept) return;
      this.#owners.delete(owner);
    }
  }
}

/** One of an owner's buckets, and those behind it: few have more than two. */
interface OwnedBucket {
  readonly name: string;
  readonly bucket: TokenBucket;
  readonly next: OwnedBucket | undefined;
}

/**
 * The buckets of one owner. They are the receipt of what was taken from them as well, so that none has to be made each time. Where
 * the owner was forgotten and has come again meanwhile, what is given back reaches these, and not those that it has now.
 */
class OwnerBuckets implements Receipt<Charge> {
  readonly #owner: string;
  readonly #all: TokenBuckets;
  #first: OwnedBucket | undefined;

  constructor(owner: string, all: TokenBuckets) {
    this.#owner = owner;
    this.#all = all;
  }

  bucketOf({ bucket: name, size }: Charge, tick: number): TokenBucket {
    const known = this.#find(name);
    if (known !== undefined) return known;
    const bucket = new TokenBucket(size, tick);
    this.#first = { name, bucket, next: this.#first };
    return bucket;
  }

  giveBack(charge: Charge, tokens: number): void {
    // By name, so that also one who was full and was forgotten meanwhile owes.
    if (tokens < 0) this.#all.owe(this.#owner, charge, -tokens);
    else this.#find(charge.bucket)?.giveBack(tokens);
  }

  isFull(tick: number): boolean {
    for (let owned = this.#first; owned !== undefined; owned = owned.next) {
      if (!owned.bucket.isFull(tick)) return false;
    }
    return true;
  }

  #find(name: string): TokenBucket | undefined {
    let owned = this.#first;
    while (owned !== undefined && owned.name !== name) owned = owned.next;
    return owned?.bucket;
  }
}
