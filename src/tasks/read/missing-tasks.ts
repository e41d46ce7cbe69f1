/**
 * Which tasks IMM did not find lately, for those who may see their own alone: what is not there has to be remembered for as
 * long as another's task that runs, or the number of calls would tell one from the other.
 */

import { LRUCache } from "lru-cache";
import type { Clock } from "../../clock.js";
import { NotFoundError } from "../../errors.js";
import { toKeyText, type TaskKey } from "../task.js";
import type { TaskReaderOptions } from "./task-reader.js";

/** The same for what is not there and for what is another's. */
export function noSuchTask(): NotFoundError {
  return new NotFoundError("There is no such task, or it is not the caller's.");
}

/** Remembers for the whole process. */
export class MissingTasks {
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  /** The ticks at which they were asked for, by key text. */
  readonly #askedTicks: LRUCache<string, number>;

  constructor({ clock, taskMaxAgeMs, maxCachedTasks }: Omit<TaskReaderOptions, "client">) {
    this.#clock = clock;
    this.#maxAgeMs = taskMaxAgeMs;
    this.#askedTicks = new LRUCache({ max: maxCachedTasks });
  }

  /** What `read` gives. @throws NotFoundError - of one form, when there is no such task. */
  async around<T>(key: TaskKey, read: () => Promise<T>): Promise<T> {
    const keyText = toKeyText(key);
    const now = this.#clock.tick();
    if ((this.#askedTicks.get(keyText) ?? -Infinity) >= now - this.#maxAgeMs) throw noSuchTask();
    try {
      return await read();
    } catch (thrown) {
      if (!(thrown instanceof NotFoundError)) throw thrown;
      this.#askedTicks.set(keyText, now);
      throw noSuchTask();
    }
  }
}
