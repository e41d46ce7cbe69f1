/**
 * What answering costs: CPU of the server's process per request, beside other servers that give the same answers from the
 * same data, which is in memory, or at the emulator. Each server is a process of its own, some are several; they are measured in turn.
 *
 *     npm run bench:serve -- [list] [keys] [one] [running] [together] [--server <name>]… [--rounds <number>] [--profile]
 *
 * With `--profile`, each server runs once more, and where its CPU goes is printed.
 *
 * The client is this process. What other processes of the machine do hardly changes CPU time; medians of the rounds bear the
 * rest, and the figure of a server is the mean of its processes' medians.
 */

import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { version } from "graphql";
import { startIssuer, type Issuer } from "../issuer.js";
import { MeasuredProcess } from "../measured-process.js";
import type { Emulator } from "../../src/emulator/emulator.js";
import { percentile } from "../report.js";
import { cases, type Case } from "./cases.js";
import { Client } from "./client.js";
import { printProfile } from "./profile.js";
import { runningCases, startRunning } from "./running.js";

interface Server {
  readonly title: string;
  /** What its command line ends with: the URL of the emulator, or of the keys of an issuer, whose token the client then shows. */
  readonly asks?: "emulator" | "issuer";
  /** How many run. @default 1 */
  readonly processes?: number;
  /** Its module, seen from the folder of `measured-process.js`, and the command line. */
  readonly start: readonly [file: string, ...commandLine: readonly string[]];
}

// Compiled into the folder of their own packages, so that each process has one copy of graphql.
const PEERS = "../../bench/dist/serve/peers";

/** Of rows that are compared with each other: V8 compiles the same program some percent better or worse each time. */
const SEVERAL = 6;

const servers: Readonly<Record<string, Server>> = {
  gateway: { title: "this gateway", processes: SEVERAL, start: ["./serve/gateway-process.js"] },
  "gateway-metrics": { title: "this gateway, with metrics", start: ["./serve/gateway-process.js", "metrics"] },
  "gateway-access": {
    title: "this gateway, with JWTs and rights",
    asks: "issuer",
    processes: SEVERAL,
    start: ["./serve/gateway-process.js", "access"],
  },
  apollo: { title: "Apollo Server, default", start: [`${PEERS}/apollo-process.js`] },
  "apollo-shell": { title: "Apollo Server without execution", start: [`${PEERS}/apollo-shell-process.js`] },
  yoga: { title: "GraphQL Yoga", start: [`${PEERS}/yoga-process.js`] },
  mercurius: { title: "Mercurius", start: [`${PEERS}/mercurius-process.js`] },
  asking: { title: "this gateway, no cache", asks: "emulator", start: ["./gateway-process.js", "unlimited"] },
  plain: { title: "Apollo, the vendor's client, DataLoader", asks: "emulator", start: [`${PEERS}/plain-process.js`] },
  "mercurius-jit": { title: "Mercurius with JIT", start: [`${PEERS}/mercurius-process.js`, "jit"] },
};

/** V8 compiles for as long as that: what is measured before says how long a program is, not what a request costs. */
const WARM_UP_ROUNDS = 24;

/** One process of a server, and its client. */
interface Contestant {
  readonly name: string;
  readonly process: MeasuredProcess;
  readonly client: Client;
}

/** What a request has cost each of them in each round, in microseconds. */
type Figures = ReadonlyMap<Contestant, readonly number[]>;

async function start(name: string, emulator: Emulator, issuer: Issuer): Promise<Contestant> {
  const { start: command, asks } = member(servers, name, "server");
  const url = asks === "emulator" ? emulator.url : issuer.keysUrl;
  const process = await MeasuredProcess.start(...command, ...(asks === undefined ? [] : [url]));
  return { name, process, client: new Client(process.url, asks === "issuer" ? issuer.authorization : undefined) };
}

/** @returns the CPU of the server for each request of a round, in microseconds. */
async function measureRound({ process, client }: Contestant, asked: Case): Promise<number> {
  await client.connect();
  const before = await process.cpuMs();
  await client.sendRound(asked);
  return (((await process.cpuMs()) - before) * 1_000) / asked.requests;
}

async function checkAnswers(contestants: readonly Contestant[], asked: Case): Promise<void> {
  let expected: readonly unknown[] | undefined;
  for (const { name, client } of contestants) {
    await client.connect();
    const answers = await client.answers(asked);
    expected ??= answers;
    if (!isDeepStrictEqual(answers, expected)) throw new Error(`${name} answers otherwise: ${asked.title}`);
  }
}

/** After rounds that do not count. */
async function measure(contestants: readonly Contestant[], asked: Case, rounds: number): Promise<Figures> {
  const figures = new Map(contestants.map((contestant) => [contestant, [] as number[]]));
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    for (const [contestant, cpuUs] of figures) {
      const cost = await measureRound(contestant, asked);
      if (round >= 0) cpuUs.push(cost);
    }
  }
  return figures;
}

/** Profiles as many rounds, all warm by now. */
async function profile({ name, process, client }: Contestant, asked: Case, rounds: number): Promise<void> {
  await client.connect();
  await process.beginProfile();
  for (let round = 0; round < rounds; round += 1) await client.sendRound(asked);
  console.log(`\n${member(servers, name, "server").title}: where its CPU goes, ${asked.title}`);
  printProfile(await process.endProfile());
}

const columns = ["median µs", "lowest", "highest", "x Mercurius with JIT", "x Apollo, default", "x plain"];

function print(asked: Case, figures: Figures): void {
  console.log(`\n${asked.title.padEnd(34)}${columns.map((column) => `  ${column}`).join("")}`);
  const names = new Set([...figures.keys()].map(({ name }) => name));
  const processesOf = (name: string): readonly (readonly number[])[] =>
    [...figures].filter(([contestant]) => contestant.name === name).map(([, cpuUs]) => cpuUs);
  const medianOf = (name: string): number => meanOf(processesOf(name).map((cpuUs) => percentile(cpuUs, 0.5)));
  for (const name of names) {
    const median = medianOf(name);
    const cpuUs = processesOf(name).flat();
    const amounts = [median, percentile(cpuUs, 0), percentile(cpuUs, 1)].map((us) => us.toFixed(0));
    const ratios = ["mercurius-jit", "apollo", "plain"].map((other) =>
      names.has(other) ? (median / medianOf(other)).toFixed(2) : "-",
    );
    const cells = [...amounts, ...ratios].map((cell, index) => cell.padStart((columns[index]?.length ?? 0) + 2));
    console.log(`${member(servers, name, "server").title.padEnd(34)}${cells.join("")}`);
  }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function member<T>(table: Readonly<Record<string, T>>, name: string, what: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found === undefined) throw new Error(`Expected a ${what} of ${Object.keys(table).join(", ")}; got ${name}.`);
  return found;
}

function checkVersions(): void {
  const url = new URL("../../../bench/node_modules/graphql/package.json", import.meta.url);
  const peers = JSON.parse(readFileSync(url, "utf8")) as { readonly version: string };
  if (peers.version === version) return;
  throw new Error(`Expected graphql ${version} in bench/ as in the project, got ${peers.version}.`);
}

function load(): string {
  return loadavg()
    .map((average) => average.toFixed(1))
    .join(" ");
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    server: { type: "string", multiple: true },
    rounds: { type: "string", default: "15" },
    profile: { type: "boolean", default: false },
  },
});
const allCases = { ...cases, ...runningCases };
const wanted = positionals.length === 0 ? Object.keys(allCases) : positionals;
const asked = wanted.map((name) => member(allCases, name, "case"));
const isRunning = (one: Case): boolean => Object.values(runningCases).includes(one);
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`Expected a number of rounds, got ${values.rounds}.`);
checkVersions();
const emulator = await startRunning();
const issuer = await startIssuer();
const isOfRunning = (name: string): boolean => member(servers, name, "server").asks === "emulator";
const all: Contestant[] = [];
for (const name of values.server ?? Object.keys(servers)) {
  if (!asked.some((one) => isRunning(one) === isOfRunning(name))) continue;
  const { processes = 1 } = member(servers, name, "server");
  for (let count = 0; count < processes; count += 1) all.push(await start(name, emulator, issuer));
}
console.log(
  `CPU of the server's process per request; ${rounds} rounds in turn after ${WARM_UP_ROUNDS} to warm up. ` +
    `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, graphql ${version}, NODE_ENV=${process.env["NODE_ENV"]}`,
);
console.log(`Load of the machine at the start: ${load()}`);
for (const one of asked) {
  const contestants = all.filter(({ name }) => isOfRunning(name) === isRunning(one));
  await checkAnswers(contestants, one);
  print(one, await measure(contestants, one, rounds));
  const profiled = contestants.filter(
    ({ name }, index) => contestants.findIndex((other) => other.name === name) === index,
  );
  if (values.profile) for (const contestant of profiled) await profile(contestant, one, rounds);
}
console.log(`\nLoad of the machine at the end: ${load()}`);
for (const { process, client } of all) {
  client.close();
  process.stop();
}
issuer.close();
await emulator.close();
