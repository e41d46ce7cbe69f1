import { describe, expect, it } from "@jest/globals";
import { UpstreamThrottledError } from "../../../src/errors.js";
import { CallBudget } from "../../../src/imm/policy/call-budget.js";
import { ManualClock } from "../../support/manual-clock.js";

/** A budget before an IMM that grants so many calls in each second of the clock. */
class World {
  readonly clock = new ManualClock(0);
  readonly budget: CallBudget;
  /** Whether calls may be sent. */
  maySend = true;
  /** The names of the calls that reached IMM, by second. */
  readonly reached: string[][] = [];
  granted = Infinity;
  throttled = 0;

  /** Calls that were made and have not reached IMM. */
  get waiting(): number {
    return this.#made - this.#arrived;
  }

  #made = 0;
  #arrived = 0;

  constructor(maxCallsPerSecond = 1_000, maxQueuedCalls = Infinity) {
    this.budget = new CallBudget({
      clock: this.clock,
      maxCallsPerSecond,
      maxConcurrentCalls: Infinity,
      maxQueuedCalls,
      maySend: () => this.maySend,
      admit: () => undefined,
    });
  }

  call(name: string, priority = 0): void {
    this.#made += 1;
    const attempt = async (): Promise<void> => {
      const second = Math.floor(this.clock.now() / 1_000);
      const ofSecond = (this.reached[second] ??= []);
      ofSecond.push(name);
      this.#arrived += 1;
      // The answer takes its time.
      await Promise.resolve();
      if (ofSecond.indexOf(name) >= this.granted) throw new UpstreamThrottledError("Slow down.");
    };
    this.budget.take("p", priority, attempt).catch(() => {
      this.throttled += 1;
    });
  }

  calls(count: number): void {
    for (let index = 0; index < count; index += 1) this.call(`call-${index}`);
  }

  /** How many calls reached IMM in each second so far. */
  async countsOf(seconds: number): Promise<readonly number[]> {
    while (this.clock.now() < seconds * 1_000) await this.clock.advance(100);
    return Array.from({ length: seconds }, (_value, second) => this.reached[second]?.length ?? 0);
  }
}

describe("the budget of a project", () => {
  it("lets everything go while IMM does not throttle", async () => {
    const world = new World();
    world.calls(500);
    expect(await world.countsOf(1)).toEqual([500]);
  });

  it("waits the second out when IMM throttles, halves, and grants one more each second", async () => {
    const world = new World();
    world.granted = 10;
    world.calls(40);
    // All forty went before the first refusal came back; they halve the rate once.
    expect(await world.countsOf(1)).toEqual([40]);
    for (let second = 1; second < 8; second += 1) {
      world.calls(100);
      await world.countsOf(second + 1);
    }
    // Halved until all are granted, then one more; halved as soon as that is refused.
    expect(await world.countsOf(8)).toEqual([40, 20, 10, 11, 5, 6, 7, 8]);
  });

  it("comes back to the configured rate when IMM throttles no more", async () => {
    const world = new World();
    world.granted = 10;
    world.calls(40);
    await world.countsOf(1);
    world.granted = Infinity;
    await world.clock.advance(1_000_000);
    world.calls(900);
    expect(world.reached.at(-1)).toHaveLength(900);
  });

  it("lets the most urgent of those that wait go first", async () => {
    const world = new World();
    world.granted = 1;
    world.calls(4);
    await world.clock.advance(0);
    world.call("progress", 0);
    world.call("query", 2);
    world.call("confirmation", 1);
    await world.countsOf(3);
    expect(world.reached.slice(1).flat().slice(0, 3)).toEqual(["query", "confirmation", "progress"]);
  });

  it("keeps nobody waiting for good, however many calls that are more urgent come", async () => {
    const world = new World();
    world.granted = 5;
    world.calls(10);
    await world.clock.advance(0);
    world.call("progress", 0);
    world.call("confirmation", 1);
    for (let second = 0; second < 10; second += 1) {
      for (let query = 0; query < 10; query += 1) world.call(`query-${second}-${query}`, 2);
      await world.countsOf(second + 1);
    }
    const order = world.reached.slice(1).flat();
    expect(order).toEqual(expect.arrayContaining(["confirmation", "progress"]));
    expect(order.filter((name) => name.startsWith("query")).length).toBe(order.length - 2);
    // Those that come first still go first.
    expect(order[0]).toBe("query-0-0");
  });

  it("sends nothing while it may not, though the second is over, nor when it may again within it", async () => {
    const world = new World();
    world.granted = 2;
    world.calls(4);
    await world.clock.advance(0);
    world.calls(1);
    world.budget.sendWaiting();
    expect(world.waiting).toBe(1);
    world.maySend = false;
    await world.clock.advance(5_000);
    expect(world.waiting).toBe(1);
    world.maySend = true;
    world.budget.sendWaiting();
    await world.clock.advance(0);
    expect(world.waiting).toBe(0);
  });

  it.each([-7_200_000, -30_000, 7_200_000])("counts no wall clock's second: it may be set by %i ms", async (stepMs) => {
    const world = new World(5);
    const waiting = async (ms: number): Promise<number> => {
      await world.clock.advance(ms);
      return world.waiting;
    };
    world.calls(12);
    expect(await waiting(0)).toBe(7);
    world.clock.stepWall(stepMs);
    expect(await waiting(999)).toBe(7);
    expect(await waiting(1)).toBe(2);
    expect(await waiting(999)).toBe(2);
    expect(await waiting(1)).toBe(0);
  });

  it("grants no more in any second, wherever it begins", async () => {
    const world = new World(5);
    world.calls(2);
    await world.clock.advance(900);
    world.calls(8);
    await world.clock.advance(0);
    expect(world.waiting).toBe(5);
    await world.clock.advance(99);
    expect(world.waiting).toBe(5);
    // The first two were started a second ago.
    await world.clock.advance(1);
    expect(world.waiting).toBe(3);
    await world.clock.advance(900);
    expect(world.waiting).toBe(0);
  });

  it("refuses what finds no room, and says how long it would wait at the present rate", async () => {
    const world = new World(1_000, 60);
    world.granted = 10;
    world.calls(40);
    await world.clock.advance(0);
    world.calls(60);
    await expect(world.budget.take("p", 0, async () => undefined)).rejects.toMatchObject({ retryAfterMs: 3_000 });
  });

  it("refuses what waits when the gateway stops, and leaves no timer", async () => {
    const world = new World();
    world.granted = 1;
    world.calls(4);
    await world.clock.advance(0);
    const waiting = world.budget.take("p", 0, async () => undefined);
    expect(world.clock.pendingTimers).toBe(1);
    world.budget.dispose(new Error("The gateway is stopping."));
    await expect(waiting).rejects.toThrow("The gateway is stopping.");
    expect(world.clock.pendingTimers).toBe(0);
  });

  it("forgets idle projects, those that IMM once throttled too, as soon as they would be granted as much as new ones", async () => {
    const clock = new ManualClock(0);
    const options = { clock, maxCallsPerSecond: 4, maxConcurrentCalls: 10, maxQueuedCalls: 10 };
    const budget = new CallBudget({ ...options, maySend: () => true, admit: () => undefined });
    const throttled = async (): Promise<never> => {
      throw new UpstreamThrottledError("Slow down.");
    };
    const name = async (projectName: string): Promise<unknown> =>
      budget.take(projectName, 0, throttled).catch(() => null);
    for (let index = 0; index < 1_000; index += 1) await name(`p${index}`);
    expect(budget.projects).toBe(1_000);
    await clock.advance(1_000);
    await name("early");
    // Three of four calls are still held back there.
    expect(budget.projects).toBe(1_001);
    await clock.advance(4_000);
    for (let index = 0; index < 1_000; index += 1) await name(`q${index}`);
    // Those of before are gone, by one look at all.
    expect(budget.projects).toBe(1_000);
  });

  it("lets projects take turns for the places in flight", async () => {
    const clock = new ManualClock(0);
    const options = { clock, maxCallsPerSecond: 100, maxConcurrentCalls: 1, maxQueuedCalls: 10 };
    const budget = new CallBudget({ ...options, maySend: () => true, admit: () => undefined });
    const sent: string[] = [];
    const call = async (projectName: string): Promise<void> =>
      budget.take(projectName, 0, async () => void sent.push(projectName));
    await Promise.all(["a", "a", "a", "b", "b", "c"].map(call));
    expect(sent).toEqual(["a", "a", "b", "c", "a", "b"]);
  });
});
