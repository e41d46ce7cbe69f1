/** What holds of the grants of calls that instances share, in memory and on Redis: each instance asks by a budget of its own. */

import { describe, expect, it } from "@jest/globals";
import type { Clock } from "../../src/clock.js";
import { CallBudget } from "../../src/imm/policy/call-budget.js";
import type { CallGrants } from "../../src/imm/policy/call-grants.js";
import { disposeAfterTest } from "./dispose-after-test.js";

/** What a test has of an adapter. */
export interface GrantsWorld {
  readonly clock: Clock;
  /** What a further instance asks. */
  join(maxCallsPerSecond: number): Promise<CallGrants>;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
}

const [PROGRESS, QUERY] = [0, 2];

/** Instances that have the same budget, and what they have sent. */
export class Instances {
  readonly #world: GrantsWorld;
  readonly #maxCallsPerSecond: number;
  readonly sent: { readonly name: string; readonly tick: number }[] = [];

  constructor(world: GrantsWorld, maxCallsPerSecond: number) {
    this.#world = world;
    this.#maxCallsPerSecond = maxCallsPerSecond;
  }

  async join(): Promise<CallBudget> {
    const budget = new CallBudget({
      clock: this.#world.clock,
      maxCallsPerSecond: this.#maxCallsPerSecond,
      grants: await this.#world.join(this.#maxCallsPerSecond),
      maxConcurrentCalls: 1_000,
      maxQueuedCalls: 1_000,
      maySend: () => true,
      admit: () => undefined,
    });
    disposeAfterTest(() => budget.dispose(new Error("The test is over.")));
    return budget;
  }

  /** Sends so many calls, when it may. */
  calls(budget: CallBudget, name: string, count: number, priority = QUERY): void {
    const send = async (): Promise<unknown> => this.sent.push({ name, tick: this.#world.clock.tick() });
    for (let call = 0; call < count; call += 1) void budget.take("p", priority, send).catch(() => undefined);
  }

  /** So many calls of that name always wait. */
  flood(budget: CallBudget, name: string, waiting: number, priority = QUERY): void {
    const send = async (): Promise<void> => void this.sent.push({ name, tick: this.#world.clock.tick() });
    const another = (): void => void budget.take("p", priority, send).then(another, () => undefined);
    for (let call = 0; call < waiting; call += 1) another();
  }

  countOf(name: string): number {
    return this.sent.filter((call) => call.name === name).length;
  }

  /** Of all calls that were sent. */
  partOf(name: string): number {
    return this.countOf(name) / this.sent.length;
  }

  /** Most calls within any second, its end excluded. */
  get mostInASecond(): number {
    const ticks = this.sent.map(({ tick }) => tick);
    return Math.max(...ticks.map((from) => ticks.filter((tick) => tick >= from && tick < from + 1_000).length));
  }
}

export function describeCallGrants(name: string, open: () => Promise<GrantsWorld>): void {
  describe(`the grants of calls, ${name}`, () => {
    async function start(
      maxCallsPerSecond: number,
    ): Promise<{ world: GrantsWorld; all: Instances; a: CallBudget; b: CallBudget }> {
      const world = await open();
      const all = new Instances(world, maxCallsPerSecond);
      return { world, all, a: await all.join(), b: await all.join() };
    }

    it("are had at once as long as there are some, by whichever instance, and for the rest a second later", async () => {
      const { world, all, a, b } = await start(10);
      all.calls(a, "a", 6);
      await world.pass(50);
      all.calls(b, "b", 6);
      await world.pass(300);
      expect([all.countOf("a"), all.countOf("b")]).toEqual([6, 4]);
      await world.pass(1_300);
      expect(all.countOf("b")).toBe(6);
    });

    it("are never more than there may be in any second, wherever it begins", async () => {
      const { world, all, a, b } = await start(10);
      for (const [waitMs, ofA, ofB] of [
        [0, 3, 0],
        [800, 4, 5],
        [150, 2, 6],
        [700, 9, 9],
        [1_500, 0, 3],
      ] as const) {
        await world.pass(waitMs);
        all.calls(a, "a", ofA);
        all.calls(b, "b", ofB);
      }
      await world.pass(2_300);
      expect(all.sent).toHaveLength(41);
      expect(all.mostInASecond).toBe(10);
    });

    it("are all had by the one instance that wants them", async () => {
      const { world, all, a } = await start(20);
      all.flood(a, "a", 30);
      await world.pass(2_400);
      expect(all.sent.length).toBeGreaterThanOrEqual(40);
    });

    it("are had in equal parts by instances that want the same, though one asks without a rest and was there first", async () => {
      const { world, all, a } = await start(20);
      const greedy = (await world.join(20)).of("p");
      const waiting = { size: 300, sizes: new Map([[QUERY, 300]]) };
      let taken = 0;
      const take = async (ms: number): Promise<void> => {
        for (const end = world.clock.tick() + ms; world.clock.tick() < end; await world.pass(2)) {
          taken += (await greedy.take(waiting, 300)).calls;
        }
      };
      await take(300);
      all.flood(a, "a", 20);
      await take(4_300);
      const part = all.countOf("a") / (all.countOf("a") + taken);
      // The first second was the other's alone.
      expect(part).toBeGreaterThan(0.3);
      expect(part).toBeLessThan(0.6);
      expect(all.countOf("a") + taken).toBeGreaterThanOrEqual(65);
    });

    it("are had in turns where there is one a second", async () => {
      const { world, all, a, b } = await start(1);
      all.flood(a, "a", 10);
      all.flood(b, "b", 1);
      await world.pass(5_000);
      expect(all.countOf("a")).toBeGreaterThanOrEqual(2);
      expect(all.countOf("b")).toBeGreaterThanOrEqual(2);
    });

    it.each([
      ["progress", "queries", PROGRESS, QUERY],
      ["queries", "progress", QUERY, PROGRESS],
    ])("leave %s of one instance their part in a flood of %s of another", async (few, many, ofFew, ofMany) => {
      const { world, all, a, b } = await start(20);
      all.flood(a, many, 100, ofMany);
      await world.pass(100);
      all.flood(b, few, 100, ofFew);
      await world.pass(1_000);
      // From here on both wait.
      all.sent.length = 0;
      await world.pass(3_200);
      const part = all.partOf(ofMany === QUERY ? few : many);
      expect(part).toBeGreaterThan(0.14);
      expect(part).toBeLessThan(0.27);
      expect(all.sent.length).toBeGreaterThanOrEqual(40);
    });

    it("are kept for an instance that waits no longer than it may still come", async () => {
      const { world, all, a } = await start(10);
      const crashed = (await world.join(10)).of("p");
      const waiting = { size: 10, sizes: new Map([[QUERY, 10]]) };
      all.flood(a, "a", 30);
      await world.pass(100);
      await crashed.take(waiting, 10);
      await world.pass(1_800);
      all.sent.length = 0;
      await world.pass(1_500);
      expect(all.sent.length).toBeGreaterThanOrEqual(10);
    });
  });
}
