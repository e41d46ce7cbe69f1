import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.js";
import { formatInstant } from "../../src/emulator/task-life.js";
import { ManualClock } from "../support/manual-clock.js";
import { callAs, getTask, listIds, listTasks, refusalOf } from "./emulator-client.js";

const DAY_MS = 24 * 60 * 60_000;
const definition = '{\n\t"Format": "zip"\n}';

let clock: ManualClock;
let emulator: Emulator;

beforeEach(async () => {
  clock = new ManualClock(Date.now());
  emulator = await startEmulator({ clock, projects: ["immtest", "other"], maxClockSkewMs: Infinity });
});

afterEach(() => emulator.close());

describe("GetTask", () => {
  it("answers a running task without an end, an error or a progress", async () => {
    const { startedAt } = emulator.addTask({ taskType: "FileCompression", taskId: "a" });
    await clock.advance(10_000);
    expect(await getTask(emulator, "FileCompression", "a")).toEqual({
      RequestId: expect.stringMatching(/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/),
      ProjectName: "immtest",
      TaskType: "FileCompression",
      TaskId: "a",
      EventId: expect.any(String),
      Status: "Running",
      StartTime: formatInstant(startedAt),
    });
  });

  it("answers a succeeded task with its end, user data and tags", async () => {
    const tags = { team: "video" };
    const { endsAt } = emulator.addTask({ taskType: "MediaConvert", taskId: "a", userData: '{"é":1}', tags });
    await clock.advance(20_000);
    const answer = await getTask(emulator, "MediaConvert", "a");
    expect(answer).toMatchObject({
      Status: "Succeeded",
      EndTime: formatInstant(endsAt),
      UserData: '{"é":1}',
      Tags: tags,
    });
    expect(answer).not.toHaveProperty("Code");
    expect(answer).not.toHaveProperty("Progress");
  });

  it("answers a failed task with HTTP 200 and the task's own error", async () => {
    const outcome = { status: "Failed", code: "ResourceNotFound", message: "No such object." } as const;
    emulator.addTask({ taskType: "MediaConvert", taskId: "a", outcome });
    await clock.advance(20_000);
    expect(await getTask(emulator, "MediaConvert", "a")).toMatchObject({
      Status: "Failed",
      Code: "ResourceNotFound",
      Message: "No such object.",
    });
  });

  it("gives progress only when it behaves as before June 2026", async () => {
    const old = await startEmulator({ clock, progressInGetTask: true });
    old.addTask({ taskType: "MediaConvert", taskId: "a" });
    await clock.advance(10_000);
    const answer = await getTask(old, "MediaConvert", "a");
    await old.close();
    expect(answer).toMatchObject({ Progress: 49 });
  });

  it("finds a task only by its project, type and id together", async () => {
    emulator.addTask({ taskType: "MediaConvert", taskId: "a" });
    const wrong = [
      { ProjectName: "other", TaskType: "MediaConvert", TaskId: "a" },
      { ProjectName: "immtest", TaskType: "FileCompression", TaskId: "a" },
      { ProjectName: "immtest", TaskType: "MediaConvert", TaskId: "b" },
    ];
    const refusals = await Promise.all(wrong.map((query) => refusalOf(callAs(emulator, {}, "GetTask", query))));
    for (const { code, statusCode, data } of refusals) {
      expect({ code, statusCode }).toEqual({ code: "ResourceNotFound", statusCode: 400 });
      expect(data["Message"]).toBe("The specified resource TaskId is not found.");
    }
  });

  it("says which project is not found, with IMM's five members", async () => {
    const query = { ProjectName: "nowhere", TaskType: "MediaConvert", TaskId: "a" };
    const { data } = await refusalOf(callAs(emulator, {}, "GetTask", query));
    // The vendor's client adds the status to what was sent.
    expect(data).toMatchObject({
      RequestId: expect.any(String),
      HostId: "imm.emulator",
      Code: "ResourceNotFound",
      Message: "The specified resource project is not found.",
      Recommend: expect.stringContaining("ResourceNotFound"),
    });
  });

  it("names the parameter that is missing", async () => {
    const call = callAs(emulator, {}, "GetTask", { ProjectName: "immtest", TaskType: "MediaConvert" });
    expect(await refusalOf(call)).toMatchObject({ code: "MissingTaskId", statusCode: 400 });
  });

  it("forgets a task seven days after its start, and so does ListTasks", async () => {
    emulator.addTask({ taskType: "MediaConvert", taskId: "old", startedAgoMs: 7 * DAY_MS - 1_000 });
    await expect(getTask(emulator, "MediaConvert", "old")).resolves.toMatchObject({ Status: "Succeeded" });
    await clock.advance(1_000);
    expect(await refusalOf(getTask(emulator, "MediaConvert", "old"))).toMatchObject({ code: "ResourceNotFound" });
    expect(await listIds(emulator)).toEqual([]);
  });
});

describe("the request definition", () => {
  it("comes from GetTask only when asked for, and only for the types that have one", async () => {
    emulator.addTask({ taskType: "FileCompression", taskId: "with", requestDefinition: definition });
    emulator.addTask({ taskType: "OfficeConversion", taskId: "without", requestDefinition: definition });
    const asking = { RequestDefinition: "true" };
    expect(await getTask(emulator, "FileCompression", "with", asking)).toHaveProperty(
      "TaskRequestDefinition",
      definition,
    );
    expect(await getTask(emulator, "FileCompression", "with")).not.toHaveProperty("TaskRequestDefinition");
    const unlisted = await getTask(emulator, "OfficeConversion", "without", asking);
    expect(unlisted).not.toHaveProperty("TaskRequestDefinition");
  });

  it("comes from ListTasks only when asked for, for every type that stored one", async () => {
    emulator.addTask({ taskType: "OfficeConversion", taskId: "a", requestDefinition: definition });
    emulator.addTask({ taskType: "OfficeConversion", taskId: "b" });
    const asked = await listTasks(emulator, { RequestDefinition: "true" });
    expect(asked.Tasks[0]).toHaveProperty("TaskRequestDefinition", definition);
    expect(asked.Tasks[1]).not.toHaveProperty("TaskRequestDefinition");
    const { Tasks } = await listTasks(emulator);
    expect(Tasks[0]).not.toHaveProperty("TaskRequestDefinition");
  });
});

describe("a task that starts when it is first seen", () => {
  it("is unknown to ListTasks until GetTask names it, and lives from then on", async () => {
    const task = emulator.addTask({ taskType: "MediaConvert", taskId: "a", startsWhenFirstSeen: true });
    await clock.advance(8 * DAY_MS);
    expect(await listIds(emulator)).toEqual([]);
    expect(task.startedAt).toBe(Infinity);
    const first = callAs(emulator, {}, "GetTask", { ProjectName: "immtest", TaskType: "Wrong", TaskId: "a" });
    expect(await refusalOf(first)).toMatchObject({ code: "ResourceNotFound" });
    expect(task.startedAt).toBe(Infinity);
  });

  it("runs its whole duration from the first GetTask on", async () => {
    const task = emulator.addTask({ taskType: "MediaConvert", taskId: "a", startsWhenFirstSeen: true });
    await clock.advance(60_000);
    expect(await getTask(emulator, "MediaConvert", "a")).toMatchObject({ Status: "Running" });
    expect(task.startedAt).toBe(clock.now());
    await clock.advance(10_000);
    const { Tasks } = await listTasks(emulator);
    expect(Tasks).toMatchObject([{ TaskId: "a", Status: "Running", Progress: 49 }]);
    await clock.advance(10_000);
    expect(await getTask(emulator, "MediaConvert", "a")).toMatchObject({ Status: "Succeeded" });
  });
});
