/**
 * When to look at a running task again. Pure: the same view gives the same answer.
 *
 * Faster when the task is young or, by its own speed, nearly done; slower when nothing moves; slower after failures; never
 * outside the bounds. Throttling is the project's affair: see `project-watch`.
 */

import { estimatedRestMs } from "./typical-durations.js";

/** What is known of the task when the next look is planned. */
export interface PollView {
  /** Milliseconds since the task started. */
  readonly ageMs: number;
  /** Percent, or null when IMM does not say. */
  readonly progress: number | null;
  /** How long tasks of the type have taken here, in milliseconds, or null when nobody knows. */
  readonly typicalDurationMs: number | null;
  /** Looks in a row that showed no change. */
  readonly unchangedPolls: number;
  /** Looks in a row that failed. */
  readonly failedPolls: number;
}

/** Between what bounds the answer lies, in milliseconds. */
export interface PollBounds {
  readonly minPollIntervalMs: number;
  readonly maxPollIntervalMs: number;
}

/** A task is looked at about ten times on its way: at every tenth of its age. */
const SHARE_OF_AGE = 0.1;
/** A look is planned for when half of the estimated rest has passed. */
const SHARE_OF_REST = 0.5;
const SLOWDOWN_UNCHANGED = 1.25;
const SLOWDOWN_FAILED = 2;
/** How far the jitter reaches, up and down. */
const JITTER = 0.1;

/**
 * Milliseconds until the next look.
 *
 * @param random - from 0 to 1; 0.5 is no jitter.
 */
export function nextPollDelayMs(view: PollView, bounds: PollBounds, random: number): number {
  const { minPollIntervalMs: min, maxPollIntervalMs: max } = bounds;
  const planned = plannedDelayMs(view);
  const slowed =
    Math.max(planned, min) * SLOWDOWN_UNCHANGED ** view.unchangedPolls * SLOWDOWN_FAILED ** view.failedPolls;
  const jittered = Math.min(slowed, max) * (1 + JITTER * (2 * random - 1));
  return Math.round(Math.min(Math.max(jittered, min), max));
}

function plannedDelayMs(view: PollView): number {
  const byAge = view.ageMs * SHARE_OF_AGE;
  const restMs = estimatedRestMs(view);
  if (restMs === null) return byAge;
  // A task that tells of its way is looked at on its way; one that does not is left alone until it may be over.
  return view.progress === null ? restMs * SHARE_OF_REST : Math.min(byAge, restMs * SHARE_OF_REST);
}
