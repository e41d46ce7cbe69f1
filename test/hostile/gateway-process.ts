/**
 * A gateway in a process of its own, so that its end, its memory and its pauses are seen from outside.
 *
 * `AttackedGateway` starts it and asks it by messages. Time stands still in it but where it is asked to move on: nothing
 * here waits for a poll. It ends with its parent, and by itself after a while, however blocked it is.
 */

import { Worker } from "node:worker_threads";
import { EMULATOR_REGION } from "../../src/emulator/emulator.js";
import { parseEndpoint } from "../../src/imm/wire/endpoints.js";
import { createOpenApi } from "../../src/imm/wire/openapi-client.js";
import { createGateway } from "../../src/server/gateway.js";
import type { GivenOptions } from "../../src/options/options.js";
import { ManualClock } from "../support/manual-clock.js";

/** What the process is started with. */
export interface ProcessOptions {
  readonly upstreamUrl: string;
  readonly gateway: GivenOptions;
}

/** What it is asked. */
export interface Question {
  readonly number: number;
  /** How far time moves before the answer. */
  readonly advanceMs: number;
  /** Whether memory is collected, then counted. */
  readonly collects: boolean;
}

/** What it answers. */
export interface Observation {
  readonly number: number;
  /** What is held; as it is before a collection when none was asked for. */
  readonly heapBytes: number;
  /** All that the system has given the process: what is written and not yet taken is held outside of the heap. */
  readonly rssBytes: number;
  /** The longest stretch of CPU time without a pause since the last answer: a busy machine does not lengthen it. */
  readonly longestBurstMs: number;
  /** What the gateway logged as its own defects since the last answer. */
  readonly defects: readonly string[];
  readonly watchedTasks: number;
  readonly pendingTimers: number;
}

/** A process that is blocked does not see its parent go. */
const MAX_LIFE_MS = 180_000;
const TICK_MS = 5;

new Worker(`setTimeout(() => process.kill(process.pid, "SIGKILL"), ${MAX_LIFE_MS})`, { eval: true }).unref();
process.on("disconnect", () => process.exit());

const { upstreamUrl, gateway: options } = JSON.parse(process.argv[2] ?? "") as ProcessOptions;
const clock = new ManualClock(Date.now());
let defects: string[] = [];
const { openApi } = await createOpenApi({
  endpoint: parseEndpoint(upstreamUrl),
  accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
  userAgent: "test",
});
const ignore = (): void => undefined;
const logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: (fields: object, message: string) => void defects.push(`${message} ${JSON.stringify(fields).slice(0, 2_000)}`),
};
const gateway = createGateway({ ...options, port: 0, openApi, clock, logger, region: EMULATOR_REGION });
const { url } = await gateway.start();

let longestBurstMs = 0;
let lastTick = { at: performance.now(), cpu: process.cpuUsage() };
function tick(): void {
  const { user, system } = process.cpuUsage(lastTick.cpu);
  const now = performance.now();
  // Threads of V8's own count as well: the time that went by is the other bound.
  longestBurstMs = Math.max(longestBurstMs, Math.min((user + system) / 1_000, now - lastTick.at));
  lastTick = { at: now, cpu: process.cpuUsage() };
}
setInterval(tick, TICK_MS);

async function answer({ number, advanceMs, collects }: Question): Promise<void> {
  if (advanceMs > 0) await clock.advance(advanceMs);
  tick();
  const burst = longestBurstMs;
  if (collects) globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const observation: Observation = {
    number,
    heapBytes: heapUsed + external,
    rssBytes: rss,
    longestBurstMs: burst,
    defects,
    watchedTasks: gateway.watchedTasks,
    pendingTimers: clock.pendingTimers,
  };
  defects = [];
  // The collection is the test's, not the gateway's.
  lastTick = { at: performance.now(), cpu: process.cpuUsage() };
  longestBurstMs = 0;
  process.send?.(observation);
}

process.on("message", (question: Question) => void answer(question));
process.send?.({ url });
