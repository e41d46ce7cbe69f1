/**
 * What watching costs: calls to IMM against the naive poll loop, delivery to subscribers, CPU and memory of the gateway.
 *
 *   npm run bench:watch [calls] [crowd] [fanout] [churn]        METRICS=1 turns the gateway's metrics on
 *
 * The emulator and the subscribers run in this process, the gateway in another, over real sockets on this machine. Times
 * are real: the whole takes about ten minutes. The exit code is 1 when a row does not keep what is promised of it.
 */

import type { Client } from "graphql-ws";
import { benchFanOut } from "./fan-out.js";
import { GatewayBench } from "./gateway-bench.js";
import { percentile, promised, wait } from "./report.js";
import { benchRhythms } from "./rhythms.js";
import { changesOf, stalenessOf, type Told } from "./staleness.js";
import { DOCUMENT } from "./subscribers.js";

function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_value, index) => `task-${String(index).padStart(5, "0")}`);
}

/** A thousand subscribers on a hundred tasks that all end within the minute, at a two-second interval. */
async function benchCalls(): Promise<void> {
  const intervalMs = 2_000;
  // A poll and its answer take time too, and so does telling a thousand subscribers.
  const slackMs = 250;
  const bench = await GatewayBench.start();
  const { emulator, subscribers } = bench;
  const tasks = names(100).map((taskId, index) =>
    emulator.addTask({ taskType: "FileCompression", taskId, durationMs: 30_000 + index * 250 }),
  );
  const told = Array.from({ length: 1_000 }, (): Told[] => []);
  subscribers.onEvent = (subscriber, progress) => void told[subscriber]?.push({ at: Date.now(), progress });
  const begin = Date.now();
  await subscribers.subscribe(
    told.map((_told, subscriber) => tasks[subscriber % tasks.length]?.taskId ?? ""),
    intervalMs,
  );
  await wait(60_000 - (Date.now() - begin));
  const calls = emulator.calls.length;
  const getTasks = emulator.calls.filter(({ action }) => action === "GetTask").length;
  const changes = tasks.map(changesOf);
  const staleness = told.flatMap((ofOne, subscriber) =>
    stalenessOf(changes[subscriber % tasks.length] ?? [], ofOne, begin),
  );
  const late = staleness.filter((ms) => ms > intervalMs + slackMs).length;
  console.log("1,000 subscribers on 100 tasks, one minute, 2 s interval");
  console.log(
    `  calls to IMM            ${calls} (${getTasks} GetTask, ${calls - getTasks} ListTasks), ${promised(calls <= 65, "promised 65 at most")}`,
  );
  console.log(`  the naive poll loops    30000, ${(30_000 / calls).toFixed(0)} times as many`);
  console.log(
    `  events, final states    ${subscribers.events}, ${subscribers.finals} of 1000, ${promised(subscribers.finals === 1_000, "promised all")}`,
  );
  console.log(
    `  changes known late      ${late} of ${staleness.length}, ${promised(late === 0, `promised none after ${intervalMs + slackMs} ms`)}; p50 ${percentile(staleness, 0.5)} ms, the latest ${percentile(staleness, 1)} ms`,
  );
  await bench.stop();
}

/** Ten thousand subscribers on five hundred tasks: calls a second, memory, and how long a change takes to arrive. */
async function benchCrowd(): Promise<void> {
  const bench = await GatewayBench.start();
  const { emulator, gateway, subscribers } = bench;
  const taskIds = names(500);
  for (const taskId of taskIds) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
  for (const taskId of taskIds) emulator.setProgress(taskId, 1);
  const idle = await gateway.memory();
  await subscribers.subscribe(
    Array.from({ length: 10_000 }, (_value, index) => taskIds[index % 500] ?? ""),
    2_000,
  );
  await wait(2_000);
  emulator.clearCalls();
  const seconds = 20;
  await wait(seconds * 1_000);
  const callsPerSecond = emulator.calls.length / seconds;
  const busy = await gateway.memory();
  const latencies: number[] = [];
  let changedAt = Date.now();
  subscribers.onEvent = () => void latencies.push(Date.now() - changedAt);
  for (let round = 2; round < 7; round += 1) {
    changedAt = Date.now();
    for (const taskId of taskIds) emulator.setProgress(taskId, round);
    await wait(3_000);
  }
  console.log("10,000 subscribers on 500 tasks, 2 s interval");
  console.log(`  calls to IMM a second   ${callsPerSecond.toFixed(2)}`);
  console.log(
    `  memory a subscriber     ${((busy.heapBytes - idle.heapBytes) / 10_000 / 1_024).toFixed(1)} KiB of heap, ${((busy.rssBytes - idle.rssBytes) / 10_000 / 1_024).toFixed(1)} KiB of the process`,
  );
  console.log(
    `  change to client        p50 ${percentile(latencies, 0.5)} ms, p99 ${percentile(latencies, 0.99)} ms (${latencies.length} deliveries; up to 2000 ms of it is the interval)`,
  );
  await bench.stop();
}

/** A hundred thousand short subscriptions, fifty at a time: what is left of them in the gateway's heap. */
async function benchChurn(): Promise<void> {
  const bench = await GatewayBench.start();
  bench.emulator.addTask({ taskType: "FileCompression", taskId: "task", durationMs: Infinity });
  const clients = Array.from({ length: 50 }, () => bench.subscribers.connect());
  const churn = async (client: Client, times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      const events = client.iterate({ query: DOCUMENT, variables: { taskId: "task" } });
      await events.next();
      await events.return?.();
    }
  };
  await Promise.all(clients.map(async (client) => churn(client, 100)));
  const before = await bench.gateway.memory();
  await Promise.all(clients.map(async (client) => churn(client, 2_000)));
  const after = await bench.gateway.memory();
  const change = ((after.heapBytes - before.heapBytes) / before.heapBytes) * 100;
  console.log("100,000 short subscriptions, 50 at a time");
  console.log(
    `  heap before, after      ${toMiB(before.heapBytes)}, ${toMiB(after.heapBytes)} MiB (${change.toFixed(1)} %)`,
  );
  console.log(`  watches left            ${after.watchedTasks}`);
  await bench.stop();
}

function toMiB(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1);
}

const rows: Readonly<Record<string, () => Promise<void>>> = {
  calls: async () => {
    await benchCalls();
    await benchRhythms();
  },
  crowd: benchCrowd,
  fanout: benchFanOut,
  churn: benchChurn,
};
const wanted = process.argv.slice(2);
for (const [name, run] of Object.entries(rows)) if (wanted.length === 0 || wanted.includes(name)) await run();
process.exit();
