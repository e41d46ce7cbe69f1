/**
 * Fills an emulator with data that shows every state of a task, and keeps something running for as long as it is on.
 * Called by the command line; uses the emulator's public handle only.
 *
 * Two kinds of tasks: the well-known ones of `demo-tasks.ts`, each added once, and a rolling series
 * `MediaConvert-demo-<n>` of which one starts every ten seconds and runs for 20 to 40, so that a list of running tasks
 * is never empty. No id ever starts anew, because a final state is final for a client that has seen it.
 */

import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { type Clock, systemClock, type Timer } from "../clock.js";
import { demoTasks } from "./demo-tasks.js";
import type { Emulator, NewTask, Pace, TaskOutcome } from "./emulator.js";
import { DEMO_PROJECT } from "./names.js";

export { type DemoTask, demoTasks } from "./demo-tasks.js";
export { DEMO_PROJECT } from "./names.js";

/** A rolling task starts this often, before the emulator's `timeScale`. */
const ROLLING_INTERVAL_MS = 10_000; // 10 seconds

/** So many rolling tasks are there from the start: five minutes of history. */
const ROLLING_HISTORY = 30;

const DEFAULT_SEED = 1;

/** How the demo behaves. */
export interface DemoOptions {
  /** The emulator's own clock. @default systemClock */
  readonly clock?: Clock;
  /** Decides durations, paces and failures of the rolling tasks: the same seed gives the same tasks. @default 1 */
  readonly seed?: number;
}

/**
 * Adds the demo's tasks to the project `immtest`, and a rolling task every ten seconds until it is stopped. Start it
 * once per emulator, and stop it before the emulator is closed.
 *
 * @throws Error - when the emulator has no project `immtest` or already has the demo's tasks
 */
export function startDemo(emulator: Emulator, options: DemoOptions = {}): { stop(): void } {
  const { clock = systemClock, seed = DEFAULT_SEED } = options;
  let intervalMs = ROLLING_INTERVAL_MS;
  for (const { shows: _, ...task } of demoTasks) {
    const { durationMs } = emulator.addTask({ projectName: DEMO_PROJECT, ...task });
    // The emulator may run tasks faster or slower; the series keeps step, or there would be gaps in it.
    intervalMs = (ROLLING_INTERVAL_MS * durationMs) / task.durationMs;
  }

  const series = rollingSeries(seed);
  for (let age = ROLLING_HISTORY - 1; age >= 0; age--) {
    emulator.addTask({ ...series.next().value, startedAgoMs: age * intervalMs });
  }

  let timer: Timer = clock.setTimer(intervalMs, function startNext() {
    emulator.addTask(series.next().value);
    timer = clock.setTimer(intervalMs, startNext);
  });
  return { stop: () => timer.cancel() };
}

type Choices<T> = readonly [T, ...T[]];

const paces: Choices<Pace> = ["steady", "early", "late"];
const qualities: Choices<string> = ["480p", "720p", "1080p"];

/** One text per quality, shared by all tasks of it: a week's tasks are many. */
const definitions: ReadonlyMap<string, string> = new Map(
  qualities.map((quality) => [
    quality,
    JSON.stringify({
      ProjectName: DEMO_PROJECT,
      Sources: [{ URI: "oss://examplebucket/videos/clip.mov" }],
      Targets: [{ URI: `oss://examplebucket/videos/clip-${quality}.mp4`, Container: "mp4" }],
    }),
  ]),
);

/** The tasks `MediaConvert-demo-1`, `-2`, …: the n-th is the same whenever the seed is. */
function* rollingSeries(seed: number): Generator<NewTask, never> {
  const random = xoroshiro128plus(seed);
  const pick = <T>(choices: Choices<T>): T => choices[uniformInt(random, 0, choices.length - 1)] ?? choices[0];
  for (let n = 1; ; n++) {
    const quality = pick(qualities);
    const requestDefinition = definitions.get(quality);
    yield {
      projectName: DEMO_PROJECT,
      taskType: "MediaConvert",
      taskId: `MediaConvert-demo-${n}`,
      durationMs: uniformInt(random, 20_000, 40_000),
      pace: pick(paces),
      outcome: uniformInt(random, 1, 8) === 1 ? failure(uniformInt(random, 10, 90)) : { status: "Succeeded" },
      userData: JSON.stringify({ clip: n }),
      tags: { demo: "rolling", quality },
      ...(requestDefinition !== undefined && { requestDefinition }),
    };
  }
}

function failure(atProgress: number): TaskOutcome {
  return { status: "Failed", code: "InvalidMediaFormat", message: "The source cannot be decoded.", atProgress };
}
