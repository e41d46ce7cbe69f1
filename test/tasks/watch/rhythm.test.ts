/** What watching promises: how old what a subscriber sees may be, and what it costs. By the clock of the test. */

import { describe, expect, it } from "@jest/globals";
import { systemClock } from "../../../src/clock.js";
import { GuardedImmClient } from "../../../src/imm/policy/call-policy.js";
import type { ImmClient } from "../../../src/imm/imm-client.js";
import { completeOptions } from "../../../src/options/options.js";
import { NO_PARTS, toKeyText, type TaskKey } from "../../../src/tasks/task.js";
import type { WatchStream } from "../../../src/tasks/watch/watch-stream.js";
import { eventually } from "../../support/eventually.js";
import { actionsOf, startReader, type RunningReader } from "../../support/start-reader.js";
import { PROGRESS } from "../../support/tasks.js";
import { uncalled } from "../../support/uncalled.js";

const MINUTE_MS = 60_000;

function keysOf(count: number, projectName = "immtest"): readonly TaskKey[] {
  return Array.from({ length: count }, (_value, index) => ({
    projectName,
    taskType: "FileCompression",
    taskId: `task-${String(index).padStart(4, "0")}`,
  }));
}

/** Follows to the end, and notes when it is told of each end, by key. */
function follow(
  stream: WatchStream,
  { clock }: RunningReader,
  sentAt = new Map<string, number>(),
): Map<string, number> {
  void (async () => {
    for await (const event of stream) {
      if (event.kind !== "snapshot") throw new Error(`Expected a snapshot, got ${event.kind}.`);
      if (event.snapshot.status !== "RUNNING") sentAt.set(toKeyText(event.snapshot.key), clock.now());
    }
  })();
  return sentAt;
}

/** Moves the time on in steps; what each sets off is over before the next. */
async function pass({ clock, emulator, hub }: RunningReader, ms: number, stepMs = 50): Promise<void> {
  const isQuiet = (): boolean => emulator.calls.every((call) => call.status !== null || call.fault !== undefined);
  for (let passed = 0; passed < ms; passed += stepMs) {
    await clock.advance(stepMs);
    await eventually(() => isQuiet() && (clock.pendingTimers > 0 || hub.watchedTasks === 0));
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Infinity;
}

describe("tasks that have run for half an hour", () => {
  it("are known to have ended within the interval, at the price of a page", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    const keys = keysOf(20);
    // They were started over ten seconds, and fail at moments that nothing tells.
    for (const [index, { taskType, taskId }] of keys.entries()) {
      emulator.addTask({ taskType, taskId, startedAgoMs: 30 * MINUTE_MS - index * 500, durationMs: Infinity });
      emulator.setProgress(taskId, 40);
    }
    const sentAt = new Map<string, number>();
    for (const key of keys) follow(hub.watch({ keys: [key], parts: PROGRESS }), running, sentAt);
    await pass(running, 100);
    const beforeEnds = emulator.calls.length;
    await pass(running, MINUTE_MS);
    expect(emulator.calls.length).toBeLessThanOrEqual(40);
    expect(beforeEnds).toBeLessThanOrEqual(4);
    emulator.clearCalls();
    const endedAt = new Map<string, number>();
    for (const [index, key] of keys.entries()) {
      await pass(running, 50 + ((index * 977) % 61) * 50);
      emulator.failTask(key.taskId, "InternalError", "It failed.");
      endedAt.set(toKeyText(key), clock.now());
    }
    await pass(running, 3_000);
    const delays = [...endedAt].map(([keyText, at]) => (sentAt.get(keyText) ?? Infinity) - at);
    expect(Math.max(...delays)).toBeLessThanOrEqual(2_000);
    expect(percentile(delays, 0.5)).toBeLessThanOrEqual(1_200);
    const lists = actionsOf(emulator).filter((action) => action === "ListTasks").length;
    expect(actionsOf(emulator).length - lists).toBeLessThanOrEqual(20);
    expect([hub.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  }, 60_000);
});

describe("the price of a poll", () => {
  it("of one watched task among 500 of others is one narrow list every two seconds", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    for (let index = 0; index < 500; index += 1) {
      const startedAgoMs = 30 * MINUTE_MS - index * 3_000;
      emulator.addTask({ taskType: "FileCompression", taskId: `other-${index}`, startedAgoMs, durationMs: Infinity });
    }
    emulator.addTask({
      taskType: "FileCompression",
      taskId: "task-0000",
      startedAgoMs: MINUTE_MS,
      durationMs: Infinity,
    });
    const sentAt = follow(hub.watch({ keys: keysOf(1), parts: PROGRESS }), running);
    await pass(running, 100);
    emulator.clearCalls();
    await pass(running, MINUTE_MS);
    expect(emulator.calls).toHaveLength(30);
    emulator.finishTask("task-0000");
    const endedAt = clock.now();
    await pass(running, 2_500);
    expect([...sentAt.values()].map((at) => at - endedAt)).toEqual([expect.any(Number)]);
    expect(Math.max(...sentAt.values()) - endedAt).toBeLessThanOrEqual(2_000);
  }, 60_000);

  it("of a thousand watched tasks is ten pages every fifteen seconds", async () => {
    const running = await startReader({ maxCachedTasks: 2_000 });
    const { emulator, hub, clock } = running;
    const keys = keysOf(1_000);
    for (const [index, { taskType, taskId }] of keys.entries()) {
      emulator.addTask({ taskType, taskId, startedAgoMs: index * 1_000, durationMs: Infinity });
    }
    const sentAt = follow(hub.watch({ keys, parts: PROGRESS }), running);
    await pass(running, 200);
    emulator.clearCalls();
    await pass(running, MINUTE_MS, 500);
    expect(emulator.calls.length).toBeLessThanOrEqual(0.8 * 60);
    emulator.finishTask("task-0500");
    const endedAt = clock.now();
    await pass(running, 16_000, 500);
    expect(Math.max(...sentAt.values()) - endedAt).toBeLessThanOrEqual(16_000);
    hub.dispose();
  }, 60_000);

  it("is each project's own", async () => {
    const names = Array.from({ length: 50 }, (_value, index) => `project-${index}`);
    const running = await startReader({ emulator: { projects: names } });
    const { emulator, hub } = running;
    for (const projectName of names) {
      const key = { projectName, taskType: "FileCompression", taskId: `task-of-${projectName}` };
      emulator.addTask({ ...key, durationMs: Infinity });
      follow(hub.watch({ keys: [key], parts: PROGRESS }), running);
    }
    await eventually(() => emulator.calls.length === 100 && emulator.calls.every(({ status }) => status !== null));
    emulator.clearCalls();
    await pass(running, 20_000, 500);
    const perProject = names.map(
      (name) => emulator.calls.filter(({ parameters }) => parameters["ProjectName"] === name).length,
    );
    expect(new Set(perProject)).toEqual(new Set([10]));
    hub.dispose();
  }, 60_000);

  it("is the same for a project that is followed as a whole, but for a list of what has ended now and then", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    for (const { taskType, taskId } of keysOf(50)) {
      emulator.addTask({ taskType, taskId, startedAgoMs: MINUTE_MS, durationMs: Infinity });
    }
    for (let board = 0; board < 10; board += 1)
      follow(hub.watchProject({ projectName: "immtest", parts: PROGRESS }), running);
    follow(hub.watch({ keys: keysOf(20), parts: PROGRESS }), running);
    await pass(running, 100);
    emulator.clearCalls();
    await pass(running, MINUTE_MS, 500);
    expect(new Set(actionsOf(emulator))).toEqual(new Set(["ListTasks"]));
    expect(emulator.calls.length).toBeLessThanOrEqual(30 + 4);
    hub.dispose();
  }, 60_000);
});

describe("a project that IMM has throttled", () => {
  it("is polled at full speed within ten seconds after that", async () => {
    const limits = completeOptions({ maxRetries: 0 }, false);
    const running = await startReader({
      wrapClient: (client, clock) => {
        // The policy itself tells of attempts.
        const silent: ImmClient = {
          ...uncalled,
          getTask: async (request, options) => client.getTask(request, { ...options, onAttempt: undefined }),
          listTasks: async (request, options) => client.listTasks(request, { ...options, onAttempt: undefined }),
        };
        return new GuardedImmClient(silent, { limits, clock, networkClock: systemClock });
      },
    });
    const { emulator, hub, clock } = running;
    for (const { taskType, taskId } of keysOf(3)) emulator.addTask({ taskType, taskId, durationMs: Infinity });
    follow(hub.watch({ keys: keysOf(3), parts: PROGRESS }), running);
    await pass(running, 100);
    const heal = emulator.injectFault({ kind: "throttle" });
    await pass(running, 30_000, 100);
    heal();
    await pass(running, 10_000, 100);
    emulator.clearCalls();
    await pass(running, 10_000, 100);
    expect(emulator.calls).toHaveLength(5);
    expect(clock.pendingTimers).toBeGreaterThan(0);
    hub.dispose();
  }, 60_000);
});

describe("newcomers", () => {
  it("that come together are looked for in one list, and asked for where that does not show them", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    for (const [index, { taskType, taskId }] of keysOf(10).entries()) {
      emulator.addTask({ taskType, taskId, durationMs: index === 0 ? 1_000 : Infinity, startedAgoMs: 5_000 });
    }
    const stream = hub.watch({ keys: keysOf(10), parts: NO_PARTS });
    for (let told = 0; told < 10; told += 1) expect((await stream.next()).value?.kind).toBe("snapshot");
    expect(actionsOf(emulator)).toEqual(["ListTasks", "GetTask"]);
    hub.dispose();
  });

  it("that want the event id cost a GetTask each, once", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    for (const { taskType, taskId } of keysOf(10)) {
      emulator.addTask({ taskType, taskId, durationMs: Infinity, startedAgoMs: 5_000 });
    }
    follow(hub.watch({ keys: keysOf(10), parts: { ...PROGRESS, eventId: true } }), running);
    await pass(running, 10_000, 500);
    const actions = actionsOf(emulator);
    expect(actions.filter((action) => action === "GetTask")).toHaveLength(10);
    expect(actions.filter((action) => action === "ListTasks").length).toBeLessThanOrEqual(7);
    hub.dispose();
  });
});
