/**
 * What it costs that several instances share by Redis, and what they keep when something goes wrong.
 *
 *   npm run bench:scale [seconds]     1, 3 and 10 instances, a minute each: calls to IMM, commands of Redis, CPU
 *   npm run bench:scale faults        an instance killed, standing still, cut off; Redis restarted, and away for a minute
 *   npm run bench:scale chaos [minutes] [seed]     faults drawn at random, ten minutes unless said
 *
 * Instances and Redis are processes; the emulator and the subscribers run in this one. Needs redis-server, and Linux for the CPU.
 * The exit code is 1 when a promise is broken.
 */

import { Audience } from "../test/redis/system/audience.js";
import { Fleet } from "../test/redis/system/fleet.js";
import { busiestSecond, endDelays, stepsBack, wrongFinals } from "../test/redis/system/verdicts.js";
import { readUsage, scriptsOf, usageBetween, type RedisUsage } from "./redis-usage.js";
import { benchChaos } from "./scale-chaos.js";
import { benchFaults } from "./scale-faults.js";
import { percentile, promised, wait } from "./report.js";

const SUBSCRIBERS = 1_000;
const TASKS = 100;
const INTERVAL_MS = 2_000;
/** A poll and its answer take time, and so does telling a thousand subscribers. */
const SLACK_MS = 500;
/** Tasks end from here on, to the three quarters of the time. */
const FIRST_END = 0.5;
const LAST_END = 0.9;

interface Outcome {
  readonly calls: number;
  readonly listCalls: number;
  readonly busiest: number;
  readonly usage: RedisUsage | undefined;
  readonly cpuMs: readonly number[];
  readonly events: number;
  readonly wrong: readonly string[];
  readonly delays: readonly number[];
}

/** @param instances - with one there is no Redis: what the others are compared with. */
async function measure(instances: number, hasRedis: boolean, seconds: number): Promise<Outcome> {
  const fleet = await Fleet.start({ instances, hasRedis, isRelayed: false, env: { NODE_ENV: "production" } });
  const { emulator, redis } = fleet;
  const audience = new Audience(fleet);
  // The gateways have told each other that they are there.
  await wait(1_000);
  const tasks = Array.from({ length: TASKS }, (_value, index) =>
    emulator.addTask({
      taskType: "FileCompression",
      taskId: `task-${String(index).padStart(3, "0")}`,
      durationMs: seconds * 1_000 * (FIRST_END + ((LAST_END - FIRST_END) * index) / TASKS),
    }),
  );
  const before = redis && (await readUsage(redis));
  const cpuBefore = fleet.instances.map(({ cpuMs }) => cpuMs);
  const begin = Date.now();
  // A hundred on a socket, one of each task; the sockets go round the instances.
  const taskIds = tasks.map(({ taskId }) => taskId);
  const sockets = Array.from({ length: SUBSCRIBERS / TASKS }, (_value, socket) => socket % instances);
  await Promise.all(sockets.map(async (instance) => audience.follow(taskIds, instance, INTERVAL_MS)));
  await wait(seconds * 1_000 - (Date.now() - begin));
  const cpuMs = fleet.instances.map((instance, index) => instance.cpuMs - (cpuBefore[index] ?? 0));
  const usage = before && redis && usageBetween(before, await readUsage(redis));
  const calls = [...emulator.calls];
  const { subscribers } = audience;
  const outcome = {
    calls: calls.length,
    listCalls: calls.filter(({ action }) => action === "ListTasks").length,
    busiest: busiestSecond(calls, fleet.turns),
    usage,
    cpuMs,
    events: subscribers.reduce((sum, { told, finals }) => sum + told.length + finals.length, 0),
    wrong: [...wrongFinals(subscribers, tasks), ...stepsBack(subscribers)],
    delays: endDelays(subscribers, tasks),
  };
  await audience.leave();
  await fleet.stop();
  return outcome;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function print(name: string, outcome: Outcome, alone: Outcome, seconds: number): void {
  const { calls, listCalls, busiest, usage, cpuMs, events, wrong, delays } = outcome;
  const ratio = calls / alone.calls;
  const latest = percentile(delays, 1);
  console.log(`${name}, ${SUBSCRIBERS} subscribers, ${TASKS} tasks, ${seconds} s, an interval of ${INTERVAL_MS} ms`);
  console.log(
    `  calls to IMM         ${calls} (${listCalls} ListTasks), ${ratio.toFixed(2)} of one instance: ${promised(ratio <= 1.1, "promised 1.1 at most")}; ${busiest} in the busiest second`,
  );
  console.log(
    `  finals, progress     ${promised(wrong.length === 0, "promised each final once, and no step back")}${wrong.length === 0 ? "" : `: ${wrong.length}, such as ${wrong.slice(0, 3).join("; ")}`}`,
  );
  console.log(
    `  ends known           p50 ${percentile(delays, 0.5).toFixed(0)} ms, the latest ${latest.toFixed(0)} ms: ${promised(latest <= INTERVAL_MS + SLACK_MS, `promised ${INTERVAL_MS + SLACK_MS} at most`)}`,
  );
  console.log(
    `  CPU                  ${((1_000 * sum(cpuMs)) / events).toFixed(0)} µs a delivery (${events} deliveries); ${cpuMs.map((ms) => ms.toFixed(0)).join(", ")} ms by instance`,
  );
  if (usage === undefined) return;
  const commands = [...usage.commands]
    .toSorted(([, a], [, b]) => b - a)
    .map(([command, count]) => `${command} ${count}`);
  console.log(
    `  Redis                ${scriptsOf(usage)} scripts (${(scriptsOf(usage) / listCalls).toFixed(1)} a poll, ${(scriptsOf(usage) / seconds).toFixed(1)} a second); CPU ${usage.cpuMs.toFixed(0)} ms; ${(usage.bytes / 1_024).toFixed(0)} KiB more data, ${(usage.sentBytes / 1_024).toFixed(0)} KiB sent`,
  );
  console.log(`                       ${commands.join(", ")}`);
}

const [wanted = "60", minutes = "10", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
if (wanted === "faults") await benchFaults();
else if (wanted === "chaos") await benchChaos(Number(minutes), Number(seed));
else {
  const seconds = Number(wanted);
  const alone = await measure(1, false, seconds);
  print("1 instance without Redis", alone, alone, seconds);
  for (const instances of [1, 3, 10]) {
    const outcome = await measure(instances, true, seconds);
    print(`${instances} instance${instances === 1 ? "" : "s"}`, outcome, alone, seconds);
  }
}
process.exit();
