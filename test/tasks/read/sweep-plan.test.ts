import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { planSweep } from "../../../src/tasks/read/sweep-plan.js";
import { fromListedTask, type TaskSnapshot } from "../../../src/tasks/snapshot.js";

const T = Date.parse("2026-01-15T08:00:00Z");

function running(startedAt: number, taskType = "FileCompression"): TaskSnapshot {
  return fromListedTask(
    "p",
    {
      taskType,
      taskId: `${taskType}-${startedAt}`,
      status: "Running",
      progress: 1,
      startTime: new Date(startedAt).toISOString(),
    },
    { requestId: undefined, observed: { at: T, tick: 0 } },
  );
}

describe("the lists of running tasks", () => {
  it("are one around all of them where it carries few of others, else narrow ones, those that touch in one", () => {
    const tasks = [0, 1_000, 2_500, 60_000].map((ms) => running(T + ms));
    const wide = planSweep(tasks, 0);
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
    const narrow = planSweep(tasks, 500);
    expect(narrow.isWide).toBe(false);
    expect(narrow.lists.map(({ request }) => request.startTimeRange)).toEqual([
      { start: new Date(T - 1_000).toISOString(), end: new Date(T + 3_500).toISOString() },
      { start: new Date(T + 59_000).toISOString(), end: new Date(T + 61_000).toISOString() },
    ]);
  });

  it("are without a range where a task has no start, and without types where there are many", () => {
    const unknown = { ...running(T), facts: { ...running(T).facts, startTime: null } };
    expect(planSweep([unknown, running(T)], 5_000)).toMatchObject({ isWide: true, lists: [{ maxPages: Infinity }] });
    const [list] = planSweep([unknown], null).lists;
    expect(list?.request.startTimeRange).toBeUndefined();
    const many = Array.from({ length: 21 }, (_value, index) => running(T, `Type${index}`));
    expect(planSweep(many, null).lists[0]?.request.taskTypes).toBeUndefined();
  });

  it("cover every task, in no more lists than there are tasks or pages", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(100_000), { minLength: 1, maxLength: 300 }),
        fc.option(fc.nat(5_000)),
        (starts, foreign) => {
          const tasks = starts.map((ms) => running(T + ms));
          const requests = planSweep(tasks, foreign).lists.map(({ request }) => request);
          for (const {
            facts: { startTime },
          } of tasks) {
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
