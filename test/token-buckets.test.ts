import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { perMinute, TokenBucket } from "../src/token-bucket.js";
import { TokenBuckets, type Charge } from "../src/token-buckets.js";
import { ManualClock } from "./support/manual-clock.js";
import { describeBuckets } from "./support/token-buckets-suite.js";

const SIX_A_MINUTE = perMinute(6, 4);

function calls(tokens: number): Charge {
  return { bucket: "calls", size: SIX_A_MINUTE, tokens };
}

describeBuckets("of one instance", async () => {
  const clock = new ManualClock();
  const buckets = new TokenBuckets(clock);
  return { instances: [buckets, buckets], pass: async (ms) => clock.advance(ms) };
});

describe("a token bucket", () => {
  it("gives its burst at once, then one for each that fills in, and says when", () => {
    const bucket = new TokenBucket(SIX_A_MINUTE, 0);
    expect(bucket.take(4, 0)).toBeNull();
    expect(bucket.take(1, 0)).toBe(10_000);
    expect(bucket.take(1, 9_999)).toBe(1);
    expect(bucket.take(1, 10_000)).toBeNull();
    expect(bucket.take(1, 10_000)).toBe(10_000);
  });

  it("holds no more than its burst, however long it waits or is given back", () => {
    const bucket = new TokenBucket(SIX_A_MINUTE, 0);
    bucket.giveBack(100);
    expect(bucket.take(5, 1_000_000)).toBeNull();
    expect(bucket.take(1, 1_000_000)).not.toBeNull();
  });

  it("gives more than its burst when it is full, and owes the rest", () => {
    const bucket = new TokenBucket(SIX_A_MINUTE, 0);
    expect(bucket.take(1, 0)).toBeNull();
    expect(bucket.take(10, 0)).toBe(10_000);
    expect(bucket.take(10, 10_000)).toBeNull();
    // It owes 6: with one more 70 seconds.
    expect(bucket.take(1, 10_000)).toBe(70_000);
    bucket.giveBack(10);
    expect(bucket.isFull(10_000)).toBe(true);
  });

  it("gives nothing to whoever wants nothing, also where it owes", () => {
    const bucket = new TokenBucket(SIX_A_MINUTE, 0);
    bucket.take(10, 0);
    expect(bucket.take(0, 0)).toBeNull();
  });

  it("gives to whoever has waited as long as was said, also where fractions are rounded", () => {
    const bucket = new TokenBucket(SIX_A_MINUTE, 0);
    bucket.take(3, 0);
    // So that it is filled in unequal parts.
    expect(bucket.take(3, 18_930)).toBe(1_071);
    expect(bucket.take(3, 20_001)).toBeNull();
    expect(bucket.take(2, 20_001)).toBe(19_999);
    expect(bucket.take(2, 40_000)).toBeNull();
  });

  it("never gives more than its burst and what has filled in since it began", () => {
    const step = fc.record({ tokens: fc.integer({ min: 1, max: 4 }), ms: fc.integer({ min: 0, max: 30_000 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const bucket = new TokenBucket(SIX_A_MINUTE, 0);
        let [tick, given] = [0, 0];
        for (const { tokens, ms } of steps) {
          tick += ms;
          const waitMs = bucket.take(tokens, tick);
          if (waitMs === null) given += tokens;
          expect(given).toBeLessThanOrEqual(4 + tick / 10_000 + 1e-6);
          if (waitMs === null) continue;
          // What it says is enough, and not much more than that.
          tick += waitMs;
          expect(bucket.take(tokens, tick)).toBeNull();
          given += tokens;
        }
      }),
    );
  });
});

describe("the buckets of many", () => {
  it("are each one's own", () => {
    const buckets = new TokenBuckets(new ManualClock());
    expect(buckets.take("a", calls(4))).toBeNull();
    expect(buckets.take("a", calls(1))).not.toBeNull();
    expect(buckets.take("b", calls(1))).toBeNull();
  });

  it("are forgotten when they are full", async () => {
    const clock = new ManualClock();
    const buckets = new TokenBuckets(clock, 1_000);
    for (let name = 0; name < 150; name += 1) buckets.take(`${name}`, calls(1));
    expect(buckets.size).toBe(150);
    await clock.advance(10_000);
    for (let name = 200; name < 250; name += 1) buckets.take(`${name}`, calls(1));
    expect(buckets.size).toBe(50);
  });

  it("are bounded in number, and the one that was used least recently goes first", () => {
    const buckets = new TokenBuckets(new ManualClock(), 20);
    for (let name = 0; name < 1_000; name += 1) {
      buckets.take(`${name}`, calls(4));
      expect(buckets.take("0", calls(1))).not.toBeNull();
      expect(buckets.size).toBeLessThanOrEqual(20);
    }
    expect(buckets.size).toBeGreaterThanOrEqual(18);
    expect(buckets.take("999", calls(1))).not.toBeNull();
    expect(buckets.take("1", calls(1))).toBeNull();
  });

  it("are owed what was used beyond a charge, also where they were full and forgotten meanwhile", async () => {
    const clock = new ManualClock();
    const buckets = new TokenBuckets(clock, 20);
    const charge = calls(1);
    const receipt = buckets.charge("a", [charge]);
    await clock.advance(10_000);
    for (let name = 0; name < 50; name += 1) buckets.take(`${name}`, calls(1));
    if ("giveBack" in receipt) receipt.giveBack(charge, -4);
    expect(buckets.charge("a", [charge])).toEqual({ charge, retryAfterMs: 10_000 });
  });

  it("tell how long to wait, and are not charged for that", () => {
    const buckets = new TokenBuckets(new ManualClock());
    expect(buckets.wait("a", calls(1))).toBeNull();
    expect(buckets.take("a", calls(4))).toBeNull();
    expect(buckets.wait("a", calls(1))).toBe(10_000);
  });
});
