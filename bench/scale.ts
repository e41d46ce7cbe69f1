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

import { Audience } from "../test/instances/audience.js";
import { Fleet } from "../test/instances/fleet.js";
import { busiestSecond, endDelays, stepsBack, wrongFinals } from "../test/instances/verdicts.js";
import { readUsage, scriptsOf, usageBetween, type RedisUsage } from "./redis-usage.js";
import { benchChaos } from "./scale-chaos.js";
import { benchFaults } from "./scale-faults.js";
import { percentile, promised, wait } from "./report.js";

const SUBSCRIBERS = 1_000;
const TASKS = 100;
const INTERVAL_MS = 2_000;
/** A poll and its answer take time, and so does telling a thousand subscribers where ten instances share two cores. */
const SLACK_MS = 1_500;
/** Tasks end evenly, from this part of the time to that. */
const FIRST_END = 0.5;
const LAST_END = 0.9;

interface Outcome {
  readonly calls: number;
  readonly listCalls: number;
  readonly busiest: number;
  readonly usage: RedisUsage | undefined;
  /** While all tasks run and no subscriber comes. */
  readonly steady: { readonly usage: RedisUsage; readonly polls: number; readonly seconds: number } | undefined;
  readonly cpuMs: readonly number[];
  readonly events: number;
  readonly wrong: readonly string[];
  readonly delays: readonly number[];
}

/** @param instances - with one there is no Redis: what the others are compared with. */
async function measure(instances: number, hasRedis: boolean, seconds: number): Promise<Outcome> {
  // All subscribers come at once, from one address: no caller does so.
  const env = { NODE_ENV: "production", CALLS_PER_MINUTE: "0" };
  const fleet = await Fleet.start({ instances, hasRedis, isRelayed: false, env });
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
  const [calmAt, steadyBefore] = [Date.now(), redis && (await readUsage(redis))];
  await wait(seconds * 1_000 * FIRST_END - (Date.now() - begin) - 500);
  const [endsAt, steadyAfter] = [Date.now(), redis && (await readUsage(redis))];
  const lists = emulator.calls.filter(({ action, at }) => action === "ListTasks" && at > calmAt && at <= endsAt);
  const steady = steadyBefore &&
    steadyAfter && {
      usage: usageBetween(steadyBefore, steadyAfter),
      polls: lists.length,
      seconds: (endsAt - calmAt) / 1_000,
    };
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
    steady,
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
  const { calls, listCalls, busiest, usage, steady, cpuMs, events, wrong, delays } = outcome;
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
  if (usage === undefined || steady === undefined) return;
  console.log(
    `  Redis                ${scriptsOf(usage)} scripts, CPU ${usage.cpuMs.toFixed(0)} ms, ${toKiB(usage.bytes)} KiB more data, ${toKiB(usage.sentBytes)} KiB sent`,
  );
  const scripts = scriptsOf(steady.usage);
  console.log(
    `  while all run        ${(scripts / steady.polls).toFixed(1)} scripts a poll (${(scripts / steady.seconds).toFixed(1)} a second), CPU ${(steady.usage.cpuMs / steady.seconds).toFixed(1)} ms a second, ${(steady.usage.sentBytes / steady.polls / 1_024).toFixed(1)} KiB sent a poll`,
  );
  const perPoll = [...steady.usage.commands].toSorted(([, one], [, other]) => other - one);
  console.log(
    `                       a poll: ${perPoll.map(([name, count]) => `${name} ${(count / steady.polls).toFixed(1)}`).join(", ")}`,
  );
}

function toKiB(bytes: number): string {
  return (bytes / 1_024).toFixed(0);
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
