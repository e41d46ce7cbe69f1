/** The tasks that tests name where any would do, and the parts of a task that they read. */

import { NO_PARTS, type TaskKey, type TaskParts } from "../../src/tasks/task.js";

/** A task, as the emulator adds it and a query names it. */
export const RUN = { taskType: "FileCompression", taskId: "run" } as const;

/** With its progress, and nothing else that costs a call. */
export const PROGRESS: TaskParts = { ...NO_PARTS, progress: true };

/** The key of a task of the emulator's project. */
export function keyOf(taskId: string, taskType = "FileCompression"): TaskKey {
  return { projectName: "immtest", taskType, taskId };
}
