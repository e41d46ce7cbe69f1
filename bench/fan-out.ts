/**
 * What the delivery of a task's changes costs: with a socket for each subscriber, beside a server of bare `ws` that sends the
 * same bytes; with a hundred subscribers on a socket, beside graphql-ws as its documentation has it.
 */

import { toGlobalTaskId } from "../src/tasks/task-id.js";
import { EMULATOR_REGION } from "../src/emulator/emulator.js";
import type { BareChange } from "./bare-ws-process.js";
import { GatewayBench } from "./gateway-bench.js";
import type { Change } from "./graphql-ws-process.js";
import { MeasuredProcess, type Usage } from "./measured-process.js";
import { promised, wait } from "./report.js";
import { Subscribers } from "./subscribers.js";

/** A server whose deliveries are measured, and its subscribers. */
interface Measured {
  readonly server: MeasuredProcess;
  readonly subscribers: Subscribers;
  /** Lets the task have another progress. */
  readonly change: (progress: number) => void;
  readonly stop: () => Promise<void>;
}

const TASK = { projectName: "immtest", taskType: "FileCompression", taskId: "task" };
const CHANGES = 20;
/** One progress of two digits after another: all results are of one length. */
const FIRST_PROGRESS = 10;

async function startGateway(): Promise<Measured> {
  const bench = await GatewayBench.start();
  const { gateway, emulator, subscribers } = bench;
  emulator.addTask({ ...TASK, durationMs: Infinity });
  const change = (progress: number): void => emulator.setProgress(TASK.taskId, progress);
  change(FIRST_PROGRESS);
  return { server: gateway, subscribers, change, stop: async () => bench.stop() };
}

async function startBareWs(): Promise<Measured> {
  const toText = (progress: number): string => {
    const id = toGlobalTaskId({ region: EMULATOR_REGION, ...TASK });
    return JSON.stringify({ data: { taskProgress: { id, status: "RUNNING", progress } } });
  };
  const server = await MeasuredProcess.start("./bare-ws-process.js", toText(FIRST_PROGRESS));
  const change = (progress: number): void => server.tell({ text: toText(progress) } satisfies BareChange);
  return withSubscribers(server, change);
}

async function startDocumentedWay(): Promise<Measured> {
  const server = await MeasuredProcess.start("./graphql-ws-process.js");
  return withSubscribers(server, (progress) => server.tell({ progress } satisfies Change));
}

function withSubscribers(server: MeasuredProcess, change: (progress: number) => void): Measured {
  const subscribers = new Subscribers(server.url);
  const stop = async (): Promise<void> => {
    await subscribers.dispose();
    server.stop();
  };
  return { server, subscribers, change, stop };
}

/** What a server was measured to take. */
interface Cost {
  /** For each delivery, in microseconds. */
  readonly cpuUs: number;
  readonly deliveries: number;
  /** Of each delivery, as its subscriber received it. */
  readonly bytes: number;
  /** Resident for each subscriber, in KiB. */
  readonly memoryKiB: number;
}

/** Changes once a second, of each server at another moment of it: whatever else this machine does is the same for all. */
async function measure(servers: readonly Measured[], count: number, onSocket: number): Promise<readonly Cost[]> {
  const before = await Promise.all(servers.map(async ({ server }) => server.memory()));
  for (const { subscribers } of servers) {
    await subscribers.subscribe(
      Array.from({ length: count }, () => TASK.taskId),
      1_000,
      onSocket,
    );
  }
  // What the subscriptions themselves took has been cleared away by then.
  await wait(5_000);
  const begin = await Promise.all(servers.map(read));
  for (let progress = FIRST_PROGRESS + 1; progress <= FIRST_PROGRESS + CHANGES; progress += 1) {
    for (const { change } of servers) {
      change(progress);
      await wait(1_000 / servers.length);
    }
  }
  // The last change is polled.
  await wait(1_500);
  const end = await Promise.all(servers.map(read));
  const after = await Promise.all(servers.map(async ({ server }) => server.memory()));
  return servers.map((_server, index) => {
    const [from, to] = [begin[index] as Reading, end[index] as Reading];
    const deliveries = to.events - from.events;
    return {
      cpuUs: ((to.cpuMs - from.cpuMs) * 1_000) / deliveries,
      deliveries,
      bytes: (to.bytes - from.bytes) / deliveries,
      memoryKiB: ((after[index] as Usage).rssBytes - (before[index] as Usage).rssBytes) / count / 1_024,
    };
  });
}

interface Reading {
  readonly cpuMs: number;
  readonly events: number;
  readonly bytes: number;
}

async function read({ server, subscribers: { events, bytes } }: Measured): Promise<Reading> {
  return { cpuMs: await server.cpuMs(), events, bytes };
}

/** Two thousand subscribers of one task, each with a socket of its own. */
async function benchSocketEach(): Promise<void> {
  const count = 2_000;
  const servers = [await startGateway(), await startBareWs()];
  const [ours, bare] = (await measure(servers, count, 1)) as [Cost, Cost];
  for (const { stop } of servers) await stop();
  console.log(`${count} subscribers of one task, a socket each, a change a second`);
  console.log(
    `  CPU a delivery          ${ours.cpuUs.toFixed(1)} µs (${ours.deliveries} deliveries of ${ours.bytes.toFixed(0)} bytes)`,
  );
  console.log(
    `  a server of bare ws     ${bare.cpuUs.toFixed(1)} µs (${bare.deliveries} deliveries of ${bare.bytes.toFixed(0)} bytes)`,
  );
  const ratio = ours.cpuUs / bare.cpuUs;
  console.log(`  ours by that            ${ratio.toFixed(2)}, ${promised(ratio <= 1.15, "promised 1.15 at most")}`);
  console.log(
    `  memory a subscriber     ${ours.memoryKiB.toFixed(1)} KiB of the process, ${promised(ours.memoryKiB <= 25, "promised 25 at most")}; bare ws ${bare.memoryKiB.toFixed(1)}, ratio ${(ours.memoryKiB / bare.memoryKiB).toFixed(2)}`,
  );
}

/** Four thousand subscribers of one task, a hundred on a socket. */
async function benchSharedSockets(): Promise<void> {
  const count = 4_000;
  const servers = [await startGateway(), await startDocumentedWay()];
  const [ours, theirs] = (await measure(servers, count, 100)) as [Cost, Cost];
  for (const { stop } of servers) await stop();
  console.log(`${count} subscribers of one task, 100 on a socket, a change a second`);
  console.log(
    `  CPU a delivery          ${ours.cpuUs.toFixed(1)} µs (${ours.deliveries} deliveries), ${promised(ours.cpuUs <= 6, "promised 6 at most")}`,
  );
  console.log(
    `  graphql-ws as it says   ${theirs.cpuUs.toFixed(1)} µs (${theirs.deliveries} deliveries), ${(theirs.cpuUs / ours.cpuUs).toFixed(1)} times as much`,
  );
}

export async function benchFanOut(): Promise<void> {
  await benchSocketEach();
  await benchSharedSockets();
}
