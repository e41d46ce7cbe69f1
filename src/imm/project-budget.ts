/**
 * What one project may be asked: so many calls in any second, fewer while IMM throttles, in their turn.
 *
 * `call-policy` makes one per project and puts every attempt through it. The order is `turn-order`'s, the configured rate
 * p-queue's. When IMM throttles, the rest of the second is waited out, and the calls granted in each further second are
 * halved; each second without throttling grants one more, until the configured rate is reached again. Whoever else uses
 * the project is throttled as well, so that all come to share what IMM grants.
 */

import PQueue from "p-queue";
import type { Clock, Timer } from "../clock.js";
import { UpstreamThrottledError } from "../errors.js";
import { TurnOrder } from "./turn-order.js";

/** What a `ProjectBudget` is made of. */
export interface ProjectBudgetOptions {
  readonly clock: Clock;
  /** Calls in any window of a second when IMM does not throttle. */
  readonly maxCallsPerSecond: number;
  /** Whether calls wait until `resume`. */
  readonly isPaused: boolean;
}

/** How one call takes its turn. */
export interface TurnOptions {
  /** The higher goes first; see `turn-order`. */
  readonly priority: number;
  /** Takes a waiting call out of the queue, and fails one that is in flight. */
  readonly signal: AbortSignal;
}

/** IMM counts by whole seconds. */
const WINDOW_MS = 1_000;

/** One project's budget. */
export class ProjectBudget {
  readonly #queue: PQueue<TurnOrder>;
  readonly #clock: Clock;
  readonly #maxCallsPerSecond: number;
  /** Calls a second that IMM is believed to grant; null for as many as are configured. */
  #granted: number | null = null;
  #windowAt = -Infinity;
  /** Calls that were started in the window. */
  #started = 0;
  #slowedAt = -Infinity;
  #isPaused: boolean;
  #hold: Timer | undefined;

  constructor({ clock, maxCallsPerSecond, isPaused }: ProjectBudgetOptions) {
    this.#clock = clock;
    this.#maxCallsPerSecond = maxCallsPerSecond;
    this.#isPaused = isPaused;
    this.#queue = new PQueue({
      autoStart: !isPaused,
      interval: WINDOW_MS,
      intervalCap: maxCallsPerSecond,
      strict: true,
      queueClass: TurnOrder,
    });
  }

  /** How many calls wait for their turn. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** How many of them are of this urgency. */
  waitingAt(priority: number): number {
    return this.#queue.sizeBy({ priority });
  }

  /** Whether nothing waits, nothing is in flight, and no second is being waited out. */
  get isIdle(): boolean {
    return this.#queue.size === 0 && this.#queue.pending === 0 && this.#hold === undefined;
  }

  /** Milliseconds that a call which comes now waits for those before it, at the present rate. */
  get waitMs(): number {
    return Math.ceil((this.waiting / (this.#granted ?? this.#maxCallsPerSecond)) * WINDOW_MS);
  }

  /** Starts no further call. */
  pause(): void {
    this.#isPaused = true;
    this.#queue.pause();
  }

  /** Starts calls again, as far as IMM grants them. */
  resume(): void {
    this.#isPaused = false;
    if (this.#hold === undefined) this.#queue.start();
  }

  /** Makes a call when it is its turn. */
  async take<T>(call: () => Promise<T>, options: TurnOptions): Promise<T> {
    return this.#queue.add(async () => {
      const startedAt = this.#clock.now();
      this.#count(startedAt);
      try {
        return await call();
      } catch (thrown) {
        if (thrown instanceof UpstreamThrottledError) this.#slowDown(startedAt);
        throw thrown;
      }
    }, options);
  }

  /** Leaves no timer. */
  dispose(): void {
    this.#hold?.cancel();
  }

  #count(now: number): void {
    if (now - this.#windowAt >= WINDOW_MS) {
      const seconds = Math.floor((now - this.#windowAt) / WINDOW_MS);
      this.#speedUp(this.#slowedAt >= this.#windowAt ? seconds - 1 : seconds);
      this.#windowAt = now;
      this.#started = 0;
    }
    this.#started += 1;
    this.#holdIfSpent();
  }

  /** Grants one call a second more for each second that went by without throttling. */
  #speedUp(seconds: number): void {
    if (this.#granted === null) return;
    const granted = this.#granted + seconds;
    this.#granted = granted < this.#maxCallsPerSecond ? granted : null;
  }

  /** Grants half, once for all the calls that were under way together. */
  #slowDown(startedAt: number): void {
    if (startedAt <= this.#slowedAt) return;
    this.#slowedAt = this.#clock.now();
    const before = this.#granted ?? Math.min(this.#maxCallsPerSecond, this.#started);
    this.#granted = Math.max(1, Math.floor(before / 2));
    this.#holdIfSpent();
  }

  /** Waits the window out once all that it grants has been started. */
  #holdIfSpent(): void {
    if (this.#granted === null || this.#started < this.#granted || this.#hold !== undefined) return;
    this.#queue.pause();
    const restMs = Math.max(0, this.#windowAt + WINDOW_MS - this.#clock.now());
    this.#hold = this.#clock.setTimer(restMs, () => {
      this.#hold = undefined;
      if (!this.#isPaused) this.#queue.start();
    });
  }
}
