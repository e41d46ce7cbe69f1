import { describe, expect, it } from "@jest/globals";
import { eventually } from "../../support/eventually.js";
import { startGateway } from "../../support/start-gateway.js";
import { connect, subscribe } from "../../support/subscribe.js";

const DOCUMENT = `subscription ($projectName: String!, $filter: TaskEventFilter, $maxStalenessMs: Int) {
  projectEvents(projectName: $projectName, filter: $filter, maxStalenessMs: $maxStalenessMs) { kind task { taskId status progress } error { code } }
}`;

interface Data {
  readonly projectEvents: {
    readonly kind: string;
    readonly task: { readonly taskId: string; readonly status: string; readonly progress: number | null } | null;
    readonly error: { readonly code: string } | null;
  };
}

describe("projectEvents", () => {
  it("follows what runs and what starts, until the client leaves", async () => {
    const { emulator, gateway, clock, url } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "a", durationMs: Infinity });
    emulator.setProgress("a", 40);
    const events = subscribe<Data>(connect(url), DOCUMENT, { projectName: "immtest", maxStalenessMs: 1_000 });
    expect((await events.next()).data?.projectEvents).toEqual({
      kind: "SNAPSHOT",
      task: { taskId: "a", status: "RUNNING", progress: 40 },
      error: null,
    });
    expect((await events.next()).data?.projectEvents).toMatchObject({ kind: "CAUGHT_UP", task: null });
    await eventually(() => clock.pendingTimers > 0);
    emulator.addTask({ taskType: "MediaConvert", taskId: "b", durationMs: Infinity });
    const next = events.next();
    await clock.advance(1_000);
    expect((await next).data?.projectEvents).toMatchObject({ kind: "SNAPSHOT", task: { taskId: "b", progress: 0 } });
    events.unsubscribe();
    await eventually(() => gateway.watchedTasks === 0);
  });

  it("tells of a project that does not exist, then completes", async () => {
    const { url } = await startGateway();
    const events = subscribe<Data>(connect(url), DOCUMENT, { projectName: "nowhere" });
    const [event, ...rest] = await events.rest();
    expect(event).toEqual({ data: { projectEvents: { kind: "FAILED", task: null, error: { code: "NOT_FOUND" } } } });
    expect(rest).toEqual([]);
  });

  it("follows no more projects than it may, each filter counted, and frees the place of one that is left", async () => {
    const { emulator, url, clock } = await startGateway({ gateway: { maxFollowedProjects: 2 } });
    const client = connect(url);
    const follow = (taskTypes: readonly string[]): ReturnType<typeof subscribe<Data>> =>
      subscribe<Data>(client, DOCUMENT, { projectName: "immtest", filter: { taskTypes } });
    emulator.addTask({ taskType: "A", taskId: "a", durationMs: Infinity });
    const first = follow(["A", "B"]);
    await first.next();
    // The same in other words: neither a place nor a call.
    await eventually(() => clock.pendingTimers > 0);
    const calls = emulator.calls.length;
    await follow(["B", "A", "B"]).next();
    expect(emulator.calls).toHaveLength(calls);
    const second = follow(["A"]);
    await second.next();
    expect(await follow(["B"]).failure()).toMatchObject([
      { extensions: { code: "UPSTREAM_THROTTLED", retryAfterMs: 10_000 } },
    ]);
    second.unsubscribe();
    await subscribe(client, "{ __typename }").rest();
    emulator.addTask({ taskType: "C", taskId: "c", durationMs: Infinity });
    expect((await follow(["C"]).next()).data?.projectEvents.task?.taskId).toBe("c");
  });

  it("polls for no more filters than may be followed, whatever clients name, and keeps the places of those that are", async () => {
    const { emulator, url, clock } = await startGateway({ gateway: { maxFollowedProjects: 3, maxWatchedTasks: 1 } });
    const client = connect(url);
    const follow = (tag: number): ReturnType<typeof subscribe<Data>> =>
      subscribe<Data>(client, DOCUMENT, {
        projectName: "immtest",
        filter: { tag: { key: "tag", value: String(tag) } },
        maxStalenessMs: 1_000,
      });
    const streams = Array.from({ length: 200 }, (_value, tag) => follow(tag));
    await eventually(() => streams.filter(({ hasEnded }) => hasEnded).length === 197);
    await eventually(() => emulator.calls.length === 6 && clock.pendingTimers > 0);
    await clock.advance(1_000);
    await eventually(() => emulator.calls.length === 9 && clock.pendingTimers > 0);
    expect(emulator.calls).toHaveLength(9);
    expect(streams.filter(({ hasEnded }) => hasEnded)).toHaveLength(197);
  });

  it("frees the places of projects that are not there", async () => {
    const { emulator, url } = await startGateway({ gateway: { maxFollowedProjects: 1 } });
    emulator.addTask({ taskType: "A", taskId: "a", durationMs: Infinity });
    const client = connect(url);
    for (let name = 0; name < 20; name += 1) {
      const [event] = await subscribe<Data>(client, DOCUMENT, { projectName: `made-up-${name}` }).rest();
      expect(event?.data?.projectEvents).toMatchObject({ kind: "FAILED", error: { code: "NOT_FOUND" } });
    }
    // One call each.
    expect(emulator.calls).toHaveLength(20);
    const { data } = await subscribe<Data>(client, DOCUMENT, { projectName: "immtest" }).next();
    expect(data?.projectEvents.task?.taskId).toBe("a");
  });

  it("makes no call for a project that may not be asked for", async () => {
    const { emulator, url } = await startGateway({ gateway: { projects: ["other"] } });
    const events = subscribe<Data>(connect(url), DOCUMENT, { projectName: "immtest" });
    const [event] = await events.rest();
    expect(event?.data?.projectEvents).toMatchObject({ kind: "FAILED", error: { code: "FORBIDDEN" } });
    expect(emulator.calls).toEqual([]);
  });

  it.each([
    ["projectName", { projectName: " " }, "Expected `projectName` to be a non-empty string"],
    ["filter.taskTypes", { projectName: "immtest", filter: { taskTypes: [] } }, "to hold 1 to 50 items, got 0"],
    ["filter.taskTypes", { projectName: "immtest", filter: { taskTypes: [""] } }, "to be a non-empty string"],
    ["maxStalenessMs", { projectName: "immtest", maxStalenessMs: 0 }, "to be from 1 to 3600000"],
  ])("refuses a wrong `%s` without a call", async (argument, variables, message) => {
    const { emulator, url } = await startGateway();
    expect(await subscribe<Data>(connect(url), DOCUMENT, variables).failure()).toMatchObject([
      { message: expect.stringContaining(message), extensions: { code: "BAD_USER_INPUT", argument } },
    ]);
    expect(emulator.calls).toEqual([]);
  });
});
