/** What teams write today, to be measured beside the gateway: both ask IMM directly, by the same client. */

import type { ImmClient } from "../src/imm/imm-client.js";

/** Told of each answer: whose it is, and IMM's word for the state. */
export type Told = (taskId: string, status: string) => void;

const PROJECT = { projectName: "immtest" };
const INTERVAL_MS = 2_000;

/** Repeats `poll` until the returned function is called; a poll that fails is made up for by the next. */
function every(intervalMs: number, poll: () => Promise<void>): () => void {
  const again = (): void => void poll().catch(() => undefined);
  again();
  const timer = setInterval(again, intervalMs);
  return () => clearInterval(timer);
}

/** A poll loop in every browser tab: GetTask every two seconds until its task has ended. */
export function pollForEach(client: ImmClient, taskIds: readonly string[], told: Told): () => void {
  const stops = taskIds.map((taskId) => {
    const stop = every(INTERVAL_MS, async () => {
      const { status } = await client.getTask({ ...PROJECT, taskType: "FileCompression", taskId });
      told(taskId, status);
      if (status !== "Running") stop();
    });
    return stop;
  });
  return () => stops.forEach((stop) => stop());
}

/** One loop for a project: its running tasks every two seconds, and a GetTask for each that is not among them any more. */
export function pollForAll(client: ImmClient, taskIds: readonly string[], told: Told): () => void {
  const open = new Set(taskIds);
  const stop = every(INTERVAL_MS, async () => {
    const running = new Set<string>();
    let nextToken: string | undefined;
    do {
      const page = await client.listTasks({
        ...PROJECT,
        status: "Running",
        ...(nextToken !== undefined && { nextToken }),
      });
      for (const { taskId } of page.tasks) running.add(taskId);
      ({ nextToken } = page);
    } while (nextToken !== undefined);
    for (const taskId of open) if (running.has(taskId)) told(taskId, "Running");
    const missing = [...open].filter((taskId) => !running.has(taskId));
    await Promise.all(
      missing.map(async (taskId) => {
        const { status } = await client.getTask({ ...PROJECT, taskType: "FileCompression", taskId });
        told(taskId, status);
        if (status !== "Running") open.delete(taskId);
      }),
    );
    if (open.size === 0) stop();
  });
  return stop;
}
