import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import { type Task, taskAt } from "../../src/emulator/task-life.js";
import { comparePositions, decodeToken, type Position, type SortKey } from "../../src/emulator/task-order.js";
import { type TaskQuery, TaskStore } from "../../src/emulator/task-store.js";

const DAY_MS = 24 * 60 * 60_000;
const NOW = 10_000;
const everything: TaskQuery = {
  taskTypes: undefined,
  status: undefined,
  startedWithin: undefined,
  endedWithin: undefined,
  tag: undefined,
  sort: "TaskId",
  descending: false,
  maxResults: 100,
  after: null,
};

function makeTask(n: number, startedAt: number, endsAt: number): Task {
  return {
    projectName: "immtest",
    taskType: n % 50 === 0 ? "Rare" : "Common",
    taskId: `task-${(n * 7919) % 10_007}`,
    durationMs: endsAt - startedAt,
    pace: "steady",
    requestDefinition: undefined,
    userData: undefined,
    tags: undefined,
    startedAt,
    endsAt,
    outcome: { status: "Succeeded" },
    pinnedProgress: null,
  };
}

/** More tasks than a page holds. */
const tasks = Array.from({ length: 2_500 }, (_, n) => makeTask(n, (n * 31) % 9_000, 5_000 + ((n * 17) % 10_000)));

/** Every third task is planned without an end and ended explicitly, which must come to the same. */
function fillStore(): TaskStore {
  const store = new TaskStore();
  for (const [n, task] of tasks.entries()) {
    const added = n % 3 === 0 ? { ...task, endsAt: Infinity } : { ...task };
    store.add(added, 0);
    if (n % 3 === 0) store.end(added, task.outcome, task.endsAt);
  }
  return store;
}

function readAll(store: TaskStore, query: TaskQuery): string[] {
  const ids: string[] = [];
  let after: Position | null = null;
  for (;;) {
    const page = store.page({ ...query, after }, NOW);
    ids.push(...page.items.map(({ task }) => task.taskId));
    if (page.nextToken === null) return ids;
    after = decodeToken(query.sort, page.nextToken);
  }
}

/** The same answer, all at once. */
function readNaively(query: TaskQuery): string[] {
  const places = tasks.filter((task) => matchesNaively(task, query)).map((task) => placeNaively(query.sort, task));
  const sorted = places.toSorted(comparePositions).map(({ taskId }) => taskId);
  return query.descending ? sorted.toReversed() : sorted;
}

function matchesNaively(task: Task, { taskTypes, status, startedWithin, endedWithin }: TaskQuery): boolean {
  const state = taskAt(task, NOW);
  if (taskTypes !== undefined && !taskTypes.has(task.taskType)) return false;
  if (status !== undefined && status !== state.status) return false;
  if (startedWithin !== undefined && (task.startedAt < startedWithin.from || task.startedAt > startedWithin.to)) {
    return false;
  }
  if (endedWithin === undefined) return true;
  return state.endedAt !== null && state.endedAt >= endedWithin.from && state.endedAt <= endedWithin.to;
}

function placeNaively(sort: SortKey, task: Task): Position {
  const keys = { TaskId: 0, StartTime: task.startedAt, EndTime: taskAt(task, NOW).endedAt ?? Infinity };
  return { key: keys[sort], taskId: task.taskId };
}

const span = fc
  .tuple(fc.integer({ min: 0, max: 15_000 }), fc.integer({ min: 0, max: 15_000 }))
  .map(([from, to]) => ({ from, to }));

const queries: fc.Arbitrary<TaskQuery> = fc.record({
  taskTypes: fc.option(fc.constant(new Set(["Rare"])), { nil: undefined }),
  status: fc.option(fc.constantFrom("Running", "Succeeded", "Failed"), { nil: undefined }),
  startedWithin: fc.option(span, { nil: undefined }),
  endedWithin: fc.option(span, { nil: undefined }),
  tag: fc.constant(undefined),
  sort: fc.constantFrom("TaskId", "StartTime", "EndTime"),
  descending: fc.boolean(),
  maxResults: fc.integer({ min: 20, max: 100 }),
  after: fc.constant(null),
});

describe("TaskStore", () => {
  it("pages through exactly what a plain filter and sort would give, for any query", () => {
    const store = fillStore();
    fc.assert(
      fc.property(queries, (query) => {
        expect(readAll(store, query)).toEqual(readNaively(query));
      }),
      { numRuns: 200 },
    );
  });

  it("lists tasks as they stand when they have ended early or are forgotten", () => {
    const store = new TaskStore();
    for (const n of [1, 2, 3, 4, 5, 6]) store.add({ ...makeTask(n, n, Infinity), taskId: `t${n}` }, 0);
    const [third, fifth] = [store.find("t3", NOW), store.find("t5", NOW)];
    if (third === undefined || fifth === undefined) throw new Error("Expected the tasks to be there");
    store.end(fifth, { status: "Succeeded" }, 5);
    store.forget(third);
    expect(readAll(store, { ...everything, status: "Running" })).toEqual(["t1", "t2", "t4", "t6"]);
    expect(readAll(store, { ...everything, endedWithin: { from: 5, to: 5 } })).toEqual(["t5"]);
    expect(readAll(store, everything)).toEqual(["t1", "t2", "t4", "t5", "t6"]);
  });

  it("lets an id be used again once it is forgotten, by age as by hand", () => {
    const store = new TaskStore();
    store.add(makeTask(1, 0, 10), 0);
    expect(store.find("task-7919", 7 * DAY_MS - 1)).toBeDefined();
    expect(store.find("task-7919", 7 * DAY_MS)).toBeUndefined();
    store.add(makeTask(1, 7 * DAY_MS, 7 * DAY_MS + 10), 7 * DAY_MS);
    expect(store.page(everything, 7 * DAY_MS).items).toHaveLength(1);
  });
});
