import { describe, expect, it } from "@jest/globals";
import * as fc from "fast-check";
import { eventIdOf, formatInstant, isForgotten, type Task, taskAt } from "../../src/emulator/task-life.js";

const DAY_MS = 24 * 60 * 60_000;

function makeTask(changes: Partial<Task> = {}): Task {
  const { startedAt = 1_000, durationMs = 10_000 } = changes;
  return {
    projectName: "immtest",
    taskType: "MediaConvert",
    taskId: "MediaConvert-1",
    durationMs,
    pace: "steady",
    requestDefinition: undefined,
    userData: undefined,
    tags: undefined,
    startedAt,
    endsAt: startedAt + durationMs,
    outcome: { status: "Succeeded" },
    pinnedProgress: null,
    ...changes,
  };
}

describe("taskAt", () => {
  it("runs from its start until just before its end, and has succeeded from then on", () => {
    const task = makeTask();
    expect(taskAt(task, 1_000)).toEqual({ status: "Running", progress: 0, endedAt: null, error: null });
    expect(taskAt(task, 10_999)).toMatchObject({ status: "Running", progress: 98 });
    expect(taskAt(task, 11_000)).toEqual({ status: "Succeeded", progress: 100, endedAt: 11_000, error: null });
  });

  it("has an error of its own exactly when it has failed, and stops where it failed", () => {
    const outcome = { status: "Failed", code: "C", message: "M", atProgress: 40 } as const;
    const task = makeTask({ outcome });
    expect(taskAt(task, 6_000)).toMatchObject({ status: "Running", progress: 20, error: null });
    expect(taskAt(task, 11_000)).toEqual({
      status: "Failed",
      progress: 40,
      endedAt: 11_000,
      error: { code: "C", message: "M" },
    });
  });

  it("shows a pinned progress whatever the time, but 100 once succeeded", () => {
    const task = makeTask({ pinnedProgress: 7 });
    expect(taskAt(task, 10_999).progress).toBe(7);
    expect(taskAt(task, 11_000).progress).toBe(100);
  });

  it("without an end in sight stays at 0 and running", () => {
    const task = makeTask({ durationMs: Infinity });
    expect(taskAt(task, 1_000 + DAY_MS)).toMatchObject({ status: "Running", progress: 0 });
  });

  it("bends progress by the pace", () => {
    const halfway = 6_000;
    expect(taskAt(makeTask({ pace: "early" }), halfway).progress).toBe(70);
    expect(taskAt(makeTask({ pace: "steady" }), halfway).progress).toBe(49);
    expect(taskAt(makeTask({ pace: "late" }), halfway).progress).toBe(24);
  });

  it("never lets progress fall or leave 0 to 99 while running", () => {
    const pace = fc.constantFrom("steady", "early", "late");
    const instant = fc.integer({ min: 0, max: 9_999 });
    fc.assert(
      fc.property(pace, instant, instant, (somePace, left, right) => {
        const task = makeTask({ pace: somePace });
        const earlier = taskAt(task, 1_000 + Math.min(left, right)).progress;
        const later = taskAt(task, 1_000 + Math.max(left, right)).progress;
        expect(earlier).toBeGreaterThanOrEqual(0);
        expect(later).toBeGreaterThanOrEqual(earlier);
        expect(later).toBeLessThanOrEqual(99);
      }),
    );
  });
});

describe("isForgotten", () => {
  it("begins seven days after the start, even for a task that still runs", () => {
    const task = makeTask({ startedAt: 0, durationMs: Infinity });
    expect(isForgotten(task, 7 * DAY_MS - 1)).toBe(false);
    expect(isForgotten(task, 7 * DAY_MS)).toBe(true);
  });

  it("never begins for a task that waits to be seen", () => {
    expect(isForgotten(makeTask({ startedAt: Infinity }), Number.MAX_SAFE_INTEGER)).toBe(false);
  });
});

describe("formatInstant", () => {
  it("is UTC with nine fractional digits", () => {
    expect(formatInstant(Date.parse("2026-01-15T16:00:00.123+08:00"))).toBe("2026-01-15T08:00:00.123000000Z");
  });
});

describe("eventIdOf", () => {
  it("is stable for a task id, differs between ids and has IMM's shape", () => {
    expect(eventIdOf("a")).toBe(eventIdOf("a"));
    expect(eventIdOf("a")).not.toBe(eventIdOf("b"));
    expect(eventIdOf("a")).toMatch(/^[0-9A-F]{3}-1[\w-]{20,}$/);
  });
});
