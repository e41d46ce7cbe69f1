/**
 * How long subscribers did not know what a task had come to, against the truth of the emulator.
 *
 * A client that polls every so often learns of a change that much later at most. A change is late when a subscriber has
 * not been told of it, or of a later one of the same task, by then.
 */

import type { EmulatedTask } from "../src/emulator/emulator.js";
import { taskAt } from "../src/emulator/task-life.js";

/** What a subscriber was told of a task's progress, and when. */
export interface Told {
  readonly at: number;
  readonly progress: number;
}

/** The instants at which the task's progress changes, each with what it changes to; the last is its end. */
export function changesOf(task: EmulatedTask): readonly Told[] {
  const changes: Told[] = [];
  for (let at = task.startedAt; at <= task.endsAt; at += 1) {
    const { progress } = taskAt({ ...task, pinnedProgress: null }, at);
    if (progress !== changes.at(-1)?.progress) changes.push({ at, progress });
  }
  return changes;
}

/**
 * For each change, how long the subscriber did not know: until it was told of that progress or more. `Infinity` when it
 * never was.
 *
 * @param since - when it subscribed; what was so before is counted from then.
 */
export function stalenessOf(changes: readonly Told[], told: readonly Told[], since: number): readonly number[] {
  return changes.map((change) => {
    const answer = told.find(({ progress }) => progress >= change.progress);
    return answer === undefined ? Infinity : Math.max(0, answer.at - Math.max(change.at, since));
  });
}
