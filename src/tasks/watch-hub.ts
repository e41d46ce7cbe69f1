/**
 * One watch per task, however many subscribers it has.
 *
 * The subscription resolvers call `watch`; it makes or joins the `TaskWatch` of each task and hands back a stream. The
 * last subscriber to leave a task ends its polling. It never talks to IMM itself.
 */

import type { Clock } from "../clock.js";
import type { Logger } from "../log.js";
import type { PollBounds } from "./poll-schedule.js";
import type { TaskReader } from "./task-reader.js";
import { TaskWatch, type Follower } from "./task-watch.js";
import { toKeyText, type TaskKey, type TaskNeeds } from "./task.js";
import { WatchStream } from "./watch-stream.js";

/** What a `WatchHub` is made of. */
export interface WatchHubOptions {
  readonly reader: TaskReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often a running task is looked at. */
  readonly bounds: PollBounds;
}

/** What one subscriber wants to follow. */
export interface WatchRequest {
  /** The tasks; a key that stands twice counts once. */
  readonly keys: readonly TaskKey[];
  readonly needs: TaskNeeds;
  /**
   * The oldest snapshot the subscriber wants to live with, in milliseconds. Not below the least poll interval; the most
   * impatient subscriber of a task decides.
   * @default the schedule's own rhythm
   */
  readonly maxStalenessMs?: number | undefined;
}

/** Shares watches among subscribers. */
export class WatchHub {
  readonly #reader: TaskReader;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #bounds: PollBounds;
  readonly #watches = new Map<string, TaskWatch>();
  readonly #streams = new Set<WatchStream>();

  constructor({ reader, clock, logger, bounds }: WatchHubOptions) {
    this.#reader = reader;
    this.#clock = clock;
    this.#logger = logger;
    this.#bounds = bounds;
  }

  /** How many tasks are watched at this moment. */
  get watchedTasks(): number {
    return this.#watches.size;
  }

  /**
   * Follows tasks until each has ended. Each task's present snapshot comes first, then one event per visible change,
   * then its final snapshot or the failure that ended its watch; after the last task's last event the stream is done.
   * `return()` leaves at once.
   */
  watch({ keys, needs, maxStalenessMs }: WatchRequest): WatchStream {
    const byText = new Map(keys.map((key) => [toKeyText(key), key]));
    const leaves: (() => void)[] = [];
    const stream = new WatchStream([...byText.keys()], () => {
      this.#streams.delete(stream);
      for (const leave of leaves) leave();
    });
    this.#streams.add(stream);
    for (const [keyText, key] of byText) {
      const follower: Follower = { stream, needs, maxStalenessMs };
      const watch = this.#watches.get(keyText) ?? this.#begin(key, keyText);
      leaves.push(() => watch.leave(follower));
      watch.join(follower);
    }
    return stream;
  }

  /** Ends every watch and every stream; no timer is left. */
  dispose(): void {
    for (const stream of this.#streams) stream.close();
    for (const watch of this.#watches.values()) watch.dispose();
  }

  #begin(key: TaskKey, keyText: string): TaskWatch {
    const watch = new TaskWatch(key, {
      reader: this.#reader,
      clock: this.#clock,
      logger: this.#logger,
      bounds: this.#bounds,
      onEnd: () => this.#watches.delete(keyText),
    });
    this.#watches.set(keyText, watch);
    return watch;
  }
}
