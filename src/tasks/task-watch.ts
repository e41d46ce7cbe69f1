/**
 * The one watch of one task, shared by all its subscribers: asks, tells whoever sees a difference, plans the next look.
 *
 * The hub makes it for the first subscriber and drops it when it ends. It reads through the `TaskReader`, waits by the
 * `Clock`, and asks `poll-schedule` how long. A failure that may pass delays a look and ends nothing.
 */

import type { Clock, Timer } from "../clock.js";
import { GatewayError, toError } from "../errors.js";
import type { Logger } from "../log.js";
import { nextPollDelayMs, type PollBounds } from "./poll-schedule.js";
import {
  hasChanged,
  includesNeeds,
  isFinal,
  mergeNeeds,
  NO_NEEDS,
  satisfies,
  toEpochMs,
  toKeyText,
  type TaskKey,
  type TaskNeeds,
  type TaskSnapshot,
} from "./task.js";
import type { TaskReader } from "./task-reader.js";
import type { WatchStream } from "./watch-stream.js";

/** One subscriber's wish. */
export interface Follower {
  readonly stream: WatchStream;
  readonly needs: TaskNeeds;
  /** The oldest snapshot it wants to live with, in milliseconds; undefined leaves it to the schedule. */
  readonly maxStalenessMs: number | undefined;
  /** What it was told last. */
  told?: TaskSnapshot;
}

/** What a `TaskWatch` works with. */
export interface TaskWatchOptions {
  readonly reader: TaskReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bounds: PollBounds;
  /** Called once, when nobody follows any more or the task has ended. */
  readonly onEnd: () => void;
}

type Phase =
  | { readonly name: "idle" }
  | { readonly name: "asking" }
  | { readonly name: "waiting"; readonly timer: Timer }
  | { readonly name: "ended" };

/** Watches one task for all who follow it. */
export class TaskWatch {
  readonly #key: TaskKey;
  readonly #keyText: string;
  readonly #options: TaskWatchOptions;
  readonly #followers = new Set<Follower>();
  #phase: Phase = { name: "idle" };
  #snapshot: TaskSnapshot | undefined;
  /** What the last look asked for. */
  #askedNeeds: TaskNeeds = NO_NEEDS;
  /** When the last look was over. */
  #lookedAt: number;
  #startedAt: number;
  #unchangedPolls = 0;
  #failedPolls = 0;
  #retryAfterMs: number | undefined;

  constructor(key: TaskKey, options: TaskWatchOptions) {
    this.#key = key;
    this.#keyText = toKeyText(key);
    this.#options = options;
    this.#lookedAt = options.clock.now();
    this.#startedAt = this.#lookedAt;
  }

  /** Takes in a subscriber. It is told the present snapshot at once where that answers it, else as soon as IMM does. */
  join(follower: Follower): void {
    this.#followers.add(follower);
    if (this.#snapshot !== undefined && satisfies(this.#snapshot, follower.needs, 0)) {
      this.#tell(follower, this.#snapshot);
    }
    // A look that is under way checks, when it is over, that everybody has been answered.
    if (this.#phase.name === "asking") return;
    if (this.#snapshot === undefined || !includesNeeds(this.#askedNeeds, follower.needs)) void this.#ask();
    else this.#plan();
  }

  /** Lets a subscriber go. The last one to leave ends the watch. */
  leave(follower: Follower): void {
    if (this.#followers.delete(follower) && this.#followers.size === 0) this.dispose();
  }

  /** Ends the watch without a word to its followers. An answer that is still under way is ignored. */
  dispose(): void {
    if (this.#phase.name === "ended") return;
    if (this.#phase.name === "waiting") this.#phase.timer.cancel();
    this.#phase = { name: "ended" };
    this.#options.onEnd();
  }

  async #ask(): Promise<void> {
    if (this.#phase.name === "waiting") this.#phase.timer.cancel();
    this.#phase = { name: "asking" };
    const { reader, clock } = this.#options;
    const needs = [...this.#followers].map((follower) => follower.needs).reduce(mergeNeeds, NO_NEEDS);
    // The first look may use what a query has just learnt; every later one is there to see something new.
    const maxAgeMs = this.#snapshot === undefined ? undefined : 0;
    try {
      const snapshot = await reader.read(this.#key, needs, maxAgeMs);
      this.#lookedAt = clock.now();
      this.#askedNeeds = needs;
      if (!this.#hasEnded()) this.#publish(snapshot);
    } catch (thrown) {
      this.#lookedAt = clock.now();
      if (!this.#hasEnded()) this.#handleFailure(toError(thrown));
    }
  }

  #publish(snapshot: TaskSnapshot): void {
    const { progressError } = snapshot;
    // A progress that could not be had in passing leaves the one that is known.
    const shown = progressError?.retryable === true ? { ...snapshot, progressError: null } : snapshot;
    const hasNews = this.#snapshot === undefined || hasChanged(this.#snapshot, shown, this.#askedNeeds);
    this.#snapshot = shown;
    this.#startedAt = toEpochMs(shown.startTime) ?? this.#startedAt;
    this.#unchangedPolls = hasNews ? 0 : this.#unchangedPolls + 1;
    this.#failedPolls = progressError === null ? 0 : this.#failedPolls + 1;
    this.#retryAfterMs = progressError?.retryAfterMs;
    const answered = [...this.#followers].filter(
      ({ needs }) => satisfies(shown, needs, 0) || includesNeeds(this.#askedNeeds, needs),
    );
    for (const follower of answered) this.#tell(follower, shown);
    if (this.#hasEnded()) return;
    // Whoever joined during the look and needs more than it asked for is next, at once.
    if (answered.length < this.#followers.size) void this.#ask();
    else if (isFinal(shown)) this.dispose();
    else this.#plan();
  }

  #tell(follower: Follower, snapshot: TaskSnapshot): void {
    if (follower.told !== undefined && !hasChanged(follower.told, snapshot, follower.needs)) return;
    follower.told = snapshot;
    follower.stream.push(this.#keyText, { kind: "snapshot", snapshot }, isFinal(snapshot));
  }

  /** A failure that may pass delays the next look; any other ends the watch with its error. */
  #handleFailure(error: Error): void {
    if (error instanceof GatewayError && error.retryable) {
      const { code, imm } = error;
      this.#options.logger.debug(
        { task: this.#key, code, imm },
        "A look at a watched task failed and will be repeated.",
      );
      this.#failedPolls += 1;
      this.#retryAfterMs = error.retryAfterMs;
      this.#plan();
      return;
    }
    for (const follower of this.#followers) {
      follower.stream.push(this.#keyText, { kind: "failure", key: this.#key, error }, true);
    }
    this.dispose();
  }

  /** Sets the timer for the next look, counted from the last one. */
  #plan(): void {
    if (this.#phase.name === "waiting") this.#phase.timer.cancel();
    const { clock } = this.#options;
    const delayMs = nextPollDelayMs(
      {
        ageMs: this.#lookedAt - this.#startedAt,
        progress: this.#snapshot?.progress ?? null,
        unchangedPolls: this.#unchangedPolls,
        failedPolls: this.#failedPolls,
        retryAfterMs: this.#retryAfterMs,
      },
      this.#bounds(),
      clock.random(),
    );
    const timer = clock.setTimer(Math.max(0, this.#lookedAt + delayMs - clock.now()), () => void this.#ask());
    this.#phase = { name: "waiting", timer };
  }

  /** The configured bounds, narrowed to what the most impatient follower asks for. Failures may still slow it down. */
  #bounds(): PollBounds {
    const { minPollIntervalMs, maxPollIntervalMs } = this.#options.bounds;
    const wishes = [...this.#followers].map((follower) => follower.maxStalenessMs ?? Infinity);
    const least = Math.max(minPollIntervalMs, Math.min(...wishes));
    const isWishOfAll = wishes.every(Number.isFinite);
    return {
      minPollIntervalMs: isWishOfAll ? least : minPollIntervalMs,
      maxPollIntervalMs:
        this.#failedPolls > 0
          ? Math.max(least, maxPollIntervalMs)
          : isWishOfAll
            ? least
            : Math.min(least, maxPollIntervalMs),
    };
  }

  #hasEnded(): boolean {
    return this.#phase.name === "ended";
  }
}
