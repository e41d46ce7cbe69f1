import { once } from "node:events";
import { Agent } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { CallLog, MAX_KEPT_CALLS } from "../../src/emulator/call-log.js";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.js";
import { ConfigurationError } from "../../src/errors.js";
import { ManualClock } from "../support/manual-clock.js";
import { getTask, listIds, listTasks, refusalOf, send, sendSigned, until } from "./emulator-client.js";

const listRequest = { query: { ProjectName: "immtest" } };

let clock: ManualClock;
let emulator: Emulator;

beforeEach(async () => {
  clock = new ManualClock(Date.now());
  emulator = await startEmulator({ clock });
});

afterEach(() => emulator.close());

describe("the drive methods", () => {
  it("addTask plans a life of twenty seconds under an id of IMM's form", () => {
    const task = emulator.addTask({ taskType: "MediaConvert" });
    expect(task).toMatchObject({
      projectName: "immtest",
      taskType: "MediaConvert",
      taskId: expect.stringMatching(/^MediaConvert-[0-9a-f-]{36}$/),
      startedAt: clock.now(),
      endsAt: clock.now() + 20_000,
    });
  });

  it("finishTask and failTask end a task now, with the progress it has", async () => {
    for (const taskId of ["a", "b"]) emulator.addTask({ taskType: "MediaConvert", taskId });
    await clock.advance(5_000);
    emulator.finishTask("a");
    emulator.failTask("b", "Broken", "It broke.");
    const { Tasks } = await listTasks(emulator);
    expect(Tasks).toMatchObject([
      { Status: "Succeeded", Progress: 100 },
      { Status: "Failed", Progress: 24, Code: "Broken", Message: "It broke." },
    ]);
    expect(Tasks[0]?.["EndTime"]).toBe(Tasks[1]?.["EndTime"]);
  });

  it("setProgress holds until it is set again, and a failure keeps it", async () => {
    emulator.addTask({ taskType: "MediaConvert", taskId: "a" });
    emulator.setProgress("a", 80);
    await clock.advance(1_000);
    expect((await listTasks(emulator)).Tasks[0]).toMatchObject({ Status: "Running", Progress: 80 });
    emulator.setProgress("a", 3);
    emulator.failTask("a");
    expect((await listTasks(emulator)).Tasks[0]).toMatchObject({ Status: "Failed", Progress: 3 });
  });

  it("forgetTask makes a task as unknown as one that is seven days old", async () => {
    emulator.addTask({ taskType: "MediaConvert", taskId: "a" });
    emulator.forgetTask("a");
    expect(await refusalOf(getTask(emulator, "MediaConvert", "a"))).toMatchObject({ code: "ResourceNotFound" });
    expect(await listIds(emulator)).toEqual([]);
  });

  it("timeScale divides durations and leaves the start where it was", async () => {
    const fast = await startEmulator({ clock, timeScale: 10 });
    const task = fast.addTask({ taskType: "MediaConvert", startedAgoMs: 1_000 });
    await fast.close();
    expect(task).toMatchObject({ durationMs: 2_000, startedAt: clock.now() - 1_000 });
  });

  it("refuse a task that is not there, not yet started or already ended", () => {
    emulator.addTask({ taskType: "MediaConvert", taskId: "waits", startsWhenFirstSeen: true });
    emulator.addTask({ taskType: "MediaConvert", taskId: "ended", durationMs: 0 });
    expect(() => emulator.finishTask("a")).toThrow("The emulator has no task `a`");
    expect(() => emulator.forgetTask("a")).toThrow("The emulator has no task `a`");
    expect(() => emulator.failTask("waits")).toThrow("The task `waits` has not started");
    expect(() => emulator.setProgress("ended", 1)).toThrow("The task `ended` has already ended: Succeeded");
  });

  it("refuse an id that is taken, a project that does not exist and numbers out of range", () => {
    const taskType = "MediaConvert";
    emulator.addTask({ taskType, taskId: "a" });
    expect(() => emulator.addTask({ taskType, taskId: "a" })).toThrow("The emulator already has a task `a`");
    expect(() => emulator.addTask({ taskType, projectName: "x" })).toThrow("The emulator has no project `x`");
    expect(() => emulator.addTask({ taskType, durationMs: -1 })).toThrow(
      "Expected `durationMs` to be 0 or more, got `-1`",
    );
    expect(() => emulator.addTask({ taskType, startedAgoMs: -1 })).toThrow(
      "Expected `startedAgoMs` to be 0 or more and finite, got `-1`",
    );
    expect(() => emulator.setProgress("a", 101)).toThrow(
      "Expected `progress` to be an integer from 0 to 100, got `101`",
    );
  });
});

describe("startEmulator", () => {
  it.each([
    [{ port: -1 }, "Expected `port` to be an integer from 0 to 65535, got `-1`"],
    [{ projects: [] }, "Expected `projects` to name at least one project, got none"],
    [{ maxClockSkewMs: -1 }, "Expected `maxClockSkewMs` to be 0 or more, got `-1`"],
    [{ maxRequestsPerSecond: 0 }, "Expected `maxRequestsPerSecond` to be 1 or more, got `0`"],
    [{ timeScale: 0 }, "Expected `timeScale` to be above 0 and finite, got `0`"],
  ])("refuses %j", async (options, message) => {
    await expect(startEmulator(options)).rejects.toThrow(new ConfigurationError(message));
  });

  it("rejects when the port is taken", async () => {
    const port = Number(new URL(emulator.url).port);
    await expect(startEmulator({ port })).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${port}: it is in use by another program.`,
    );
  });
});

describe("the calls received", () => {
  it("are kept in order with what was sent and what was answered, the refused ones among them", async () => {
    await listTasks(emulator, { MaxResults: "5" });
    await refusalOf(getTask(emulator, "MediaConvert", "a"));
    await send(emulator, { path: "/elsewhere" });
    expect(emulator.calls).toEqual([
      {
        action: "ListTasks",
        parameters: { ProjectName: "immtest", MaxResults: "5" },
        at: clock.now(),
        status: 200,
        accessKeyId: "emulator",
      },
      expect.objectContaining({ action: "GetTask", status: 400 }),
      expect.objectContaining({ action: "", status: 404, accessKeyId: null }),
    ]);
    emulator.clearCalls();
    expect(emulator.calls).toEqual([]);
  });

  it("tell how many were in flight at once", async () => {
    emulator.injectFault({ kind: "latency", delayMs: 100, times: 3 });
    const calls = [1, 2, 3].map(() => sendSigned(emulator, listRequest));
    await until(() => emulator.calls.length === 3);
    await clock.advance(100);
    await Promise.all(calls);
    expect(emulator.maxConcurrentCalls).toBe(3);
    emulator.clearCalls();
    await sendSigned(emulator, listRequest);
    expect(emulator.maxConcurrentCalls).toBe(1);
  });

  it("are bounded: the oldest give way", () => {
    const log = new CallLog();
    for (let at = 0; at < MAX_KEPT_CALLS * 2.5; at++) {
      log.record({ action: "", parameters: {}, at, status: null, accessKeyId: null });
    }
    expect(log.calls.length).toBeGreaterThanOrEqual(MAX_KEPT_CALLS);
    expect(log.calls.length).toBeLessThan(MAX_KEPT_CALLS * 1.2);
    expect(log.calls.at(-1)).toMatchObject({ at: MAX_KEPT_CALLS * 2.5 - 1 });
  });
});

describe("close", () => {
  it("cuts stalled, delayed and idle connections and leaves no timer", async () => {
    const agent = new Agent({ keepAlive: true });
    await sendSigned(emulator, { ...listRequest, agent });
    const silent = connect(Number(new URL(emulator.url).port), "127.0.0.1");
    await once(silent, "connect");
    const closings = [once(silent, "close")];
    for (const sockets of Object.values(agent.freeSockets)) {
      for (const socket of sockets ?? []) closings.push(once(socket, "close"));
    }
    expect(closings).toHaveLength(2);
    emulator.injectFault({ kind: "stall", times: 1 });
    emulator.injectFault({ kind: "latency", rate: 1, delayMs: 60_000 });
    const unanswered = [1, 2].map(() => sendSigned(emulator, listRequest).catch((error: unknown) => error));
    await until(() => emulator.calls.length === 3);
    expect(clock.pendingTimers).toBe(2);

    await emulator.close();
    expect(clock.pendingTimers).toBe(0);
    expect(await Promise.all(unanswered)).toMatchObject([{ code: "ECONNRESET" }, { code: "ECONNRESET" }]);
    expect(emulator.calls.map(({ status }) => status)).toEqual([200, null, null]);
    await Promise.all(closings);
    await expect(send(emulator)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("may be called again, also while it is under way", async () => {
    await Promise.all([emulator.close(), emulator.close()]);
    await expect(emulator.close()).resolves.toBeUndefined();
  });
});
