import { describe, expect, it } from "@jest/globals";
import { letOthersRun } from "../../../src/clock.js";
import { ForbiddenError, NotFoundError, UpstreamThrottledError } from "../../../src/errors.js";
import { NO_PARTS } from "../../../src/tasks/task.js";
import type { WatchStream } from "../../../src/tasks/watch/watch-stream.js";
import { eventually } from "../../support/eventually.js";
import { startReader, type RunningReader } from "../../support/start-reader.js";
import { PROGRESS } from "../../support/tasks.js";
import { uncalled } from "../../support/uncalled.js";

const PROJECT = { projectName: "immtest", parts: PROGRESS };

/** The next `count` events as texts, in the order of the task ids. */
async function read(stream: WatchStream, count: number): Promise<readonly string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    const { value } = await stream.next();
    if (value?.kind !== "snapshot") throw new Error(`Expected a snapshot, got ${JSON.stringify(value)}.`);
    const { key, status, progress } = value.snapshot;
    texts.push(`${key.taskId} ${status} ${String(progress)}`);
  }
  return texts.toSorted();
}

/** Lets time pass, timer by timer, until `isOver`. */
async function pass({ clock }: RunningReader, isOver: () => boolean): Promise<void> {
  for (let timer = 0; timer < 100 && !isOver(); timer += 1) {
    await clock.advance(clock.nextTimerInMs ?? 0);
    // What the timer set off has to come back from the emulator before the next one is known.
    await eventually(() => clock.pendingTimers > 0 || isOver());
  }
}

describe("following a project", () => {
  it("tells of every running task, and of those that start afterwards, to its end", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "old", startedAgoMs: 60_000 });
    emulator.addTask({ taskType: "FileCompression", taskId: "a", durationMs: Infinity });
    emulator.addTask({ taskType: "MediaConvert", taskId: "b", durationMs: Infinity });
    emulator.setProgress("a", 10);
    emulator.setProgress("b", 20);
    const stream = hub.watchProject(PROJECT);
    expect(await read(stream, 2)).toEqual(["a RUNNING 10", "b RUNNING 20"]);
    // The newest start there is, and all that runs.
    expect(emulator.calls.map(({ action }) => action)).toEqual(["ListTasks", "ListTasks"]);

    await running.clock.advance(1);
    emulator.addTask({ taskType: "ImageToPDF", taskId: "c", durationMs: Infinity });
    emulator.setProgress("c", 5);
    const c = read(stream, 1);
    await pass(running, () => hub.watchedTasks === 3);
    expect(await c).toEqual(["c RUNNING 5"]);

    emulator.finishTask("a");
    emulator.failTask("c");
    await pass(running, () => hub.watchedTasks === 1);
    expect(await read(stream, 2)).toEqual(["a SUCCEEDED 100", "c FAILED null"]);
    await stream.return();
    expect([hub.watchedTasks, running.clock.pendingTimers]).toEqual([0, 0]);
  });

  it("tells of a task that is over before anybody has looked", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    const stream = hub.watchProject({ ...PROJECT, maxStalenessMs: 30_000 });
    await eventually(() => emulator.calls.length === 2 && clock.pendingTimers === 1);
    await clock.advance(1_000);
    emulator.addTask({ taskType: "FileCompression", taskId: "short", durationMs: 2_000 });
    const told = read(stream, 1);
    await clock.advance(clock.nextTimerInMs ?? 0);
    expect(await told).toEqual(["short SUCCEEDED 100"]);
    // The newest start there is, and all that runs; that again, and what has ended since.
    const ranges = emulator.calls.map(({ parameters }) =>
      Object.keys(parameters).filter((name) => /Range|Sort|Status/.test(name)),
    );
    expect(ranges).toEqual([["Sort"], ["Status"], ["Status"], []]);
  });

  it("asks once a round, however many follow, and tells a newcomer what runs without a call", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "a", durationMs: Infinity });
    emulator.setProgress("a", 10);
    const first = hub.watchProject(PROJECT);
    await read(first, 1);
    await eventually(() => clock.pendingTimers === 1);
    const calls = emulator.calls.length;
    const others = Array.from({ length: 50 }, () => hub.watchProject(PROJECT));
    for (const other of others) expect(await read(other, 1)).toEqual(["a RUNNING 10"]);
    expect(emulator.calls).toHaveLength(calls);
    for (const stream of [first, ...others]) await stream.return();
    expect(clock.pendingTimers).toBe(0);
  });

  it("shares the watches of those who follow single tasks", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "a", durationMs: Infinity });
    const key = { projectName: "immtest", taskType: "FileCompression", taskId: "a" };
    const single = hub.watch({ keys: [key], parts: PROGRESS, maxStalenessMs: 1_000 });
    const whole = hub.watchProject(PROJECT);
    await read(single, 1);
    await read(whole, 1);
    expect(hub.watchedTasks).toBe(1);
    await letOthersRun();
    emulator.setProgress("a", 50);
    await clock.advance(1_000);
    expect([await read(single, 1), await read(whole, 1)]).toEqual([["a RUNNING 50"], ["a RUNNING 50"]]);
    await single.return();
    expect(hub.watchedTasks).toBe(1);
    await whole.return();
    expect([hub.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("makes no further call when the last follower leaves while a list is read", async () => {
    let leave: (() => Promise<unknown>) | undefined;
    const { emulator, hub, clock } = await startReader({
      wrapClient: (client) => ({
        ...uncalled,
        listTasks: async (request, options) => {
          const page = await client.listTasks(request, options);
          await leave?.();
          return page;
        },
      }),
    });
    emulator.addTask({ taskType: "FileCompression", taskId: "a", durationMs: Infinity });
    const stream = hub.watchProject(PROJECT);
    await read(stream, 1);
    await letOthersRun();
    emulator.finishTask("a");
    emulator.clearCalls();
    leave = async () => stream.return();
    await clock.advance(clock.nextTimerInMs ?? 0);
    await eventually(() => emulator.calls.length > 0 && emulator.calls.every(({ status }) => status !== null));
    for (let turn = 0; turn < 20; turn += 1) await letOthersRun();
    expect(emulator.calls.map(({ action }) => action)).toEqual(["ListTasks"]);
    expect([hub.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("asks for the types of the filter only", async () => {
    const { emulator, hub } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "a", durationMs: Infinity });
    emulator.addTask({ taskType: "MediaConvert", taskId: "b", durationMs: Infinity });
    const stream = hub.watchProject({ ...PROJECT, filter: { taskTypes: ["MediaConvert"] } });
    expect(await read(stream, 1)).toEqual(["b RUNNING 0"]);
    for (const { parameters } of emulator.calls) expect(parameters["TaskTypes"]).toBe('["MediaConvert"]');
  });

  it("asks for the tag of the filter only", async () => {
    const { emulator, hub } = await startReader();
    emulator.addTask({ taskType: "MediaConvert", taskId: "a", durationMs: Infinity, tags: { team: "video" } });
    emulator.addTask({ taskType: "MediaConvert", taskId: "b", durationMs: Infinity });
    const stream = hub.watchProject({ ...PROJECT, filter: { tagSelector: "team=video" } });
    expect(await read(stream, 1)).toEqual(["a RUNNING 0"]);
    for (const { parameters } of emulator.calls) expect(parameters["TagSelector"]).toBe("team=video");
  });

  it("reads every page of a project with many tasks, at the pace of its subscribers", async () => {
    const running = await startReader({ maxCachedTasks: 1_000 });
    const { emulator, hub, clock } = running;
    for (let task = 0; task < 250; task += 1) {
      emulator.addTask({ taskType: "FileCompression", taskId: `task-${task}`, durationMs: Infinity });
    }
    const stream = hub.watchProject({ ...PROJECT, maxStalenessMs: 10_000 });
    expect(new Set(await read(stream, 250)).size).toBe(250);
    await eventually(() => clock.pendingTimers === 1);
    expect(emulator.calls).toHaveLength(4);
    expect(clock.nextTimerInMs).toBe(10_000);
  });
});

describe("a project that cannot be followed", () => {
  it("is told as the last event, and nothing is left", async () => {
    const { hub, clock } = await startReader();
    const stream = hub.watchProject({ ...PROJECT, projectName: "nowhere" });
    const { value } = await stream.next();
    expect(value).toMatchObject({ kind: "failure", key: null, error: expect.any(NotFoundError) });
    expect((await stream.next()).done).toBe(true);
    expect([hub.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("ends when it has more running tasks than may be watched, and leaves the others their watches", async () => {
    const { emulator, hub, clock } = await startReader({ maxWatchedTasks: 3 });
    for (const taskId of ["a", "b", "c", "d"]) {
      emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    }
    const key = { projectName: "immtest", taskType: "FileCompression", taskId: "a" };
    const single = hub.watch({ keys: [key], parts: PROGRESS });
    await read(single, 1);
    const whole = hub.watchProject(PROJECT);
    const { value } = await whole.next();
    expect(value).toMatchObject({ kind: "failure", error: expect.any(UpstreamThrottledError) });
    expect(hub.watchedTasks).toBe(1);
    emulator.finishTask("a");
    await clock.advance(clock.nextTimerInMs ?? 0);
    expect(await read(single, 1)).toEqual(["a SUCCEEDED 100"]);
  });

  it("is tried again while IMM throttles or is down, as often as it is polled", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "a", durationMs: Infinity });
    const heal = emulator.injectFault({ kind: "throttle", retryAfterMs: 4_000 });
    const stream = hub.watchProject({ ...PROJECT, maxStalenessMs: 1_000 });
    const waits: (number | null)[] = [];
    for (let poll = 1; poll <= 4; poll += 1) {
      await eventually(() => emulator.calls.length === poll && clock.pendingTimers === 1);
      waits.push(clock.nextTimerInMs);
      if (poll === 2) heal();
      if (poll === 2) emulator.injectFault({ kind: "serverError", times: 2 });
      await clock.advance(clock.nextTimerInMs ?? 0);
    }
    expect(waits).toEqual([4_000, 4_000, 1_000, 1_000]);
    expect(await read(stream, 1)).toEqual(["a RUNNING 0"]);
    await stream.return();
  });

  it("ends with the denial of an account that may not list it, though it may be asked for each task", async () => {
    const { emulator, hub } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "a", durationMs: Infinity });
    emulator.injectFault({ kind: "refuse", action: "ListTasks", code: "Forbidden.RAM" });
    const key = { projectName: "immtest", taskType: "FileCompression", taskId: "a" };
    const single = hub.watch({ keys: [key], parts: NO_PARTS });
    expect((await single.next()).value).toMatchObject({ kind: "snapshot" });
    const whole = hub.watchProject(PROJECT);
    expect((await whole.next()).value).toMatchObject({ kind: "failure", error: expect.any(ForbiddenError) });
    expect((await whole.next()).done).toBe(true);
    await single.return();
  });

  it("ends with the error of a client that is broken", async () => {
    const broken = new TypeError("A defect.");
    const { hub, clock } = await startReader({
      wrapClient: () => ({ ...uncalled, listTasks: async () => Promise.reject(broken) }),
    });
    const { value } = await hub.watchProject(PROJECT).next();
    expect(value).toMatchObject({ kind: "failure", error: broken });
    expect(clock.pendingTimers).toBe(0);
  });

  it("is refused where the account may not list it", async () => {
    const { hub } = await startReader({
      wrapClient: () => ({ ...uncalled, listTasks: async () => Promise.reject(new ForbiddenError("No.")) }),
    });
    const { value } = await hub.watchProject(PROJECT).next();
    expect(value).toMatchObject({ kind: "failure", error: expect.any(ForbiddenError) });
  });
});
