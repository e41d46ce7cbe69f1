/**
 * The one watch of one task, shared by all its subscribers: what they need, what they were told, when to look again.
 *
 * The `ProjectWatch` makes it for the first subscriber, asks for it, and hands it what came back. It makes no call and
 * sets no timer. A failure that may pass delays a look and ends nothing.
 */

import type { Clock } from "../clock.js";
import { UpstreamThrottledError } from "../errors.js";
import { retryAfterMs } from "./refusal-grace.js";
import { slowedDelayMs } from "./pace.js";
import { nextPollDelayMs, type PollBounds } from "./poll-schedule.js";
import {
  elapsedMs,
  hasChanged,
  includesNeeds,
  isFinal,
  mergeNeeds,
  NO_NEEDS,
  satisfies,
  toKeyText,
  type TaskKey,
  type TaskNeeds,
  type TaskSnapshot,
} from "./task.js";
import type { TypicalDurations } from "./typical-durations.js";
import type { WatchStream } from "./watch-stream.js";

/** What one subscriber wants to know of a task. */
export interface Wish {
  readonly needs: TaskNeeds;
  /** The oldest snapshot it wants to live with, in milliseconds; undefined leaves it to the schedule. */
  readonly maxStalenessMs: number | undefined;
}

interface Follower extends Wish {
  readonly stream: WatchStream;
  /** What it was told last. */
  told?: TaskSnapshot;
}

/** What all followers wish together. */
interface Wishes {
  readonly needs: TaskNeeds;
  /** The least staleness that any of them asks for; `Infinity` when none does. */
  readonly leastStalenessMs: number;
  /** Whether each of them asks for one. */
  readonly isOfAll: boolean;
}

const NO_WISHES: Wishes = { needs: NO_NEEDS, leastStalenessMs: Infinity, isOfAll: true };

function addWish(wishes: Wishes, { needs, maxStalenessMs }: Wish): Wishes {
  return {
    needs: mergeNeeds(wishes.needs, needs),
    leastStalenessMs: Math.min(wishes.leastStalenessMs, maxStalenessMs ?? Infinity),
    isOfAll: wishes.isOfAll && maxStalenessMs !== undefined,
  };
}

type Phase =
  /** Somebody waits for an answer: look as soon as possible. */
  | { readonly name: "urgent" }
  | { readonly name: "asking"; readonly needs: TaskNeeds; readonly askedTick: number }
  | { readonly name: "waiting"; readonly delayMs: number }
  | { readonly name: "ended" };

/** Keeps one task's followers informed. */
export class TaskWatch {
  readonly key: TaskKey;
  readonly #keyText: string;
  readonly #clock: Clock;
  readonly #bounds: PollBounds;
  readonly #typicalDurations: TypicalDurations;
  readonly #watchedTick: number;
  readonly #followers = new Map<WatchStream, Follower>();
  /** What the followers wish together; undefined until somebody asks after one has left. */
  #wishes: Wishes | undefined = NO_WISHES;
  #phase: Phase = { name: "urgent" };
  #snapshot: TaskSnapshot | undefined;
  /** What the last look asked for. */
  #askedNeeds: TaskNeeds = NO_NEEDS;
  /** From when on the next look is planned: how old the last one's answer is, or when it failed. */
  #lookedTick: number;
  /** When the task started, by what the first look with a start showed: the wall clock may be set later. */
  #startedTick: number | undefined;
  #unchangedPolls = 0;
  #failedPolls = 0;
  #retryAfterMs: number | undefined;

  constructor(key: TaskKey, clock: Clock, bounds: PollBounds, typicalDurations: TypicalDurations) {
    this.key = key;
    this.#keyText = toKeyText(key);
    this.#clock = clock;
    this.#bounds = bounds;
    this.#typicalDurations = typicalDurations;
    this.#watchedTick = clock.tick();
    this.#lookedTick = this.#watchedTick;
  }

  /**
   * The tick at which the next look is due: `-Infinity` at once, `Infinity` not now.
   *
   * @param slowdown - by what the planned delay is multiplied, see `slowedDelayMs`; IMM's own wish to wait is not.
   */
  dueTick(slowdown: number): number {
    switch (this.#phase.name) {
      case "urgent":
        return -Infinity;
      case "waiting":
        return (
          this.#lookedTick +
          Math.max(slowedDelayMs(this.#phase.delayMs, slowdown, this.#bounds), this.#retryAfterMs ?? 0)
        );
      case "asking":
      case "ended":
        return Infinity;
    }
  }

  /** Whether it is over: nobody follows, or the task has ended, or it cannot be followed. */
  get hasEnded(): boolean {
    return this.#phase.name === "ended";
  }

  /** Whether nothing has been seen of the task yet. */
  get isFirstLook(): boolean {
    return this.#snapshot === undefined;
  }

  /** Takes in a subscriber. It is told the present snapshot at once where that answers it, else as soon as IMM does. */
  join(stream: WatchStream, wish: Wish): void {
    const follower: Follower = { ...wish, stream };
    this.#followers.set(stream, follower);
    // Thousands may join: those who are there already are not asked again.
    if (this.#wishes !== undefined) this.#wishes = addWish(this.#wishes, wish);
    if (this.#snapshot !== undefined && satisfies(this.#snapshot, follower.needs, -Infinity)) {
      this.#tell(follower, this.#snapshot);
    }
    // A look that is under way checks, when it is over, that everybody has been answered.
    if (this.#phase.name !== "waiting") return;
    if (includesNeeds(this.#askedNeeds, follower.needs)) this.#plan();
    else this.#phase = { name: "urgent" };
  }

  /** Lets a subscriber go. The last one to leave ends the watch. */
  leave(stream: WatchStream): void {
    if (!this.#followers.delete(stream)) return;
    this.#wishes = undefined;
    if (this.#followers.size === 0) this.end();
  }

  /** Ends the watch without a word to its followers. An answer that is still under way is ignored. */
  end(): void {
    this.#phase = { name: "ended" };
  }

  /** Begins a look, and says what it has to bring. */
  ask(): TaskNeeds {
    const { needs } = this.#wishesOfAll();
    this.#phase = { name: "asking", needs, askedTick: this.#clock.tick() };
    return needs;
  }

  /**
   * Ends the look that `ask` began.
   *
   * @param mayPass - whether the watch outlives the failure.
   */
  answer(result: TaskSnapshot | Error, mayPass: (error: Error) => boolean): void {
    if (this.#phase.name !== "asking") return;
    const { needs, askedTick } = this.#phase;
    this.#lookedTick = result instanceof Error ? this.#clock.tick() : askedTick;
    this.#askedNeeds = needs;
    if (result instanceof Error) {
      this.#handleFailure(result, mayPass(result));
      return;
    }
    this.#failedPolls = result.progressError === null ? 0 : this.#failedPolls + 1;
    this.#retryAfterMs = result.progressError?.retryAfterMs;
    // A progress that could not be had in passing leaves the one that is known.
    this.#publish(result.progressError?.retryable === true ? { ...result, progressError: null } : result);
  }

  /** Takes what another question brought. A look of its own that is under way will bring its own. */
  observe(snapshot: TaskSnapshot): void {
    if (this.#phase.name !== "waiting" || this.#snapshot === undefined) return;
    const isAsGoodAsALook = satisfies(snapshot, this.#askedNeeds, this.#lookedTick + 1);
    if (!isAsGoodAsALook && !hasChanged(this.#snapshot, snapshot, this.#askedNeeds)) return;
    if (isAsGoodAsALook) this.#lookedTick = snapshot.observedTick;
    this.#publish(snapshot);
  }

  #publish(snapshot: TaskSnapshot): void {
    const hasNews = this.#snapshot === undefined || hasChanged(this.#snapshot, snapshot, this.#askedNeeds);
    this.#snapshot = snapshot;
    const ageMs = elapsedMs(snapshot);
    if (ageMs !== null) this.#startedTick ??= snapshot.observedTick - ageMs;
    this.#unchangedPolls = hasNews ? 0 : this.#unchangedPolls + 1;
    const answered = [...this.#followers.values()].filter(
      ({ needs }) => satisfies(snapshot, needs, -Infinity) || includesNeeds(this.#askedNeeds, needs),
    );
    const areAllAnswered = answered.length === this.#followers.size;
    for (const follower of answered) this.#tell(follower, snapshot);
    // Whoever joined during the look and needs more than it asked for is next, at once.
    if (!areAllAnswered) this.#phase = { name: "urgent" };
    else if (isFinal(snapshot)) this.end();
    else this.#plan();
  }

  #tell(follower: Follower, snapshot: TaskSnapshot): void {
    const event = { kind: "snapshot", snapshot } as const;
    if (follower.told !== undefined && !hasChanged(follower.told, snapshot, follower.needs)) {
      follower.stream.renew(this.#keyText, event);
      return;
    }
    follower.told = snapshot;
    follower.stream.push(this.#keyText, event, isFinal(snapshot));
    if (!isFinal(snapshot)) return;
    // Its stream no longer names this task when it leaves; it must not keep the watch.
    this.#followers.delete(follower.stream);
    this.#wishes = undefined;
  }

  /** A failure that may pass delays the next look; any other ends the watch with its error. */
  #handleFailure(error: Error, mayPass: boolean): void {
    if (mayPass) {
      // Throttling slows the whole project down, not this task alone.
      this.#failedPolls += error instanceof UpstreamThrottledError ? 0 : 1;
      this.#retryAfterMs = retryAfterMs(error, this.#bounds);
      this.#plan();
      return;
    }
    for (const stream of this.#followers.keys()) {
      stream.push(this.#keyText, { kind: "failure", key: this.key, error }, true);
    }
    this.end();
  }

  /** Sets the delay until the next look, counted from the last one. */
  #plan(): void {
    const view = {
      ageMs: this.#lookedTick - (this.#startedTick ?? this.#watchedTick),
      progress: this.#snapshot?.progress ?? null,
      typicalDurationMs: this.#typicalDurations.of(this.key.taskType),
      unchangedPolls: this.#unchangedPolls,
      failedPolls: this.#failedPolls,
    };
    const delayMs = nextPollDelayMs(view, this.#wishedBounds(), this.#clock.random());
    this.#phase = { name: "waiting", delayMs };
  }

  /** The configured bounds, narrowed to what the most impatient follower asks for. Failures may still slow it down. */
  #wishedBounds(): PollBounds {
    const { minPollIntervalMs, maxPollIntervalMs } = this.#bounds;
    const { leastStalenessMs, isOfAll } = this.#wishesOfAll();
    const least = Math.max(minPollIntervalMs, leastStalenessMs);
    const most = isOfAll ? least : Math.min(least, maxPollIntervalMs);
    return {
      minPollIntervalMs: isOfAll ? least : minPollIntervalMs,
      maxPollIntervalMs: this.#failedPolls > 0 ? Math.max(most, maxPollIntervalMs) : most,
    };
  }

  #wishesOfAll(): Wishes {
    this.#wishes ??= [...this.#followers.values()].reduce(addWish, NO_WISHES);
    return this.#wishes;
  }
}
