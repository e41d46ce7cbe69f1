import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { TaskReader } from "../../src/tasks/task-reader.js";
import { NO_NEEDS, type TaskSnapshot } from "../../src/tasks/task.js";
import { WatchHub } from "../../src/tasks/watch-hub.js";
import type { WatchStream } from "../../src/tasks/watch-stream.js";
import { ManualClock } from "../support/manual-clock.js";
import { ModelClient, type ModelFailure } from "../support/model-client.js";
import { RecordingLogger } from "../support/recording-logger.js";

const TASKS = 12;

type Step =
  | {
      readonly do: "follow";
      readonly tasks: readonly number[];
      readonly progress: boolean;
      readonly staleness: number | undefined;
    }
  | { readonly do: "leave"; readonly subscriber: number }
  | { readonly do: "move"; readonly task: number; readonly by: number }
  | { readonly do: "end"; readonly task: number; readonly as: "Succeeded" | "Failed" }
  | { readonly do: "fail"; readonly calls: readonly ModelFailure[] }
  | { readonly do: "query"; readonly tasks: readonly number[] }
  | { readonly do: "wait"; readonly ms: number };

const anyTask = fc.nat(TASKS - 1);
const anyTasks = fc.uniqueArray(anyTask, { minLength: 1, maxLength: TASKS });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("follow" as const),
    tasks: anyTasks,
    progress: fc.boolean(),
    staleness: fc.constantFrom(undefined, 1_000, 5_000),
  }),
  fc.record({ do: fc.constant("leave" as const), subscriber: fc.nat(20) }),
  fc.record({ do: fc.constant("move" as const), task: anyTask, by: fc.integer({ min: 1, max: 30 }) }),
  fc.record({
    do: fc.constant("end" as const),
    task: anyTask,
    as: fc.constantFrom("Succeeded" as const, "Failed" as const),
  }),
  fc.record({
    do: fc.constant("fail" as const),
    calls: fc.array(fc.constantFrom<ModelFailure>("throttle", "outage"), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ do: fc.constant("query" as const), tasks: anyTasks }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 200, 1_000, 3_000, 20_000) }),
);

/** One subscriber, and all that it was told. */
class Subscriber {
  readonly told: TaskSnapshot[] = [];
  readonly tasks: ReadonlySet<string>;
  readonly stream: WatchStream;
  hasLeft = false;
  hasEnded = false;

  constructor(tasks: readonly string[], stream: WatchStream) {
    this.tasks = new Set(tasks);
    this.stream = stream;
    void this.#read();
  }

  async #read(): Promise<void> {
    for await (const event of this.stream) {
      if (event.kind === "failure") throw event.error;
      this.told.push(event.snapshot);
    }
    this.hasEnded = true;
  }
}

/** The whole of it: a model of IMM, the read path, the hub, and those who follow. */
class World {
  readonly clock = new ManualClock();
  readonly client = new ModelClient(3);
  readonly reader = new TaskReader({
    client: this.client,
    clock: this.clock,
    taskMaxAgeMs: 1_000,
    maxCachedTasks: 1_000,
  });
  readonly hub = new WatchHub({
    reader: this.reader,
    clock: this.clock,
    logger: new RecordingLogger(),
    bounds: { minPollIntervalMs: 1_000, maxPollIntervalMs: 15_000 },
    maxWatchedTasks: TASKS,
  });
  readonly subscribers: Subscriber[] = [];

  constructor() {
    for (let task = 0; task < TASKS; task += 1) this.client.tasks.set(idOf(task), { status: "Running", progress: 0 });
  }

  /** Takes one step, and lets what it sets off get as far as it can without time. */
  async take(step: Step): Promise<void> {
    await this.#act(step);
    await this.clock.advance(0);
  }

  /** Lets time pass until nobody follows any more. */
  async runOut(): Promise<void> {
    for (let look = 0; look < 1_000 && this.hub.watchedTasks > 0; look += 1) {
      await this.clock.advance(this.clock.nextTimerInMs ?? 0);
    }
  }

  async #act(step: Step): Promise<void> {
    switch (step.do) {
      case "follow": {
        const ids = step.tasks.map(idOf);
        const needs = { ...NO_NEEDS, progress: step.progress };
        this.subscribers.push(
          new Subscriber(ids, this.hub.watch({ keys: ids.map(keyOf), needs, maxStalenessMs: step.staleness })),
        );
        return;
      }
      case "leave": {
        const subscriber = this.subscribers[step.subscriber];
        if (subscriber === undefined) return;
        subscriber.hasLeft = true;
        await subscriber.stream.return();
        return;
      }
      case "move": {
        const task = this.client.tasks.get(idOf(step.task));
        if (task?.status === "Running") task.progress = Math.min(99, task.progress + step.by);
        return;
      }
      case "end": {
        const task = this.client.tasks.get(idOf(step.task));
        if (task?.status === "Running") task.status = step.as;
        return;
      }
      case "fail":
        this.client.failures.push(...step.calls);
        return;
      case "query":
        await Promise.allSettled(
          this.reader.readEach(step.tasks.map((task) => ({ key: keyOf(idOf(task)), needs: NO_NEEDS }))),
        );
        return;
      case "wait":
        await this.clock.advance(step.ms);
    }
  }
}

function idOf(task: number): string {
  return `task-${String(task).padStart(2, "0")}`;
}

function keyOf(taskId: string): { projectName: string; taskType: string; taskId: string } {
  return { projectName: "p", taskType: "T", taskId };
}

describe("whatever happens", () => {
  it("every subscriber who stays is told each final state once, progress never runs backwards, and then all is quiet", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 40 }), async (steps) => {
        const world = new World();
        for (const step of steps) await world.take(step);
        for (const task of world.client.tasks.values()) if (task.status === "Running") task.status = "Succeeded";
        await world.runOut();

        for (const { told, tasks, hasLeft, hasEnded } of world.subscribers) {
          for (const taskId of tasks) {
            const ofTask = told.filter(({ key }) => key.taskId === taskId);
            const progress = ofTask.map((snapshot) => snapshot.progress ?? -1);
            expect(progress).toEqual(progress.toSorted((a, b) => a - b));
            const finals = ofTask.filter(({ status }) => status !== "RUNNING");
            expect(finals.length).toBeLessThanOrEqual(1);
            expect(finals.length === 1 || hasLeft).toBe(true);
            expect(finals.length === 0 || ofTask.at(-1) === finals[0]).toBe(true);
          }
          expect(hasEnded).toBe(true);
        }
        expect([world.hub.watchedTasks, world.clock.pendingTimers]).toEqual([0, 0]);
        const calls = world.client.calls.length;
        await world.clock.advance(3_600_000);
        expect(world.client.calls).toHaveLength(calls);
      }),
      { numRuns: 2_000 },
    );
  }, 120_000);

  it("no task is asked for by itself that nobody watches", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 40 }), async (steps) => {
        const world = new World();
        for (const step of steps.filter((step) => step.do !== "query")) {
          const before = world.client.calls.length;
          const watched = new Set(
            world.subscribers.filter(({ hasLeft }) => !hasLeft).flatMap(({ tasks }) => [...tasks]),
          );
          if (step.do === "follow") for (const task of step.tasks) watched.add(idOf(task));
          await world.take(step);
          const asked = world.client.calls.slice(before);
          for (const { taskId } of asked) expect(taskId === null || watched.has(taskId)).toBe(true);
          expect(asked.length === 0 || watched.size > 0).toBe(true);
        }
        world.hub.dispose();
      }),
      { numRuns: 1_000 },
    );
  }, 120_000);
});
