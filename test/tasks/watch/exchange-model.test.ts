import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { NO_PARTS } from "../../../src/tasks/task.js";
import { MemoryExchangeStore } from "../../../src/tasks/watch/memory-exchange.js";
import { EmulatedImmClient, PROJECT } from "../../support/emulated-client.js";
import { HISTORIES } from "../../support/histories.js";
import { Instance, type Latencies } from "../../support/instances.js";
import { ManualClock } from "../../support/manual-clock.js";
import { MemoryFinishedTasks } from "../../support/memory-finished-tasks.js";
import { keyOf } from "../../support/tasks.js";
import { anyStep, expectTold, idOf, PAGE, Subscriber, TASKS, type Step } from "../../support/watch-history.js";

const INSTANCES = 3;

type Fault =
  | { readonly do: "kill" | "stop" | "goOn" | "goAway" | "comeBack" | "deafen" | "hear" }
  | { readonly do: "allGoAway" | "allComeBack" };
type Happening = { readonly at: number; readonly step: Step | Fault };

const anyFault: fc.Arbitrary<Fault> = fc.constantFrom(
  ...(["kill", "stop", "goOn", "goAway", "comeBack", "deafen", "hear", "allGoAway", "allComeBack"] as const).map(
    (name) => ({ do: name }),
  ),
);
const anyLatencies: fc.Arbitrary<Latencies> = fc.record({
  imm: fc.constantFrom(0, 300),
  exchange: fc.constantFrom(0, 20),
});
const anyHappening: fc.Arbitrary<Happening> = fc.record({
  at: fc.nat(INSTANCES - 1),
  step: fc.oneof({ weight: 4, arbitrary: anyStep }, { weight: 1, arbitrary: anyFault }),
});

/** An emulator, instances that share what they watch, and those who follow at each. */
class World {
  readonly clock = new ManualClock();
  readonly client = new EmulatedImmClient(this.clock, PAGE);
  readonly instances: readonly Instance[];
  readonly subscribers: { readonly instance: Instance; readonly subscriber: Subscriber }[] = [];
  #taskCount = 0;

  /**
   * @param instances - one alone has no exchange.
   * @param sharesEnds - whether they share the tasks that have ended besides, as those on Redis do. By default what one is told of
   * an end comes from the exchange alone
   */
  constructor(instances = INSTANCES, latencies?: Latencies, sharesEnds = false) {
    const store = instances > 1 ? new MemoryExchangeStore(this.clock) : undefined;
    const finished = sharesEnds ? new MemoryFinishedTasks(this.clock, 1_000) : undefined;
    this.instances = Array.from(
      { length: instances },
      () => new Instance(this.clock, this.client, store, latencies, finished),
    );
    for (let task = 0; task < TASKS; task += 1) this.#start(TASKS - task);
  }

  get taskIds(): readonly string[] {
    return Array.from({ length: this.#taskCount }, (_value, task) => idOf(task));
  }

  /** Those whose instance lives. */
  get living(): readonly Subscriber[] {
    return this.subscribers.flatMap(({ instance, subscriber }) => (instance.isKilled ? [] : subscriber));
  }

  async take({ at, step }: Happening): Promise<void> {
    const instance = this.instances[at % this.instances.length];
    if (instance === undefined) return;
    await this.#act(instance, step);
    await this.settle();
  }

  /** Messages take turns of their own, one after the other. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 8; turn += 1) await this.clock.advance(0);
  }

  /** Whatever was broken works again. */
  async mend(): Promise<void> {
    this.client.failures.length = 0;
    for (const instance of this.instances) {
      instance.goOn();
      if (instance.exchange !== undefined) instance.exchange.isDeaf = false;
      instance.exchange?.comeBack();
    }
    await this.settle();
  }

  /** Lets time pass, timer by timer, until it is so or nothing waits. @returns how long it took. */
  async pass(isOver: () => boolean, maxMs = 600_000): Promise<number> {
    const began = this.clock.tick();
    await this.settle();
    while (!isOver() && this.clock.pendingTimers > 0 && this.clock.tick() - began < maxMs) {
      await this.clock.advance(this.clock.nextTimerInMs ?? 0);
      await this.settle();
    }
    return this.clock.tick() - began;
  }

  /** Ends every task; what each has to be told of is told. @returns how long the last one waited. */
  async runOut(): Promise<number> {
    const running = this.taskIds.filter((taskId) => this.client.isRunning(taskId));
    const staying = this.living.filter(({ hasLeft }) => !hasLeft);
    for (const subscriber of staying.filter(({ followsProject }) => followsProject)) {
      for (const taskId of running) subscriber.tasks.add(taskId);
      await this.pass(() => running.every((taskId) => subscriber.knows(taskId)));
    }
    for (const taskId of running) this.client.end(taskId, "Succeeded");
    return this.pass(() =>
      staying.every((subscriber) => [...subscriber.tasks].every((taskId) => subscriber.knowsEndOf(taskId))),
    );
  }

  async dismiss(): Promise<void> {
    for (const subscriber of this.living) if (subscriber.followsProject) await subscriber.stream.return();
    // Answers that are still to come.
    await this.clock.advance(10_000);
    await this.settle();
  }

  #start(startedAgoMs = 0): string {
    const taskId = idOf(this.#taskCount);
    this.#taskCount += 1;
    this.client.start(taskId, startedAgoMs);
    return taskId;
  }

  async #act(instance: Instance, step: Step | Fault): Promise<void> {
    const { hub, reader, exchange } = instance;
    const isUp = !instance.isStopped;
    switch (step.do) {
      case "follow": {
        const ids = step.tasks.map(idOf);
        if (!isUp) return;
        const parts = { ...NO_PARTS, progress: step.progress };
        const keys = ids.map((taskId) => keyOf(taskId));
        const stream = hub.watch({ keys, parts, maxStalenessMs: step.staleness });
        this.subscribers.push({ instance, subscriber: new Subscriber(ids, stream) });
        return;
      }
      case "followProject": {
        if (!isUp) return;
        const parts = { ...NO_PARTS, progress: step.progress };
        const stream = hub.watchProject({ projectName: PROJECT, parts, maxStalenessMs: step.staleness });
        this.subscribers.push({ instance, subscriber: new Subscriber([], stream, new Set()) });
        return;
      }
      case "start": {
        await this.clock.advance(1);
        const settled = this.living.filter(({ followsProject, told }) => followsProject && told.length > 0);
        const taskId = this.#start();
        for (const { tasks } of settled) tasks.add(taskId);
        return;
      }
      case "leave": {
        const left = this.subscribers[step.subscriber];
        if (left === undefined || left.instance.isStopped) return;
        await left.subscriber.leave();
        return;
      }
      case "move":
        this.client.move(idOf(step.task), step.by);
        return;
      case "end":
        this.client.end(idOf(step.task), step.as);
        return;
      case "fail":
        this.client.failures.push(...step.calls);
        return;
      case "query": {
        if (!isUp) return;
        const requests = step.tasks.map((task) => ({ key: keyOf(idOf(task)), parts: NO_PARTS }));
        void Promise.allSettled(reader.readEach(requests));
        return;
      }
      case "wait":
        await this.clock.advance(step.ms);
        return;
      case "kill":
        // One of them stays.
        if (this.instances.filter(({ isKilled }) => !isKilled).length > 1) instance.kill();
        return;
      case "stop":
        if (!instance.isKilled) instance.stop();
        return;
      case "goOn":
        instance.goOn();
        return;
      case "goAway":
        exchange?.goAway();
        return;
      case "comeBack":
        exchange?.comeBack();
        return;
      case "deafen":
        if (exchange !== undefined) exchange.isDeaf = true;
        return;
      case "hear":
        if (exchange !== undefined) exchange.isDeaf = instance.isStopped;
        return;
      case "allGoAway":
        for (const each of this.instances) each.exchange?.goAway();
        return;
      case "allComeBack":
        for (const each of this.instances) each.exchange?.comeBack();
    }
  }
}

/** What the second hears of the first poll that is young enough is a part of the entries: it must not begin by that. */
const PART_OF_THE_ENTRIES: [Happening[], Latencies] = [
  [
    { at: 1, step: { do: "followProject", progress: false, staleness: undefined } },
    { at: 1, step: { do: "deafen" } },
    { at: 0, step: { do: "followProject", progress: false, staleness: 1_000 } },
    { at: 0, step: { do: "end", task: 0, as: "Succeeded" } },
  ],
  { imm: 0, exchange: 0 },
];

/** The first has seen ends for itself before it polls for the third, to which they are news. */
const ENDS_KNOWN_BEFORE: [Happening[], Latencies] = [
  [
    { at: 1, step: { do: "follow", tasks: [0], progress: false, staleness: undefined } },
    { at: 0, step: { do: "goAway" } },
    { at: 0, step: { do: "followProject", progress: false, staleness: undefined } },
    { at: 0, step: { do: "wait", ms: 3_000 } },
    { at: 2, step: { do: "followProject", progress: false, staleness: undefined } },
    { at: 0, step: { do: "wait", ms: 1_000 } },
    { at: 0, step: { do: "wait", ms: 20_000 } },
  ],
  { imm: 0, exchange: 20 },
];

describe("whatever happens to instances that share what they watch", () => {
  it("every subscriber of one that lives is told each end once, within a lease and a poll, and progress never runs back", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyHappening, { minLength: 1, maxLength: 40 }),
        anyLatencies,
        async (happenings, latencies) => {
          const world = new World(INSTANCES, latencies);
          for (const happening of happenings) await world.take(happening);
          await world.mend();
          const lateMs = await world.runOut();
          await world.dismiss();
          for (const subscriber of world.living) {
            expectTold(subscriber, world.taskIds);
            expect(subscriber.hasEnded).toBe(true);
          }
          expect(lateMs).toBeLessThanOrEqual(11_000 + 15_000);
          const living = world.instances.filter(({ isKilled }) => !isKilled);
          expect(living.map(({ seats, hub }) => [seats, hub.watchedTasks])).toEqual(living.map(() => [0, 0]));
          expect(world.clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: HISTORIES / 4, examples: [PART_OF_THE_ENTRIES, ENDS_KNOWN_BEFORE] },
    );
  }, 120_000);

  it("all that follow at all of them cost the calls of one, as long as nothing is broken", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 25 }), async (steps) => {
        const counts: number[] = [];
        for (const instances of [1, INSTANCES]) {
          const world = new World(instances, undefined, instances > 1);
          for (const step of steps.filter(({ do: name }) => name !== "fail" && name !== "query" && name !== "leave")) {
            for (let at = 0; at < (step.do.startsWith("follow") ? instances : 1); at += 1) {
              await world.take({ at, step });
            }
          }
          await world.take({ at: 0, step: { do: "wait", ms: 60_000 } });
          counts.push(world.client.calls.length);
          for (const { hub } of world.instances) hub.dispose();
        }
        const [ofOne = 0, ofAll = 0] = counts;
        expect(ofAll).toBeLessThanOrEqual(1.1 * ofOne + 4);
      }),
      { numRuns: HISTORIES / 10 },
    );
  }, 120_000);
});
