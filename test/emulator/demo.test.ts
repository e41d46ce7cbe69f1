import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { demoTasks, startDemo } from "../../src/emulator/demo.js";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../src/emulator/emulator.js";
import { type ResultOperation, resultOperations } from "../../src/imm/operations/operations.js";
import { ManualClock } from "../support/manual-clock.js";
import { callAs, getTask, listTasks, type TaskItem } from "./emulator-client.js";

const SECOND_MS = 1_000;
const HOUR_MS = 60 * 60 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;
const withDefinition = { RequestDefinition: "true" };

let clock: ManualClock;
let emulator: Emulator;
let demo: { stop(): void };

async function start(options: EmulatorOptions = {}, seed = 1): Promise<void> {
  emulator = await startEmulator({ clock, maxClockSkewMs: Infinity, ...options });
  demo = startDemo(emulator, { clock, seed });
}

async function stop(): Promise<void> {
  demo.stop();
  await emulator.close();
}

/** The first hundred tasks by start, without what is drawn anew in every run. */
async function rollingData(): Promise<readonly TaskItem[]> {
  const { Tasks } = await listTasks(emulator, { Sort: "StartTime", TagSelector: "demo=rolling" });
  return Tasks;
}

async function runningRolling(): Promise<readonly TaskItem[]> {
  return (await listTasks(emulator, { Status: "Running", TagSelector: "demo=rolling" })).Tasks;
}

beforeEach(async () => {
  clock = new ManualClock(Date.now());
  await start();
});

afterEach(stop);

describe("the well-known tasks", () => {
  it("show every state", async () => {
    expect(await getTask(emulator, "VideoModeration", "VideoModeration-demo-slow")).toMatchObject({
      Status: "Running",
    });
    expect(await getTask(emulator, "MediaConvert", "MediaConvert-demo-hour")).toMatchObject({ Status: "Running" });
    expect(await getTask(emulator, "FileCompression", "FileCompression-demo-succeeded")).toMatchObject({
      Status: "Succeeded",
    });
    const failed = await listTasks(emulator, { Status: "Failed", TagSelector: "team=video" });
    expect(failed.Tasks).toMatchObject([
      { TaskId: "MediaConvert-demo-failed", Progress: 42, Code: "ResourceNotFound", Message: expect.any(String) },
    ]);
  });

  it("hold definitions with secrets, without them, that are not JSON, and none", async () => {
    const secret = await getTask(emulator, "FileUncompression", "FileUncompression-demo-secret", withDefinition);
    expect(secret["TaskRequestDefinition"]).toContain('"Password": "correct-horse-battery-staple"');
    const roles = await getTask(emulator, "FileCompression", "FileCompression-demo-credential", withDefinition);
    expect(JSON.parse(String(roles["TaskRequestDefinition"]))).toHaveProperty("CredentialConfig.Chain.0.Role");
    const broken = await getTask(emulator, "ImageToPDF", "ImageToPDF-demo-not-json", withDefinition);
    expect(() => JSON.parse(String(broken["TaskRequestDefinition"])) as unknown).toThrow(SyntaxError);
    const id = "OfficeConversion-demo-plain-user-data";
    const none = await getTask(emulator, "OfficeConversion", id, withDefinition);
    expect(none).not.toHaveProperty("TaskRequestDefinition");
    expect(none["UserData"]).toBe("quarterly report, second draft");
  });

  it("hold a result of each type that has one", async () => {
    for (const { action, taskType, outcome } of Object.values<ResultOperation>(resultOperations)) {
      const finished = demoTasks.find(
        (task) => task.taskType === taskType && task.taskId !== "VideoModeration-demo-slow",
      );
      const query = { ProjectName: "immtest", TaskType: taskType, TaskId: String(finished?.taskId) };
      expect(await callAs(emulator, {}, action, query)).toMatchObject({
        Status: "Succeeded",
        [outcome]: expect.anything(),
      });
    }
  });

  it("are all to be found under the ids that the catalogue names", async () => {
    const answers = await Promise.all(demoTasks.map(({ taskType, taskId }) => getTask(emulator, taskType, taskId)));
    expect(answers.map(({ TaskId }) => TaskId)).toEqual(demoTasks.map(({ taskId }) => taskId));
    expect(new Set(demoTasks.map(({ shows }) => shows)).size).toBeGreaterThan(5);
  });

  it.each(["", "-2", "-9"])(
    "FileCompression-demo-running%s runs from 0 to its end whenever first seen",
    async (suffix) => {
      await clock.advance(3 * HOUR_MS);
      const taskId = `FileCompression-demo-running${suffix}`;
      expect(await getTask(emulator, "FileCompression", taskId)).toMatchObject({ Status: "Running" });
      const look = async () => {
        const { Tasks } = await listTasks(emulator, {
          TaskTypes: '["FileCompression"]',
          Sort: "StartTime",
          Order: "desc",
        });
        return Tasks[0];
      };
      expect(await look()).toMatchObject({ TaskId: taskId, Progress: 0 });
      await clock.advance(15 * SECOND_MS);
      expect(await look()).toMatchObject({ Progress: 49 });
      await clock.advance(15 * SECOND_MS);
      expect(await look()).toMatchObject({ Status: "Succeeded", Progress: 100 });
    },
  );
});

describe("the rolling series", () => {
  it("has something running at any time, for hours", async () => {
    for (let hour = 0; hour < 9; hour++) {
      expect((await runningRolling()).length).toBeGreaterThanOrEqual(2);
      await clock.advance(HOUR_MS + 7 * SECOND_MS);
    }
  });

  it("keeps its density when the emulator runs tasks faster", async () => {
    await stop();
    await start({ timeScale: 10 });
    for (let round = 0; round < 20; round++) {
      expect((await runningRolling()).length).toBeGreaterThanOrEqual(2);
      await clock.advance(1_300);
    }
  });

  it("is the same for the same seed, and another for another", async () => {
    const first = await rollingData();
    await stop();
    await start();
    expect(await rollingData()).toEqual(first);
    await stop();
    await start({}, 2);
    expect(await rollingData()).not.toEqual(first);
  });

  it("shows success and failure", async () => {
    await clock.advance(30 * 60 * SECOND_MS);
    const statuses = new Set((await rollingData()).map(({ Status }) => Status));
    expect(statuses).toEqual(new Set(["Succeeded", "Failed"]));
  });

  it("stops adding when it is stopped, and leaves no timer", async () => {
    demo.stop();
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(60 * SECOND_MS);
    expect(await runningRolling()).toEqual([]);
  });
});

it("the demo keeps no more than seven days of tasks", async () => {
  demo.stop();
  await clock.advance(7 * DAY_MS);
  expect((await listTasks(emulator)).Tasks).toEqual([]);
});
