import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { nextPollDelayMs, type PollView } from "../../src/tasks/poll-schedule.js";

const BOUNDS = { minPollIntervalMs: 1_000, maxPollIntervalMs: 15_000 };
const FRESH: PollView = { ageMs: 0, progress: null, typicalDurationMs: null, unchangedPolls: 0, failedPolls: 0 };
const MIDDLE = 0.5;

function delayOf(view: Partial<PollView>, random = MIDDLE): number {
  return nextPollDelayMs({ ...FRESH, ...view }, BOUNDS, random);
}

describe("the delay until the next look", () => {
  it("is the least for a young task and grows with its age to the most", () => {
    expect([0, 5_000, 40_000, 100_000, 3_600_000].map((ageMs) => delayOf({ ageMs }))).toEqual([
      1_000, 1_000, 4_000, 10_000, 15_000,
    ]);
  });

  it("shrinks when the task is nearly done by its own speed", () => {
    expect(delayOf({ ageMs: 100_000, progress: 50 })).toBe(10_000);
    expect(delayOf({ ageMs: 100_000, progress: 90 })).toBe(5_556);
    expect(delayOf({ ageMs: 100_000, progress: 99 })).toBe(1_000);
  });

  it("waits for the middle of the typical duration where a task shows nothing of its way", () => {
    expect(delayOf({ ageMs: 0, typicalDurationMs: 20_000 })).toBe(10_000);
    expect(delayOf({ ageMs: 0, progress: 0, typicalDurationMs: 20_000 })).toBe(1_000);
    expect(delayOf({ ageMs: 50_000, typicalDurationMs: 20_000 })).toBe(5_000);
  });

  it("grows with every look that showed nothing new", () => {
    expect([0, 1, 2, 3].map((unchangedPolls) => delayOf({ ageMs: 40_000, unchangedPolls }))).toEqual([
      4_000, 5_000, 6_250, 7_813,
    ]);
  });

  it("doubles with every failure", () => {
    expect([0, 1, 2, 9].map((failedPolls) => delayOf({ failedPolls }))).toEqual([1_000, 2_000, 4_000, 15_000]);
  });

  it("is jittered by a tenth each way", () => {
    expect([0, MIDDLE, 1].map((random) => delayOf({ ageMs: 50_000 }, random))).toEqual([4_500, 5_000, 5_500]);
  });

  it("never leaves the bounds", () => {
    const anyView = fc.record({
      ageMs: fc.integer({ min: -10_000, max: 10_000_000 }),
      progress: fc.option(fc.integer({ min: 0, max: 100 })),
      typicalDurationMs: fc.option(fc.nat(10_000_000)),
      unchangedPolls: fc.nat(1_000),
      failedPolls: fc.nat(2_000),
    });
    fc.assert(
      fc.property(anyView, fc.double({ min: 0, max: 1, noNaN: true }), (view, random) => {
        const delay = nextPollDelayMs(view, BOUNDS, random);
        expect(Number.isInteger(delay) && delay >= 1_000 && delay <= 15_000).toBe(true);
      }),
    );
  });
});
