/**
 * Token buckets: so much a minute, and so much at once after a quiet time. Pure: the time comes in as ticks, and nothing waits.
 */

/** How fast a bucket fills, and how much it holds. */
export interface BucketSize {
  /** Tokens a millisecond. More than 0. */
  readonly perMs: number;
  /** Tokens of a full one. */
  readonly burst: number;
}

/** So many a minute, of which all may be used at once. */
export function perMinute(count: number, burst = count): BucketSize {
  return { perMs: count / 60_000, burst };
}

/** One of so many equal parts of a bucket. */
export function partOf({ perMs, burst }: BucketSize, parts: number): BucketSize {
  return { perMs: perMs / parts, burst: burst / parts };
}

/** Of a token: what sums of fractions are wrong by at most, so that a wait that was answered is long enough. */
export const ROUNDING = 1e-9;

/** One bucket. It begins full. */
export class TokenBucket {
  readonly #size: BucketSize;
  #tokens: number;
  #countedTick: number;

  constructor(size: BucketSize, tick: number) {
    this.#size = size;
    this.#tokens = size.burst;
    this.#countedTick = tick;
  }

  /**
   * Takes tokens, and answers null; or takes none, and answers after how many milliseconds there will be enough. More than it
   * ever holds are given by a full bucket, which then owes the rest.
   */
  take(tokens: number, tick: number): number | null {
    this.#fill(tick);
    const missing = Math.min(tokens, this.#size.burst) - this.#tokens;
    if (tokens > 0 && missing > ROUNDING) return Math.ceil(missing / this.#size.perMs);
    this.#tokens -= tokens;
    return null;
  }

  /** Puts back what was taken and not used. What has filled in meanwhile is counted when it is next asked. */
  giveBack(tokens: number): void {
    this.#tokens = Math.min(this.#size.burst, this.#tokens + tokens);
  }

  /** Takes tokens in any case. */
  owe(tokens: number, tick: number): void {
    this.#fill(tick);
    this.#tokens -= tokens;
  }

  /** Whether it is as a new one would be. */
  isFull(tick: number): boolean {
    this.#fill(tick);
    return this.#tokens >= this.#size.burst;
  }

  #fill(tick: number): void {
    this.#tokens = Math.min(this.#size.burst, this.#tokens + (tick - this.#countedTick) * this.#size.perMs);
    this.#countedTick = tick;
  }
}
