/**
 * What the delivery of a task's changes costs: with a socket for each subscriber, beside a server of bare `ws` that sends the
 * same bytes; with a hundred subscribers on a socket, beside graphql-ws as its documentation has it.
 */

import { toGlobalTaskId } from "../src/tasks/task-id.js";
import { EMULATOR_REGION } from "../src/emulator/emulator.js";
import type { BareChange } from "./bare-ws-process.js";
import { GatewayBench } from "./gateway-bench.js";
import type { Change } from "./graphql-ws-process.js";
import { startIssuer, type Issuer } from "./issuer.js";
import { MeasuredProcess, type Usage } from "./measured-process.js";
import { promised, wait } from "./report.js";
import { Subscribers } from "./subscribers.js";

/** A server whose deliveries are measured, and its subscribers. */
interface Measured {
  readonly server: MeasuredProcess;
  /** How many subscribers it has. */
  readonly count: number;
  readonly subscribers: Subscribers;
  /** Lets the task have another progress. */
  readonly change: (progress: number) => void;
  readonly stop: () => Promise<void>;
}

const TASK = { projectName: "immtest", taskType: "FileCompression", taskId: "task" };
const CHANGES = 20;
/** One progress of two digits after another: all results are of one length. */
const FIRST_PROGRESS = 10;

async function startGateway(count: number, issuer?: Issuer): Promise<Measured> {
  const bench = await GatewayBench.start(issuer);
  const { gateway, emulator, subscribers } = bench;
  emulator.addTask({ ...TASK, durationMs: Infinity });
  const change = (progress: number): void => emulator.setProgress(TASK.taskId, progress);
  change(FIRST_PROGRESS);
  return { server: gateway, count, subscribers, change, stop: async () => bench.stop() };
}

async function startBareWs(count: number): Promise<Measured> {
  const toText = (progress: number): string => {
    const id = toGlobalTaskId({ region: EMULATOR_REGION, ...TASK });
    return JSON.stringify({ data: { taskProgress: { id, status: "RUNNING", progress } } });
  };
  const server = await MeasuredProcess.start("./bare-ws-process.js", toText(FIRST_PROGRESS));
  const change = (progress: number): void => server.tell({ text: toText(progress) } satisfies BareChange);
  return withSubscribers(server, count, change);
}

async function startDocumentedWay(count: number): Promise<Measured> {
  const server = await MeasuredProcess.start("./graphql-ws-process.js");
  return withSubscribers(server, count, (progress) => server.tell({ progress } satisfies Change));
}

function withSubscribers(server: MeasuredProcess, count: number, change: (progress: number) => void): Measured {
  const subscribers = new Subscribers(server.url);
  const stop = async (): Promise<void> => {
    await subscribers.dispose();
    server.stop();
  };
  return { server, count, subscribers, change, stop };
}

/** What a server was measured to take. */
interface Cost {
  readonly cpuMs: number;
  readonly deliveries: number;
  /** Of each delivery, as its subscriber received it. */
  readonly bytes: number;
  /** Resident for each subscriber, in KiB. */
  readonly memoryKiB: number;
}

/** Changes once a second, of each server at another moment of it: whatever else this machine does is the same for all. */
async function measure(servers: readonly Measured[], onSocket: number): Promise<readonly Cost[]> {
  const before = await Promise.all(servers.map(async ({ server }) => server.memory()));
  for (const { subscribers, count } of servers) {
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
  return servers.map(({ count }, index) => {
    const [from, to] = [begin[index] as Reading, end[index] as Reading];
    const deliveries = to.events - from.events;
    return {
      cpuMs: to.cpuMs - from.cpuMs,
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

/** Of a delivery, in microseconds. */
function cpuUsOf({ cpuMs, deliveries }: Cost): number {
  return (cpuMs * 1_000) / deliveries;
}

/**
 * Two thousand subscribers of one task, each with a socket of its own. What the gateway takes for a single one, above all
 * to poll IMM, is taken off: the bare server has its changes given.
 */
async function benchSocketEach(): Promise<void> {
  const count = 2_000;
  const issuer = await startIssuer();
  const gateways = [await startGateway(count), await startGateway(1), await startGateway(count, issuer)];
  const servers = [...gateways, await startBareWs(count)];
  const [ours, one, signedIn, bare] = (await measure(servers, 1)) as [Cost, Cost, Cost, Cost];
  for (const { stop } of servers) await stop();
  issuer.close();
  const [cpuUs, bareUs] = [cpuUsOf({ ...ours, cpuMs: ours.cpuMs - one.cpuMs }), cpuUsOf(bare)];
  const ratio = cpuUs / bareUs;
  console.log(`${count} subscribers of one task, a socket each, a change a second`);
  console.log(
    `  CPU a delivery          ${cpuUs.toFixed(1)} µs (${ours.deliveries} deliveries of ${ours.bytes.toFixed(0)} bytes); with the polls ${cpuUsOf(ours).toFixed(1)}`,
  );
  console.log(
    `  a server of bare ws     ${bareUs.toFixed(1)} µs (${bare.deliveries} deliveries of ${bare.bytes.toFixed(0)} bytes)`,
  );
  console.log(`  ours by that            ${ratio.toFixed(2)}, ${promised(ratio <= 1.15, "promised 1.15 at most")}`);
  printSignedIn(ours, signedIn);
  console.log(
    `  memory a subscriber     ${ours.memoryKiB.toFixed(1)} KiB of the process, ${promised(ours.memoryKiB <= 25, "promised 25 at most")}; bare ws ${bare.memoryKiB.toFixed(1)}, ${(ours.memoryKiB / bare.memoryKiB).toFixed(2)} times as much`,
  );
}

/** Four thousand subscribers of one task, a hundred on a socket. */
async function benchSharedSockets(): Promise<void> {
  const count = 4_000;
  const issuer = await startIssuer();
  const gateways = [await startGateway(count), await startGateway(1), await startGateway(count, issuer)];
  const servers = [...gateways, await startDocumentedWay(count)];
  const [ours, one, signedIn, theirs] = (await measure(servers, 100)) as [Cost, Cost, Cost, Cost];
  for (const { stop } of servers) await stop();
  issuer.close();
  const [cpuUs, theirUs] = [cpuUsOf({ ...ours, cpuMs: ours.cpuMs - one.cpuMs }), cpuUsOf(theirs)];
  console.log(`${count} subscribers of one task, 100 on a socket, a change a second`);
  console.log(
    `  CPU a delivery          ${cpuUs.toFixed(1)} µs (${ours.deliveries} deliveries), ${promised(cpuUs <= 6, "promised 6 at most")}; with the polls ${cpuUsOf(ours).toFixed(1)}`,
  );
  printSignedIn(ours, signedIn);
  console.log(
    `  graphql-ws as it says   ${theirUs.toFixed(1)} µs (${theirs.deliveries} deliveries), ${(theirUs / cpuUs).toFixed(1)} times as much`,
  );
}

/** What it takes besides to know whose each subscription is, the polls counted. */
function printSignedIn(ours: Cost, signedIn: Cost): void {
  const ratio = cpuUsOf(signedIn) / cpuUsOf(ours);
  console.log(
    `  with JWTs and rights    ${cpuUsOf(signedIn).toFixed(1)} µs with the polls, ${ratio.toFixed(2)} times as much`,
  );
}

export async function benchFanOut(): Promise<void> {
  await benchSocketEach();
  await benchSharedSockets();
}
