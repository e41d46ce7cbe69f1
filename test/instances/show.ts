/** Tasks that end one after the other, subscribers of each at every instance, and what is expected of it whatever goes wrong. */

import type { EmulatedTask } from "../../src/emulator/emulator.js";
import { disposeAfterTest } from "../support/start-gateway.js";
import { Audience } from "./audience.js";
import { Fleet, type FleetOptions } from "./fleet.js";
import { until } from "./until.js";
import { busiestSecond, endDelays, stepsBack, wrongFinals } from "./verdicts.js";

export interface ShowOptions extends Partial<FleetOptions> {
  readonly tasks?: number;
  /** When the first task ends, and the last. */
  readonly endsMs: readonly [first: number, last: number];
}

/** Low, so that it matters. */
export const MAX_CALLS_PER_SECOND = 10;
/** Each subscriber asks for it. */
export const POLL_MS = 2_000;
/** A lease that must run out, and the poll after it. */
export const LEASE_AND_POLL_MS = 10_000 + POLL_MS;
/** What the machine takes for itself when others use it too. */
export const SLACK_MS = 1_500;

export class Show {
  readonly fleet: Fleet;
  readonly audience: Audience;
  readonly tasks: readonly EmulatedTask[];

  private constructor(fleet: Fleet, tasks: readonly EmulatedTask[]) {
    this.fleet = fleet;
    this.tasks = tasks;
    this.audience = new Audience(fleet);
  }

  /** Comes back when each subscriber has had its first snapshot. It ends with the test. */
  static async begin({ tasks: count = 20, endsMs, env, ...options }: ShowOptions): Promise<Show> {
    const settings = { MAX_CALLS_PER_SECOND: String(MAX_CALLS_PER_SECOND), ...env };
    const fleet = await Fleet.start({ instances: 3, ...options, env: settings });
    disposeAfterTest(async () => fleet.stop());
    const [first, last] = endsMs;
    const tasks = Array.from({ length: count }, (_value, index) =>
      fleet.emulator.addTask({
        taskType: "FileCompression",
        taskId: `task-${String(index).padStart(2, "0")}`,
        durationMs: first === Infinity ? first : first + ((last - first) * index) / Math.max(1, count - 1),
      }),
    );
    const show = new Show(fleet, tasks);
    disposeAfterTest(async () => show.audience.leave());
    const taskIds = tasks.map(({ taskId }) => taskId);
    await Promise.all(fleet.instances.map(async ({ index }) => show.audience.follow(taskIds, index, POLL_MS)));
    return show;
  }

  /** Waits until all has ended, and answers which promises were broken. */
  async broken(maxDelayMs: number): Promise<readonly string[]> {
    const { audience, tasks, fleet } = this;
    const { subscribers } = audience;
    const lastEnd = Math.max(...tasks.map(({ endsAt }) => endsAt));
    const restMs = lastEnd + maxDelayMs + 3_000 - Date.now();
    await until("all streams have ended", () => audience.haveAllEnded, Math.max(0, restMs)).catch(() => undefined);
    const delayMs = Math.max(...endDelays(subscribers, tasks));
    const busiest = busiestSecond(fleet.emulator.calls, fleet.turns);
    return [
      ...wrongFinals(subscribers, tasks),
      ...stepsBack(subscribers),
      ...(delayMs <= maxDelayMs ? [] : [`an end was unknown for ${delayMs} ms, longer than ${maxDelayMs} ms`]),
      ...(busiest <= 1.1 * MAX_CALLS_PER_SECOND ? [] : [`${busiest} calls to IMM within a second`]),
    ];
  }
}
