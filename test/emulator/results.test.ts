import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.js";
import type { ImmTaskResult } from "../../src/imm/imm-client.js";
import {
  type Members,
  modelOf,
  type ResultOperation,
  resultOperations,
  type Shape,
} from "../../src/imm/operations/operations.js";
import { connectTo } from "../support/emulator-imm-client.js";
import { ManualClock } from "../support/manual-clock.js";
import { type Answer, callAs, refusalOf, sendSigned } from "./emulator-client.js";

const resultActions = Object.values<ResultOperation>(resultOperations);

let clock: ManualClock;
let emulator: Emulator;

beforeEach(async () => {
  clock = new ManualClock(Date.now());
  emulator = await startEmulator({ clock, maxClockSkewMs: Infinity });
});

afterEach(() => emulator.close());

function read({ action }: ResultOperation, taskType: string, taskId: string): Promise<Answer> {
  return callAs(emulator, {}, action, { ProjectName: "immtest", TaskType: taskType, TaskId: taskId });
}

/** Whether `value` has every documented member, however deep, each of the documented type. An empty list shows nothing. */
function expectComplete(members: Members, value: unknown, path: string): void {
  expect([path, typeof value]).toEqual([path, "object"]);
  const object = value as Answer;
  expect([path, Object.keys(object).toSorted()]).toEqual([path, Object.keys(members).toSorted()]);
  for (const [name, member] of Object.entries(members)) expectShape(member, object[name], `${path}.${name}`);
}

function expectShape(shape: Shape, value: unknown, path: string): void {
  switch (shape.type) {
    case "object":
      return expectComplete(modelOf(shape).members, value, path);
    case "array": {
      const items = value as readonly unknown[];
      expect([path, items.length > 0]).toEqual([path, true]);
      for (const item of items) expectShape(shape.items ?? { type: "string" }, item, `${path}[]`);
      return;
    }
    case "integer":
      return expect([path, Number.isInteger(value)]).toEqual([path, true]);
    case "string":
    case "boolean":
    case "number":
    case "map":
      return expect([path, typeof value]).toEqual([path, shape.type]);
  }
}

describe.each(resultActions)("$action", (operation) => {
  const { taskType, response, outcome } = operation;

  it("answers a succeeded task with every documented member", async () => {
    emulator.addTask({ taskType, taskId: "a", userData: "mine", tags: { a: "b" }, durationMs: 0 });
    const { Code: _, Message: __, ...succeeding } = response;
    expectComplete(succeeding, await read(operation, taskType, "a"), operation.action);
    const answer = await sendSigned(
      emulator,
      { method: "GET", query: { ProjectName: "immtest", TaskType: taskType, TaskId: "a" } },
      { action: operation.action },
    );
    expect(answer.status).toBe(200);
  });

  it("answers a failed task with its error and without an outcome", async () => {
    const error = { code: "InternalError", message: "It broke." };
    emulator.addTask({ taskType, taskId: "a", userData: "u", durationMs: 0, outcome: { status: "Failed", ...error } });
    const answer = await read(operation, taskType, "a");
    expect(answer).toMatchObject({ Status: "Failed", Code: "InternalError", Message: "It broke." });
    expect(Object.keys({ ...answer, [outcome]: null }).toSorted()).toEqual(Object.keys(response).toSorted());
    expect(answer).not.toHaveProperty(outcome);
  });

  it("answers a running task without an end and without an outcome", async () => {
    emulator.addTask({ taskType, taskId: "a" });
    const answer = await read(operation, taskType, "a");
    expect(answer).toMatchObject({ TaskId: "a", TaskType: taskType, Status: "Running", EventId: expect.any(String) });
    for (const member of ["EndTime", "Code", "Message", outcome]) expect(answer).not.toHaveProperty(member);
  });

  it("knows no task of another type, and none that is not there", async () => {
    emulator.addTask({ taskType, taskId: "a" });
    emulator.addTask({ taskType: "MediaConvert", taskId: "b" });
    const calls = [
      read(operation, taskType, "b"),
      read(operation, "MediaConvert", "b"),
      read(operation, "MediaConvert", "a"),
      read(operation, taskType, "c"),
    ];
    for (const refusal of await Promise.all(calls.map(refusalOf))) {
      expect(refusal).toMatchObject({ code: "ResourceNotFound", statusCode: 400 });
    }
    expect(await refusalOf(read(operation, taskType, ""))).toMatchObject({ code: "MissingTaskId" });
  });
});

it("an outcome is what the task was planned with", async () => {
  const taskType = "DecodeBlindWatermark";
  emulator.addTask({ taskType, taskId: "a", durationMs: 0, result: "planned" });
  const client = await connectTo(emulator);
  const answer = await client.getResult({ projectName: "immtest", taskType, taskId: "a" });
  expect(answer).toMatchObject({ status: "Succeeded", content: "planned" });
});

describe("what a created task comes to", () => {
  async function moderate(sourceUri: string): Promise<ImmTaskResult> {
    const client = await connectTo(emulator);
    const input = { ProjectName: "immtest", SourceURI: sourceUri };
    const { taskId } = await client.createTask({ action: "CreateImageModerationTask", input });
    emulator.finishTask(taskId);
    return client.getResult({ projectName: "immtest", taskType: "ImageModeration", taskId });
  }

  it.each([
    ["oss://block/a.jpg", "pass", 0],
    ["oss://b/for-Review.jpg", "review", 0],
    ["oss://b/Blocked.jpg", "block", 2],
  ])("is told by the name of the source %s: %s", async (uri, suggestion, blocked) => {
    expect(await moderate(uri)).toMatchObject({
      moderationResult: { uri, suggestion, frames: { blocked: Array.from({ length: blocked }, () => ({})) } },
    });
  });
});
