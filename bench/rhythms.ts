/**
 * The gateway beside what teams write today, side by side in one run: calls to IMM, the first event, and how long nobody
 * knows that a task has ended. Nothing is asked for: each follows its own rhythm.
 */

import { startEmulator, type Emulator } from "../src/emulator/emulator.js";
import { parseEndpoint } from "../src/imm/wire/endpoints.js";
import type { ImmClient } from "../src/imm/imm-client.js";
import { createOpenApi, OpenApiImmClient } from "../src/imm/wire/openapi-client.js";
import { MeasuredProcess } from "./measured-process.js";
import { pollForAll, pollForEach, type Told } from "./pollers.js";
import { percentile, promised, wait } from "./report.js";
import { Subscribers } from "./subscribers.js";

const TASKS = 100;
const SUBSCRIBERS = 200;
const MINUTE_MS = 60_000;
/** Tasks fail abruptly from here on, evenly spread. */
const FIRST_END_MS = 10_000;
const LAST_END_MS = 50_000;

/** Follows the tasks, each id as often as it is there; says when it began to, and how it is stopped. */
type Follow = (
  emulator: Emulator,
  taskIds: readonly string[],
  told: Told,
) => Promise<{ readonly begin: number; readonly stop: () => Promise<void> }>;

const contestants: Readonly<Record<string, Follow>> = {
  "this gateway": async (emulator, taskIds, told) => {
    const gateway = await MeasuredProcess.start("./gateway-process.js", emulator.url);
    const subscribers = new Subscribers(gateway.url);
    subscribers.onEvent = (subscriber, _progress, status) => told(taskIds[subscriber] ?? "", status);
    const begin = Date.now();
    void subscribers.subscribe(taskIds, undefined);
    const stop = async (): Promise<void> => {
      await subscribers.dispose();
      gateway.stop();
    };
    return { begin, stop };
  },
  "a loop for each tab": async (emulator, taskIds, told) => {
    const client = await connect(emulator);
    const begin = Date.now();
    const stop = pollForEach(client, taskIds, told);
    return { begin, stop: async () => stop() };
  },
  "a loop for the project": async (emulator, taskIds, told) => {
    const client = await connect(emulator);
    const begin = Date.now();
    const stop = pollForAll(client, [...new Set(taskIds)], told);
    return { begin, stop: async () => stop() };
  },
};

async function connect(emulator: Emulator): Promise<ImmClient> {
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(emulator.url),
    accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
    userAgent: "bench",
  });
  return new OpenApiImmClient({ openApi, callTimeoutMs: 5_000 });
}

interface Outcome {
  readonly calls: number;
  readonly firstMs: readonly number[];
  readonly endMs: readonly number[];
}

async function measure(follow: Follow, startedAgoMs: number, faultRate: number): Promise<Outcome> {
  const emulator = await startEmulator({ maxRequestsPerSecond: Infinity });
  const taskIds = Array.from({ length: TASKS }, (_value, index) => `task-${String(index).padStart(3, "0")}`);
  for (const [index, taskId] of taskIds.entries()) {
    emulator.addTask({
      taskType: "FileCompression",
      taskId,
      durationMs: Infinity,
      startedAgoMs: startedAgoMs + index * 100,
    });
  }
  if (faultRate > 0) emulator.injectFault({ kind: "serverError", rate: faultRate });
  const endedAt = new Map<string, number>();
  const firstAt = new Map<string, number>();
  const endMs = new Map<string, number>();
  const followed = Array.from({ length: SUBSCRIBERS }, (_value, index) => taskIds[index % TASKS] ?? "");
  const { begin, stop } = await follow(emulator, followed, (taskId, status) => {
    if (!firstAt.has(taskId)) firstAt.set(taskId, Date.now());
    if (!/^running$/i.test(status) && !endMs.has(taskId)) endMs.set(taskId, Date.now() - (endedAt.get(taskId) ?? 0));
  });
  const ends = taskIds.map(async (taskId, index) => {
    await wait(FIRST_END_MS + ((LAST_END_MS - FIRST_END_MS) * index) / TASKS - (Date.now() - begin));
    endedAt.set(taskId, Date.now());
    emulator.failTask(taskId, "InternalError", "It failed.");
  });
  await Promise.all(ends);
  await wait(MINUTE_MS - (Date.now() - begin));
  const outcome = {
    calls: emulator.calls.length,
    firstMs: taskIds.map((taskId) => (firstAt.get(taskId) ?? Infinity) - begin),
    endMs: taskIds.map((taskId) => endMs.get(taskId) ?? Infinity),
  };
  await stop();
  await emulator.close();
  return outcome;
}

/** Prints a table for young and old tasks, with and without faults. */
export async function benchRhythms(): Promise<void> {
  for (const [age, startedAgoMs] of [
    ["seconds", 1_000],
    ["30 minutes", 30 * MINUTE_MS],
  ] as const) {
    for (const faultRate of [0, 0.2]) {
      console.log(
        `${SUBSCRIBERS} subscribers of ${TASKS} tasks that have run for ${age}, one minute${faultRate > 0 ? ", one call in five fails" : ""}`,
      );
      const rows = Object.entries(contestants).map(
        async ([name, follow]) => [name, await measure(follow, startedAgoMs, faultRate)] as const,
      );
      for (const [name, { calls, firstMs, endMs }] of await Promise.all(rows)) {
        const [p50, p95] = [percentile(endMs, 0.5), percentile(endMs, 0.95)];
        const isKept = p50 <= 1_200 && p95 <= 2_300;
        const promise =
          name === "this gateway" && faultRate === 0 ? `, ${promised(isKept, "promised 1200 and 2300")}` : "";
        console.log(
          `  ${name.padEnd(23)} ${String(calls).padStart(5)} calls; first event p95 ${percentile(firstMs, 0.95)} ms; end known p50 ${p50} ms, p95 ${p95} ms${promise}`,
        );
      }
    }
  }
}
