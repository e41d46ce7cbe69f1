import { describe, expect, it } from "@jest/globals";
import { ForbiddenError, UpstreamUnavailableError } from "../../../src/errors.js";
import { NO_PARTS } from "../../../src/tasks/task.js";
import type { TaskSnapshot } from "../../../src/tasks/snapshot.js";
import type { WatchStream } from "../../../src/tasks/watch/watch-stream.js";
import { eventually } from "../../support/eventually.js";
import { actionsOf, readOne, startReader, type RunningReader } from "../../support/start-reader.js";
import { keyOf, PROGRESS } from "../../support/tasks.js";
import { uncalled } from "../../support/uncalled.js";

function ids(count: number, prefix = "task"): readonly string[] {
  return Array.from({ length: count }, (_value, index) => `${prefix}-${String(index).padStart(5, "0")}`);
}

/** Reads a stream to its end, in the background. */
function collect(stream: WatchStream): {
  readonly snapshots: TaskSnapshot[];
  readonly errors: Error[];
  readonly ended: Promise<void>;
} {
  const snapshots: TaskSnapshot[] = [];
  const errors: Error[] = [];
  const ended = (async () => {
    for await (const event of stream) {
      if (event.kind === "snapshot") snapshots.push(event.snapshot);
      else if (event.kind === "failure") errors.push(event.error);
    }
  })();
  return { snapshots, errors, ended };
}

/** Lets the watches run for `ms` by the clock: each look is over before the next begins. */
async function runFor({ clock, emulator, hub }: RunningReader, ms: number): Promise<void> {
  const until = clock.now() + ms;
  const isQuiet = (): boolean => emulator.calls.every((call) => call.status !== null || call.fault !== undefined);
  while (clock.now() < until && hub.watchedTasks > 0) {
    await clock.advance(Math.min(clock.nextTimerInMs ?? ms, until - clock.now()));
    await eventually(() => isQuiet() && (clock.pendingTimers > 0 || hub.watchedTasks === 0));
  }
}

describe("sweeping the watched tasks of a project", () => {
  it("costs a page a poll for a hundred running tasks, and a list of what has ended for those that are missing", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    const taskIds = ids(100);
    for (const [index, taskId] of taskIds.entries()) {
      emulator.addTask({ taskType: "FileCompression", taskId, durationMs: 20_000 + 300 * index });
    }
    const streams = taskIds.flatMap((taskId) =>
      Array.from({ length: 10 }, () =>
        collect(hub.watch({ keys: [keyOf(taskId)], parts: PROGRESS, maxStalenessMs: 2_000 })),
      ),
    );
    await eventually(() => streams.every(({ snapshots }) => snapshots.length > 0));
    await runFor(running, 60_000);
    await Promise.all(streams.map(async ({ ended }) => ended));
    for (const { snapshots } of streams) {
      const progress = snapshots.map((snapshot) => snapshot.progress ?? -1);
      expect(progress).toEqual(progress.toSorted((a, b) => a - b));
      expect(snapshots.length).toBeGreaterThan(8);
      expect(snapshots.filter(({ status }) => status === "SUCCEEDED")).toHaveLength(1);
      expect(snapshots.at(-1)).toMatchObject({ status: "SUCCEEDED", progress: 100 });
    }
    expect(emulator.calls.length).toBeLessThanOrEqual(65);
    expect(clock.pendingTimers).toBe(0);
  });

  it("never happens for three tasks among twenty thousand of others", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    for (const taskId of ids(20_000, "other")) {
      emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity, startedAgoMs: 3_600_000 });
    }
    const taskIds = ids(3);
    for (const taskId of taskIds) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    const streams = taskIds.map((taskId) =>
      collect(hub.watch({ keys: [keyOf(taskId)], parts: PROGRESS, maxStalenessMs: 2_000 })),
    );
    await eventually(() => streams.every(({ snapshots }) => snapshots.length > 0));
    const atFirst = emulator.calls.length;
    expect(atFirst).toBeLessThanOrEqual(6);
    await runFor(running, 20_000);
    expect(emulator.calls.length - atFirst).toBeLessThanOrEqual(10 * 3);
    hub.dispose();
  });

  it("is given up for ten tasks among twenty thousand of others, for narrow lists that the allowance pays", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    for (const taskId of ids(20_000, "other")) {
      emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity, startedAgoMs: 55_000 });
    }
    const taskIds = ids(10);
    for (const [index, taskId] of taskIds.entries()) {
      emulator.addTask({
        taskType: "FileCompression",
        taskId,
        durationMs: Infinity,
        startedAgoMs: 10_000 * (10 - index),
      });
    }
    const stream = collect(hub.watch({ keys: taskIds.map((taskId) => keyOf(taskId)), parts: PROGRESS }));
    await eventually(() => stream.snapshots.length === 10);
    await runFor(running, 60_000);
    await runFor(running, running.clock.nextTimerInMs ?? 0);
    emulator.clearCalls();
    await runFor(running, 60_000);
    // Ten lists every fifteen seconds, which is the longest interval.
    expect(actionsOf(emulator)).toEqual(Array.from({ length: 40 }, () => "ListTasks"));
    hub.dispose();
  });

  it("asks only for the running tasks of the watched types since the oldest began, with the definition if somebody wants it", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    const startedAt = clock.now() - 5_000;
    const types = ["FileCompression", "MediaConvert"];
    const keys = ids(20).map((taskId, index) => keyOf(taskId, types[index % 2] ?? ""));
    for (const { taskId, taskType } of keys) {
      emulator.addTask({ taskType, taskId, durationMs: Infinity, startedAgoMs: 5_000, requestDefinition: "{}" });
    }
    const stream = collect(hub.watch({ keys, parts: { ...PROGRESS, definition: true } }));
    await eventually(() => stream.snapshots.length === 20);
    expect(actionsOf(emulator)).toEqual(["ListTasks"]);
    expect(emulator.calls[0]?.parameters).toEqual({
      ProjectName: "immtest",
      Status: "Running",
      TaskTypes: JSON.stringify(types),
      MaxResults: "100",
      RequestDefinition: "true",
    });
    emulator.clearCalls();
    await runFor(running, 2_000);
    expect(emulator.calls[0]?.parameters).toEqual({
      ProjectName: "immtest",
      Status: "Running",
      TaskTypes: JSON.stringify(types),
      MaxResults: "100",
      StartTimeRange: JSON.stringify({
        Start: new Date(startedAt - 1_000).toISOString(),
        End: new Date(startedAt + 1_000).toISOString(),
      }),
    });
    hub.dispose();
  });

  it("keeps what the pages before a failing one have shown, and goes on", async () => {
    let failsNext = false;
    const running = await startReader({
      maxCachedTasks: 1_000,
      wrapClient: (client) => ({
        ...uncalled,
        getTask: async (request, options) => client.getTask(request, options),
        listTasks: async (request, options) => {
          if (!failsNext || request.nextToken === undefined) return client.listTasks(request, options);
          failsNext = false;
          throw new UpstreamUnavailableError("The second page is lost.");
        },
      }),
    });
    const { emulator, hub } = running;
    const taskIds = ids(250);
    for (const taskId of taskIds) {
      emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
      emulator.setProgress(taskId, 10);
    }
    const keys = taskIds.map((taskId) => keyOf(taskId));
    const stream = collect(hub.watch({ keys, parts: PROGRESS, maxStalenessMs: 1_000 }));
    await eventually(() => stream.snapshots.length === 250);
    for (const taskId of taskIds) emulator.setProgress(taskId, 50);
    failsNext = true;
    await runFor(running, 1_000);
    const moved = stream.snapshots.slice(250).map(({ key }) => key.taskId);
    expect(moved.toSorted((a, b) => a.localeCompare(b))).toEqual(taskIds.slice(0, 100));
    await eventually(() => stream.snapshots.length === 350);
    for (let look = 0; look < 100 && stream.snapshots.length < 500; look += 1) await runFor(running, 1_000);
    expect(stream.snapshots.slice(350)).toHaveLength(150);
    expect(stream.errors).toEqual([]);
    hub.dispose();
  });

  it("finds each task once, however tasks begin and end between the pages", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    const taskIds = ids(300);
    for (const taskId of taskIds) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: 60_000 });
    const stream = collect(
      hub.watch({ keys: taskIds.map((taskId) => keyOf(taskId)), parts: PROGRESS, maxStalenessMs: 1_000 }),
    );
    await eventually(() => stream.snapshots.length === 300);
    for (let step = 0; step < 100; step += 1) {
      for (const taskId of taskIds.slice(step * 3, step * 3 + 3)) emulator.finishTask(taskId);
      for (const prefix of ["aaa", "task-00150", "zzz"]) {
        emulator.addTask({ taskType: "FileCompression", taskId: `${prefix}-new-${step}`, durationMs: 5_000 });
      }
      await clock.advance(200);
    }
    await runFor(running, 30_000);
    await stream.ended;
    const finals = stream.snapshots.filter(({ status }) => status === "SUCCEEDED").map(({ key }) => key.taskId);
    expect(finals.toSorted((a, b) => a.localeCompare(b))).toEqual(taskIds);
    expect(stream.errors).toEqual([]);
  }, 90_000);

  it("costs one call a poll for an account that may not list, and the tasks are followed all the same", async () => {
    let lists = 0;
    const running = await startReader({
      wrapClient: (client) => ({
        ...uncalled,
        getTask: async (request, options) => client.getTask(request, options),
        listTasks: async () => {
          lists += 1;
          throw new ForbiddenError("The account may not list.");
        },
      }),
    });
    const { emulator, hub } = running;
    const taskIds = ids(20);
    for (const taskId of taskIds) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    const keys = taskIds.map((taskId) => keyOf(taskId));
    const stream = collect(hub.watch({ keys, parts: NO_PARTS, maxStalenessMs: 1_000 }));
    await eventually(() => stream.snapshots.length === 20);
    await runFor(running, 5_000);
    for (const taskId of taskIds) emulator.finishTask(taskId);
    await runFor(running, 5_000);
    await stream.ended;
    expect(stream.snapshots.filter(({ status }) => status === "SUCCEEDED")).toHaveLength(20);
    const polls = 1 + 10_000 / 1_000;
    expect(lists).toBeLessThanOrEqual(polls);
  });
});

describe("reading many tasks at once", () => {
  it("sweeps them for a query as well, and serves two queries at the same time by one sweep", async () => {
    const { emulator, reader } = await startReader();
    const taskIds = ids(100);
    for (const taskId of taskIds) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    const requests = taskIds.map((taskId) => ({ key: keyOf(taskId), parts: PROGRESS }));
    const [one, two] = [reader.readEach(requests), reader.readEach(requests)];
    const snapshots = await Promise.all([...one, ...two]);
    expect(snapshots.map(({ key }) => key.taskId)).toEqual([...taskIds, ...taskIds]);
    expect(actionsOf(emulator)).toEqual(["ListTasks"]);
  });

  it("asks for each, with its progress, when the sweep was given up", async () => {
    const { emulator, reader } = await startReader();
    for (const taskId of ids(1_000, "other")) {
      emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity, startedAgoMs: 3_600_000 });
    }
    const taskIds = ids(10);
    for (const taskId of taskIds) {
      emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
      emulator.setProgress(taskId, 7);
    }
    const requests = taskIds.map((taskId) => ({ key: keyOf(taskId), parts: PROGRESS }));
    const snapshots = await Promise.all(reader.readEach(requests));
    expect(snapshots.map(({ progress }) => progress)).toEqual(taskIds.map(() => 7));
    expect(actionsOf(emulator).slice(0, 4)).toEqual(["ListTasks", "ListTasks", "ListTasks", "GetTask"]);
  });

  it("confirms by GetTask what the list does not show", async () => {
    const { emulator, reader } = await startReader();
    const taskIds = ids(20);
    for (const taskId of taskIds) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    emulator.finishTask("task-00003");
    const requests = [...taskIds, "nobody"].map((taskId) => ({ key: keyOf(taskId), parts: PROGRESS }));
    const results = await Promise.allSettled(reader.readEach(requests));
    expect(results.map(({ status }) => status)).toEqual([...taskIds.map(() => "fulfilled"), "rejected"]);
    expect(results[3]).toMatchObject({ value: { status: "SUCCEEDED", progress: 100 } });
    expect(actionsOf(emulator)).toEqual(["ListTasks", "GetTask", "GetTask"]);
  });

  it("asks for the event ids besides, and for nothing else", async () => {
    const { emulator, reader } = await startReader();
    const taskIds = ids(10);
    for (const taskId of taskIds) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    const requests = taskIds.map((taskId) => ({ key: keyOf(taskId), parts: { ...PROGRESS, eventId: true } }));
    const snapshots = await Promise.all(reader.readEach(requests));
    expect(snapshots.every(({ eventId, progress }) => eventId !== null && progress !== null)).toBe(true);
    expect(actionsOf(emulator)).toEqual(["ListTasks", ...taskIds.map(() => "GetTask")]);
  });
});

describe("what a query learns", () => {
  it("reaches the subscribers of the task at once", async () => {
    const { emulator, reader, hub, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    const stream = collect(hub.watch({ keys: [keyOf("run")], parts: NO_PARTS, maxStalenessMs: 30_000 }));
    await eventually(() => stream.snapshots.length === 1);
    emulator.finishTask("run");
    await clock.advance(2_000);
    await readOne(reader, keyOf("run"), NO_PARTS);
    await stream.ended;
    expect(stream.snapshots.at(-1)).toMatchObject({ status: "SUCCEEDED" });
    expect(emulator.calls).toHaveLength(2);
    expect(clock.pendingTimers).toBe(0);
  });
});
