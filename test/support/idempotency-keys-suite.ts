/** What every `IdempotencyKeys` must do, asked of two handles on one store: what two instances of a gateway have. */

import { describe, expect, it } from "@jest/globals";
import {
  KEY_LIFETIME_MS,
  type IdempotencyKeys,
  type KeyHold,
  type KeyUse,
} from "../../src/tasks/create/idempotency-keys.js";
import type { ManualClock } from "./manual-clock.js";
import { manualClockNow } from "./start-gateway.js";

/** One store, as two instances see it. */
export interface SharedKeys {
  readonly handles: readonly [IdempotencyKeys, IdempotencyKeys];
  /** Time passes, also for what is kept. */
  readonly elapse: (ms: number) => Promise<void>;
}

/** @param clock - moves when time passes. */
export type OpenKeys = (clock: ManualClock) => Promise<SharedKeys>;

const TAG = { key: "a".repeat(32), input: "b".repeat(32) };
const OTHER_INPUT = { ...TAG, input: "c".repeat(32) };
const ANSWER = { taskId: 'Task-1 of "one" line', eventId: null, requestId: "R 1", startedAt: 1_768_464_000_000 };
const HOLD_MS = 60_000;
/** What a test itself may take. */
const MARGIN_MS = 10_000;

interface Instance {
  take(tag?: typeof TAG): Promise<KeyUse>;
  /** Takes the key, which must be free or lost. */
  hold(): Promise<{ readonly hold: KeyHold; readonly lostMs: number | null }>;
}

function instanceOf(keys: IdempotencyKeys): Instance {
  const take = async (tag = TAG): Promise<KeyUse> => keys.take("immtest", tag, HOLD_MS);
  return {
    take,
    hold: async () => {
      const use = await take();
      if (use.kind !== "taken") throw new Error(`The key is ${use.kind}.`);
      return use;
    },
  };
}

export function describeIdempotencyKeys(name: string, open: OpenKeys): void {
  async function start(): Promise<readonly [Instance, Instance, (ms: number) => Promise<void>]> {
    const { handles, elapse } = await open(manualClockNow());
    return [instanceOf(handles[0]), instanceOf(handles[1]), elapse];
  }

  describe(`idempotency keys ${name}`, () => {
    it("are taken by one attempt of many", async () => {
      const [one, two] = await start();
      const uses = await Promise.all(Array.from({ length: 20 }, async (_, index) => (index % 2 ? one : two).take()));
      expect(uses.filter(({ kind }) => kind === "taken")).toHaveLength(1);
      for (const use of uses.filter(({ kind }) => kind !== "taken")) {
        expect(use).toEqual({ kind: "underWay", restMs: expect.any(Number) });
      }
      const restMs = Math.max(...uses.map((use) => (use.kind === "underWay" ? use.restMs : 0)));
      expect(restMs).toBeLessThanOrEqual(HOLD_MS);
      expect(restMs).toBeGreaterThan(HOLD_MS - MARGIN_MS);
    });

    it("answer each instance with the task, once it is known", async () => {
      const [one, two] = await start();
      const { hold, lostMs } = await one.hold();
      expect(lostMs).toBeNull();
      expect(await hold.begin(HOLD_MS)).toBe(true);
      await hold.settle(ANSWER);
      for (const instance of [one, two]) expect(await instance.take()).toEqual({ kind: "answered", answer: ANSWER });
    });

    it("refuse another input, whatever became of them", async () => {
      const [one, two, elapse] = await start();
      const { hold } = await one.hold();
      expect(await two.take(OTHER_INPUT)).toEqual({ kind: "reused" });
      await hold.begin(HOLD_MS);
      await elapse(HOLD_MS);
      expect(await two.take(OTHER_INPUT)).toEqual({ kind: "reused" });
      await hold.lose();
      expect(await two.take(OTHER_INPUT)).toEqual({ kind: "reused" });
      await hold.settle(ANSWER);
      expect(await two.take(OTHER_INPUT)).toEqual({ kind: "reused" });
    });

    it("are free again after an attempt that started nothing, for any input", async () => {
      const [one, two] = await start();
      const { hold } = await one.hold();
      await hold.free();
      expect(await two.take(OTHER_INPUT)).toMatchObject({ kind: "taken", lostMs: null });
    });

    it("are free again where an attempt that had begun says so", async () => {
      const [one, two] = await start();
      const { hold } = await one.hold();
      await hold.begin(HOLD_MS);
      await hold.free();
      expect(await two.hold()).toMatchObject({ lostMs: null });
    });

    it("say for how long an answer has been lost, until a create begins", async () => {
      const [one, two, elapse] = await start();
      const first = await one.hold();
      await first.hold.begin(HOLD_MS);
      await first.hold.lose();
      await elapse(100_000);
      const second = await two.hold();
      expect(second.lostMs).toBeGreaterThanOrEqual(100_000);
      expect(second.lostMs).toBeLessThan(100_000 + MARGIN_MS);
      await second.hold.free();
      await elapse(100_000);
      const third = await one.hold();
      expect(third.lostMs).toBeGreaterThanOrEqual(200_000);
      expect(third.lostMs).toBeLessThan(200_000 + MARGIN_MS);
      await third.hold.begin(HOLD_MS);
      await third.hold.free();
      expect(await two.hold()).toMatchObject({ lostMs: null });
    });

    it("may be taken by another when an attempt does not begin in time, which then may not", async () => {
      const [one, two, elapse] = await start();
      const first = await one.hold();
      await elapse(HOLD_MS);
      const second = await two.hold();
      expect(second.lostMs).toBeNull();
      expect(await first.hold.begin(HOLD_MS)).toBe(false);
      await first.hold.free();
      expect(await one.take()).toMatchObject({ kind: "underWay" });
      expect(await second.hold.begin(HOLD_MS)).toBe(true);
    });

    it("count as lost when a create is not answered in time, from that instant on", async () => {
      const [one, two, elapse] = await start();
      const first = await one.hold();
      await elapse(HOLD_MS / 2);
      await first.hold.begin(HOLD_MS);
      await elapse(HOLD_MS - MARGIN_MS);
      expect(await two.take()).toMatchObject({ kind: "underWay" });
      await elapse(MARGIN_MS + 30_000);
      const { lostMs } = await two.hold();
      expect(lostMs).toBeGreaterThanOrEqual(30_000);
      expect(lostMs).toBeLessThan(30_000 + MARGIN_MS);
    });

    it("believe a slow attempt that knows its task, until another has begun", async () => {
      const [one, two, elapse] = await start();
      const slow = await one.hold();
      await slow.hold.begin(HOLD_MS);
      await elapse(HOLD_MS);
      const second = await two.hold();
      await slow.hold.settle(ANSWER);
      expect(await second.hold.begin(HOLD_MS)).toBe(false);
      await second.hold.free();
      expect(await two.take()).toEqual({ kind: "answered", answer: ANSWER });
    });

    it("let no slow attempt change what another has begun", async () => {
      const [one, two, elapse] = await start();
      const slow = await one.hold();
      await slow.hold.begin(HOLD_MS);
      await elapse(HOLD_MS);
      const second = await two.hold();
      await slow.hold.lose();
      await slow.hold.free();
      expect(await second.hold.begin(HOLD_MS)).toBe(true);
      await slow.hold.settle(ANSWER);
      await slow.hold.lose();
      await slow.hold.free();
      expect(await one.take()).toMatchObject({ kind: "underWay" });
      const answer = { ...ANSWER, taskId: "Task-2" };
      await second.hold.settle(answer);
      await slow.hold.settle(ANSWER);
      expect(await one.take()).toEqual({ kind: "answered", answer });
    });

    it("hold for 24 hours from their first use", async () => {
      const [one, two, elapse] = await start();
      const lost = await one.hold();
      await lost.hold.begin(HOLD_MS);
      await lost.hold.lose();
      await elapse(KEY_LIFETIME_MS / 2);
      const { hold } = await two.hold();
      await hold.begin(HOLD_MS);
      await hold.settle(ANSWER);
      await elapse(KEY_LIFETIME_MS / 2 - MARGIN_MS);
      expect(await one.take()).toMatchObject({ kind: "answered" });
      await elapse(MARGIN_MS);
      expect(await one.take(OTHER_INPUT)).toMatchObject({ kind: "taken", lostMs: null });
    });

    it("let no attempt speak of a key that was forgotten", async () => {
      const [one, two, elapse] = await start();
      const { hold } = await one.hold();
      await elapse(KEY_LIFETIME_MS);
      expect(await hold.begin(HOLD_MS)).toBe(false);
      await hold.settle(ANSWER);
      expect(await two.hold()).toMatchObject({ lostMs: null });
    });
  });
}
