/**
 * From the description of a task to its planned life. Pure but for the id it draws. Used by `emulator.ts` for tasks that
 * are added, and by `imm-service.ts` for those that clients create.
 */

import { randomUUID } from "node:crypto";
import { plausibleResult } from "./results.js";
import type { Pace, Task, TaskOutcome } from "./task-life.js";

/** A task to add, with its whole life planned. */
export interface NewTask {
  /** @default the emulator's first project */
  readonly projectName?: string;
  readonly taskType: string;
  /** Unique in the whole emulator. @default `${taskType}-${uuid}` */
  readonly taskId?: string;
  /** How long it runs, before `timeScale`; `Infinity` runs until it is finished or failed. @default 20_000 // 20 seconds */
  readonly durationMs?: number;
  /** How long ago it started; `timeScale` does not apply. @default 0 */
  readonly startedAgoMs?: number;
  /**
   * Starts it at the first GetTask that names it, instead of `startedAgoMs`. ListTasks does not show it before, nor
   * do the seven days begin. IMM has no such task: it is for a demo that has to work whenever someone first looks.
   *
   * @default false
   */
  readonly startsWhenFirstSeen?: boolean;
  /** How it ends. @default { status: "Succeeded" } */
  readonly outcome?: TaskOutcome;
  /** How progress spreads over the duration. @default "steady" */
  readonly pace?: Pace;
  /** The parameters it was created with: JSON text as IMM stores it, or deliberately not JSON. @default none */
  readonly requestDefinition?: string;
  /** @default none */
  readonly userData?: string;
  /** @default none */
  readonly tags?: Readonly<Record<string, unknown>>;
  /**
   * What the result operation of its type answers once it has succeeded: the value of that operation's outcome, by the
   * wire's names. Types without such an operation have no use for it.
   *
   * @default a plausible one, see `results.ts`
   */
  readonly result?: unknown;
}

/**
 * The task that `newTask` describes, started now or as long ago as it says.
 *
 * @param timeScale - divides its duration.
 * @throws RangeError - when a number is out of its range
 */
export function planTask(newTask: NewTask, projectName: string, timeScale: number, now: number): Task {
  const { taskType, durationMs = 20_000, startedAgoMs = 0, startsWhenFirstSeen = false } = newTask;
  if (!(durationMs >= 0)) throw new RangeError(`Expected \`durationMs\` to be 0 or more, got \`${durationMs}\``);
  if (!(startedAgoMs >= 0 && startedAgoMs < Infinity)) {
    throw new RangeError(`Expected \`startedAgoMs\` to be 0 or more and finite, got \`${startedAgoMs}\``);
  }
  // Instants are whole milliseconds: IMM prints them, and ranges compare with what it printed.
  const scaledMs = Math.round(durationMs / timeScale);
  const startedAt = startsWhenFirstSeen ? Infinity : Math.round(now - startedAgoMs);
  return {
    projectName,
    taskType,
    taskId: newTask.taskId ?? `${taskType}-${randomUUID()}`,
    durationMs: scaledMs,
    startedAt,
    endsAt: startedAt + scaledMs,
    outcome: newTask.outcome ?? { status: "Succeeded" },
    pace: newTask.pace ?? "steady",
    pinnedProgress: null,
    requestDefinition: newTask.requestDefinition,
    userData: newTask.userData,
    tags: newTask.tags,
    result: newTask.result ?? plausibleResult(taskType),
  };
}
