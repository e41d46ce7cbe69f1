import { describe, expect, it } from "@jest/globals";
import {
  ForbiddenError,
  NotFoundError,
  UpstreamThrottledError,
  UpstreamUnavailableError,
} from "../../../src/errors.js";
import { TaskReader } from "../../../src/tasks/read/task-reader.js";
import { NO_PARTS } from "../../../src/tasks/task.js";
import { actionsOf, readOne, startReader } from "../../support/start-reader.js";
import { keyOf, PROGRESS } from "../../support/tasks.js";
import { uncalled } from "../../support/uncalled.js";

const DEFINITION = { ...NO_PARTS, definition: true };

/** What an account gets that may read tasks but not list them. */
async function listTasks(): Promise<never> {
  throw new ForbiddenError("IMM denies the gateway's account this operation or project.");
}

describe("reading a task that has ended", () => {
  it("asks IMM once and answers from memory for ever after", async () => {
    const { reader, emulator, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000 });
    const first = await readOne(reader, keyOf("done"), PROGRESS);
    await clock.advance(86_400_000);
    const second = await readOne(reader, keyOf("done"), PROGRESS);
    expect(first).toMatchObject({ status: "SUCCEEDED", progress: 100 });
    expect(second).toBe(first);
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it("asks again only for what it does not hold yet", async () => {
    const { reader, emulator } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000, requestDefinition: "{}" });
    await readOne(reader, keyOf("done"), NO_PARTS);
    const withDefinition = await readOne(reader, keyOf("done"), DEFINITION);
    await readOne(reader, keyOf("done"), DEFINITION);
    expect(withDefinition.definition).toBe("{}");
    expect(emulator.calls.map((call) => call.parameters["RequestDefinition"])).toEqual([undefined, "true"]);
  });

  it("keeps the code and message of a failure as data", async () => {
    const { reader, emulator } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "bad" });
    emulator.failTask("bad", "ResourceNotFound", "The object is gone.");
    const snapshot = await readOne(reader, keyOf("bad"), NO_PARTS);
    expect(snapshot).toMatchObject({
      status: "FAILED",
      facts: { code: "ResourceNotFound", message: "The object is gone." },
    });
  });
});

describe("reading a running task", () => {
  it("reuses a snapshot within taskMaxAgeMs and asks after it", async () => {
    const { reader, emulator, clock } = await startReader({ taskMaxAgeMs: 1_000 });
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    await readOne(reader, keyOf("run"), NO_PARTS);
    await clock.advance(1_000);
    await readOne(reader, keyOf("run"), NO_PARTS);
    expect(emulator.calls).toHaveLength(1);
    await clock.advance(1);
    await readOne(reader, keyOf("run"), NO_PARTS);
    expect(emulator.calls).toHaveLength(2);
  });

  it("makes one call for everybody who asks at the same time", async () => {
    const { reader, emulator } = await startReader({ taskMaxAgeMs: 0 });
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    await Promise.all(Array.from({ length: 30 }, async () => readOne(reader, keyOf("run"), NO_PARTS)));
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it("adds to a call under way only what that call does not bring", async () => {
    const { reader, emulator } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const [, second, third] = await Promise.all([
      readOne(reader, keyOf("run"), NO_PARTS),
      readOne(reader, keyOf("run"), PROGRESS),
      readOne(reader, keyOf("run"), PROGRESS),
    ]);
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks"]);
    expect(third).toBe(second);
  });

  it("does not ask for the definition unless somebody needs it, and then once", async () => {
    const { reader, emulator, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run", requestDefinition: '{"a":1}' });
    await readOne(reader, keyOf("run"), NO_PARTS);
    await readOne(reader, keyOf("run"), DEFINITION);
    await clock.advance(5_000);
    const later = await readOne(reader, keyOf("run"), DEFINITION);
    expect(later.definition).toBe('{"a":1}');
    expect(emulator.calls.map((call) => call.parameters["RequestDefinition"])).toEqual([undefined, "true", undefined]);
  });

  it("looks for a task that IMM does not know every time, and says so", async () => {
    const { reader, emulator } = await startReader();
    await expect(readOne(reader, keyOf("nobody"), NO_PARTS)).rejects.toThrow(NotFoundError);
    await expect(readOne(reader, keyOf("nobody"), NO_PARTS)).rejects.toThrow(NotFoundError);
    expect(emulator.calls).toHaveLength(2);
  });

  it("is not found under another type", async () => {
    const { reader, emulator } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    await expect(readOne(reader, keyOf("run", "MediaConvert"), NO_PARTS)).rejects.toThrow(NotFoundError);
  });
});

describe("the progress of a running task", () => {
  it("comes from one page of ListTasks, narrowed to the type, the state and the start", async () => {
    const { reader, emulator } = await startReader();
    const { startedAt } = emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.setProgress("run", 42);
    const snapshot = await readOne(reader, keyOf("run"), PROGRESS);
    expect(snapshot).toMatchObject({ status: "RUNNING", progress: 42, progressError: null });
    expect(snapshot.eventId).not.toBeNull();
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks"]);
    expect(emulator.calls[1]?.parameters).toEqual({
      ProjectName: "immtest",
      TaskTypes: '["FileCompression"]',
      Status: "Running",
      StartTimeRange: JSON.stringify({
        Start: new Date(startedAt - 1_000).toISOString(),
        End: new Date(startedAt + 1_000).toISOString(),
      }),
      MaxResults: "100",
    });
  });

  it("costs one call once the start is known", async () => {
    const { reader, emulator, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: 100_000 });
    await readOne(reader, keyOf("run"), PROGRESS);
    emulator.clearCalls();
    await clock.advance(50_000);
    const snapshot = await readOne(reader, keyOf("run"), PROGRESS);
    expect(snapshot.progress).toBeGreaterThan(30);
    expect(actionsOf(emulator)).toEqual(["ListTasks"]);
  });

  it("is followed by GetTask when the list no longer shows the task: absence proves nothing", async () => {
    const { reader, emulator, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: 100_000 });
    await readOne(reader, keyOf("run"), PROGRESS);
    emulator.clearCalls();
    emulator.finishTask("run");
    await clock.advance(2_000);
    const snapshot = await readOne(reader, keyOf("run"), PROGRESS);
    expect(snapshot).toMatchObject({ status: "SUCCEEDED", progress: 100 });
    expect(actionsOf(emulator)).toEqual(["ListTasks", "GetTask"]);
  });

  it("needs no ListTasks where GetTask still gives it", async () => {
    const { reader, emulator } = await startReader({ emulator: { progressInGetTask: true } });
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.setProgress("run", 42);
    expect(await readOne(reader, keyOf("run"), PROGRESS)).toMatchObject({ progress: 42 });
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it("does not trust a zero of GetTask", async () => {
    const { reader, emulator } = await startReader({ emulator: { progressInGetTask: true } });
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.setProgress("run", 0);
    expect(await readOne(reader, keyOf("run"), PROGRESS)).toMatchObject({ progress: 0 });
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks"]);
  });

  it("is found behind a page of tasks of the same type and second", async () => {
    const { reader, emulator } = await startReader();
    for (let index = 0; index < 150; index += 1) {
      emulator.addTask({ taskType: "FileCompression", taskId: `a-${String(index).padStart(3, "0")}` });
    }
    emulator.addTask({ taskType: "FileCompression", taskId: "z" });
    emulator.setProgress("z", 7);
    expect(await readOne(reader, keyOf("z"), PROGRESS)).toMatchObject({ progress: 7 });
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks", "ListTasks"]);
  });

  it("does not take the rest of the task with it when only the list fails", async () => {
    const { reader, emulator, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.injectFault({ kind: "serverError", action: "ListTasks" });
    const snapshot = await readOne(reader, keyOf("run"), PROGRESS);
    expect(snapshot).toMatchObject({ status: "RUNNING", progress: null });
    expect(snapshot.progressError).toBeInstanceOf(UpstreamUnavailableError);
    emulator.clearFaults();
    await clock.advance(1);
    expect((await readOne(reader, keyOf("run"), PROGRESS)).progressError).toBeNull();
  });

  it("does not hide a task that was read before when only the list fails", async () => {
    const { reader, emulator, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    await readOne(reader, keyOf("run"), PROGRESS);
    emulator.injectFault({ kind: "serverError", action: "ListTasks" });
    emulator.finishTask("run");
    await clock.advance(2_000);
    expect(await readOne(reader, keyOf("run"), PROGRESS)).toMatchObject({ status: "SUCCEEDED", progress: 100 });
  });

  it("makes no further call while IMM throttles", async () => {
    const { reader, emulator, clock } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
    await readOne(reader, keyOf("run"), PROGRESS);
    emulator.clearCalls();
    emulator.injectFault({ kind: "throttle" });
    await clock.advance(2_000);
    await expect(readOne(reader, keyOf("run"), PROGRESS)).rejects.toThrow(UpstreamThrottledError);
    expect(actionsOf(emulator)).toEqual(["ListTasks"]);
  });

  it("is not lost when the memory holds fewer tasks than are read at once", async () => {
    const { reader, emulator } = await startReader({ maxCachedTasks: 1 });
    for (const taskId of ["a", "b", "c"]) {
      emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
      emulator.setProgress(taskId, 7);
    }
    const requests = ["a", "b", "c"].map((taskId) => ({ key: keyOf(taskId), parts: { ...PROGRESS, eventId: true } }));
    for (const { progress, eventId } of await Promise.all(reader.readEach(requests))) {
      expect([progress, typeof eventId]).toEqual([7, "string"]);
    }
  });

  it("is given up, and the task read all the same, when the account may not list", async () => {
    const { client, clock, emulator } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    const getTask = client.getTask.bind(client);
    const reader = new TaskReader({
      client: { ...uncalled, getTask, listTasks },
      clock,
      taskMaxAgeMs: 0,
      maxCachedTasks: 10,
    });
    for (const turn of [1, 2]) {
      const snapshot = await readOne(reader, keyOf("run"), PROGRESS);
      expect(snapshot.status).toBe("RUNNING");
      expect(snapshot.progressError).toBeInstanceOf(ForbiddenError);
      expect(emulator.calls).toHaveLength(turn);
      await clock.advance(1);
    }
  });
});

describe("the memory of the reader", () => {
  it("is bounded: the least recently used snapshot is fetched again", async () => {
    const { reader, emulator } = await startReader({ maxCachedTasks: 2 });
    for (const taskId of ["a", "b", "c"]) {
      emulator.addTask({ taskType: "FileCompression", taskId, startedAgoMs: 60_000 });
      await readOne(reader, keyOf(taskId), NO_PARTS);
    }
    await readOne(reader, keyOf("c"), NO_PARTS);
    expect(emulator.calls).toHaveLength(3);
    await readOne(reader, keyOf("a"), NO_PARTS);
    expect(emulator.calls).toHaveLength(4);
  });

  it("does not remember a failure: the next question is asked anew", async () => {
    const { reader, emulator } = await startReader();
    emulator.addTask({ taskType: "FileCompression", taskId: "run" });
    emulator.injectFault({ kind: "serverError", times: 1 });
    await expect(readOne(reader, keyOf("run"), NO_PARTS)).rejects.toThrow(UpstreamUnavailableError);
    await expect(readOne(reader, keyOf("run"), NO_PARTS)).resolves.toMatchObject({ status: "RUNNING" });
  });
});

describe("an answer from memory", () => {
  it("does not wait for the lists that other tasks of the same question need", async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { reader, emulator, clock } = await startReader({
      wrapClient: (client) => ({
        getTask: async (...call) => client.getTask(...call),
        getResult: async (...call) => client.getResult(...call),
        createTask: async (...call) => client.createTask(...call),
        listTasks: async (...call) => held.then(async () => client.listTasks(...call)),
      }),
    });
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000 });
    for (const taskId of ["a", "b"]) emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    for (const taskId of ["done", "a", "b"]) await readOne(reader, keyOf(taskId), NO_PARTS);
    emulator.clearCalls();
    await clock.advance(2_000);
    const order: string[] = [];
    const answers = reader.readEach(["a", "done", "b"].map((taskId) => ({ key: keyOf(taskId), parts: PROGRESS })));
    const all = Promise.all(answers.map(async (answer) => answer.then(({ key }) => order.push(key.taskId))));
    await answers[1];
    expect([order, actionsOf(emulator)]).toEqual([["done"], []]);
    release();
    await all;
    expect([order[0], actionsOf(emulator)]).toEqual(["done", ["ListTasks"]]);
  });
});
