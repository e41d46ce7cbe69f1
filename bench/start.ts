/**
 * How long the command takes from its start to its first answer, as it is installed and as plain modules, in turn.
 *
 *   npm run bench:start [starts]
 *
 * The exit code is 1 when the ratio is not what is promised of it.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { DEMO_PROJECT } from "../src/emulator/names.js";
import { percentile, promised } from "./report.js";

const commands = { bundle: "../command/imm-graphql.js", modules: "../src/cli.js" } as const;
const MAX_RATIO = 0.65;

// A task, so that IMM is asked too.
const query = `{
  task(key: { projectName: "${DEMO_PROJECT}", taskType: "FileCompression", taskId: "FileCompression-demo-running" }) { status }
}`;

/** Milliseconds from the start of the process to the answer that it gives to a query. */
async function measureStart(command: string): Promise<number> {
  const begin = performance.now();
  const child = spawn(process.execPath, [fileURLToPath(new URL(command, import.meta.url)), "serve", "--port", "0"], {
    env: { PATH: process.env["PATH"], NODE_ENV: "production", IMM_EMULATOR: "true" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  let url: string | undefined;
  let printed = "";
  for await (const text of child.stdout.setEncoding("utf8")) {
    printed += text;
    url = / serves (\S+)$/m.exec(printed)?.[1];
    if (url !== undefined) break;
  }
  if (url === undefined) throw new Error("The command ended before it served.");
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query }) });
  const { data } = (await answer.json()) as { data?: { task: unknown } };
  const took = performance.now() - begin;
  if (!data?.task) throw new Error("The command did not answer with the task.");
  child.kill("SIGKILL");
  await ended;
  return took;
}

const starts = Number(process.argv[2] ?? 15);
const took: Readonly<Record<keyof typeof commands, number[]>> = { bundle: [], modules: [] };
const names = ["bundle", "modules"] as const;
// The first of each also brings the files into the system's memory, and is not counted.
for (const name of names) await measureStart(commands[name]);
for (let start = 0; start < starts; start += 1) {
  for (const name of names) took[name].push(await measureStart(commands[name]));
}

console.log(`From the start to the first answer, ${starts} starts of each, on Node ${process.version}`);
for (const name of names) {
  const [median, lowest, highest] = [0.5, 0, 1].map((share) => `${percentile(took[name], share).toFixed(0)} ms`);
  console.log(`  ${name.padEnd(8)} ${median} (${lowest} to ${highest})`);
}
const ratio = percentile(took.bundle, 0.5) / percentile(took.modules, 0.5);
console.log(`  ratio    ${ratio.toFixed(2)}, ${promised(ratio <= MAX_RATIO, `promised ${MAX_RATIO} at most`)}`);
