/**
 * What one project may be asked: so many calls in any second, fewer while IMM throttles, in their turn.
 *
 * `call-policy` makes one per project and puts every attempt through it. The order is `turn-order`'s, in a queue of p-queue; its
 * own rate is counted by the wall clock, which may be set, so the calls are counted here. When IMM throttles, the rest of the second is waited out, and the calls granted in each further second are
 * halved; each second without throttling grants one more, until the configured rate is reached again. Whoever else uses
 * the project is throttled as well, so that all come to share what IMM grants.
 */

import PQueue from "p-queue";
import type { Clock, Timer } from "../../clock.js";
import { UpstreamThrottledError } from "../../errors.js";
import { FairQueue } from "./fair-queue.js";

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
  /** Asked when it is the call's turn: what it throws refuses the call, which then counts for nothing. */
  readonly admit: () => void;
}

/** IMM counts by whole seconds. */
const WINDOW_MS = 1_000;

/** One project's budget. */
export class ProjectBudget {
  readonly #queue: PQueue<FairQueue>;
  readonly #clock: Clock;
  readonly #maxCallsPerSecond: number;
  /** Calls a second that IMM is believed to grant; null for as many as are configured. */
  #granted: number | null = null;
  /** The starts of the calls of the last second, in ticks: never more than are configured. */
  readonly #starts: number[] = [];
  #windowTick = -Infinity;
  /** Calls that were started in the window. */
  #started = 0;
  #slowedTick = -Infinity;
  #isPaused: boolean;
  #hold: Timer | undefined;

  constructor({ clock, maxCallsPerSecond, isPaused }: ProjectBudgetOptions) {
    this.#clock = clock;
    this.#maxCallsPerSecond = maxCallsPerSecond;
    this.#isPaused = isPaused;
    this.#queue = new PQueue({ autoStart: !isPaused, queueClass: FairQueue });
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
  async take<T>(call: () => Promise<T>, { admit, ...options }: TurnOptions): Promise<T> {
    return this.#queue.add(async () => {
      admit();
      const startedTick = this.#clock.tick();
      this.#count(startedTick);
      try {
        return await call();
      } catch (thrown) {
        if (thrown instanceof UpstreamThrottledError) this.#slowDown(startedTick);
        throw thrown;
      }
    }, options);
  }

  /** Leaves no timer. */
  dispose(): void {
    this.#hold?.cancel();
  }

  #count(now: number): void {
    if (now - this.#windowTick >= WINDOW_MS) {
      const seconds = Math.floor((now - this.#windowTick) / WINDOW_MS);
      this.#speedUp(this.#slowedTick >= this.#windowTick ? seconds - 1 : seconds);
      this.#windowTick = now;
      this.#started = 0;
    }
    this.#started += 1;
    this.#starts.push(now);
    if (this.#starts.length > this.#maxCallsPerSecond) this.#starts.shift();
    this.#holdIfSpent();
  }

  /** Grants one call a second more for each second that went by without throttling. */
  #speedUp(seconds: number): void {
    if (this.#granted === null) return;
    const granted = this.#granted + seconds;
    this.#granted = granted < this.#maxCallsPerSecond ? granted : null;
  }

  /** Grants half, once for all the calls that were under way together. */
  #slowDown(startedTick: number): void {
    if (startedTick <= this.#slowedTick) return;
    this.#slowedTick = this.#clock.tick();
    const before = this.#granted ?? Math.min(this.#maxCallsPerSecond, this.#started);
    this.#granted = Math.max(1, Math.floor(before / 2));
    this.#holdIfSpent();
  }

  /** Starts no further call before one more is granted. */
  #holdIfSpent(): void {
    const restMs = this.#restMs();
    if (restMs <= 0 || this.#hold !== undefined) return;
    this.#queue.pause();
    this.#hold = this.#clock.setTimer(restMs, () => {
      this.#hold = undefined;
      this.#holdIfSpent();
      if (this.#hold === undefined && !this.#isPaused) this.#queue.start();
    });
  }

  /** Milliseconds until one more call is granted: in any second those that are configured, in IMM's those that it grants. */
  #restMs(): number {
    const now = this.#clock.tick();
    const [first = -Infinity] = this.#starts;
    const isFull = this.#starts.length === this.#maxCallsPerSecond;
    const isSpent = this.#granted !== null && this.#started >= this.#granted;
    return Math.max(isFull ? first + WINDOW_MS - now : 0, isSpent ? this.#windowTick + WINDOW_MS - now : 0);
  }
}
