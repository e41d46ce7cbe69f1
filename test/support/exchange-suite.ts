/** What every exchange does: one suite, for that in memory and that on Redis. */

import { describe, expect, it } from "@jest/globals";
import { SharedStateAwayError } from "../../src/errors.js";
import type { Claim, Exchange, Member, Publication, Published, Seat } from "../../src/tasks/watch/exchange.js";

/** One of several instances. */
export interface ExchangeInstance {
  readonly exchange: Exchange;
  /** What all share cannot be reached from here. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  /** Ends it without a word. */
  kill(): Promise<void>;
  /** Whether messages get lost on their way to it, which it does not notice. */
  isDeaf: boolean;
}

export interface ExchangeRig {
  readonly leaseMs: number;
  readonly wantMs: number;
  open(): Promise<ExchangeInstance>;
  tick(): number;
  /** Lets time pass. */
  pass(ms: number): Promise<void>;
  /** Lets messages come until it is so. */
  until(isTrue: () => boolean): Promise<void>;
}

const PROJECT = "project of täsks";

/** Writes down what it is told. */
export class RecordingMember implements Member {
  readonly events: string[] = [];
  onNews = (text: string): void => void this.events.push(text);
  onGap = (): void => void this.events.push("gap");
  onHint = (text: string): void => void this.events.push(`hint ${text}`);
  onReleased = (): void => void this.events.push("released");
  onAway = (): void => void this.events.push("away");
}

interface Seated extends ExchangeInstance {
  readonly seat: Seat;
  readonly events: string[];
}

function publication(news: string, kept: Readonly<Record<string, string>> = {}, forgotten: string[] = []): Publication {
  return { news, entries: new Map(Object.entries(kept)), forgotten };
}

export function describeExchange(name: string, start: () => Promise<ExchangeRig>): void {
  const sit = async (rig: ExchangeRig, project = PROJECT): Promise<Seated> => {
    const instance = await rig.open();
    const member = new RecordingMember();
    // The instance itself, since a test sets whether it is deaf.
    return Object.assign(instance, { seat: instance.exchange.join(project, member), events: member.events });
  };
  const startWith = async (count: number): Promise<[ExchangeRig, Seated, Seated, Seated]> => {
    const rig = await start();
    const seated: Seated[] = [];
    for (let index = 0; index < count; index += 1) seated.push(await sit(rig));
    // The cast: a test that asks for two does not look at the third.
    return [rig, ...seated] as [ExchangeRig, Seated, Seated, Seated];
  };
  const publish = async ({ seat }: Seated, ...given: Parameters<typeof publication>): Promise<Published> => {
    const published = await seat.publish(publication(...given));
    if (published === "lost") throw new Error("The lease is lost.");
    return published;
  };
  const entriesOf = ({ entries }: Claim): Record<string, string> => Object.fromEntries(entries);
  /** The lease is the first's, and all know what there is. */
  const startHeld = async (count: number): Promise<[ExchangeRig, Seated, Seated, Seated]> => {
    const started = await startWith(count);
    const [, ...seated] = started;
    for (const [index, { seat }] of seated.entries()) expect((await seat.claim()).isHolder).toBe(index === 0);
    return started;
  };

  describe(`the exchange ${name}: the lease`, () => {
    it("is one instance's, and the others know for how long it certainly is", async () => {
      const [rig, a, b] = await startWith(2);
      const before = rig.tick();
      const first = await a.seat.claim();
      const second = await b.seat.claim();
      const after = rig.tick();
      expect([first.isHolder, second.isHolder]).toEqual([true, false]);
      expect(first.untilTick).toBeGreaterThanOrEqual(before + rig.leaseMs);
      expect(first.untilTick).toBeLessThanOrEqual(after + rig.leaseMs);
      expect(second.untilTick).toBeGreaterThan(after);
      expect(second.untilTick).toBeLessThanOrEqual(after + rig.leaseMs);
      expect((await a.seat.claim()).isHolder).toBe(true);
      expect((await b.seat.claim()).isHolder).toBe(false);
    });

    it("is another's when it has run out, and then nothing of its former holder is kept or told", async () => {
      const [rig, a, b, c] = await startHeld(3);
      await publish(a, "one", { task: "one" });
      await rig.until(() => c.events.length === 1);
      await rig.pass(rig.leaseMs + 50);
      expect(await b.seat.claim()).toMatchObject({ isHolder: true });
      expect(await a.seat.publish(publication("late", { task: "late" }))).toBe("lost");
      await publish(b, "two", { other: "two" });
      await rig.until(() => c.events.length === 2);
      // Another's news does not follow on the last that was heard.
      expect(c.events).toEqual(["one", "gap"]);
      expect(entriesOf(await c.seat.claim())).toEqual({ task: "one", other: "two" });
      await publish(b, "three");
      await rig.until(() => c.events.length === 3);
      expect(c.events).toEqual(["one", "gap", "three"]);
      expect((await a.seat.claim()).isHolder).toBe(false);
    });

    it("is renewed by each publication, also after its end where no other has taken it", async () => {
      const [rig, a, b] = await startHeld(2);
      await rig.pass(rig.leaseMs * 0.6);
      const before = rig.tick();
      const { untilTick } = await publish(a, "one");
      expect(untilTick).toBeGreaterThanOrEqual(before + rig.leaseMs);
      await rig.pass(rig.leaseMs * 0.6);
      expect((await b.seat.claim()).isHolder).toBe(false);
      await rig.pass(rig.leaseMs + 50);
      await publish(a, "two");
      expect((await b.seat.claim()).isHolder).toBe(false);
    });

    it("is given away by who leaves, which the others are told, and nothing is told to who has left", async () => {
      const [rig, a, b, c] = await startHeld(3);
      await a.seat.leave();
      await a.seat.leave();
      await rig.until(() => b.events.length + c.events.length === 2);
      expect([b.events, c.events]).toEqual([["released"], ["released"]]);
      expect((await c.seat.claim()).isHolder).toBe(true);
      await b.seat.leave();
      await publish(c, "one");
      const d = await sit(rig);
      await d.seat.claim();
      await publish(c, "two");
      await rig.until(() => d.events.length === 1);
      expect([a.events, b.events, c.events, d.events]).toEqual([[], ["released"], ["released"], ["two"]]);
      await expect(a.seat.claim()).rejects.toThrow(SharedStateAwayError);
    });

    it("is of one project", async () => {
      const [rig, a, b] = await startHeld(2);
      const other = await sit(rig, "other");
      expect(await other.seat.claim()).toMatchObject({ isHolder: true, wants: new Set() });
      await publish(other, "of the other", { task: "of the other" });
      await other.seat.hint("of the other");
      await publish(a, "one");
      await rig.until(() => b.events.length === 1);
      expect(b.events).toEqual(["one"]);
      expect(entriesOf(await b.seat.claim())).toEqual({});
    });
  });

  describe(`the exchange ${name}: what is published`, () => {
    it("is kept, and told to the others in its order", async () => {
      const [rig, a, b, c] = await startHeld(3);
      await publish(a, "one", { x: "1", y: "1" });
      await publish(a, "two", { x: "2", z: "" });
      await publish(a, 'thrëe "\n\u0000 {}', { "a name\n": "an entry\u0000" }, ["y", "unknown"]);
      await rig.until(() => b.events.length + c.events.length === 6);
      expect(b.events).toEqual(["one", "two", 'thrëe "\n\u0000 {}']);
      expect(c.events).toEqual(b.events);
      expect(a.events).toEqual([]);
      const kept = { x: "2", z: "", "a name\n": "an entry\u0000" };
      for (const { seat } of [a, b]) expect(entriesOf(await seat.claim())).toEqual(kept);
      expect(await c.seat.read(["z", "none", "x"])).toEqual(new Map(Object.entries({ z: "", x: "2" })));
      expect(await c.seat.read([])).toEqual(new Map());
    });

    it("takes as many entries as there are tasks", async () => {
      const [, a, b] = await startHeld(2);
      const names = Array.from({ length: 10_000 }, (_, index) => `task-${index}`);
      await publish(a, "many", Object.fromEntries(names.map((name) => [name, `entry of ${name}`])));
      expect((await b.seat.claim()).entries.size).toBe(10_000);
      expect((await b.seat.read(names)).get("task-9999")).toBe("entry of task-9999");
      await publish(a, "none", {}, names);
      expect((await b.seat.claim()).entries.size).toBe(0);
    });

    it("is told to who has claimed only", async () => {
      const [rig, a, b] = await startWith(2);
      await a.seat.claim();
      await publish(a, "one");
      await publish(a, "two");
      await b.seat.claim();
      await publish(a, "three");
      await rig.until(() => b.events.length > 0);
      expect(b.events).toEqual(["three"]);
    });

    it("shows that something was missed, and only a claim tells what", async () => {
      const [rig, a, b] = await startHeld(2);
      await publish(a, "one", { n: "1" });
      await rig.until(() => b.events.length === 1);
      b.isDeaf = true;
      await publish(a, "two", { n: "2" });
      await rig.pass(50);
      b.isDeaf = false;
      await publish(a, "three", { n: "3" });
      await publish(a, "four", { n: "4" });
      await rig.until(() => b.events.length === 2);
      expect(entriesOf(await b.seat.claim())).toEqual({ n: "4" });
      await publish(a, "five", { n: "5" });
      await rig.until(() => b.events.length === 3);
      expect(b.events).toEqual(["one", "gap", "five"]);
    });

    it("is neither lost nor told twice while claims are under way", async () => {
      const [rig, a, b] = await startHeld(2);
      const last = 200;
      let known = 0;
      const steps: string[] = [];
      const told: number[] = [];
      const member = new RecordingMember();
      member.onNews = (text) => {
        told.push(Number(text));
        if (Number(text) !== known + 1) steps.push(`news ${text} after ${known}`);
        known = Number(text);
      };
      const seat = b.exchange.join("busy", member);
      const owner = a.exchange.join("busy", new RecordingMember());
      await owner.claim();
      const claim = async (): Promise<void> => {
        const { entries } = await seat.claim();
        const n = Number(entries.get("n") ?? 0);
        if (n < known) steps.push(`claim ${n} after ${known}`);
        known = n;
      };
      let gaps = 0;
      member.onGap = () => {
        gaps += 1;
        void claim();
      };
      await claim();
      let isOver = false;
      const claims = (async () => {
        while (!isOver) {
          await claim();
          await rig.until(() => true);
        }
      })();
      // A machine that stands still for longer than the lease has lost it.
      let losses = 0;
      for (let n = 1; n <= last; n += 1) {
        while ((await owner.publish(publication(String(n), { n: String(n) }))) === "lost") {
          losses += 1;
          await owner.claim();
        }
      }
      isOver = true;
      await claims;
      await rig.until(() => known === last);
      expect(steps).toEqual([]);
      expect(gaps).toBeLessThanOrEqual(losses);
      expect(told).toEqual([...new Set(told)].toSorted((one, other) => one - other));
    });
  });

  describe(`the exchange ${name}: what is wanted`, () => {
    it("is answered to the holder when it has changed, each want of others once", async () => {
      const [, a, b, c] = await startHeld(3);
      expect((await publish(a, "none")).wants).toBeUndefined();
      await a.seat.want(new Set(["own", "x"]));
      await b.seat.want(new Set(["x", "y", ""]));
      await c.seat.want(new Set(["y z", "y"]));
      expect((await publish(a, "one")).wants).toEqual(new Set(["x", "y", "", "y z"]));
      expect((await publish(a, "two")).wants).toBeUndefined();
      await b.seat.want(new Set(["x"]));
      await c.seat.want(new Set(["y z", "y"]));
      expect((await publish(a, "three")).wants).toEqual(new Set(["x", "y", "y z"]));
      await a.seat.want(new Set(["own"]));
      await c.seat.leave();
      expect((await publish(a, "four")).wants).toEqual(new Set(["x"]));
      await b.seat.want(new Set());
      expect((await publish(a, "five")).wants).toEqual(new Set());
      expect((await publish(a, "six")).wants).toBeUndefined();
    });

    it("is answered whole to each claim", async () => {
      const [rig, a, b] = await startHeld(2);
      await a.seat.want(new Set(["x"]));
      await b.seat.want(new Set(["y"]));
      expect((await a.seat.claim()).wants).toEqual(new Set(["y"]));
      expect((await publish(a, "one")).wants).toBeUndefined();
      await rig.pass(rig.leaseMs + 50);
      expect(await b.seat.claim()).toMatchObject({ isHolder: true, wants: new Set(["x"]) });
      expect((await publish(b, "two")).wants).toBeUndefined();
      await a.seat.want(new Set(["x", "z"]));
      expect((await publish(b, "three")).wants).toEqual(new Set(["x", "z"]));
    });

    it("holds as long as the instance does, and ends some time after a crash", async () => {
      const [rig, a, b, c] = await startHeld(3);
      await b.seat.want(new Set(["x"]));
      await c.seat.want(new Set(["y"]));
      await rig.pass(rig.wantMs * 2);
      expect((await publish(a, "one")).wants).toEqual(new Set(["x", "y"]));
      await c.kill();
      expect((await publish(a, "two")).wants).toBeUndefined();
      await rig.pass(rig.wantMs + 50);
      expect((await publish(a, "three")).wants).toEqual(new Set(["x"]));
      expect((await a.seat.claim()).wants).toEqual(new Set(["x"]));
      expect(c.events).toEqual([]);
    });

    it("may be much", async () => {
      const [, a, b] = await startHeld(2);
      const wants = new Set(Array.from({ length: 10_000 }, (_, index) => `task-${index}`));
      await b.seat.want(wants);
      expect((await publish(a, "one")).wants).toEqual(wants);
      await b.seat.want(new Set());
      expect((await publish(a, "two")).wants).toEqual(new Set());
    });
  });

  describe(`the exchange ${name}: hints, and time`, () => {
    it("tells all others of a hint", async () => {
      const [rig, a, b, c] = await startHeld(3);
      await b.seat.hint("now");
      await rig.until(() => a.events.length + c.events.length === 2);
      expect([a.events, b.events, c.events]).toEqual([["hint now"], [], ["hint now"]]);
    });

    it("counts on one clock, and never knows a tick that is yet to come", async () => {
      const [rig, a, b] = await startWith(2);
      const tick = rig.tick();
      const timeMs = a.exchange.timeAt(tick);
      expect(timeMs).toBeGreaterThan(Date.parse("2026-01-01"));
      expect(Math.abs(b.exchange.timeAt(tick) - timeMs)).toBeLessThan(50);
      expect(a.exchange.tickAt(timeMs)).toBeCloseTo(tick, 3);
      expect(a.exchange.tickAt(timeMs + 60_000)).toBeLessThanOrEqual(rig.tick());
    });
  });

  describe(`the exchange ${name}: an instance that cannot reach it`, () => {
    it("is told so, is refused, and when it can again is told that it has missed something", async () => {
      const [rig, a, b] = await startHeld(2);
      await b.seat.want(new Set(["x"]));
      await b.goAway();
      expect(b.events).toEqual(["away"]);
      expect(b.seat.isAway).toBe(true);
      await expect(b.seat.claim()).rejects.toThrow(SharedStateAwayError);
      await expect(b.seat.publish(publication("not"))).rejects.toThrow(SharedStateAwayError);
      await expect(b.seat.read(["n"])).rejects.toThrow(SharedStateAwayError);
      await expect(b.seat.hint("not")).rejects.toThrow(SharedStateAwayError);
      await expect(b.seat.want(new Set(["y"]))).rejects.toThrow(SharedStateAwayError);
      await publish(a, "missed", { n: "1" });
      await b.comeBack();
      expect(b.seat.isAway).toBe(false);
      expect(b.events).toEqual(["away", "gap"]);
      expect(entriesOf(await b.seat.claim())).toEqual({ n: "1" });
      // What it wanted last, although that could not be said then.
      expect((await publish(a, "two")).wants).toEqual(new Set(["y"]));
      await rig.until(() => b.events.length === 3);
      expect(b.events).toEqual(["away", "gap", "two"]);
    });

    it("wants what it wanted when it comes back after its wants have ended", async () => {
      const [rig, a, b] = await startHeld(2);
      await b.seat.want(new Set(["x"]));
      expect((await publish(a, "one")).wants).toEqual(new Set(["x"]));
      await b.goAway();
      await rig.pass(rig.wantMs + 50);
      expect((await publish(a, "two")).wants).toEqual(new Set());
      await b.comeBack();
      await b.seat.claim();
      expect((await publish(a, "three")).wants).toEqual(new Set(["x"]));
    });

    it("has its lease still where no other has taken it, and all others ask for what there is", async () => {
      const [rig, a, b] = await startHeld(2);
      await publish(a, "one", { n: "1" });
      await rig.until(() => b.events.length === 1);
      await a.goAway();
      await a.comeBack();
      expect(await a.seat.publish(publication("too early"))).toBe("lost");
      expect((await a.seat.claim()).isHolder).toBe(true);
      await publish(a, "two", { n: "2" });
      await rig.until(() => b.events.length === 2);
      expect(b.events).toEqual(["one", "gap"]);
      expect(await b.seat.claim()).toMatchObject({ isHolder: false });
      expect(a.events).toEqual(["away", "gap"]);
    });

    it("has lost its lease where another has taken it", async () => {
      const [rig, a, b] = await startHeld(2);
      await a.goAway();
      await rig.pass(rig.leaseMs + 50);
      expect((await b.seat.claim()).isHolder).toBe(true);
      await a.comeBack();
      expect(await a.seat.publish(publication("late"))).toBe("lost");
      expect((await a.seat.claim()).isHolder).toBe(false);
    });

    it("leaves without a word, and its lease runs out", async () => {
      const [rig, a, b] = await startHeld(2);
      await a.goAway();
      await a.seat.leave();
      expect((await b.seat.claim()).isHolder).toBe(false);
      await rig.pass(rig.leaseMs + 50);
      expect((await b.seat.claim()).isHolder).toBe(true);
      await a.comeBack();
      expect(a.events).toEqual(["away"]);
    });
  });
}
