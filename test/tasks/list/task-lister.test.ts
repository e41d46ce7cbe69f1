import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { EmulatedTask, Emulator } from "../../../src/emulator/emulator.js";
import { ForbiddenError, UpstreamInvalidResponseError } from "../../../src/errors.js";
import type { ImmTaskInfo, ImmTaskPage, ListTasksRequest } from "../../../src/imm/imm-client.js";
import { parseListQuery, type TaskFilter, type TaskOrder } from "../../../src/tasks/list/list-query.js";
import { TaskLister, type TaskListing } from "../../../src/tasks/list/task-lister.js";
import { NO_PARTS } from "../../../src/tasks/task.js";
import { fromListedTask, type Sighting } from "../../../src/tasks/snapshot.js";
import { ManualClock } from "../../support/manual-clock.js";
import { actionsOf, readOne, startReader, type RunningReader } from "../../support/start-reader.js";
import { uncalled } from "../../support/uncalled.js";

const SECOND_MS = 1_000;
const ALL = parseListQuery("immtest", null, null);
const { signal } = new AbortController();

/** What a client may leave out of a task. */
const UNSENT = {};

interface RunningLister extends RunningReader {
  readonly lister: TaskLister;
}

async function startLister(options: Parameters<typeof startReader>[0] = {}): Promise<RunningLister> {
  const parts = await startReader(options);
  const { client, clock, reader } = parts;
  return { ...parts, lister: new TaskLister({ client, clock, learn: (...page) => reader.learnListed(...page) }) };
}

/** Ids that sort as their numbers. */
function idOf(index: number): string {
  return `task-${String(index).padStart(4, "0")}`;
}

function addTasks(emulator: Emulator, count: number, durationMs = Infinity): readonly string[] {
  const ids = Array.from({ length: count }, (_value, index) => idOf(index));
  for (const taskId of ids) emulator.addTask({ taskType: "FileCompression", taskId, durationMs });
  return ids;
}

function idsOf({ snapshots }: TaskListing): readonly string[] {
  return snapshots.map(({ key }) => key.taskId);
}

/** What reached the emulator: how many were asked for, by a token or from the beginning. */
function pagesOf(emulator: Emulator): readonly (readonly [maxResults: number, hasToken: boolean])[] {
  return emulator.calls.map(({ parameters }) => [Number(parameters["MaxResults"]), "NextToken" in parameters]);
}

describe("a part of a list", () => {
  it("costs one call for each hundred, and asks for no more than is wanted", async () => {
    const { lister, emulator } = await startLister();
    const ids = addTasks(emulator, 600);
    const listing = await lister.list(ALL, { first: 250, after: undefined, definition: false, signal });
    expect(idsOf(listing)).toEqual(ids.slice(0, 250));
    expect(listing.hasNextPage).toBe(true);
    expect(pagesOf(emulator)).toEqual([
      [100, false],
      [100, true],
      [50, true],
    ]);
  });

  it("goes on behind its end without asking for anything twice", async () => {
    const { lister, emulator } = await startLister();
    const ids = addTasks(emulator, 150);
    const part = { first: 70, definition: false, signal };
    const first = await lister.list(ALL, { ...part, after: undefined });
    const second = await lister.list(ALL, { ...part, after: first.endCursor ?? "" });
    const third = await lister.list(ALL, { ...part, after: second.endCursor ?? "" });
    expect([first, second, third].flatMap(idsOf)).toEqual(ids);
    expect([first, second, third].map(({ hasNextPage }) => hasNextPage)).toEqual([true, true, false]);
    expect(pagesOf(emulator)).toEqual([
      [70, false],
      [70, true],
      [70, true],
    ]);
  });

  it("goes on behind any task of a page that is longer than was asked for", async () => {
    const { client, clock, reader } = await startReader();
    const ids = Array.from({ length: 150 }, (_value, index) => idOf(index));
    const tasks = ids.map((taskId) => ({ ...UNSENT, status: "Running", taskType: "FileCompression", taskId }));
    const generous = {
      ...client,
      listTasks: async (): Promise<ImmTaskPage> => ({ requestId: "r", tasks, nextToken: undefined }),
    };
    const lister = new TaskLister({ client: generous, clock, learn: (...page) => reader.learnListed(...page) });
    const part = { first: 149, definition: false, signal };
    const whole = await lister.list(ALL, { ...part, after: undefined });
    for (const index of [0, 98, 99, 100, 148]) {
      const listing = await lister.list(ALL, { ...part, after: whole.cursorBehind(index) ?? undefined });
      expect(idsOf(listing)).toEqual(ids.slice(index + 1));
    }
  });

  it("goes on behind any task, by one page of IMM where that is long enough", async () => {
    const { lister, emulator } = await startLister();
    const ids = addTasks(emulator, 300);
    const whole = await lister.list(ALL, { first: 200, after: undefined, definition: false, signal });
    for (const index of [0, 29, 98, 99, 100, 198, 199]) {
      emulator.clearCalls();
      const after = whole.cursorBehind(index) ?? undefined;
      const listing = await lister.list(ALL, { first: 20, after, definition: false, signal });
      expect(idsOf(listing)).toEqual(ids.slice(index + 1, index + 21));
      expect(emulator.calls.length).toBeLessThanOrEqual(index % 100 > 79 && index % 100 < 99 ? 2 : 1);
    }
  });

  it("is empty behind the last task, until there is another", async () => {
    const { lister, emulator } = await startLister();
    addTasks(emulator, 3);
    const { endCursor } = await lister.list(ALL, { first: 3, after: undefined, definition: false, signal });
    const rest = { first: 3, after: endCursor ?? "", definition: false, signal };
    expect(await lister.list(ALL, rest)).toMatchObject({ snapshots: [], hasNextPage: false, endCursor: null });
    emulator.addTask({ taskType: "FileCompression", taskId: "task-9999" });
    expect(idsOf(await lister.list(ALL, rest))).toEqual(["task-9999"]);
  });

  it.each([
    ["TaskId", "asc"],
    ["TaskId", "desc"],
    ["StartTime", "asc"],
    ["StartTime", "desc"],
  ] as const)(
    "loses nothing and repeats nothing, by %s %s, when tasks before its cursor go, the last one given among them",
    async (field, direction) => {
      const { lister, emulator } = await startLister();
      const running = parseListQuery("immtest", { status: "RUNNING" }, { field, direction });
      const added = addTasks(emulator, 120);
      const ids = direction === "asc" ? added : added.toReversed();
      const whole = await lister.list(running, { first: 100, after: undefined, definition: false, signal });
      const after = whole.cursorBehind(39) ?? undefined;
      for (const taskId of ids.slice(20, 40)) emulator.finishTask(taskId);
      const listing = await lister.list(running, { first: 100, after, definition: false, signal });
      expect(idsOf(listing)).toEqual(ids.slice(40));
    },
  );

  it("loses nothing and repeats nothing when tasks have come before its cursor, more than a page", async () => {
    const { lister, emulator } = await startLister();
    const ids = addTasks(emulator, 60);
    const whole = await lister.list(ALL, { first: 60, after: undefined, definition: false, signal });
    for (let index = 0; index < 150; index += 1) {
      emulator.addTask({ taskType: "FileCompression", taskId: `before-${index}` });
    }
    const rest = { first: 100, after: whole.cursorBehind(19) ?? undefined, definition: false, signal };
    expect(idsOf(await lister.list(ALL, rest))).toEqual(ids.slice(20));
    emulator.forgetTask(ids[19] ?? "");
    expect(idsOf(await lister.list(ALL, rest))).toEqual(ids.slice(20));
  });

  it("goes on from where its last task stood when that has moved since", async () => {
    const { lister, emulator } = await startLister();
    const byEnd = parseListQuery("immtest", null, { field: "EndTime", direction: "asc" });
    const ids = addTasks(emulator, 60);
    emulator.finishTask(ids[50] ?? "");
    const whole = await lister.list(byEnd, { first: 60, after: undefined, definition: false, signal });
    expect(whole.snapshots[10]?.key.taskId).toBe(ids[9]);
    emulator.finishTask(ids[9] ?? "");
    const rest = { first: 60, after: whole.cursorBehind(10) ?? undefined, definition: false, signal };
    expect(idsOf(await lister.list(byEnd, rest))).toEqual(ids.filter((_id, index) => index > 9 && index !== 50));
  });

  it("is read once for all who ask at the same time", async () => {
    const { lister, emulator } = await startLister();
    addTasks(emulator, 300);
    const lists = [250, 250, 300].map(async (first) =>
      lister.list(ALL, { first, after: undefined, definition: false, signal }),
    );
    const listings = await Promise.all(lists);
    expect(listings.map(({ snapshots }) => snapshots.length)).toEqual([250, 250, 300]);
    // The first two pages are those of all three; the last ones differ in length.
    expect(emulator.calls).toHaveLength(4);
    await lister.list(ALL, { first: 10, after: undefined, definition: false, signal });
    expect(emulator.calls).toHaveLength(5);
  });

  it("asks for the definitions only when they are wanted", async () => {
    const { lister, emulator } = await startLister();
    emulator.addTask({ taskType: "FileCompression", taskId: "a", requestDefinition: "{}" });
    const part = { first: 1, after: undefined, signal };
    const [plain] = (await lister.list(ALL, { ...part, definition: false })).snapshots;
    const [rich] = (await lister.list(ALL, { ...part, definition: true })).snapshots;
    expect([plain?.definition, rich?.definition]).toEqual([null, "{}"]);
    expect(emulator.calls.map(({ parameters }) => parameters["RequestDefinition"])).toEqual([undefined, "true"]);
  });

  it("ends where its reader has gone", async () => {
    const { lister, emulator } = await startLister();
    addTasks(emulator, 300);
    const controller = new AbortController();
    const list = lister.list(ALL, { first: 300, after: undefined, definition: false, signal: controller.signal });
    controller.abort();
    await list;
    expect(emulator.calls).toHaveLength(1);
  });
});

describe("what a list has shown", () => {
  it("answers whoever asks for a task next, and adds to what was known", async () => {
    const { lister, reader, emulator } = await startLister();
    const [taskId = ""] = addTasks(emulator, 1);
    const key = { projectName: "immtest", taskType: "FileCompression", taskId };
    const { eventId } = await readOne(reader, key, { ...NO_PARTS, eventId: true });
    emulator.finishTask(taskId);
    const { snapshots } = await lister.list(ALL, { first: 1, after: undefined, definition: false, signal });
    expect(snapshots[0]).toMatchObject({ status: "SUCCEEDED", progress: 100, eventId });
    expect(await readOne(reader, key, { ...NO_PARTS, progress: true, eventId: true })).toBe(snapshots[0]);
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks"]);
  });

  it("reaches those who follow a task", async () => {
    const { lister, hub, emulator } = await startLister();
    const [taskId = ""] = addTasks(emulator, 1);
    const key = { projectName: "immtest", taskType: "FileCompression", taskId };
    const stream = hub.watch({ keys: [key], parts: NO_PARTS });
    expect(await stream.next()).toMatchObject({ value: { snapshot: { status: "RUNNING" } } });
    emulator.finishTask(taskId);
    await lister.list(ALL, { first: 1, after: undefined, definition: false, signal });
    expect(await stream.next()).toMatchObject({ value: { snapshot: { status: "SUCCEEDED" } } });
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks"]);
  });
});

/** A client whose lists are made by a function; the port's other half is never asked. */
function createLister(listTasks: (request: ListTasksRequest) => Promise<ImmTaskPage>): TaskLister {
  return new TaskLister({
    client: { ...uncalled, listTasks },
    clock: new ManualClock(),
    learn: (projectName: string, tasks: readonly ImmTaskInfo[], seen: Sighting) =>
      tasks.map((task) => fromListedTask(projectName, task, seen)),
  });
}

describe("a list that IMM gives in an unusual way", () => {
  const task = { taskType: "T", status: "Running" } as unknown as ImmTaskPage["tasks"][number];
  const part = { first: 2, after: undefined, definition: false, signal };

  it("is followed over pages that are empty or not full", async () => {
    const pages: readonly (readonly string[])[] = [[], ["a"], [], ["b"], ["c"]];
    const lister = createLister(async ({ nextToken = "0" }) => {
      const page = Number(nextToken);
      return {
        requestId: undefined,
        tasks: (pages[page] ?? []).map((taskId) => ({ ...task, taskId })),
        nextToken: page < 4 ? String(page + 1) : undefined,
      };
    });
    const first = await lister.list(ALL, part);
    expect(idsOf(first)).toEqual(["a", "b"]);
    const second = await lister.list(ALL, { ...part, after: first.endCursor ?? "" });
    expect(idsOf(second)).toEqual(["c"]);
    expect(second.hasNextPage).toBe(false);
  });

  it("is given up in part after many empty pages, saying where to go on", async () => {
    const asked: string[] = [];
    const lister = createLister(async ({ nextToken = "0" }) => {
      asked.push(nextToken);
      const next = Number(nextToken) + 1;
      return {
        requestId: undefined,
        tasks: next > 15 ? [{ ...task, taskId: "late" }] : [],
        nextToken: next > 15 ? undefined : String(next),
      };
    });
    const first = await lister.list(ALL, part);
    expect(first).toMatchObject({ snapshots: [], hasNextPage: true });
    expect(asked).toHaveLength(11);
    const second = await lister.list(ALL, { ...part, after: first.endCursor ?? "" });
    expect(idsOf(second)).toEqual(["late"]);
    expect(asked).toHaveLength(16);
  });

  it("gives no more than was asked for, and the rest behind it", async () => {
    const lister = createLister(async () => ({
      requestId: undefined,
      tasks: ["a", "b", "c"].map((taskId) => ({ ...task, taskId })),
      nextToken: undefined,
    }));
    const first = await lister.list(ALL, part);
    expect([idsOf(first), first.hasNextPage]).toEqual([["a", "b"], true]);
    const second = await lister.list(ALL, { ...part, after: first.endCursor ?? "" });
    expect([idsOf(second), second.hasNextPage]).toEqual([["c"], false]);
  });

  it("fails when it turns in a circle", async () => {
    const lister = createLister(async () => ({ requestId: undefined, tasks: [], nextToken: "same" }));
    await expect(lister.list(ALL, part)).rejects.toThrow(UpstreamInvalidResponseError);
  });

  it("fails for everybody who waits, and is asked for anew by the next", async () => {
    let calls = 0;
    const lister = createLister(async () => {
      calls += 1;
      if (calls === 1) throw new ForbiddenError("No.");
      return { requestId: undefined, tasks: [], nextToken: undefined };
    });
    const both = await Promise.allSettled([lister.list(ALL, part), lister.list(ALL, part)]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect((await lister.list(ALL, part)).snapshots).toEqual([]);
    expect(calls).toBe(2);
  });
});

const TYPES = ["MediaConvert", "FileCompression", "ImageToPDF"];
const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED"] as const;

/** 240 tasks of all kinds; several share a start, none shares an end with another. */
function addWorld(emulator: Emulator): readonly EmulatedTask[] {
  return Array.from({ length: 240 }, (_value, index) =>
    emulator.addTask({
      // Not in the order of the starts.
      taskId: `task-${(index * 77) % 240}`,
      taskType: TYPES[index % 3] ?? "",
      startedAgoMs: Math.floor(index / 3) * SECOND_MS,
      durationMs: index % 4 === 0 ? Infinity : index * 3 + 1,
      ...(index % 5 === 0 && { outcome: { status: "Failed", code: "C", message: "M" } as const }),
      ...(index % 2 === 0 && { tags: { team: index % 6 === 0 ? "video" : "audio" } }),
    }),
  );
}

/** What IMM would say, worked out anew from how the tasks were planned. */
function truth(tasks: readonly EmulatedTask[], now: number, filter: TaskFilter, order: TaskOrder): readonly string[] {
  const isWithin = (at: number, range: TaskFilter["startTime"]): boolean =>
    range === undefined ||
    range === null ||
    ((!range.from || at >= Date.parse(range.from)) && (!range.to || at <= Date.parse(range.to)));
  const hasEnded = (task: EmulatedTask): boolean => task.endsAt <= now;
  const statusOf = (task: EmulatedTask): string => (hasEnded(task) ? task.outcome.status.toUpperCase() : "RUNNING");
  const keyOf = (task: EmulatedTask): number =>
    ({ TaskId: 0, StartTime: task.startedAt, EndTime: hasEnded(task) ? task.endsAt : Infinity })[order.field];
  const sorted = tasks
    .filter((task) => !filter.taskTypes || filter.taskTypes.includes(task.taskType))
    .filter((task) => !filter.status || filter.status === statusOf(task))
    .filter((task) => !filter.tag || task.tags?.[filter.tag.key] === filter.tag.value)
    .filter((task) => isWithin(task.startedAt, filter.startTime))
    .filter((task) => !filter.endTime || (hasEnded(task) && isWithin(task.endsAt, filter.endTime)))
    .toSorted((a, b) => (keyOf(a) === keyOf(b) ? (a.taskId < b.taskId ? -1 : 1) : keyOf(a) < keyOf(b) ? -1 : 1))
    .map(({ taskId }) => taskId);
  return order.direction === "asc" ? sorted : sorted.toReversed();
}

describe("the whole of a list", () => {
  it("is what IMM has, for any filter, order and length of the parts, going on behind any task", async () => {
    const { lister, emulator, clock } = await startLister({ maxCachedTasks: 1_000 });
    const world = addWorld(emulator);
    await clock.advance(SECOND_MS);
    const now = clock.now();
    const instant = fc.integer({ min: 0, max: 90 }).map((ago) => new Date(now - ago * SECOND_MS).toISOString());
    const range = fc
      .tuple(instant, instant)
      .map(([a, b]) => (a < b ? { from: a, to: b } : { from: b, to: a }))
      .chain(({ from, to }) => fc.constantFrom({ from, to }, { from }, { to }));
    const filters = fc.record(
      {
        taskTypes: fc.subarray(TYPES, { minLength: 1 }),
        status: fc.constantFrom(...STATUSES),
        tag: fc.constantFrom("video", "audio", "none").map((value) => ({ key: "team", value })),
        startTime: range,
        endTime: range,
      },
      { requiredKeys: [] },
    );
    const orders = fc.record({
      field: fc.constantFrom("TaskId" as const, "StartTime" as const, "EndTime" as const),
      direction: fc.constantFrom("asc" as const, "desc" as const),
    });
    const steps = fc.infiniteStream(fc.record({ first: fc.integer({ min: 1, max: 150 }), keep: fc.nat() }));
    await fc.assert(
      fc.asyncProperty(filters, orders, steps, async (filter, order, parts) => {
        const query = parseListQuery("immtest", filter, order);
        const seen: string[] = [];
        let after: string | undefined;
        for (const { first, keep } of parts) {
          const listing = await lister.list(query, { first, after, definition: false, signal });
          // Goes on behind any task that was given, not only the last.
          const kept = listing.snapshots.slice(0, 1 + (keep % Math.max(1, listing.snapshots.length)));
          seen.push(...kept.map(({ key }) => key.taskId));
          after = listing.cursorBehind(kept.length - 1) ?? undefined;
          if (kept.length === listing.snapshots.length && !listing.hasNextPage) break;
        }
        expect(seen).toEqual(truth(world, now, filter, order));
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it.each(["asc", "desc"] as const)(
    "holds each task once, by id and by start, %s, while tasks end between the parts",
    async (direction) => {
      for (const field of ["TaskId", "StartTime"] as const) {
        const { lister, emulator, clock } = await startLister();
        const world = addWorld(emulator);
        const order = { field, direction };
        const seen: string[] = [];
        let after: string | undefined;
        let hasNextPage = true;
        while (hasNextPage) {
          const listing = await lister.list(parseListQuery("immtest", null, order), {
            first: 37,
            after,
            definition: false,
            signal,
          });
          const kept = listing.snapshots.slice(0, 23);
          seen.push(...kept.map(({ key }) => key.taskId));
          after = listing.cursorBehind(kept.length - 1) ?? undefined;
          hasNextPage = listing.hasNextPage || kept.length < listing.snapshots.length;
          for (const { taskId, endsAt } of world) {
            if (endsAt === Infinity && Math.abs(seen.length - Number(taskId.slice(5))) < 20)
              emulator.finishTask(taskId);
          }
          await clock.advance(10);
        }
        expect(seen).toEqual(truth(world, clock.now(), {}, order));
      }
    },
  );
});
