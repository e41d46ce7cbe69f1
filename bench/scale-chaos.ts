/** Faults drawn by a seed, often two at once, while tasks begin and end and subscribers come. */

import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { EmulatedTask } from "../src/emulator/emulator.js";
import { Audience } from "../test/instances/audience.js";
import { Fleet } from "../test/instances/fleet.js";
import { busiestSecond, endDelays, stepsBack, wrongFinals } from "../test/instances/verdicts.js";
import { percentile, promised, wait } from "./report.js";

const INSTANCES = 3;
const MAX_CALLS_PER_SECOND = 10;
/** Two instances at most are cut off while the third is not: what they grant themselves of their shares comes on top. */
const MAX_GRANTED = MAX_CALLS_PER_SECOND + 2 * Math.floor(MAX_CALLS_PER_SECOND / INSTANCES);
const INTERVAL_MS = 2_000;
const MAX_FAULT_MS = 12_000;
/** A lease and the polls after it. */
const CALM_MS = 15_000;
const MAX_DELAY_MS = 2 * MAX_FAULT_MS + CALM_MS;

type Draw = (from: number, to: number) => number;

/** Each goes on for as long as it is given, then mends what it broke. */
const faults: Readonly<Record<string, (fleet: Fleet, index: number, ms: number) => Promise<void>>> = {
  "kill -9": async (fleet, index, ms) => {
    await fleet.at(index).end();
    await wait(ms);
    await fleet.at(index).start();
  },
  SIGTERM: async (fleet, index, ms) => {
    fleet.at(index).signal("SIGTERM");
    await wait(ms);
    await fleet.at(index).start();
  },
  SIGSTOP: async (fleet, index, ms) => {
    fleet.at(index).signal("SIGSTOP");
    await wait(ms);
    fleet.at(index).signal("SIGCONT");
  },
  "Redis crashes": async ({ redis }, _index, ms) => {
    await redis?.crash();
    await wait(ms);
    await redis?.start();
  },
  "Redis stands still": async ({ redis }, _index, ms) => {
    redis?.signal("SIGSTOP");
    await wait(ms);
    redis?.signal("SIGCONT");
  },
  "stalled network": async (fleet, index, ms) => {
    const { toRedis } = fleet.at(index);
    toRedis?.stall();
    await wait(ms);
    toRedis?.mend();
  },
  "cut network": async (fleet, index, ms) => {
    const { toRedis } = fleet.at(index);
    toRedis?.cut();
    await wait(ms);
    toRedis?.mend();
  },
  "lost messages": async (fleet, index, ms) => {
    const { toRedis } = fleet.at(index);
    if (toRedis === undefined) return;
    let count = 0;
    toRedis.losesMessage = () => (count += 1) % 3 !== 0;
    await wait(ms);
    toRedis.losesMessage = () => false;
  },
};

/** @param seed - of the faults, the tasks and the subscribers; their moments are as exact as the machine is. */
export async function benchChaos(minutes: number, seed: number): Promise<void> {
  const generator = xoroshiro128plus(seed);
  const draw: Draw = (from, to) => uniformInt(generator, from, to);
  const env = { MAX_CALLS_PER_SECOND: String(MAX_CALLS_PER_SECOND), DRAIN_DELAY_MS: "0" };
  const fleet = await Fleet.start({ instances: INSTANCES, env });
  const audience = new Audience(fleet);
  const tasks: EmulatedTask[] = [];
  const end = Date.now() + minutes * 60_000;
  console.log(`Drawn faults, seed ${seed}, ${minutes} minutes`);
  const follow = async (): Promise<void> => {
    while (Date.now() < end) {
      const taskId = `task-${String(tasks.length).padStart(4, "0")}`;
      tasks.push(fleet.emulator.addTask({ taskType: "FileCompression", taskId, durationMs: draw(1_000, 40_000) }));
      for (let index = 0; index < INSTANCES; index += 1) void audience.follow([taskId], index, INTERVAL_MS);
      await wait(draw(200, 2_000));
    }
  };
  const harm = async (): Promise<void> => {
    const names = Object.keys(faults);
    while (Date.now() < end) {
      const drawn = Array.from({ length: draw(1, 2) }, (_value, place) => ({
        name: names[draw(0, names.length - 1)] ?? "",
        // Never two at one instance: one that is killed cannot be stopped.
        index: (draw(0, INSTANCES - 2) + place) % INSTANCES,
        ms: draw(500, MAX_FAULT_MS),
      }));
      const isTwice = drawn.length === 2 && (drawn[0]?.name === drawn[1]?.name || drawn[0]?.index === drawn[1]?.index);
      const made = isTwice ? drawn.slice(0, 1) : drawn;
      console.log(
        `  ${new Date().toISOString().slice(11, 23)} ${made.map(({ name, index, ms }) => `${name} (${index}, ${ms} ms)`).join(" and ")}`,
      );
      await Promise.all(made.map(async ({ name, index, ms }) => faults[name]?.(fleet, index, ms)));
      await wait(CALM_MS);
    }
  };
  await Promise.all([follow(), harm()]);
  const lastEnd = Math.max(...tasks.map(({ endsAt }) => endsAt));
  while (!audience.haveAllEnded && Date.now() < lastEnd + MAX_DELAY_MS) await wait(100);
  const { subscribers } = audience;
  const finals = wrongFinals(subscribers, tasks);
  const back = stepsBack(subscribers);
  const delays = endDelays(subscribers, tasks);
  const { calls } = fleet.emulator;
  const busiest = busiestSecond(calls, fleet.turns);
  const latest = percentile(delays, 1);
  console.log(`  ${tasks.length} tasks, ${subscribers.length} subscribers, ${calls.length} calls to IMM`);
  console.log(`  finals               ${promised(finals.length === 0, "promised each once")} ${finals.join("; ")}`);
  console.log(`  progress             ${promised(back.length === 0, "promised no step back")} ${back.join("; ")}`);
  console.log(
    `  ends known           p50 ${percentile(delays, 0.5).toFixed(0)} ms, p95 ${percentile(delays, 0.95).toFixed(0)} ms, the latest ${latest.toFixed(0)} ms: ${promised(latest <= MAX_DELAY_MS, `promised ${MAX_DELAY_MS} at most`)}`,
  );
  console.log(
    `  busiest second       ${busiest} calls: ${promised(busiest <= 1.1 * MAX_GRANTED, `promised ${(1.1 * MAX_GRANTED).toFixed(1)} at most`)}`,
  );
  await audience.leave();
  await fleet.stop();
}
