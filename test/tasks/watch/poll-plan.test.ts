import { describe, expect, it } from "@jest/globals";
import { addAsked, NOBODY_ASKS, pollIntervalMs, type PollRate } from "../../../src/tasks/watch/poll-plan.js";

const RATE: PollRate = { watchCallsPerSecond: 0.5, minPollIntervalMs: 1_000, maxPollIntervalMs: 15_000 };

function intervalOf(calls: number, asked: readonly (number | undefined)[] = [undefined], rate = RATE): number {
  return pollIntervalMs(calls, rate, asked.reduce(addAsked, NOBODY_ASKS));
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
