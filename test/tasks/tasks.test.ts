import { describe, expect, it } from "@jest/globals";
import { EVERYBODY, type Grant } from "../../src/access/principal.js";
import { ForbiddenError } from "../../src/errors.js";
import type { CreateTaskRequest } from "../../src/imm/imm-client.js";
import { completeOptions } from "../../src/options/options.js";
import { parseListQuery } from "../../src/tasks/list/list-query.js";
import { NO_PARTS } from "../../src/tasks/task.js";
import { CallTally } from "../../src/tasks/call-tally.js";
import { createTaskServices, Tasks } from "../../src/tasks/tasks.js";
import type { WatchStream } from "../../src/tasks/watch/watch-stream.js";
import { MemoryFinishedTasks } from "../support/memory-finished-tasks.js";
import { RecordingLogger } from "../support/recording-logger.js";
import { disposeAfterTest } from "../support/start-gateway.js";
import { actionsOf, startReader, type RunningReader } from "../support/start-reader.js";

const TYPE = { projectName: "immtest", taskType: "VideoLabelClassification" };
const OPEN = { ...TYPE, taskId: "open" };
const HIDDEN = { ...TYPE, taskId: "hidden" };
const MISSING = { ...TYPE, taskId: "missing" };
const PARTS = { parts: NO_PARTS };
const FORBIDDEN = { code: "FORBIDDEN" };
const NOT_FOUND = { code: "NOT_FOUND", message: "There is no such task, or it is not the caller's.", imm: undefined };
const CREATE: CreateTaskRequest = {
  action: "CreateVideoLabelClassificationTask",
  input: { ProjectName: "immtest", SourceURI: "oss://a/b.mp4", Tags: { kind: "test" }, UserData: '{"n": 1.50}' },
};
const PROJECTS = [{ name: "immtest", isPrefix: false }];
/** Of those of the red team. */
const OWN: Grant = { projects: PROJECTS, allow: ["read", "create"], own: { tag: "team", equals: "red" } };
const READER: Grant = { projects: PROJECTS, allow: ["read"] };

interface Running extends RunningReader {
  /** The facade for who has these grants. */
  readonly as: (...grants: readonly Grant[]) => Tasks;
  /** The same at another instance, with which this one shares the tasks that have ended. */
  readonly other: (redactDefinitions: boolean, ...grants: readonly Grant[]) => Tasks;
}

/** Two tasks that run, of two teams. */
async function start(): Promise<Running> {
  const running = await startReader({ emulator: { createdTasks: () => ({ durationMs: Infinity }) } });
  const { client, clock, emulator } = running;
  const lasting = { ...TYPE, durationMs: Infinity, requestDefinition: JSON.stringify({ Password: "hunter2" }) };
  emulator.addTask({ ...lasting, ...OPEN, tags: { team: "red", kind: "a" } });
  emulator.addTask({ ...lasting, ...HIDDEN, tags: { team: "blue", kind: "a" } });
  const finished = new MemoryFinishedTasks(clock, 100);
  const { signal } = new AbortController();
  const open = (redactDefinitions: boolean): Running["as"] => {
    const options = { ...completeOptions({ redactDefinitions }, false), finished };
    const services = createTaskServices({ ...options, client, clock, logger: new RecordingLogger() });
    disposeAfterTest(() => services.hub.dispose());
    return (...grants) =>
      new Tasks(services, { principal: { caller: JSON.stringify(grants), grants }, tally: new CallTally(), signal });
  };
  return { ...running, as: open(true), other: (isRedacted, ...grants) => open(isRedacted)(...grants) };
}

async function nextTaskId(stream: WatchStream): Promise<string> {
  const { value } = await stream.next();
  return value?.kind === "snapshot" ? value.snapshot.key.taskId : String(value?.kind);
}

describe("what a key names", () => {
  it.each<[string, Grant]>([
    ["another project", { ...READER, projects: [{ name: "other", isPrefix: true }] }],
    ["another type", { ...READER, taskTypes: ["FileCompression"] }],
    ["another right", { ...READER, allow: ["create", "definitions", "secrets"] }],
  ])("is refused before any call, on every way to a task: %s", async (_what, grant) => {
    const { as, emulator } = await start();
    const tasks = as(grant);
    const query = parseListQuery("immtest", { taskTypes: [TYPE.taskType] });
    await expect(tasks.read(OPEN, NO_PARTS)).rejects.toMatchObject(FORBIDDEN);
    await expect(tasks.awaitEnd(OPEN, NO_PARTS, 1_000)).rejects.toMatchObject(FORBIDDEN);
    await expect(tasks.list(query, { first: 1, after: undefined, definition: false })).rejects.toMatchObject(FORBIDDEN);
    await expect(tasks.rerun(OPEN, undefined)).rejects.toMatchObject(FORBIDDEN);
    const stream = await tasks.follow({ ...PARTS, keys: [OPEN] });
    expect((await stream.next()).value).toMatchObject({ kind: "failure", error: FORBIDDEN, key: OPEN });
    expect((await stream.next()).done).toBe(true);
    const filter = { taskTypes: [TYPE.taskType] };
    const project = tasks.followProject({ ...PARTS, projectName: "immtest", filter });
    expect((await project.next()).value).toMatchObject({ kind: "failure", error: FORBIDDEN, key: null });
    expect((await project.next()).done).toBe(true);
    expect(emulator.calls).toEqual([]);
  });
});

describe("another's task", () => {
  it("is no different from one that is not there, in the answer and in the calls of two reads", async () => {
    for (const progress of [false, true]) {
      const { as, emulator, clock } = await start();
      for (const key of [HIDDEN, MISSING]) {
        const before = emulator.calls.length;
        for (const calls of [1, 1, 2]) {
          if (calls === 2) await clock.advance(1_001);
          await expect(as(OWN).read(key, { ...NO_PARTS, progress })).rejects.toMatchObject(NOT_FOUND);
          expect(actionsOf(emulator).slice(before)).toEqual(Array.from({ length: calls }, () => "GetTask"));
        }
      }
      expect(await as(OWN).read(OPEN, { ...NO_PARTS, progress: true })).toMatchObject({ key: OPEN });
    }
  });

  it("cannot be waited for, followed, or be a pattern", async () => {
    const { as, emulator } = await start();
    for (const key of [HIDDEN, MISSING]) {
      await expect(as(OWN).awaitEnd(key, NO_PARTS, 1_000)).rejects.toMatchObject(NOT_FOUND);
      const stream = await as(OWN).follow({ ...PARTS, keys: [key, OPEN], sendsPhases: true });
      expect((await stream.next()).value).toMatchObject({ kind: "failure", error: NOT_FOUND, key });
      expect(await nextTaskId(stream)).toBe("open");
      stream.close();
      await expect(
        as({ ...OWN, allow: ["read", "create", "definitions"] }).rerun(key, undefined),
      ).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
    }
    expect(actionsOf(emulator).filter((action) => action.startsWith("Create"))).toEqual([]);
  });

  it("is in no list, which asks IMM for the owner's alone where a tag tells", async () => {
    const { as, emulator } = await start();
    const part = { first: 10, after: undefined, definition: false };
    const idsOf = async (tasks: Tasks, ...query: Parameters<typeof parseListQuery>): Promise<readonly string[]> => {
      const { snapshots, hasNextPage } = await tasks.list(parseListQuery(...query), part);
      expect(hasNextPage).toBe(false);
      return snapshots.map((snapshot) => snapshot.key.taskId);
    };
    const selectors = (): unknown => emulator.calls.map(({ parameters }) => parameters["TagSelector"]);
    expect(await idsOf(as(OWN), "immtest")).toEqual(["open"]);
    expect(await idsOf(as(OWN), "immtest", { tag: { key: "kind", value: "a" } })).toEqual(["open"]);
    expect(await idsOf(as(OWN), "immtest", { tag: { key: "kind", value: "b" } })).toEqual([]);
    expect(await idsOf(as(OWN), "immtest", { tag: { key: "team", value: "blue" } })).toEqual([]);
    expect(selectors()).toEqual(["team=red", "team=red", "team=red", "team=red"]);
    expect(await idsOf(as(OWN, { ...OWN, own: { userData: "/a", equals: "b" } }), "immtest")).toEqual(["open"]);
    expect(await idsOf(as(OWN, READER), "immtest")).toEqual(["hidden", "open"]);
    expect(selectors()).toEqual([...Array.from({ length: 4 }, () => "team=red"), undefined, undefined]);
  });

  it("is looked for behind many of others', within a bound on pages", async () => {
    const { as, emulator } = await start();
    const own: Grant = { ...OWN, own: { userData: "/id", equals: "me" } };
    for (let index = 0; index < 1_150; index += 1) {
      const taskId = `t${String(index).padStart(4, "0")}`;
      emulator.addTask({
        ...TYPE,
        taskId,
        durationMs: Infinity,
        userData: JSON.stringify({ id: index === 1_140 ? "me" : "you" }),
      });
    }
    const query = parseListQuery("immtest", null, { field: "TaskId", direction: "asc" });
    const first = await as(own).list(query, { first: 1, after: undefined, definition: false });
    expect(first).toMatchObject({ snapshots: [], hasNextPage: true });
    expect(emulator.calls).toHaveLength(11);
    const second = await as(own).list(query, { first: 1, after: first.endCursor ?? undefined, definition: false });
    expect(second.snapshots.map(({ key: found }) => found.taskId)).toEqual(["t1140"]);
    expect(second.hasNextPage).toBe(false);
  });

  it("is in no event of a project that others follow as well, by the same polls", async () => {
    const { as, emulator, clock } = await start();
    const project = as(OWN).followProject({ ...PARTS, projectName: "immtest", sendsPhases: true });
    const all = as(READER).followProject({ ...PARTS, projectName: "immtest", sendsPhases: true });
    expect([await nextTaskId(project), await nextTaskId(project)]).toEqual(["open", "caughtUp"]);
    expect(new Set([await nextTaskId(all), await nextTaskId(all)])).toEqual(new Set(["open", "hidden"]));
    const calls = emulator.calls.length;
    expect(await nextTaskId(all)).toBe("caughtUp");
    const rest = Promise.all([nextTaskId(project), nextTaskId(all)]);
    for (const { taskId } of [OPEN, HIDDEN]) emulator.finishTask(taskId);
    await clock.advance(clock.nextTimerInMs ?? 0);
    expect((await rest)[0]).toBe("open");
    expect(emulator.calls.length - calls).toBeLessThanOrEqual(3);
    project.close();
    all.close();
  });
});

describe("what a task was created with", () => {
  it.each<[string, Grant["allow"], unknown]>([
    ["refused", ["read"], FORBIDDEN],
    ["redacted", ["read", "definitions"], { value: { Password: "[redacted]" } }],
    ["refused, with a right to its secrets alone", ["read", "secrets"], FORBIDDEN],
    ["as it is", ["read", "definitions", "secrets"], { value: { Password: "hunter2" } }],
  ])("is %s, whatever another has been shown", async (_what, allow, expected) => {
    const { as, emulator } = await start();
    const key = { ...OPEN, taskType: "FileCompression", taskId: "archive" };
    emulator.addTask({ ...key, durationMs: Infinity, requestDefinition: JSON.stringify({ Password: "hunter2" }) });
    const parts = { ...NO_PARTS, definition: true };
    await as(...EVERYBODY.grants).read(key, parts);
    const tasks = as({ ...READER, allow });
    const snapshot = await tasks.read(key, parts);
    expect(tasks.definitionOf(snapshot)).toMatchObject(expected as object);
    const outputs = tasks.outputsOf(snapshot);
    expect(outputs instanceof ForbiddenError).toBe(!allow.includes("definitions"));
    expect(emulator.calls.map(({ parameters }) => parameters["RequestDefinition"])).toEqual(["true"]);
  });

  it.each<[string, boolean, Grant["allow"], string, number]>([
    ["redacted, without a call", true, ["read", "definitions"], "[redacted]", 0],
    ["as it is, by a call", true, ["read", "definitions", "secrets"], "hunter2", 1],
    ["as it is, where all are shown", false, ["read", "definitions"], "hunter2", 1],
  ])("is %s, at an instance that another has shared the task with", async (_what, isRedacted, allow, shown, calls) => {
    const { as, other, emulator } = await start();
    const key = { ...OPEN, taskType: "FileCompression", taskId: "archive" };
    emulator.addTask({ ...key, startedAgoMs: 60_000, requestDefinition: JSON.stringify({ Password: "hunter2" }) });
    const parts = { ...NO_PARTS, definition: true };
    await as(...EVERYBODY.grants).read(key, parts);
    const read = other(isRedacted, { ...READER, allow });
    const followed = other(isRedacted, { ...READER, allow });
    const waited = other(isRedacted, { ...READER, allow });
    const stream = await followed.follow({ parts, keys: [key] });
    const { value } = await stream.next();
    const snapshots = [
      await read.read(key, parts),
      value?.kind === "snapshot" ? value.snapshot : undefined,
      await waited.awaitEnd(key, parts, 1_000),
    ];
    for (const [index, tasks] of [read, followed, waited].entries()) {
      const snapshot = snapshots[index];
      expect(snapshot && tasks.definitionOf(snapshot)).toMatchObject({ value: { Password: shown } });
    }
    expect(emulator.calls).toHaveLength(1 + 3 * calls);
  });

  it("is whole as a pattern, at an instance that another has shared the task with without its secrets", async () => {
    const { as, other, emulator } = await start();
    const { snapshot } = await as(...EVERYBODY.grants).start({
      action: "CreateFileUncompressionTask",
      input: { ProjectName: "immtest", SourceURI: "oss://a/b.zip", TargetURI: "oss://a/c/", Password: "hunter2" },
    });
    emulator.finishTask(snapshot.key.taskId);
    await as(...EVERYBODY.grants).read(snapshot.key, { ...NO_PARTS, definition: true });
    const tasks = other(true, { ...READER, allow: ["read", "create", "definitions"] });
    expect(await tasks.rerun(snapshot.key, undefined)).toMatchObject({ isNew: true });
    expect(emulator.calls.at(-1)).toMatchObject({ parameters: { Password: "hunter2" } });
  });

  it("is not asked for on behalf of who may not see it", async () => {
    const { as, emulator } = await start();
    const parts = { ...NO_PARTS, definition: true };
    await as(READER).read(OPEN, parts);
    await as(READER).list(parseListQuery("immtest"), { first: 1, after: undefined, definition: true });
    const asked = emulator.calls.map(({ parameters }) => parameters["RequestDefinition"]);
    expect(asked).not.toContain("true");
  });

  it("cannot be a pattern for who may not see it", async () => {
    const { as, emulator } = await start();
    await expect(as({ ...READER, allow: ["read", "create"] }).rerun(OPEN, undefined)).rejects.toMatchObject(FORBIDDEN);
    expect(emulator.calls).toEqual([]);
  });
});

describe("a create", () => {
  it("is refused before any call", async () => {
    const { as, emulator } = await start();
    await expect(as(READER).start(CREATE)).rejects.toMatchObject(FORBIDDEN);
    expect(() => as(READER).checkStart()).toThrow("The caller may not start tasks");
    expect(() => as(OWN).checkStart()).not.toThrow();
    expect(emulator.calls).toEqual([]);
  });

  const BY_USER_DATA: Grant = { ...OWN, own: { userData: "/ownerId", equals: "alice" } };
  it.each<[string, Grant, object, object]>([
    ["the tag is set", OWN, {}, { Tags: { kind: "test", team: "red" }, UserData: '{"n": 1.50}' }],
    ["the tag is there", OWN, { Tags: { team: "red" } }, { Tags: { team: "red" } }],
    ["there are no tags", OWN, { Tags: undefined }, { Tags: { team: "red" } }],
    ["the member is set", BY_USER_DATA, {}, { UserData: '{"ownerId":"alice","n": 1.50}', Tags: { kind: "test" } }],
    [
      "the member is there",
      BY_USER_DATA,
      { UserData: '{ "ownerId": "alice" }' },
      { UserData: '{ "ownerId": "alice" }' },
    ],
    ["there is no user data", BY_USER_DATA, { UserData: undefined }, { UserData: '{"ownerId":"alice"}' }],
    ["the user data is empty", BY_USER_DATA, { UserData: " { } " }, { UserData: '{"ownerId":"alice"}' }],
  ])("is marked as its caller's own: %s", async (_what, grant, input, sent) => {
    const { as, emulator } = await start();
    const { snapshot } = await as(grant).start({ ...CREATE, input: { ...CREATE.input, ...input } });
    expect(await as(grant).read(snapshot.key, NO_PARTS)).toMatchObject({ key: snapshot.key });
    const [{ parameters } = { parameters: {} }] = emulator.calls;
    const { Tags: tags, UserData } = parameters as { readonly Tags?: string; readonly UserData?: string };
    expect({ Tags: tags && (JSON.parse(tags) as unknown), UserData }).toMatchObject(sent);
  });

  it.each<[string, Grant, object, object]>([
    ["another tag", OWN, { Tags: { team: "blue" } }, { code: "BAD_USER_INPUT", argument: "Tags" }],
    ["another member", BY_USER_DATA, { UserData: '{"ownerId":"bob"}' }, { argument: "UserData" }],
    ["user data that is no JSON", BY_USER_DATA, { UserData: "mine" }, { argument: "UserData" }],
    ["user data that is no object", BY_USER_DATA, { UserData: "[]" }, { argument: "UserData" }],
  ])("that names another owner is refused: %s", async (_what, grant, input, error) => {
    const { as, emulator } = await start();
    const request = { ...CREATE, input: { ...CREATE.input, ...input } as never };
    await expect(as(grant).start(request)).rejects.toMatchObject(error);
    expect(emulator.calls).toEqual([]);
  });

  it("of a type that takes no tags is refused where tags tell whose a task is", async () => {
    const { as, emulator } = await start();
    const request = {
      action: "CreateFacesSearchingTask",
      input: { ProjectName: "immtest", DatasetName: "d" },
    } as const;
    await expect(as(OWN).start(request)).rejects.toMatchObject(FORBIDDEN);
    expect(emulator.calls).toEqual([]);
  });

  it("is not found by another caller with the same key", async () => {
    const { as } = await start();
    const request = { ...CREATE, idempotencyKey: "key" };
    const [a, b] = [as(OWN), as(...EVERYBODY.grants)];
    const answers = [await a.start(request), await b.start(request), await a.start(request)];
    expect(answers.map(({ isNew }) => isNew)).toEqual([true, true, false]);
  });

  it("from a pattern takes all three rights", async () => {
    const { as, emulator } = await start();
    const { snapshot } = await as(...EVERYBODY.grants).start(CREATE);
    for (const right of EVERYBODY.grants[0]?.allow ?? []) {
      const allow = (["read", "create", "definitions"] as const).filter((other) => other !== right);
      await expect(as({ ...READER, allow }).rerun(snapshot.key, undefined)).rejects.toMatchObject(FORBIDDEN);
    }
    expect(await as(...EVERYBODY.grants).rerun(snapshot.key, undefined)).toMatchObject({ isNew: true });
    expect(actionsOf(emulator).filter((action) => action.startsWith("Create"))).toHaveLength(2);
  });
});
