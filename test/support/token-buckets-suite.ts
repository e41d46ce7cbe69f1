/** What buckets do, whoever keeps them: two handles on one store stand for two instances. */

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { perMinute, TokenBucket, type BucketSize } from "../../src/token-bucket.js";
import type { Buckets, Charge, Charged, Receipt } from "../../src/token-buckets.js";

export interface OpenedBuckets {
  readonly instances: readonly [Buckets, Buckets];
  /** Lets time pass for the buckets, once what was given back has reached them. */
  readonly pass: (ms: number) => Promise<void>;
}

/** Slow enough that what the machine takes for a test does not count. */
const SIX_A_MINUTE = perMinute(6, 4);
/** Milliseconds by which it may be late: waits are rounded up to as many. */
const SLACK_MS = 2_500;

function chargeOf(tokens: number, bucket = "calls", size: BucketSize = SIX_A_MINUTE): Charge {
  return { bucket, size, tokens };
}

function toWait(charged: Charged<Charge>): number | null {
  return "retryAfterMs" in charged ? Math.ceil(charged.retryAfterMs / SLACK_MS) * SLACK_MS : null;
}

/** After how many milliseconds it may be tried again; null where all was taken. */
async function waitOf(buckets: Buckets, owner: string, ...charges: readonly Charge[]): Promise<number | null> {
  return toWait(await buckets.charge(owner, charges));
}

async function take(buckets: Buckets, owner: string, ...charges: readonly Charge[]): Promise<Receipt<Charge>> {
  const charged = await buckets.charge(owner, charges);
  if ("retryAfterMs" in charged) throw new Error(`Was to be taken, and is not before ${charged.retryAfterMs} ms.`);
  return charged;
}

/** @param open - new and empty ones. */
export function describeBuckets(name: string, open: () => Promise<OpenedBuckets>): void {
  describe(`the buckets of owners, ${name}`, () => {
    it("give their burst at once, then one for each that fills in, to all instances together", async () => {
      const { instances, pass } = await open();
      const [one, other] = instances;
      await take(one, "a", chargeOf(3));
      await take(other, "a", chargeOf(1));
      for (const buckets of instances) expect(await waitOf(buckets, "a", chargeOf(1))).toBe(10_000);
      expect(await waitOf(one, "a", chargeOf(4))).toBe(40_000);
      await pass(10_000);
      await take(one, "a", chargeOf(1));
      expect(await waitOf(other, "a", chargeOf(1))).toBe(10_000);
    });

    it("give more than their burst when they are full, and are owed the rest", async () => {
      const { instances, pass } = await open();
      const [one, other] = instances;
      const receipt = await take(one, "a", chargeOf(10));
      // It owes 6: with one more 70 seconds.
      expect(await waitOf(other, "a", chargeOf(1))).toBe(70_000);
      receipt.giveBack(chargeOf(10), 3);
      await pass(0);
      expect(await waitOf(other, "a", chargeOf(1))).toBe(40_000);
    });

    it("hold no more than their burst, and owe what is taken beyond what was charged", async () => {
      const { instances, pass } = await open();
      const [one, other] = instances;
      const receipt = await take(one, "a", chargeOf(2));
      receipt.giveBack(chargeOf(2), 100);
      await pass(1_000_000);
      const last = await take(one, "a", chargeOf(4));
      last.giveBack(chargeOf(4), 0);
      expect(await waitOf(one, "a", chargeOf(1))).toBe(10_000);
      last.giveBack(chargeOf(4), -2);
      await pass(0);
      expect(await waitOf(other, "a", chargeOf(1))).toBe(30_000);
    });

    it("give all of several charges or none, and name the first that is short", async () => {
      const [one, other] = (await open()).instances;
      const [calls, mutations] = [chargeOf(3), chargeOf(1, "mutations", perMinute(1))];
      await take(one, "a", calls, mutations);
      const short = await other.charge("a", [chargeOf(1), mutations]);
      expect(short).toMatchObject({ charge: { bucket: "mutations" } });
      expect(await other.charge("a", [calls, mutations])).toMatchObject({ charge: { bucket: "calls" } });
      await take(other, "a", chargeOf(1));
      expect(await waitOf(other, "a", chargeOf(1))).not.toBeNull();
    });

    it("give what costs nothing, also where they owe", async () => {
      const [one] = (await open()).instances;
      await take(one, "a", chargeOf(10));
      expect(await waitOf(one, "a", chargeOf(0))).toBeNull();
      expect(await waitOf(one, "a")).toBeNull();
    });

    it("are each owner's own, whatever stands in its name", async () => {
      const [one, other] = (await open()).instances;
      const names = ["", " ", "a", "a calls", "a:calls", "{a}", "}{", "a\r\nb", "\0", "ü", "*", "ab".repeat(5_000)];
      for (const owner of names) {
        await take(one, owner, chargeOf(4));
        expect(await waitOf(other, owner, chargeOf(1))).not.toBeNull();
      }
    });

    it("are each size's own, fractions of tokens among them", async () => {
      const [one, other] = (await open()).instances;
      await take(one, "a", chargeOf(1, "calls:1:0", { perMs: 1 / 60_000, burst: 1 / 3 }));
      expect(await waitOf(other, "a", chargeOf(1, "calls:1:0", { perMs: 1 / 60_000, burst: 1 / 3 }))).toBe(60_000);
      await take(other, "a", chargeOf(1_000_000, "calls:2:0", perMinute(1_000_000)));
    });

    it("do what a single bucket does, charge by charge", async () => {
      const step = fc.record({
        tokens: fc.integer({ min: 1, max: 6 }),
        given: fc.integer({ min: -2, max: 6 }),
        quarters: fc.integer({ min: 0, max: 8 }),
        instance: fc.constantFrom(0, 1),
      });
      let count = 0;
      const { instances, pass } = await open();
      const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        count += 1;
        const owner = `owner ${count}`;
        let tick = 0;
        const bucket = new TokenBucket(SIX_A_MINUTE, tick);
        for (const { tokens, given, quarters, instance } of steps) {
          const passedMs = quarters * 2_500;
          await pass(passedMs);
          tick += passedMs;
          const charged = await instances[instance].charge(owner, [chargeOf(tokens)]);
          expect(toWait(charged)).toBe(bucket.take(tokens, tick));
          if ("retryAfterMs" in charged) continue;
          charged.giveBack(chargeOf(tokens), given);
          if (given < 0) bucket.owe(-given, tick);
          else bucket.giveBack(given);
        }
      });
      await fc.assert(property, { numRuns: 30 });
    });
  });
}
