/** What goes wrong between three instances and their Redis, for as long as it may: side by side in one run, on real time. */

import type { EmulatedTask } from "../src/emulator/emulator.js";
import { Audience } from "../test/instances/audience.js";
import { Fleet } from "../test/instances/fleet.js";
import { busiestSecond, endDelays, stepsBack, wrongFinals } from "../test/instances/verdicts.js";
import { percentile, promised, wait } from "./report.js";

const INSTANCES = 3;
const TASKS = 40;
const INTERVAL_MS = 2_000;
const MAX_CALLS_PER_SECOND = 10;
const LEASE_MS = 10_000;
const SLACK_MS = 1_500;
/** Tasks end evenly, from before the fault to after it. */
const FIRST_END_MS = 10_000;

interface Fault {
  readonly lastEndMs: number;
  /** The longest that an end may be unknown. */
  readonly maxDelayMs: number;
  /** Is made once one instance polls for all. */
  readonly make: (fleet: Fleet) => Promise<void>;
}

const oneLease = LEASE_MS + INTERVAL_MS + SLACK_MS;

const faults: Readonly<Record<string, Fault>> = {
  nothing: { lastEndMs: 40_000, maxDelayMs: INTERVAL_MS + SLACK_MS, make: async () => undefined },
  "kill -9 of the one that polls": {
    lastEndMs: 50_000,
    maxDelayMs: oneLease,
    make: async (fleet) => (await fleet.poller()).signal("SIGKILL"),
  },
  "SIGTERM of the one that polls": {
    lastEndMs: 40_000,
    maxDelayMs: INTERVAL_MS + SLACK_MS,
    make: async (fleet) => (await fleet.poller()).signal("SIGTERM"),
  },
  "SIGSTOP of the one that polls, 20 s": {
    lastEndMs: 60_000,
    maxDelayMs: 20_000 + SLACK_MS,
    make: async (fleet) => {
      const poller = await fleet.poller();
      poller.signal("SIGSTOP");
      await wait(20_000);
      poller.signal("SIGCONT");
    },
  },
  "Redis restarted": {
    lastEndMs: 50_000,
    maxDelayMs: oneLease,
    make: async ({ redis }) => {
      await redis?.crash();
      await wait(1_000);
      await redis?.start();
    },
  },
  "Redis away for a minute": {
    lastEndMs: 95_000,
    maxDelayMs: oneLease,
    make: async ({ redis }) => {
      await redis?.crash();
      await wait(60_000);
      await redis?.start();
    },
  },
  "a network that stalls, 20 s, between the one that polls and Redis": {
    lastEndMs: 60_000,
    maxDelayMs: oneLease,
    make: async (fleet) => {
      const { toRedis } = await fleet.poller();
      toRedis?.stall();
      await wait(20_000);
      toRedis?.mend();
    },
  },
  "every second message lost at one instance, 20 s": {
    lastEndMs: 50_000,
    maxDelayMs: 3 * INTERVAL_MS + SLACK_MS,
    make: async (fleet) => {
      const poller = await fleet.poller();
      const { toRedis } = fleet.at((poller.index + 1) % INSTANCES);
      if (toRedis === undefined) return;
      let count = 0;
      toRedis.losesMessage = () => (count += 1) % 2 === 0;
      await wait(20_000);
      toRedis.losesMessage = () => false;
    },
  },
};

async function measure({ lastEndMs, make, maxDelayMs }: Fault): Promise<string> {
  const env = { MAX_CALLS_PER_SECOND: String(MAX_CALLS_PER_SECOND), DRAIN_DELAY_MS: "0" };
  const fleet = await Fleet.start({ instances: INSTANCES, env });
  const tasks: readonly EmulatedTask[] = Array.from({ length: TASKS }, (_value, index) =>
    fleet.emulator.addTask({
      taskType: "FileCompression",
      taskId: `task-${String(index).padStart(2, "0")}`,
      durationMs: FIRST_END_MS + ((lastEndMs - FIRST_END_MS) * index) / (TASKS - 1),
    }),
  );
  const audience = new Audience(fleet);
  const taskIds = tasks.map(({ taskId }) => taskId);
  await Promise.all(fleet.instances.map(async ({ index }) => audience.follow(taskIds, index, INTERVAL_MS)));
  await make(fleet);
  const lastEnd = Math.max(...tasks.map(({ endsAt }) => endsAt));
  while (!audience.haveAllEnded && Date.now() < lastEnd + maxDelayMs) await wait(100);
  const { subscribers } = audience;
  const wrong = [...wrongFinals(subscribers, tasks), ...stepsBack(subscribers)];
  const delays = endDelays(subscribers, tasks);
  const { calls } = fleet.emulator;
  const busiest = busiestSecond(calls, fleet.turns);
  const latest = percentile(delays, 1);
  const lines = [
    `  finals, progress     ${promised(wrong.length === 0, "promised each final once, and no step back")}${wrong.length === 0 ? "" : `: ${wrong.length}, such as ${wrong.slice(0, 3).join("; ")}`}`,
    `  ends known           p50 ${percentile(delays, 0.5).toFixed(0)} ms, the latest ${latest.toFixed(0)} ms: ${promised(latest <= maxDelayMs, `promised ${maxDelayMs} at most`)}`,
    `  calls to IMM         ${calls.length}, ${busiest} in the busiest second: ${promised(busiest <= 1.1 * MAX_CALLS_PER_SECOND, `promised ${1.1 * MAX_CALLS_PER_SECOND} at most`)}`,
  ];
  await audience.leave();
  await fleet.stop();
  return lines.join("\n");
}

/** One after the other, since each takes the machine for itself. */
export async function benchFaults(): Promise<void> {
  for (const [name, fault] of Object.entries(faults)) {
    console.log(`${name}: ${INSTANCES} instances, ${TASKS} tasks, each followed at each instance`);
    console.log(await measure(fault));
  }
}
