/**
 * What watching costs: calls to IMM against the naive poll loop, delivery to subscribers, CPU and memory of the gateway.
 *
 *   npm run bench:watch [calls] [crowd] [fanout] [churn]
 *
 * The emulator and the subscribers run in this process, the gateway in another, over real sockets on this machine. Times
 * are real: the whole takes about three minutes.
 */

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createClient, type Client } from "graphql-ws";
import { WebSocket } from "ws";
import { startEmulator, type Emulator } from "../src/emulator/emulator.js";
import type { Usage } from "./gateway-process.js";

const DOCUMENT = `subscription ($taskId: String!, $maxStalenessMs: Int) {
  taskProgress(projectName: "immtest", taskType: "FileCompression", taskId: $taskId, maxStalenessMs: $maxStalenessMs) {
    id status progress
  }
}`;
const SUBSCRIPTIONS_PER_SOCKET = 100;

interface Progress {
  readonly taskProgress: { readonly status: string; readonly progress: number | null };
}

class Bench {
  readonly emulator: Emulator;
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #clients: Client[] = [];
  events = 0;
  finals = 0;
  onEvent: (taskId: string, progress: number) => void = () => undefined;

  private constructor(emulator: Emulator, gatewayProcess: ChildProcess, url: string) {
    this.emulator = emulator;
    this.#process = gatewayProcess;
    this.url = url;
  }

  static async start(): Promise<Bench> {
    const emulator = await startEmulator({ maxRequestsPerSecond: Infinity });
    const child = fork(new URL("./gateway-process.js", import.meta.url), [emulator.url], { execArgv: ["--expose-gc"] });
    const [message] = (await once(child, "message")) as [{ url: string }];
    return new Bench(emulator, child, message.url);
  }

  async usage(): Promise<Usage> {
    this.#process.send("usage");
    const [usage] = (await once(this.#process, "message")) as [Usage];
    return usage;
  }

  /** Opens subscriptions, and comes back when each has had its first snapshot. */
  async subscribe(taskIds: readonly string[], maxStalenessMs: number): Promise<void> {
    let waiting = taskIds.length;
    await new Promise<void>((resolve) => {
      for (const [index, taskId] of taskIds.entries()) {
        const client = this.#clientFor(index);
        let isFirst = true;
        client.subscribe<Progress>(
          { query: DOCUMENT, variables: { taskId, maxStalenessMs } },
          {
            next: ({ data }) => {
              this.events += 1;
              if (data?.taskProgress.status === "SUCCEEDED") this.finals += 1;
              this.onEvent(taskId, data?.taskProgress.progress ?? -1);
              waiting -= isFirst ? 1 : 0;
              isFirst = false;
              if (waiting === 0) resolve();
            },
            error: (error) => console.error("A subscription failed:", error),
            complete: () => undefined,
          },
        );
      }
    });
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.dispose();
    this.#process.kill("SIGKILL");
    await this.emulator.close();
  }

  /** One more socket. */
  connect(): Client {
    const client = createClient({ url: `${this.url.replace("http", "ws")}/graphql`, webSocketImpl: WebSocket });
    this.#clients.push(client);
    return client;
  }

  #clientFor(index: number): Client {
    return this.#clients[Math.floor(index / SUBSCRIPTIONS_PER_SOCKET)] ?? this.connect();
  }
}

async function wait(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_value, index) => `task-${String(index).padStart(5, "0")}`);
}

/** A thousand subscribers on a hundred tasks that all end within the minute, at a two-second interval. */
async function benchCalls(): Promise<void> {
  const bench = await Bench.start();
  const taskIds = names(100);
  for (const [index, taskId] of taskIds.entries()) {
    bench.emulator.addTask({ taskType: "FileCompression", taskId, durationMs: 30_000 + index * 250 });
  }
  const begin = Date.now();
  await bench.subscribe(
    Array.from({ length: 1_000 }, (_value, index) => taskIds[index % 100] ?? ""),
    2_000,
  );
  await wait(60_000 - (Date.now() - begin));
  const calls = bench.emulator.calls.length;
  const getTasks = bench.emulator.calls.filter(({ action }) => action === "GetTask").length;
  console.log("1,000 subscribers on 100 tasks, one minute, 2 s interval");
  console.log(`  calls to IMM            ${calls} (${getTasks} GetTask, ${calls - getTasks} ListTasks)`);
  console.log(`  the naive poll loops    30000, ${(30_000 / calls).toFixed(0)} times as many`);
  console.log(`  events, final states    ${bench.events}, ${bench.finals} of 1000`);
  await bench.stop();
}

/** Ten thousand subscribers on five hundred tasks: calls a second, memory, and how long a change takes to arrive. */
async function benchCrowd(): Promise<void> {
  const bench = await Bench.start();
  const taskIds = names(500);
  for (const taskId of taskIds) bench.emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
  for (const taskId of taskIds) bench.emulator.setProgress(taskId, 1);
  const idle = await bench.usage();
  await bench.subscribe(
    Array.from({ length: 10_000 }, (_value, index) => taskIds[index % 500] ?? ""),
    2_000,
  );
  await wait(2_000);
  bench.emulator.clearCalls();
  const seconds = 20;
  await wait(seconds * 1_000);
  const callsPerSecond = bench.emulator.calls.length / seconds;
  const busy = await bench.usage();
  const latencies: number[] = [];
  let changedAt = Date.now();
  bench.onEvent = () => void latencies.push(Date.now() - changedAt);
  for (let round = 2; round < 7; round += 1) {
    changedAt = Date.now();
    for (const taskId of taskIds) bench.emulator.setProgress(taskId, round);
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

/** Four thousand subscribers of one task: what one change costs the gateway for each. */
async function benchFanOut(): Promise<void> {
  const bench = await Bench.start();
  bench.emulator.addTask({ taskType: "FileCompression", taskId: "task", durationMs: Infinity });
  bench.emulator.setProgress("task", 1);
  await bench.subscribe(
    Array.from({ length: 4_000 }, () => "task"),
    1_000,
  );
  const begin = await bench.usage();
  const eventsBefore = bench.events;
  for (let progress = 2; progress < 32; progress += 1) {
    bench.emulator.setProgress("task", progress);
    await wait(1_000);
  }
  const end = await bench.usage();
  const deliveries = bench.events - eventsBefore;
  console.log("4,000 subscribers of one task, a change a second");
  console.log(
    `  CPU a delivery          ${(((end.cpuMs - begin.cpuMs) * 1_000) / deliveries).toFixed(1)} µs (${deliveries} deliveries)`,
  );
  await bench.stop();
}

/** A hundred thousand short subscriptions, fifty at a time: what is left of them in the gateway's heap. */
async function benchChurn(): Promise<void> {
  const bench = await Bench.start();
  bench.emulator.addTask({ taskType: "FileCompression", taskId: "task", durationMs: Infinity });
  const clients = Array.from({ length: 50 }, () => bench.connect());
  const churn = async (client: Client, times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      const events = client.iterate({ query: DOCUMENT, variables: { taskId: "task" } });
      await events.next();
      await events.return?.();
    }
  };
  await Promise.all(clients.map(async (client) => churn(client, 100)));
  const before = await bench.usage();
  await Promise.all(clients.map(async (client) => churn(client, 2_000)));
  const after = await bench.usage();
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
  calls: benchCalls,
  crowd: benchCrowd,
  fanout: benchFanOut,
  churn: benchChurn,
};
const wanted = process.argv.slice(2);
for (const [name, run] of Object.entries(rows)) if (wanted.length === 0 || wanted.includes(name)) await run();
process.exit(0);
