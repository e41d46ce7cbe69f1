import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { callsReplaced, learn, PAGE_SIZE, planSweep, type WantedTask } from "../../src/tasks/sweep-plan.js";

const RUNNING: WantedTask = { isKnownRunning: true, needsProgress: true, needsGetTask: false };

function tasks(count: number, task: Partial<WantedTask> = {}): readonly WantedTask[] {
  return Array.from({ length: count }, () => ({ ...RUNNING, ...task }));
}

describe("the plan of a sweep", () => {
  it("asks for few tasks one by one while nothing is known of the project", () => {
    expect([1, 3, 7].map((count) => planSweep(tasks(count), { foreignRunning: null }))).toEqual([0, 0, 0]);
  });

  it("tries an unknown project with a small part of what may be saved", () => {
    expect([8, 100, 5_000].map((count) => planSweep(tasks(count), { foreignRunning: null }))).toEqual([1, 13, 625]);
  });

  it("sweeps two tasks of a quiet project, and never one", () => {
    expect([1, 2, 3].map((count) => planSweep(tasks(count), { foreignRunning: 0 }))).toEqual([0, 2, 2]);
  });

  it("leaves a busy project alone for a few tasks, and sweeps it for many", () => {
    expect(planSweep(tasks(3), { foreignRunning: 20_000 })).toBe(0);
    expect(planSweep(tasks(5_000), { foreignRunning: 20_000 })).toBe(500);
  });

  it("counts for nothing what has to be asked by GetTask anyway, or was never seen running", () => {
    expect(callsReplaced(tasks(10, { needsProgress: false, needsGetTask: true }))).toBe(0);
    expect(callsReplaced(tasks(10, { needsProgress: false, isKnownRunning: false }))).toBe(0);
    expect(callsReplaced(tasks(10, { needsProgress: false }))).toBe(10);
    expect(callsReplaced(tasks(10, { needsGetTask: true }))).toBe(10);
  });

  it("never costs more than asking for each, and a try never more than an eighth of it and a page", () => {
    const anyTask = fc.record({
      isKnownRunning: fc.boolean(),
      needsProgress: fc.boolean(),
      needsGetTask: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(anyTask, { maxLength: 300 }), fc.option(fc.nat(50_000)), (wanted, foreignRunning) => {
        const pages = planSweep(wanted, { foreignRunning });
        const replaced = callsReplaced(wanted);
        expect(Number.isInteger(pages) && pages >= 0).toBe(true);
        expect(pages).toBeLessThanOrEqual(foreignRunning === null ? replaced / 8 + 1 : replaced);
      }),
    );
  });
});

describe("what a sweep teaches", () => {
  it("is how many tasks of others the project has, when it saw them all", () => {
    expect(learn({ tasksRead: 250, wantedSeen: 100, isComplete: true })).toEqual({ foreignRunning: 150 });
  });

  it("is at least twice what it met, when it gave up", () => {
    expect(learn({ tasksRead: 2 * PAGE_SIZE, wantedSeen: 10, isComplete: false })).toEqual({
      foreignRunning: 380,
    });
  });
});
