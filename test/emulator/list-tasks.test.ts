import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Emulator, type NewTask, startEmulator } from "../../src/emulator/emulator.js";
import { ManualClock } from "../support/manual-clock.js";
import { callAs, listIds, listTasks, refusalOf } from "./emulator-client.js";

const SECOND_MS = 1_000;
const failed = { status: "Failed", code: "C", message: "M" } as const;

/** In the order of their ids; `e` still runs. All instants are relative to the start of the test. */
const fixture: readonly NewTask[] = [
  { taskId: "a", taskType: "MediaConvert", startedAgoMs: 50 * SECOND_MS, durationMs: 40 * SECOND_MS },
  { taskId: "b", taskType: "FileCompression", startedAgoMs: 40 * SECOND_MS, durationMs: 5 * SECOND_MS },
  { taskId: "c", taskType: "MediaConvert", startedAgoMs: 30 * SECOND_MS, durationMs: 5 * SECOND_MS, outcome: failed },
  { taskId: "d", taskType: "ImageToPDF", startedAgoMs: 60 * SECOND_MS, durationMs: 30 * SECOND_MS, tags: { k: "v=1" } },
  { taskId: "e", taskType: "MediaConvert", startedAgoMs: 10 * SECOND_MS, durationMs: 20 * SECOND_MS, tags: { k: "w" } },
];

let clock: ManualClock;
let emulator: Emulator;
let startedAt: number;

/** An instant `agoMs` before the start of the test, written with an offset. */
function instant(agoMs: number): string {
  const shifted = new Date(startedAt - agoMs + 8 * 60 * 60_000);
  return shifted.toISOString().replace("Z", "+08:00");
}

function range(bounds: { Start?: string; End?: string }): string {
  return JSON.stringify(bounds);
}

/** Follows the tokens to the end; `betweenPages` may change the world before each next page. */
async function readAllPages(query: Record<string, string>, betweenPages: () => void = () => undefined) {
  const ids: string[] = [];
  const sizes: number[] = [];
  let token: string | undefined;
  do {
    const { Tasks, NextToken } = await listTasks(emulator, {
      ...query,
      ...(token !== undefined && { NextToken: token }),
    });
    ids.push(...Tasks.map(({ TaskId }) => TaskId));
    sizes.push(Tasks.length);
    token = NextToken;
    betweenPages();
  } while (token !== undefined);
  return { ids, sizes };
}

beforeEach(async () => {
  clock = new ManualClock(Date.now());
  startedAt = clock.now();
  emulator = await startEmulator({ clock, projects: ["immtest", "other"], maxRequestsPerSecond: Infinity });
  for (const task of fixture) emulator.addTask(task);
});

afterEach(() => emulator.close());

describe("an item of ListTasks", () => {
  it("has progress, but neither an event id nor a project", async () => {
    const { Tasks, ...page } = await listTasks(emulator);
    expect(page).toEqual({ RequestId: expect.any(String), ProjectName: "immtest", MaxResults: "100" });
    expect(Tasks.map(({ Status, Progress }) => [Status, Progress])).toEqual([
      ["Succeeded", 100],
      ["Succeeded", 100],
      ["Failed", 99],
      ["Succeeded", 100],
      ["Running", 49],
    ]);
    expect(Tasks[2]).toMatchObject({ Code: "C", Message: "M" });
    for (const item of Tasks) {
      expect(item).not.toHaveProperty("EventId");
      expect(item).not.toHaveProperty("ProjectName");
    }
  });

  it("belongs to the project asked for", async () => {
    emulator.addTask({ taskType: "MediaConvert", taskId: "z", projectName: "other" });
    expect(await listIds(emulator, { ProjectName: "other" })).toEqual(["z"]);
    const call = callAs(emulator, {}, "ListTasks", { ProjectName: "nowhere" });
    expect(await refusalOf(call)).toMatchObject({ code: "ResourceNotFound" });
  });
});

describe("the filters of ListTasks", () => {
  it.each([
    [["MediaConvert"], ["a", "c", "e"]],
    [
      ["MediaConvert", "ImageToPDF"],
      ["a", "c", "d", "e"],
    ],
    [["NeverHeardOf"], []],
    [[], ["a", "b", "c", "d", "e"]],
  ])("TaskTypes %j leave %j", async (taskTypes, ids) => {
    expect(await listIds(emulator, { TaskTypes: JSON.stringify(taskTypes) })).toEqual(ids);
  });

  it.each([
    ["Running", ["e"]],
    ["RUNNING", ["e"]],
    ["succeeded", ["a", "b", "d"]],
    ["Failed", ["c"]],
  ])("Status %s leaves %j", async (status, ids) => {
    expect(await listIds(emulator, { Status: status })).toEqual(ids);
  });

  it("StartTimeRange includes both bounds, whatever their offset", async () => {
    const bounds = { Start: instant(50 * SECOND_MS), End: instant(30 * SECOND_MS) };
    expect(await listIds(emulator, { StartTimeRange: range(bounds) })).toEqual(["a", "b", "c"]);
    const inside = { Start: instant(50 * SECOND_MS - 1), End: instant(30 * SECOND_MS + 1) };
    expect(await listIds(emulator, { StartTimeRange: range(inside) })).toEqual(["b"]);
  });

  it("a range may be open at either end or at both", async () => {
    expect(await listIds(emulator, { StartTimeRange: range({ Start: instant(30 * SECOND_MS) }) })).toEqual(["c", "e"]);
    expect(await listIds(emulator, { StartTimeRange: range({ End: instant(50 * SECOND_MS) }) })).toEqual(["a", "d"]);
    expect(await listIds(emulator, { EndTimeRange: range({}) })).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("EndTimeRange never matches a running task", async () => {
    const bounds = { Start: instant(30 * SECOND_MS), End: instant(-60 * SECOND_MS) };
    expect(await listIds(emulator, { EndTimeRange: range(bounds) })).toEqual(["a", "c", "d"]);
    const open = { End: instant(-60 * SECOND_MS) };
    expect(await listIds(emulator, { EndTimeRange: range(open) })).toEqual(["a", "b", "c", "d"]);
    emulator.finishTask("e");
    expect(await listIds(emulator, { EndTimeRange: range(bounds) })).toEqual(["a", "c", "d", "e"]);
  });

  it("TagSelector compares one key with one value, which may hold an equals sign", async () => {
    expect(await listIds(emulator, { TagSelector: "k=v=1" })).toEqual(["d"]);
    expect(await listIds(emulator, { TagSelector: "k=" })).toEqual([]);
    expect(await listIds(emulator, { TagSelector: "constructor=x" })).toEqual([]);
  });

  it("are joined by and", async () => {
    const query = { TaskTypes: '["MediaConvert"]', Status: "Succeeded", StartTimeRange: range({ End: instant(0) }) };
    expect(await listIds(emulator, query)).toEqual(["a"]);
  });

  it.each([
    ["StartTimeRange", '{"Start":"2026-01-15"}'],
    ["EndTimeRange", '{"End":"2026-13-01T00:00:00Z"}'],
    ["TagSelector", "no-equals-sign"],
    ["TagSelector", "=value"],
    ["NextToken", "not-a-token"],
    ["MaxResults", "101"],
  ])("refuse %s=%s", async (name, text) => {
    const refusal = await refusalOf(listTasks(emulator, { [name]: text }));
    expect(refusal).toMatchObject({ code: `Invalid${name}`, statusCode: 400 });
  });

  it("refuse JSON that does not parse by IMM's own code", async () => {
    const refusal = await refusalOf(listTasks(emulator, { TaskTypes: "[" }));
    expect(refusal).toMatchObject({ code: "InvalidJSON Array parsing error,TaskTypes", statusCode: 400 });
  });
});

describe("the orders of ListTasks", () => {
  it.each([
    ["TaskId", ["a", "b", "c", "d", "e"]],
    ["StartTime", ["d", "a", "b", "c", "e"]],
    // e runs and comes last.
    ["EndTime", ["b", "d", "c", "a", "e"]],
  ])("by %s are %j, and reversed for desc", async (sort, ids) => {
    expect(await listIds(emulator, { Sort: sort })).toEqual(ids);
    expect(await listIds(emulator, { Sort: sort, Order: "DESC" })).toEqual(ids.toReversed());
  });
});

describe("the pages of ListTasks", () => {
  it.each(["TaskId", "StartTime", "EndTime"])("by %s hold every task once, in both orders", async (sort) => {
    const whole = await listIds(emulator, { Sort: sort });
    const pages = await readAllPages({ Sort: sort, MaxResults: "2" });
    expect(pages).toEqual({ ids: whole, sizes: [2, 2, 1] });
    const reversed = await readAllPages({ Sort: sort, MaxResults: "2", Order: "desc" });
    expect(reversed.ids).toEqual(whole.toReversed());
  });

  it("end without a token when the last one is just full", async () => {
    expect((await readAllPages({ MaxResults: "5" })).sizes).toEqual([5]);
  });

  it("by TaskId neither lose nor repeat tasks that finish or start between two pages", async () => {
    const added = Array.from({ length: 300 }, (_, n) => `m-${String(n).padStart(3, "0")}`);
    for (const taskId of added) emulator.addTask({ taskType: "FacesSearching", taskId, durationMs: Infinity });
    let round = 0;
    const { ids } = await readAllPages({ TaskTypes: '["FacesSearching"]', MaxResults: "7" }, () => {
      emulator.finishTask(added[round * 3] ?? "");
      emulator.addTask({ taskType: "FacesSearching", taskId: `a-late-${round}` });
      round += 1;
    });
    expect(ids).toEqual(added);
  });

  it("filtered by Status show no task that has left the status, and lose none that keeps it", async () => {
    const added = Array.from({ length: 40 }, (_, n) => `m-${String(n).padStart(2, "0")}`);
    for (const taskId of added) emulator.addTask({ taskType: "FacesSearching", taskId, durationMs: Infinity });
    const finished = added.filter((_, n) => n >= 20 && n % 2 === 0);
    let isFirst = true;
    const { ids } = await readAllPages({ Status: "Running", TaskTypes: '["FacesSearching"]', MaxResults: "10" }, () => {
      if (isFirst) for (const taskId of finished) emulator.finishTask(taskId);
      isFirst = false;
    });
    expect(ids).toEqual(added.filter((taskId) => !finished.includes(taskId)));
  });

  it("do not continue a token of another order", async () => {
    const { NextToken = "" } = await listTasks(emulator, { MaxResults: "2" });
    expect(await refusalOf(listTasks(emulator, { Sort: "StartTime", NextToken }))).toMatchObject({
      code: "InvalidNextToken",
    });
  });

  it("continue past a task that has been forgotten in between", async () => {
    const { NextToken = "" } = await listTasks(emulator, { MaxResults: "2" });
    emulator.forgetTask("b");
    expect(await listIds(emulator, { NextToken })).toEqual(["c", "d", "e"]);
  });
});

describe("the budget of a project", () => {
  it("refuses the requests above it until the next second begins", async () => {
    const wholeSecond = Math.floor(Date.now() / 1_000) * 1_000;
    const slowClock = new ManualClock(wholeSecond);
    const strict = await startEmulator({ clock: slowClock, projects: ["immtest", "other"], maxRequestsPerSecond: 2 });
    await listTasks(strict);
    await listTasks(strict);
    const refusal = await refusalOf(listTasks(strict));
    expect(refusal).toMatchObject({ name: "ThrottlingError", code: "Throttling.User", statusCode: 400 });
    await expect(listTasks(strict, { ProjectName: "other" })).resolves.toBeDefined();
    await slowClock.advance(999);
    expect(await refusalOf(listTasks(strict))).toMatchObject({ code: "Throttling.User" });
    await slowClock.advance(1);
    await expect(listTasks(strict)).resolves.toBeDefined();
    await strict.close();
  });
});
