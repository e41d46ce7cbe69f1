import { describe, expect, it } from "@jest/globals";
import { letOthersRun } from "../../../src/clock.js";
import { NotFoundError } from "../../../src/errors.js";
import { NO_PARTS } from "../../../src/tasks/task.js";
import type { TaskSnapshot } from "../../../src/tasks/snapshot.js";
import type { WatchStream } from "../../../src/tasks/watch/watch-stream.js";
import { eventually } from "../../support/eventually.js";
import { actionsOf, readOne, startReader, type RunningReader } from "../../support/start-reader.js";
import { keyOf, PROGRESS } from "../../support/tasks.js";
import { uncalled } from "../../support/uncalled.js";

/** The next event, once what brought it is over. */
async function nextSnapshot(stream: WatchStream): Promise<TaskSnapshot> {
  const { value } = await stream.next();
  await letOthersRun();
  if (value?.kind !== "snapshot") throw new Error(`Expected a snapshot, got ${JSON.stringify(value)}.`);
  return value.snapshot;
}

/** Lets the next poll happen, to its end. */
async function pollAgain({ clock, emulator }: RunningReader): Promise<void> {
  await eventually(() => clock.pendingTimers > 0);
  const before = emulator.calls.length;
  await clock.advance(clock.nextTimerInMs ?? 0);
  await eventually(() => emulator.calls.length > before && clock.pendingTimers > 0);
}

describe("following one task", () => {
  it("gives the present snapshot at once, then each change, then the final one, then ends", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.setProgress("run", 10);
    const stream = hub.watch({ keys: [keyOf("run")], parts: PROGRESS });
    expect(await nextSnapshot(stream)).toMatchObject({ status: "RUNNING", progress: 10 });
    emulator.setProgress("run", 60);
    await pollAgain(running);
    expect(await nextSnapshot(stream)).toMatchObject({ status: "RUNNING", progress: 60 });
    emulator.finishTask("run");
    await clock.advance(clock.nextTimerInMs ?? 0);
    expect(await nextSnapshot(stream)).toMatchObject({ status: "SUCCEEDED", progress: 100 });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(clock.pendingTimers).toBe(0);
    expect(hub.watchedTasks).toBe(0);
  });

  it("gives one snapshot of a task that has ended, and sets no timer", async () => {
    const { emulator, hub, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000 });
    const stream = hub.watch({ keys: [keyOf("done")], parts: PROGRESS });
    expect(await nextSnapshot(stream)).toMatchObject({ status: "SUCCEEDED" });
    expect((await stream.next()).done).toBe(true);
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("tells nothing of a poll that showed no change", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.setProgress("run", 10);
    const stream = hub.watch({ keys: [keyOf("run")], parts: PROGRESS });
    await nextSnapshot(stream);
    await pollAgain(running);
    await pollAgain(running);
    emulator.setProgress("run", 11);
    await pollAgain(running);
    expect(await nextSnapshot(stream)).toMatchObject({ progress: 11 });
  });

  it("does not tell somebody who selected no progress of progress", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.setProgress("run", 10);
    const plain = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    const keen = hub.watch({ keys: [keyOf("run")], parts: PROGRESS });
    await nextSnapshot(plain);
    await nextSnapshot(keen);
    emulator.setProgress("run", 60);
    await pollAgain(running);
    expect(await nextSnapshot(keen)).toMatchObject({ progress: 60 });
    emulator.failTask("run", "E", "m");
    await running.clock.advance(running.clock.nextTimerInMs ?? 0);
    expect(await nextSnapshot(plain)).toMatchObject({ status: "FAILED" });
  });

  it("asks no more for a task when whoever has not been told of its end has left", async () => {
    const { emulator, hub, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000 });
    const plain = hub.watch({ keys: [keyOf("done")], parts: NO_PARTS });
    // The look that is under way does not ask for this.
    const curious = hub.watch({ keys: [keyOf("done")], parts: { ...NO_PARTS, definition: true } });
    expect(await nextSnapshot(plain)).toMatchObject({ status: "SUCCEEDED" });
    expect((await plain.next()).done).toBe(true);
    await curious.return();
    expect([hub.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("does without ListTasks when nobody selected progress", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const stream = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    await nextSnapshot(stream);
    await pollAgain(running);
    await pollAgain(running);
    expect(actionsOf(running.emulator)).toEqual(["GetTask", "GetTask", "GetTask"]);
  });
});

describe("sharing a watch", () => {
  it("polls for a thousand subscribers as often as for one", async () => {
    const calls: number[] = [];
    for (const subscribers of [1, 1_000]) {
      const running = await startReader();
      const { emulator, hub, clock } = running;
      emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: 60_000 });
      const streams = Array.from({ length: subscribers }, () => hub.watch({ keys: [keyOf("run")], parts: PROGRESS }));
      const finals = streams.map(async (stream) => {
        let last: TaskSnapshot | undefined;
        for await (const event of stream) if (event.kind === "snapshot") last = event.snapshot;
        return last;
      });
      await eventually(() => clock.pendingTimers > 0);
      while (hub.watchedTasks > 0) {
        const before = emulator.calls.length;
        await clock.advance(clock.nextTimerInMs ?? 0);
        await eventually(() => emulator.calls.length > before && (clock.pendingTimers > 0 || hub.watchedTasks === 0));
      }
      for (const last of await Promise.all(finals)) expect(last).toMatchObject({ status: "SUCCEEDED", progress: 100 });
      calls.push(emulator.calls.length);
    }
    expect(calls[1]).toBe(calls[0]);
    expect(calls[0]).toBeGreaterThan(5);
  });

  it("gives a newcomer the present snapshot without a call", async () => {
    const { emulator, hub } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.setProgress("run", 10);
    await nextSnapshot(hub.watch({ keys: [keyOf("run")], parts: PROGRESS }));
    emulator.clearCalls();
    const late = hub.watch({ keys: [keyOf("run")], parts: PROGRESS });
    expect(await nextSnapshot(late)).toMatchObject({ progress: 10 });
    expect(emulator.calls).toHaveLength(0);
  });

  it("asks at once for what a newcomer needs more, and only then tells it", async () => {
    const { emulator, hub } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run", requestDefinition: '{"a":1}' });
    await nextSnapshot(hub.watch({ keys: [keyOf("run")], parts: NO_PARTS }));
    const late = hub.watch({ keys: [keyOf("run")], parts: { ...NO_PARTS, definition: true } });
    expect(await nextSnapshot(late)).toMatchObject({ definition: '{"a":1}' });
    expect(emulator.calls.map((call) => call.parameters["RequestDefinition"])).toEqual([undefined, "true"]);
  });

  it("serves a newcomer who joins while a poll is under way", async () => {
    const { emulator, hub } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000, requestDefinition: "{}" });
    const first = hub.watch({ keys: [keyOf("done")], parts: NO_PARTS });
    const second = hub.watch({ keys: [keyOf("done")], parts: { ...NO_PARTS, definition: true } });
    expect(await nextSnapshot(first)).toMatchObject({ status: "SUCCEEDED" });
    expect(await nextSnapshot(second)).toMatchObject({ status: "SUCCEEDED", definition: "{}" });
    expect((await first.next()).done).toBe(true);
    expect((await second.next()).done).toBe(true);
    expect(hub.watchedTasks).toBe(0);
  });

  it("holds one event, the newest, for a subscriber who does not read", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const slow = hub.watch({ keys: [keyOf("run")], parts: PROGRESS });
    await nextSnapshot(slow);
    for (const progress of [10, 20, 30]) {
      emulator.setProgress("run", progress);
      await pollAgain(running);
    }
    expect(await nextSnapshot(slow)).toMatchObject({ progress: 30 });
    emulator.setProgress("run", 40);
    await pollAgain(running);
    emulator.finishTask("run");
    await running.clock.advance(running.clock.nextTimerInMs ?? 0);
    await eventually(() => hub.watchedTasks === 0);
    expect(await nextSnapshot(slow)).toMatchObject({ status: "SUCCEEDED" });
    expect((await slow.next()).done).toBe(true);
  });
});

describe("leaving", () => {
  it("stops the polling when the last subscriber leaves, not before", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const [one, two] = [0, 1].map(() => hub.watch({ keys: [keyOf("run")], parts: PROGRESS }));
    await Promise.all([one, two].map(async (stream) => stream && nextSnapshot(stream)));
    await one?.return();
    expect(clock.pendingTimers).toBe(1);
    await pollAgain(running);
    await two?.return();
    expect(clock.pendingTimers).toBe(0);
    expect(hub.watchedTasks).toBe(0);
  });

  it("wakes a pending read at once", async () => {
    const { emulator, hub } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const stream = hub.watch({ keys: [keyOf("run")], parts: PROGRESS });
    await nextSnapshot(stream);
    const pending = stream.next();
    await stream.return();
    expect(await pending).toEqual({ done: true, value: undefined });
  });

  it("ignores an answer that lands after the last one left", async () => {
    let hasBegun = false;
    const { emulator, hub, clock } = await startReader({
      wrapClient: (client) => ({
        ...uncalled,
        getTask: async (request) => {
          hasBegun = true;
          return client.getTask(request);
        },
      }),
    });
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const stream = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    await eventually(() => hasBegun);
    await stream.return();
    await eventually(() => emulator.calls.some((call) => call.status === 200));
    await clock.advance(60_000);
    expect(clock.pendingTimers).toBe(0);
    expect(emulator.calls).toHaveLength(1);
  });

  it("asks for nothing when the last one left before the call began", async () => {
    const asked: string[] = [];
    const { hub } = await startReader({
      wrapClient: (client) => ({
        ...uncalled,
        getTask: async (request) => {
          asked.push(request.taskId);
          return client.getTask(request);
        },
      }),
    });
    await hub.watch({ keys: [keyOf("left")], parts: NO_PARTS }).return();
    await hub.watch({ keys: [keyOf("stays")], parts: NO_PARTS }).next();
    expect(asked).toEqual(["stays"]);
  });

  it("begins a new watch after the old one ended", async () => {
    const { emulator, hub } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const first = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    await nextSnapshot(first);
    await first.return();
    const second = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    expect(await nextSnapshot(second)).toMatchObject({ status: "RUNNING" });
    // The snapshot is younger than taskMaxAgeMs.
    expect(emulator.calls).toHaveLength(1);
  });

  it("ends every stream when the hub is disposed of", async () => {
    const { emulator, hub, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const stream = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    await nextSnapshot(stream);
    hub.dispose();
    expect((await stream.next()).done).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("failures while following", () => {
  it("delays nothing beyond the next poll, and ends nothing, when the failure may pass", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    const stream = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    await nextSnapshot(stream);
    const remove = emulator.injectFault({ kind: "serverError" });
    for (let poll = 0; poll < 10; poll += 1) {
      await pollAgain(running);
      expect(clock.nextTimerInMs).toBe(2_000);
    }
    remove();
    emulator.finishTask("run");
    await clock.advance(clock.nextTimerInMs ?? 0);
    expect(await nextSnapshot(stream)).toMatchObject({ status: "SUCCEEDED" });
  });

  it("makes no call for a newcomer while it waits after a failure", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.injectFault({ kind: "throttle", retryAfterMs: 60_000 });
    hub.watch({ keys: [keyOf("run")], parts: PROGRESS });
    await eventually(() => clock.nextTimerInMs === 60_000);
    for (let newcomer = 0; newcomer < 20; newcomer += 1) hub.watch({ keys: [keyOf("run")], parts: PROGRESS });
    await clock.advance(59_999);
    expect(emulator.calls).toHaveLength(1);
    hub.dispose();
  });

  it("pays for each attempt: the poll after one that took four comes four times as late", async () => {
    let furtherAttempts = 3;
    const running = await startReader({
      wrapClient: (client) => ({
        ...uncalled,
        getTask: async (request, options) => client.getTask(request, options),
        listTasks: async (request, options) => {
          for (let attempt = 0; attempt < furtherAttempts; attempt += 1) options?.onAttempt?.();
          return client.listTasks(request, options);
        },
      }),
    });
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    await nextSnapshot(hub.watch({ keys: [keyOf("run")], parts: PROGRESS }));
    await pollAgain(running);
    expect(clock.nextTimerInMs).toBe(8_000);
    furtherAttempts = 0;
    await pollAgain(running);
    expect(clock.nextTimerInMs).toBe(2_000);
  });

  it("waits for the first snapshot through failures that may pass", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.injectFault({ kind: "reset", times: 2 });
    const stream = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    await eventually(() => clock.pendingTimers > 0);
    await pollAgain(running);
    await clock.advance(clock.nextTimerInMs ?? 0);
    expect(await nextSnapshot(stream)).toMatchObject({ status: "RUNNING" });
  });

  it("waits as long as IMM asks when it throttles", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const stream = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    await nextSnapshot(stream);
    emulator.injectFault({ kind: "throttle", retryAfterMs: 45_000, times: 1 });
    await pollAgain(running);
    expect(clock.nextTimerInMs).toBe(45_000);
  });

  it("ends the stream with the error when the task is gone", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const stream = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    await nextSnapshot(stream);
    emulator.forgetTask("run");
    await clock.advance(clock.nextTimerInMs ?? 0);
    const { value } = await stream.next();
    expect(value).toMatchObject({ kind: "failure", key: keyOf("run"), error: expect.any(NotFoundError) });
    expect((await stream.next()).done).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it("keeps the known progress when only the list fails in passing", async () => {
    const running = await startReader();
    const { emulator, hub } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.setProgress("run", 10);
    const stream = hub.watch({ keys: [keyOf("run")], parts: PROGRESS });
    await nextSnapshot(stream);
    emulator.injectFault({ kind: "throttle", action: "ListTasks", times: 1 });
    emulator.setProgress("run", 20);
    await pollAgain(running);
    await pollAgain(running);
    expect(await nextSnapshot(stream)).toMatchObject({ progress: 20, progressError: null });
  });
});

describe("a refusal of the gateway's account", () => {
  const refusals = ["InvalidSecurityToken.Expired", "InvalidTimeStamp.Expired", "Forbidden.RAM", "SomethingNew"];

  it.each(refusals)("%s passes for those who follow when IMM has answered of late", async (code) => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    const ids = Array.from({ length: 30 }, (_, index) => `run-${index}`);
    for (const taskId of ids) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    const stream = hub.watch({ keys: ids.map((taskId) => keyOf(taskId)), parts: PROGRESS });
    for (const _ of ids) await nextSnapshot(stream);
    const remove = emulator.injectFault({ kind: "refuse", code });
    await pollAgain(running);
    expect(clock.nextTimerInMs).toBe(15_000);
    expect(hub.watchedTasks).toBe(30);
    remove();
    emulator.finishTask("run-0");
    await pollAgain(running);
    expect(await nextSnapshot(stream)).toMatchObject({ key: keyOf("run-0"), status: "SUCCEEDED" });
    // Nor has it turned the lists off: one call for all, and one for the task that has ended.
    await pollAgain(running);
    emulator.clearCalls();
    await pollAgain(running);
    expect(actionsOf(emulator)).toEqual(["ListTasks"]);
  });

  it("is final without an answer before, and when the last one is too long ago", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    const remove = emulator.injectFault({ kind: "refuse", code: "Forbidden.RAM" });
    const early = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    expect((await early.next()).value).toMatchObject({ kind: "failure", error: { code: "FORBIDDEN" } });
    remove();
    const stream = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS });
    await nextSnapshot(stream);
    emulator.injectFault({ kind: "refuse", code: "Forbidden.RAM" });
    const began = clock.tick();
    const last = stream.next();
    let isOver = false;
    void last.then(() => (isOver = true));
    while (clock.tick() + (clock.nextTimerInMs ?? 0) - began < 600_000) {
      expect(isOver).toBe(false);
      await pollAgain(running);
    }
    await clock.advance(clock.nextTimerInMs ?? 0);
    expect((await last).value).toMatchObject({ kind: "failure", error: { code: "FORBIDDEN" } });
    expect(clock.pendingTimers).toBe(0);
  });

  it("is told to a query at once", async () => {
    const { emulator, reader, clock } = await startReader({ taskMaxAgeMs: 0 });
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    await readOne(reader, keyOf("run"), NO_PARTS);
    await clock.advance(1);
    emulator.injectFault({ kind: "refuse", code: "InvalidSecurityToken.Expired" });
    await expect(readOne(reader, keyOf("run"), NO_PARTS)).rejects.toMatchObject({ code: "UPSTREAM_MISCONFIGURED" });
  });
});

describe("following several tasks", () => {
  it("goes on with the others when one ends or cannot be followed", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "a", startedAgoMs: 60_000 });
    emulator.addTask({ taskType: "FileCompression", taskId: "b" });
    const stream = hub.watch({ keys: ["a", "b", "nobody", "a"].map((taskId) => keyOf(taskId)), parts: NO_PARTS });
    const events = [await stream.next(), await stream.next(), await stream.next()].map(({ value }) =>
      value?.kind === "snapshot"
        ? `${value.snapshot.key.taskId} ${value.snapshot.status}`
        : `${value?.key.taskId} gone`,
    );
    expect(events.toSorted()).toEqual(["a SUCCEEDED", "b RUNNING", "nobody gone"]);
    await eventually(() => clock.pendingTimers > 0);
    emulator.finishTask("b");
    await clock.advance(clock.nextTimerInMs ?? 0);
    expect(await nextSnapshot(stream)).toMatchObject({ key: keyOf("b"), status: "SUCCEEDED" });
    expect((await stream.next()).done).toBe(true);
  });
});

describe("the rhythm", () => {
  it("is that of the most impatient subscriber, and slows down when it leaves", async () => {
    const running = await startReader();
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    const patient = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS, maxStalenessMs: 30_000 });
    await nextSnapshot(patient);
    expect(clock.nextTimerInMs).toBe(30_000);
    const hasty = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS, maxStalenessMs: 1_000 });
    await nextSnapshot(hasty);
    expect(clock.nextTimerInMs).toBe(1_000);
    await pollAgain(running);
    expect(clock.nextTimerInMs).toBe(1_000);
    await hasty.return();
    const calls = emulator.calls.length;
    await clock.advance(1_000);
    expect(clock.nextTimerInMs).toBe(29_000);
    expect(emulator.calls).toHaveLength(calls);
  });

  it("is never faster than the least interval", async () => {
    const { emulator, hub, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    await nextSnapshot(hub.watch({ keys: [keyOf("run")], parts: NO_PARTS, maxStalenessMs: 1 }));
    expect(clock.nextTimerInMs).toBe(1_000);
  });

  it("counts from when IMM was asked, however long its answer takes", async () => {
    let answer: (() => void) | undefined;
    const running = await startReader({
      wrapClient: (client) => ({
        ...uncalled,
        getTask: async (request) => {
          const task = await client.getTask(request);
          await new Promise<void>((resolve) => (answer = resolve));
          return task;
        },
      }),
    });
    const { emulator, hub, clock } = running;
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    const stream = hub.watch({ keys: [keyOf("run")], parts: NO_PARTS, maxStalenessMs: 2_000 });
    await eventually(() => answer !== undefined);
    await clock.advance(300);
    answer?.();
    await nextSnapshot(stream);
    await eventually(() => clock.pendingTimers === 1);
    expect(clock.nextTimerInMs).toBe(1_700);
  });
});
