/**
 * What watching costs: calls to IMM against the naive poll loop, delivery to subscribers, CPU and memory of the gateway.
 *
 *   npm run bench:watch [calls] [crowd] [fanout] [churn]        METRICS=1 turns the gateway's metrics on
 *
 * The emulator and the subscribers run in this process, the gateway in another, over real sockets on this machine. Times
 * are real: the whole takes about ten minutes. The exit code is 1 when a row does not keep what is promised of it.
 */

import type { Client } from "graphql-ws";
import { startEmulator, type Emulator } from "../src/emulator/emulator.js";
import type { Change } from "./graphql-ws-process.js";
import { MeasuredProcess } from "./measured-process.js";
import { percentile, promised, wait } from "./report.js";
import { benchRhythms } from "./rhythms.js";
import { changesOf, stalenessOf, type Told } from "./staleness.js";
import { DOCUMENT, Subscribers } from "./subscribers.js";

/** A gateway, the emulator behind it, and the subscribers before it. */
class Bench {
  readonly emulator: Emulator;
  readonly gateway: MeasuredProcess;
  readonly subscribers: Subscribers;

  private constructor(emulator: Emulator, gateway: MeasuredProcess) {
    this.emulator = emulator;
    this.gateway = gateway;
    this.subscribers = new Subscribers(gateway.url);
  }

  static async start(): Promise<Bench> {
    const emulator = await startEmulator({ maxRequestsPerSecond: Infinity });
    return new Bench(emulator, await MeasuredProcess.start("./gateway-process.js", emulator.url));
  }

  async stop(): Promise<void> {
    await this.subscribers.dispose();
    this.gateway.stop();
    await this.emulator.close();
  }
}

function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_value, index) => `task-${String(index).padStart(5, "0")}`);
}

/** A thousand subscribers on a hundred tasks that all end within the minute, at a two-second interval. */
async function benchCalls(): Promise<void> {
  const intervalMs = 2_000;
  // A poll and its answer take time too, and so does telling a thousand subscribers.
  const slackMs = 250;
  const bench = await Bench.start();
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
  const bench = await Bench.start();
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

const FAN_OUT_SUBSCRIBERS = 4_000;
const FAN_OUT_CHANGES = 20;

/** What changes of one task cost a server for each of its subscribers, in microseconds, and how many were delivered. */
async function measureFanOut(
  server: MeasuredProcess,
  subscribers: Subscribers,
  onSocket: number,
  change: (progress: number) => void,
): Promise<{ readonly cpuUs: number; readonly deliveries: number }> {
  await subscribers.subscribe(
    Array.from({ length: FAN_OUT_SUBSCRIBERS }, () => "task"),
    1_000,
    onSocket,
  );
  const cpuBefore = await server.cpuMs();
  const eventsBefore = subscribers.events;
  for (let progress = 2; progress < 2 + FAN_OUT_CHANGES; progress += 1) {
    change(progress);
    await wait(1_000);
  }
  const cpuMs = (await server.cpuMs()) - cpuBefore;
  const deliveries = subscribers.events - eventsBefore;
  return { cpuUs: (cpuMs * 1_000) / deliveries, deliveries };
}

async function measureGateway(onSocket: number): ReturnType<typeof measureFanOut> {
  const bench = await Bench.start();
  bench.emulator.addTask({ taskType: "FileCompression", taskId: "task", durationMs: Infinity });
  bench.emulator.setProgress("task", 1);
  const cost = await measureFanOut(bench.gateway, bench.subscribers, onSocket, (progress) =>
    bench.emulator.setProgress("task", progress),
  );
  await bench.stop();
  return cost;
}

async function measureDocumentedWay(onSocket: number): ReturnType<typeof measureFanOut> {
  const server = await MeasuredProcess.start("./graphql-ws-process.js");
  const subscribers = new Subscribers(server.url);
  const cost = await measureFanOut(server, subscribers, onSocket, (progress) =>
    server.tell({ progress } satisfies Change),
  );
  await subscribers.dispose();
  server.stop();
  return cost;
}

/** Four thousand subscribers of one task: what one change costs the gateway for each, beside graphql-ws's own way. */
async function benchFanOut(): Promise<void> {
  for (const { onSocket, maxCpuUs } of [
    { onSocket: 100, maxCpuUs: 12 },
    // The system's work for a socket is most of this; nothing is promised of it.
    { onSocket: 1, maxCpuUs: Infinity },
  ]) {
    const ours = await measureGateway(onSocket);
    const theirs = await measureDocumentedWay(onSocket);
    const promise =
      maxCpuUs === Infinity ? "" : `, ${promised(ours.cpuUs <= maxCpuUs, `promised ${maxCpuUs} at most`)}`;
    console.log(`4,000 subscribers of one task, ${onSocket} on a socket, a change a second`);
    console.log(`  CPU a delivery          ${ours.cpuUs.toFixed(1)} µs (${ours.deliveries} deliveries)${promise}`);
    console.log(
      `  graphql-ws as it says   ${theirs.cpuUs.toFixed(1)} µs (${theirs.deliveries} deliveries), ${(theirs.cpuUs / ours.cpuUs).toFixed(1)} times as much`,
    );
  }
}

/** A hundred thousand short subscriptions, fifty at a time: what is left of them in the gateway's heap. */
async function benchChurn(): Promise<void> {
  const bench = await Bench.start();
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
