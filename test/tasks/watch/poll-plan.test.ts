import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { addAsked, NOBODY_ASKS, planLists, pollIntervalMs, type PollRate } from "../../../src/tasks/watch/poll-plan.js";
import { fromListedTask, type TaskSnapshot } from "../../../src/tasks/task.js";

const RATE: PollRate = { watchCallsPerSecond: 0.5, minPollIntervalMs: 1_000, maxPollIntervalMs: 15_000 };

function intervalOf(calls: number, asked: readonly (number | undefined)[] = [undefined], rate = RATE): number {
  return pollIntervalMs(calls, rate, asked.reduce(addAsked, NOBODY_ASKS));
}

const T = Date.parse("2026-01-15T08:00:00Z");

function running(startedAt: number, taskType = "FileCompression"): TaskSnapshot {
  return fromListedTask(
    "p",
    {
      taskType,
      taskId: `${taskType}-${startedAt}`,
      status: "Running",
      progress: 1,
      code: undefined,
      message: undefined,
      startTime: new Date(startedAt).toISOString(),
      endTime: undefined,
      userData: undefined,
      tags: undefined,
      taskRequestDefinition: undefined,
    },
    { requestId: undefined, observed: { at: T, tick: 0 } },
  );
}

describe("the interval", () => {
  it("is what earns the last poll back, within the bounds", () => {
    expect([1, 2, 7, 8, 10, 1_000].map((calls) => intervalOf(calls))).toEqual([
      2_000, 4_000, 14_000, 15_000, 15_000, 15_000,
    ]);
    expect(intervalOf(1, [undefined], { ...RATE, watchCallsPerSecond: 10 })).toBe(1_000);
  });

  it("is as short as the most impatient asks, but never below the least", () => {
    expect(intervalOf(10, [undefined, 3_000, 5_000])).toBe(3_000);
    expect(intervalOf(10, [undefined, 1])).toBe(1_000);
    expect(intervalOf(1, [undefined, 30_000])).toBe(2_000);
  });

  it("is as long as everybody accepts", () => {
    expect(intervalOf(1, [60_000, 30_000])).toBe(30_000);
    expect(intervalOf(1, [60_000, 1_500])).toBe(1_500);
  });
});

describe("the lists of running tasks", () => {
  it("are one around all of them where it carries few of others, else narrow ones, those that touch in one", () => {
    const tasks = [0, 1_000, 2_500, 60_000].map((ms) => running(T + ms));
    const wide = planLists(tasks, 0);
    expect(wide).toMatchObject({ isWide: true, lists: [{ maxPages: 2 }] });
    expect(wide.lists.map(({ request }) => request)).toEqual([
      {
        projectName: "p",
        status: "Running",
        maxResults: 100,
        taskTypes: ["FileCompression"],
        startTimeRange: { start: new Date(T - 1_000).toISOString(), end: new Date(T + 61_000).toISOString() },
      },
    ]);
    const narrow = planLists(tasks, 500);
    expect(narrow.isWide).toBe(false);
    expect(narrow.lists.map(({ request }) => request.startTimeRange)).toEqual([
      { start: new Date(T - 1_000).toISOString(), end: new Date(T + 3_500).toISOString() },
      { start: new Date(T + 59_000).toISOString(), end: new Date(T + 61_000).toISOString() },
    ]);
  });

  it("are without a range where a task has no start, and without types where there are many", () => {
    const unknown = { ...running(T), startTime: null };
    expect(planLists([unknown, running(T)], 5_000)).toMatchObject({ isWide: true, lists: [{ maxPages: Infinity }] });
    const [list] = planLists([unknown], null).lists;
    expect(list?.request.startTimeRange).toBeUndefined();
    const many = Array.from({ length: 21 }, (_value, index) => running(T, `Type${index}`));
    expect(planLists(many, null).lists[0]?.request.taskTypes).toBeUndefined();
  });

  it("cover every task, in no more lists than there are tasks or pages", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(100_000), { minLength: 1, maxLength: 300 }),
        fc.option(fc.nat(5_000)),
        (starts, foreign) => {
          const tasks = starts.map((ms) => running(T + ms));
          const requests = planLists(tasks, foreign).lists.map(({ request }) => request);
          for (const { startTime } of tasks) {
            const covering = requests.filter(
              ({ startTimeRange }) =>
                startTimeRange === undefined ||
                ((startTimeRange.start ?? "") <= (startTime ?? "") && (startTime ?? "") <= (startTimeRange.end ?? "")),
            );
            expect(covering).toHaveLength(1);
          }
          expect(requests.length).toBeLessThanOrEqual(
            Math.min(tasks.length, Math.ceil((tasks.length + (foreign ?? 0)) / 100)),
          );
        },
      ),
    );
  });
});
