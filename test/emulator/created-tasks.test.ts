import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../src/emulator/emulator.js";
import { type CreateAction, createOperations } from "../../src/imm/operations/operations.js";
import { connectTo } from "../support/emulator-imm-client.js";
import { createActions, TWO_VARIANTS, encodeInput, exampleInput, toImmInput } from "../support/example-input.js";
import { ManualClock } from "../support/manual-clock.js";
import {
  type Answer,
  callAs,
  codeOf,
  getTask,
  listTasks,
  type PlainAnswer,
  refusalOf,
  sendSigned,
} from "./emulator-client.js";

/** Longer than any created task takes by default. */
const LONG_ENOUGH_MS = 40_000;

const compression = { ProjectName: "immtest", SourceManifestURI: "oss://b/rules.json", TargetURI: "oss://b/t.zip" };
const moderation = { ProjectName: "immtest", SourceURI: "oss://b/a.jpg" };

let clock: ManualClock;
let emulator: Emulator;

async function start(options: EmulatorOptions = {}): Promise<void> {
  emulator = await startEmulator({
    clock,
    projects: ["immtest", "example-project"],
    maxClockSkewMs: Infinity,
    ...options,
  });
}

async function restart(options: EmulatorOptions): Promise<void> {
  await emulator.close();
  await start(options);
}

beforeEach(async () => {
  clock = new ManualClock(Date.now());
  await start();
});

afterEach(() => emulator.close());

function create(action: CreateAction, query: Record<string, string>): Promise<Answer> {
  return callAs(emulator, {}, action, query);
}

/** The ids of all tasks in both projects. */
async function everyTaskId(): Promise<string[]> {
  const pages = await Promise.all(
    ["immtest", "example-project"].map((ProjectName) => listTasks(emulator, { ProjectName })),
  );
  return pages.flatMap(({ Tasks }) => Tasks.map(({ TaskId }) => TaskId));
}

describe("each operation that starts a task", () => {
  const cases = createActions.flatMap((action) => TWO_VARIANTS.map((variant) => [action, variant] as const));

  it.each(cases)("%s takes the full input %d of the real client, and its task runs to its end", async (...example) => {
    const [action] = example;
    const { taskType, hasRequestDefinition } = createOperations[action];
    const client = await connectTo(emulator);
    const input = exampleInput(...example);
    const created = await client.createTask({ action, input: toImmInput(action, input) });
    expect(created).toEqual({
      taskId: expect.stringMatching(new RegExp(`^${taskType}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)),
      eventId: expect.stringMatching(/^[0-9A-F]{3}-1/),
      requestId: expect.stringMatching(/^[0-9A-F]{8}-/),
    });

    const key = { projectName: "example-project", taskType, taskId: created.taskId };
    const running = await client.getTask({ ...key, requestDefinition: true });
    expect(running).toMatchObject({ status: "Running", eventId: created.eventId });
    expect(running.userData).toBe(input["userData"]);
    expect(running.tags).toEqual(input["tags"]);
    expect(running.taskRequestDefinition !== undefined).toBe(hasRequestDefinition);

    const { tasks } = await client.listTasks({ projectName: "example-project", requestDefinition: true });
    expect(tasks).toMatchObject([{ taskType, taskId: created.taskId, status: "Running", progress: 0 }]);
    const { query, body } = encodeInput(action, input);
    const definition = JSON.parse(String(tasks[0]?.taskRequestDefinition)) as Record<string, unknown>;
    expect(Object.keys(definition).toSorted()).toEqual(Object.keys({ ...query, ...body }).toSorted());
    for (const [name, text] of Object.entries({ ...query, ...body })) {
      expect(definition[name]).toEqual(typeof definition[name] === "string" ? text : JSON.parse(text));
    }

    await clock.advance(LONG_ENOUGH_MS);
    await expect(client.getTask(key)).resolves.toMatchObject({ status: "Succeeded", endTime: expect.any(String) });
  });

  it.each(cases)("%s takes no parameter of input %d from the wrong place", async (action, variant) => {
    const { query, body } = encodeInput(action, exampleInput(action, variant));
    for (const name of Object.keys({ ...query, ...body })) {
      const answer = await sendPlaced(action, ...moved(query, body, name));
      expect([name, codeOf(answer)]).toEqual([name, `Invalid${name}`]);
    }
    expect(await everyTaskId()).toEqual([]);
  });

  type Values = Readonly<Record<string, string>>;

  /** Query and body, the parameter `name` being in the other of the two. */
  function moved(query: Values, body: Values, name: string): readonly [Values, Values] {
    const { [name]: fromQuery, ...restOfQuery } = query;
    const { [name]: fromBody, ...restOfBody } = body;
    return fromQuery === undefined
      ? [{ ...query, ...(fromBody !== undefined && { [name]: fromBody }) }, restOfBody]
      : [restOfQuery, { ...body, [name]: fromQuery }];
  }

  function sendPlaced(action: CreateAction, query: Values, body: Values): Promise<PlainAnswer> {
    const headers: Values = Object.keys(body).length > 0 ? { "content-type": "application/x-www-form-urlencoded" } : {};
    return sendSigned(emulator, { query, headers, body: new URLSearchParams(body).toString() }, { action });
  }
});

describe("a create that is refused starts nothing", () => {
  it.each<[action: CreateAction, query: Record<string, string>, code: string]>([
    ["CreateFileCompressionTask", { ...compression, ProjectName: "" }, "MissingProjectName"],
    ["CreateFileCompressionTask", { ...compression, TargetURI: "" }, "MissingTargetURI"],
    ["CreateFileCompressionTask", { ...compression, SourceManifestURI: "" }, "MissingSources"],
    ["CreateFileCompressionTask", { ...compression, Sources: "[{}]" }, "InvalidSourceManifestURI"],
    [
      "CreateFileCompressionTask",
      { ...compression, Notification: "{" },
      "InvalidJSON Array parsing error,Notification",
    ],
    ["CreateFileCompressionTask", { ...compression, ProjectName: "nowhere" }, "ResourceNotFound"],
    ["CreateImageModerationTask", { ProjectName: "immtest" }, "MissingSourceURI"],
    ["CreateImageModerationTask", { ...moderation, Interval: "often" }, "InvalidInterval"],
    ["CreateStory", { ProjectName: "immtest", DatasetName: "d", StoryType: "TravelMemory" }, "InvalidProjectName"],
  ])("%s %j: %s", async (action, query, code) => {
    expect(await refusalOf(create(action, query))).toMatchObject({ code, statusCode: 400 });
    expect(await everyTaskId()).toEqual([]);
  });

  it("and so is one by GET", async () => {
    const answer = await sendSigned(
      emulator,
      { method: "GET", query: compression },
      { action: "CreateFileCompressionTask" },
    );
    expect(answer.status).toBe(405);
    expect(await everyTaskId()).toEqual([]);
  });
});

describe("the life of a created task", () => {
  async function lifeOf(action: CreateAction, query: Record<string, string>) {
    const { TaskId } = await create(action, query);
    const { taskType } = createOperations[action];
    const began = clock.now();
    for (;;) {
      const task = await getTask(emulator, taskType, String(TaskId));
      if (task["Status"] !== "Running") return { ...task, tookMs: clock.now() - began };
      await clock.advance(500);
    }
  }

  it("takes as long as suits its type, by the chance of the clock", async () => {
    clock.nextRandom = 0;
    expect(await lifeOf("CreateImageModerationTask", moderation)).toMatchObject({ Status: "Succeeded", tookMs: 4_000 });
    expect(await lifeOf("CreateVideoModerationTask", moderation)).toMatchObject({ tookMs: 20_000 });
    clock.nextRandom = 0.5;
    expect(await lifeOf("CreateFileCompressionTask", compression)).toMatchObject({ tookMs: 14_000 });
  });

  it("is shortened by the time scale", async () => {
    await restart({ timeScale: 10 });
    clock.nextRandom = 0;
    expect(await lifeOf("CreateVideoModerationTask", moderation)).toMatchObject({ tookMs: 2_000 });
  });

  it.each<[action: CreateAction, query: Record<string, string>]>([
    ["CreateFileCompressionTask", { ...compression, SourceManifestURI: "oss://b/Missing.json" }],
    ["CreateImageModerationTask", { ...moderation, SourceURI: "oss://b/dir/missing.jpg" }],
    ["CreateImageToPDFTask", { ProjectName: "immtest", Sources: '[{"URI":"oss://b/1"},{"URI":"oss://b/missing"}]' }],
  ])("fails where the name of a source of %s holds missing", async (action, query) => {
    const target = action === "CreateImageToPDFTask" ? { TargetURI: "oss://b/t.pdf" } : {};
    expect(await lifeOf(action, { ...query, ...target })).toMatchObject({
      Status: "Failed",
      Code: "ResourceNotFound",
      Message: "The specified resource Object is not found.",
      tookMs: 2_000,
    });
  });

  it("does not fail where only the bucket or the target holds missing", async () => {
    const query = { ...compression, SourceManifestURI: "oss://missing/a", TargetURI: "oss://b/missing" };
    expect(await lifeOf("CreateFileCompressionTask", query)).toMatchObject({ Status: "Succeeded" });
  });

  it("keeps the definition as it was sent, without what defaults add", async () => {
    const query = { ProjectName: "immtest", Sources: '[{"URI":"oss://b/a.png"}]', TargetURI: "oss://b/t.jpg" };
    await create("CreateImageSplicingTask", { ...query, ImageFormat: "", Colour: "red" });
    const { Tasks } = await listTasks(emulator, { RequestDefinition: "true" });
    expect(JSON.parse(String(Tasks[0]?.["TaskRequestDefinition"]))).toEqual({
      ...query,
      Sources: [{ URI: "oss://b/a.png" }],
    });
  });

  it("is as whoever started the emulator says, by what is asked for", async () => {
    await restart({
      createdTasks: ({ action, taskType, parameters }) =>
        parameters["UserData"] === "fail"
          ? { durationMs: 0, outcome: { status: "Failed", code: action, message: taskType } }
          : { durationMs: Infinity },
    });
    const { TaskId } = await create("CreateFileCompressionTask", compression);
    await clock.advance(24 * 60 * 60_000);
    expect(await getTask(emulator, "FileCompression", String(TaskId))).toMatchObject({ Status: "Running" });
    emulator.finishTask(String(TaskId));
    expect(await getTask(emulator, "FileCompression", String(TaskId))).toMatchObject({ Status: "Succeeded" });
    expect(await lifeOf("CreateFileCompressionTask", { ...compression, UserData: "fail" })).toMatchObject({
      Status: "Failed",
      Code: "CreateFileCompressionTask",
      Message: "FileCompression",
    });
  });
});

describe("the same create again", () => {
  it("starts a second task, also when only the answer to the first was lost", async () => {
    emulator.injectFault({ kind: "answerLost", action: "CreateFileCompressionTask", times: 1 });
    const client = await connectTo(emulator);
    const request = {
      action: "CreateFileCompressionTask",
      input: { ProjectName: "immtest", SourceManifestURI: "oss://b/rules.json", TargetURI: "oss://b/t.zip" },
    } as const;
    await expect(client.createTask(request)).rejects.toMatchObject({
      code: "UPSTREAM_UNAVAILABLE",
      mayHaveArrived: true,
    });
    expect(await everyTaskId()).toHaveLength(1);
    const { taskId } = await client.createTask(request);
    const ids = await everyTaskId();
    expect(ids).toHaveLength(2);
    expect(ids).toContain(taskId);
    expect(emulator.calls.filter(({ action }) => action.startsWith("Create"))).toMatchObject([
      { fault: "answerLost", status: null },
      { status: 200 },
    ]);
  });
});

describe("what may be asked for in a second", () => {
  const conversion = { ...moderation, TargetType: "pdf", TargetURI: "oss://b/t.pdf" };

  function convert(count: number): Promise<unknown[]> {
    const calls = Array.from({ length: count }, () =>
      sendSigned(emulator, { query: conversion }, { action: "CreateOfficeConversionTask" }),
    );
    return Promise.all(calls).then((answers) => answers.map(codeOf));
  }

  it("is what the project grants, also where it is named in the body", async () => {
    await restart({ maxRequestsPerSecond: 1 });
    const client = await connectTo(emulator);
    const story = { ProjectName: "immtest", DatasetName: "d", StoryType: "TravelMemory" };
    await client.createTask({ action: "CreateStory", input: story });
    await expect(client.createTask({ action: "CreateStory", input: story })).rejects.toMatchObject({
      code: "UPSTREAM_THROTTLED",
      mayHaveArrived: false,
    });
  });

  it("is fifty office conversions of a user, and others beside them", async () => {
    const codes = await convert(53);
    expect(codes.filter((code) => code === undefined)).toHaveLength(50);
    expect(codes.filter((code) => code === "Throttling.User")).toHaveLength(3);
    const other = await sendSigned(emulator, { query: moderation }, { action: "CreateImageModerationTask" });
    expect(codeOf(other)).toBeUndefined();
    await clock.advance(1_000);
    expect(await convert(1)).toEqual([undefined]);
    expect(await everyTaskId()).toHaveLength(52);
  });
});
