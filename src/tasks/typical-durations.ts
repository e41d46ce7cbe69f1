/**
 * How long tasks of each type have taken here: a first guess for one that shows no progress yet. Learnt by the reader from
 * every task that it sees ended; kept in memory, bounded, and gone with the process.
 */

import { LRUCache } from "lru-cache";
import { toEpochMs, type TaskSnapshot } from "./task.js";

const MAX_TYPES = 1_000;
/** The weight of the newest task: about the last ten count. */
const NEWEST_WEIGHT = 0.2;

/** Remembers the typical duration of each task type. */
export class TypicalDurations {
  readonly #byType = new LRUCache<string, number>({ max: MAX_TYPES });

  /** Takes in a task that has ended. */
  learn({ key, startTime, endTime }: TaskSnapshot): void {
    const startedAt = toEpochMs(startTime);
    const endedAt = toEpochMs(endTime);
    if (startedAt === null || endedAt === null || endedAt < startedAt) return;
    const durationMs = endedAt - startedAt;
    const before = this.#byType.get(key.taskType) ?? durationMs;
    this.#byType.set(key.taskType, before + (durationMs - before) * NEWEST_WEIGHT);
  }

  /** Milliseconds, or null while no task of the type has been seen to end. */
  of(taskType: string): number | null {
    return this.#byType.get(taskType) ?? null;
  }
}
