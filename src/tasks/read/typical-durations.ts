/**
 * How long tasks take: a guess at the rest of a running one, by its pace once that says something, before that by what
 * tasks of its type have taken here. The reader lets it learn from every task that it sees ended; kept in memory, bounded,
 * and gone with the process.
 */

import { LRUCache } from "lru-cache";
import type { TaskSnapshot } from "../snapshot.js";
import { toEpochMs } from "../instant.js";

const MAX_TYPES = 1_000;
/** The weight of the newest task: about the last ten count. */
const NEWEST_WEIGHT = 0.2;

export class TypicalDurations {
  readonly #byType = new LRUCache<string, number>({ max: MAX_TYPES });

  /** Takes in a task that has ended. */
  learn({ key, facts }: TaskSnapshot): void {
    const startedAt = toEpochMs(facts.startTime);
    const endedAt = toEpochMs(facts.endTime);
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

/** Before so many percent the pace so far says little: many tasks do most of their progress in their last part. */
const MIN_TELLING_PROGRESS = 25;

/** What the rest of a running task is guessed from. */
export interface RunningView {
  /** Milliseconds since the task started. */
  readonly ageMs: number;
  /** Percent, or null when IMM does not say. */
  readonly progress: number | null;
  /** How long tasks of the type have taken here, in milliseconds, or null when that is not known. */
  readonly typicalDurationMs: number | null;
}

/** Milliseconds until the task should be over; null when there is nothing to go by, or that time has passed. */
export function estimatedRestMs({ ageMs, progress, typicalDurationMs }: RunningView): number | null {
  const restMs =
    progress !== null && progress >= MIN_TELLING_PROGRESS
      ? (ageMs * (100 - progress)) / progress
      : (typicalDurationMs ?? 0) - ageMs;
  return restMs > 0 ? restMs : null;
}
