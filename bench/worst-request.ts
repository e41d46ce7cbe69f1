/**
 * How long one request may keep the gateway's process from everything else: each of the worst that are known is sent to a
 * gateway that 50 other documents have warmed, and the longest time without a turn of the event loop is measured in there.
 *
 *     npm run bench:worst [part of a name]
 *
 * Of several runs the shortest counts, since other processes of the machine lengthen them. Exits 1 when one is above the
 * bound of 100 ms.
 */

import { startEmulator, type Emulator } from "../src/emulator/emulator.js";
import { MeasuredProcess } from "./measured-process.js";
import { candidates, type Candidate } from "./worst-candidates.js";

const MAX_PAUSE_MS = 100;
const MAX_REQUEST_BYTES = 262_144;
const RUNS = 5;

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function post(url: string, body: string): Promise<Answer> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/graphql`, { method: "POST", headers, body });
  return { status: response.status, text: await response.text() };
}

/** The request; the comment makes of each run a document that no cache has. */
function toBody({ query, variables }: Candidate, run: number): string {
  const json = typeof variables === "string" ? variables : JSON.stringify(variables ?? null);
  const body = `{"query":${JSON.stringify(`${query}\n#${run}`)},"variables":${json}}`;
  if (Buffer.byteLength(body) > MAX_REQUEST_BYTES) throw new Error(`Expected a smaller request: ${query.slice(0, 80)}`);
  return body;
}

function addTasks(emulator: Emulator): void {
  const taskType = "FileCompression";
  const requestDefinition = JSON.stringify({
    Sources: Array.from({ length: 400 }, () => ({ URI: 'oss://bucket/"key"', Alias: "名" })),
  });
  for (let index = 0; index < 500; index += 1) {
    emulator.addTask({ taskType, taskId: `done-${index}`, durationMs: 0 });
    emulator.addTask({ taskType: "VideoLabelClassification", taskId: `label-${index}`, durationMs: 0 });
    emulator.addTask({ taskType, taskId: `run-${index}`, durationMs: Infinity });
  }
  for (let index = 0; index < 100; index += 1) {
    emulator.addTask({ taskType, taskId: `large-${index}`, durationMs: 0, requestDefinition });
    const tags = Object.fromEntries(Array.from({ length: 1_200 }, (_value, tag) => [`t${index}-${tag}`, "v"]));
    emulator.addTask({ taskType, taskId: `tagged-${index}`, durationMs: 0, tags });
  }
}

async function warmUp(url: string): Promise<void> {
  for (let index = 0; index < 50; index += 1) {
    const key = `{ projectName: "immtest", taskType: "FileCompression", taskId: "done-${index}" }`;
    const list = `tasks(projectName: "immtest", first: ${index + 1}) { nodes { id tags } }`;
    const query = `{ a${index}: task(key: ${key}) { id status progress ... on Task { startTime } } ${list} }`;
    await post(url, JSON.stringify({ query }));
  }
}

async function measure(gateway: MeasuredProcess, candidate: Candidate): Promise<number> {
  let shortest = Infinity;
  let answer: Answer = { status: 0, text: "" };
  for (let run = 0; run < RUNS; run += 1) {
    const body = toBody(candidate, run);
    await gateway.longestPauseMs();
    answer = await post(gateway.url, body);
    shortest = Math.min(shortest, await gateway.longestPauseMs());
  }
  const outcome = `${answer.status} ${answer.text.length.toLocaleString("en")} ${answer.text.slice(0, 70).trimEnd()}`;
  console.log(`${shortest.toFixed(1).padStart(7)} ms  ${candidate.name.padEnd(34)} ${outcome}`);
  return shortest;
}

const [part = ""] = process.argv.slice(2);
const emulator = await startEmulator({ maxRequestsPerSecond: Infinity });
addTasks(emulator);
const gateway = await MeasuredProcess.start("worst-process.js", emulator.url);
await warmUp(gateway.url);
let longest = 0;
for (const candidate of candidates.filter(({ name }) => name.includes(part))) {
  longest = Math.max(longest, await measure(gateway, candidate));
}
console.log(`The longest pause was ${longest.toFixed(1)} ms; at most ${MAX_PAUSE_MS} are allowed.`);
gateway.stop();
await emulator.close();
process.exitCode = longest > MAX_PAUSE_MS ? 1 : 0;
