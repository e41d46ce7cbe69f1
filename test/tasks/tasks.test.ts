import { describe, expect, it } from "@jest/globals";
import type { AccessPolicy, AccessTarget, Right } from "../../src/access/access-policy.js";
import { EVERYBODY } from "../../src/access/principal.js";
import { ForbiddenError } from "../../src/errors.js";
import type { CreateTaskRequest } from "../../src/imm/imm-client.js";
import { completeOptions } from "../../src/options/options.js";
import { parseListQuery } from "../../src/tasks/list/list-query.js";
import { NO_PARTS } from "../../src/tasks/task.js";
import { CallTally } from "../../src/tasks/call-tally.js";
import { createTaskServices, Tasks } from "../../src/tasks/tasks.js";
import type { WatchStream } from "../../src/tasks/watch/watch-stream.js";
import { RecordingLogger } from "../support/recording-logger.js";
import { disposeAfterTest } from "../support/start-gateway.js";
import { actionsOf, startReader, type RunningReader } from "../support/start-reader.js";

const TYPE = { projectName: "immtest", taskType: "VideoLabelClassification" };
const OPEN = { ...TYPE, taskId: "open" };
const HIDDEN = { ...TYPE, taskId: "hidden" };
const PARTS = { parts: NO_PARTS };
const forbidden = new ForbiddenError("Not yours.");
const CREATE: CreateTaskRequest = {
  action: "CreateVideoLabelClassificationTask",
  input: { ProjectName: "immtest", SourceURI: "oss://a/b.mp4", Tags: { team: "red" }, UserData: "mine" },
};

interface Running extends RunningReader {
  readonly tasks: Tasks;
  /** What was asked of the policy. */
  readonly asked: (readonly [Right, AccessTarget])[];
  /** The same for another who asks. */
  readonly as: (caller: string) => Tasks;
}

/** A facade for a principal to whom this policy refuses what is of the blue team, and creates of the red one. */
async function start(): Promise<Running> {
  const running = await startReader({ emulator: { createdTasks: () => ({ durationMs: Infinity }) } });
  const { client, clock, emulator } = running;
  emulator.addTask({ ...OPEN, tags: { team: "red" }, durationMs: Infinity });
  emulator.addTask({ ...HIDDEN, tags: { team: "blue" }, durationMs: Infinity });
  const asked: [Right, AccessTarget][] = [];
  const refuse: AccessPolicy = (principal, right, target) => {
    asked.push([right, target]);
    const { tags, taskType, projectName } = target as AccessTarget & { readonly tags?: { readonly team: string } };
    const isRefused = tags?.team === "blue" || taskType === "Secret" || projectName === "secret";
    return isRefused || (right === "create" && principal.caller === "reader") ? forbidden : undefined;
  };
  const options = { ...completeOptions({}, false), client, clock, logger: new RecordingLogger() };
  const services = { ...createTaskServices(options), refuse };
  disposeAfterTest(() => services.hub.dispose());
  const { signal } = new AbortController();
  const as = (caller: string): Tasks =>
    new Tasks(services, { principal: { ...EVERYBODY, caller }, tally: new CallTally(), signal });
  return { ...running, asked, as, tasks: as(EVERYBODY.caller) };
}

async function nextTaskId(stream: WatchStream): Promise<string> {
  const { value } = await stream.next();
  return value?.kind === "snapshot" ? value.snapshot.key.taskId : String(value?.kind);
}

describe("what a key names", () => {
  it("is asked about before any call, on every way to a task", async () => {
    const { tasks, emulator } = await start();
    const secret = { ...OPEN, taskType: "Secret" };
    const query = parseListQuery("secret");
    await expect(tasks.read(secret, NO_PARTS)).rejects.toBe(forbidden);
    await expect(tasks.awaitEnd(secret, NO_PARTS, 1_000)).rejects.toBe(forbidden);
    await expect(tasks.list(query, { first: 1, after: undefined, definition: false })).rejects.toBe(forbidden);
    const failure = { kind: "failure", error: forbidden };
    const stream = tasks.follow({ ...PARTS, keys: [secret] });
    expect((await stream.next()).value).toEqual({ ...failure, key: secret });
    expect((await stream.next()).done).toBe(true);
    const project = tasks.followProject({ ...PARTS, projectName: "secret" });
    expect((await project.next()).value).toEqual({ ...failure, key: null });
    expect((await project.next()).done).toBe(true);
    expect(emulator.calls).toEqual([]);
  });
});

describe("what a snapshot shows", () => {
  it("is asked about before it leaves a read", async () => {
    const { tasks, asked } = await start();
    expect(await tasks.read(OPEN, NO_PARTS)).toMatchObject({ key: OPEN });
    expect(asked.at(-1)).toEqual(["read", { ...TYPE, tags: { team: "red" }, userData: null }]);
    await expect(tasks.read(HIDDEN, NO_PARTS)).rejects.toBe(forbidden);
    const settled = await Promise.allSettled([tasks.read(OPEN, NO_PARTS), tasks.read(HIDDEN, NO_PARTS)]);
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });

  it("is asked about before a wait answers, and before its result is read", async () => {
    const { tasks, emulator } = await start();
    for (const { taskId } of [OPEN, HIDDEN]) emulator.finishTask(taskId);
    await expect(tasks.awaitEnd(HIDDEN, NO_PARTS, 1_000)).rejects.toBe(forbidden);
    const snapshot = await tasks.awaitEnd(OPEN, NO_PARTS, 1_000);
    const calls = emulator.calls.length;
    await expect(
      tasks.result({ ...snapshot, facts: { ...snapshot.facts, tags: { team: "blue" } } }, false),
    ).rejects.toBe(forbidden);
    expect(emulator.calls).toHaveLength(calls);
    expect(await tasks.result(snapshot, false)).toMatchObject({ labels: [{}, {}, {}] });
  });

  it("is asked about for each task of a list, whose cursor goes on behind all of them", async () => {
    const { tasks } = await start();
    const query = parseListQuery("immtest", null, { field: "TaskId", direction: "asc" });
    const part = { first: 1, definition: false };
    const first = await tasks.list(query, { ...part, after: undefined });
    expect(first).toMatchObject({ items: [], hasNextPage: true });
    const { items, hasNextPage } = await tasks.list(query, { ...part, after: first.endCursor ?? undefined });
    expect(items.map(({ snapshot }) => snapshot.key.taskId)).toEqual(["open"]);
    expect(hasNextPage).toBe(false);
  });

  it("is asked about for each event of a project, and of tasks, for each caller", async () => {
    const { tasks, as, emulator, clock } = await start();
    const project = tasks.followProject({ ...PARTS, projectName: "immtest", sendsPhases: true });
    expect([await nextTaskId(project), await nextTaskId(project)]).toEqual(["open", "caughtUp"]);
    const hidden = tasks.follow({ ...PARTS, keys: [HIDDEN], sendsPhases: true });
    const open = as("other").follow({ ...PARTS, keys: [OPEN, HIDDEN] });
    expect([await nextTaskId(hidden), await nextTaskId(open)]).toEqual(["caughtUp", "open"]);
    const rest = Promise.all([hidden.next(), nextTaskId(open), nextTaskId(project)]);
    for (const taskId of ["open", "hidden"]) emulator.finishTask(taskId);
    await clock.advance(clock.nextTimerInMs ?? 0);
    // The end of a task that may not be seen is not sent, and still ends the stream.
    expect(await rest).toEqual([{ done: true, value: undefined }, "open", "open"]);
    expect((await open.next()).done).toBe(true);
    project.close();
  });
});

describe("a create", () => {
  it("is asked about with all that its input says, before any call", async () => {
    const { tasks, as, asked, emulator } = await start();
    await expect(as("reader").start(CREATE)).rejects.toBe(forbidden);
    expect(asked).toEqual([["create", { ...TYPE, tags: { team: "red" }, userData: "mine" }]]);
    expect(() => as("reader").checkStart()).toThrow(forbidden);
    const blue = { ...CREATE, input: { ...CREATE.input, Tags: { team: "blue" } } };
    await expect(tasks.start(blue)).rejects.toBe(forbidden);
    expect(emulator.calls).toEqual([]);
    expect(await tasks.start(CREATE)).toMatchObject({ isNew: true });
  });

  it("is not found by another caller with the same key", async () => {
    const { as } = await start();
    const request = { ...CREATE, idempotencyKey: "key" };
    const answers = [await as("a").start(request), await as("b").start(request), await as("a").start(request)];
    expect(answers.map(({ isNew }) => isNew)).toEqual([true, true, false]);
  });

  it("from a pattern asks for both rights", async () => {
    const { tasks, as, emulator } = await start();
    await expect(tasks.rerun(HIDDEN, undefined)).rejects.toBe(forbidden);
    await expect(tasks.rerun({ ...OPEN, projectName: "secret" }, undefined)).rejects.toBe(forbidden);
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
    const { snapshot } = await tasks.start(CREATE);
    await expect(as("reader").rerun(snapshot.key, undefined)).rejects.toBe(forbidden);
    expect(await tasks.rerun(snapshot.key, undefined)).toMatchObject({ isNew: true });
    expect(actionsOf(emulator).filter((action) => action.startsWith("Create"))).toHaveLength(2);
  });
});
