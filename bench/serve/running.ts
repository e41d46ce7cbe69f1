/** Tasks that run at the emulator, which the servers of the comparison ask. Some started together, the others over an hour. */

import { startEmulator, type Emulator } from "../../src/emulator/emulator.js";
import type { Case } from "./cases.js";

const PROJECT = "immtest";
const TASK_TYPE = "FileCompression";
const QUERY = "query Running($key: TaskKeyInput!) { task(key: $key) { status progress } }";

/** So many started over the last hour, each at another moment; and so many in the same one. */
const SPREAD = 200;
const TOGETHER = 400;
const HOUR_MS = 3_600_000;

/** The emulator with its tasks. */
export async function startRunning(): Promise<Emulator> {
  const emulator = await startEmulator({ maxRequestsPerSecond: Infinity });
  const add = (taskId: string, progress: number, startedAgoMs: number): void => {
    emulator.addTask({ taskType: TASK_TYPE, taskId, durationMs: Infinity, startedAgoMs });
    emulator.setProgress(taskId, progress);
  };
  // Prime to the number of tasks, so that they do not come in the order of their starts.
  const step = 73;
  for (let index = 0; index < SPREAD; index += 1)
    add(`spread-${index}`, 1 + (index % 99), (((index * step) % SPREAD) * HOUR_MS) / SPREAD);
  for (let index = 0; index < TOGETHER; index += 1) add(`together-${index}`, 1 + (index % 99), 2 * HOUR_MS);
  return emulator;
}

function ask(title: string, name: string, count: number): Case {
  const variables = Array.from({ length: count }, (_value, index) => ({
    key: { projectName: PROJECT, taskType: TASK_TYPE, taskId: `${name}-${index}` },
  }));
  return { title, requests: 400, query: QUERY, variables };
}

/** What is asked of the servers that ask the emulator. */
export const runningCases: Readonly<Record<string, Case>> = {
  running: ask("one running task, asked for at IMM", "spread", SPREAD),
  together: ask("one of 400 that started together", "together", TOGETHER),
};
