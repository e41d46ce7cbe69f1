import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { TaskReader } from "../../../src/tasks/read/task-reader.js";
import { NO_PARTS } from "../../../src/tasks/task.js";
import { WatchHub } from "../../../src/tasks/watch/watch-hub.js";
import { countAttempts } from "../../support/count-attempts.js";
import { HISTORIES } from "../../support/histories.js";
import { ManualClock } from "../../support/manual-clock.js";
import { EmulatedImmClient, PROJECT } from "../../support/emulated-client.js";
import { RecordingLogger } from "../../support/recording-logger.js";
import { keyOf } from "../../support/tasks.js";
import { anyStep, expectTold, idOf, PAGE, Subscriber, TASKS, type Step } from "../../support/watch-history.js";

/** The whole of it: an emulator, the read path, the hub, and those who follow. */
class World {
  readonly clock = new ManualClock();
  readonly client = new EmulatedImmClient(this.clock, PAGE);
  readonly reader = new TaskReader({
    client: countAttempts(this.client),
    clock: this.clock,
    taskMaxAgeMs: 1_000,
    maxCachedTasks: 1_000,
  });
  readonly hub = new WatchHub({
    reader: this.reader,
    clock: this.clock,
    logger: new RecordingLogger(),
    rate: { watchCallsPerSecond: 0.5, minPollIntervalMs: 1_000, maxPollIntervalMs: 15_000 },
    maxFollowedProjects: 100,
    refusalGraceMs: 600_000,
    maxWatchedTasks: 1_000,
  });
  readonly subscribers: Subscriber[] = [];
  #taskCount = 0;

  constructor() {
    for (let task = 0; task < TASKS; task += 1) this.#start(TASKS - task);
  }

  get taskIds(): readonly string[] {
    return Array.from({ length: this.#taskCount }, (_value, task) => idOf(task));
  }

  /** Takes one step, and lets what it sets off get as far as it can without time. */
  async take(step: Step): Promise<void> {
    await this.#act(step);
    await this.clock.advance(0);
  }

  /** Lets time pass, timer by timer. */
  async wait(ms: number): Promise<void> {
    const until = this.clock.tick() + ms;
    while (this.clock.tick() < until) {
      await this.clock.advance(Math.min(this.clock.nextTimerInMs ?? ms, until - this.clock.tick()));
    }
  }

  /** Ends every task, and lets time pass until everybody has been told. */
  async runOut(): Promise<void> {
    const ofProject = this.subscribers.filter(({ followsProject, hasLeft }) => followsProject && !hasLeft);
    const running = this.taskIds.filter((taskId) => this.client.isRunning(taskId));
    for (const subscriber of ofProject) {
      for (const taskId of running) subscriber.tasks.add(taskId);
      await this.#pass(() => running.every((taskId) => subscriber.knows(taskId)));
    }
    for (const taskId of running) this.client.end(taskId, "Succeeded");
    for (const subscriber of this.subscribers.filter(({ hasLeft }) => !hasLeft)) {
      await this.#pass(() => [...subscriber.tasks].every((taskId) => subscriber.knowsEndOf(taskId)));
    }
  }

  /** The streams of those who follow the project have no end of their own. */
  async dismiss(): Promise<void> {
    for (const { followsProject, stream } of this.subscribers) if (followsProject) await stream.return();
    await this.clock.advance(0);
  }

  async #pass(isOver: () => boolean): Promise<void> {
    for (let look = 0; look < 1_000 && !isOver() && this.clock.pendingTimers > 0; look += 1) {
      await this.clock.advance(this.clock.nextTimerInMs ?? 0);
    }
  }

  #start(startedAgoMs = 0): string {
    const taskId = idOf(this.#taskCount);
    this.#taskCount += 1;
    this.client.start(taskId, startedAgoMs);
    return taskId;
  }

  async #act(step: Step): Promise<void> {
    switch (step.do) {
      case "follow": {
        const ids = step.tasks.map(idOf);
        const parts = { ...NO_PARTS, progress: step.progress };
        this.subscribers.push(
          new Subscriber(
            ids,
            this.hub.watch({ keys: ids.map((taskId) => keyOf(taskId)), parts, maxStalenessMs: step.staleness }),
          ),
        );
        return;
      }
      case "followProject": {
        const parts = { ...NO_PARTS, progress: step.progress };
        const isFirst = this.subscribers.every(({ followsProject, hasLeft }) => !followsProject || hasLeft);
        const ended = this.taskIds.filter((taskId) => isFirst && !this.client.isRunning(taskId));
        const stream = this.hub.watchProject({ projectName: PROJECT, parts, maxStalenessMs: step.staleness });
        this.subscribers.push(new Subscriber([], stream, new Set(ended)));
        return;
      }
      case "start": {
        // No two tasks start in the same millisecond: only a page of such ones is told apart.
        await this.clock.advance(1);
        const taskId = this.#start();
        // One that has seen something of the project is told of whatever starts afterwards, however short it is.
        const settled = this.subscribers.filter(({ followsProject, told }) => followsProject && told.length > 0);
        for (const { tasks } of settled) tasks.add(taskId);
        return;
      }
      case "leave": {
        const subscriber = this.subscribers[step.subscriber];
        if (subscriber === undefined) return;
        await subscriber.leave();
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
      case "query":
        await Promise.allSettled(
          this.reader.readEach(step.tasks.map((task) => ({ key: keyOf(idOf(task)), parts: NO_PARTS }))),
        );
        return;
      case "wait":
        await this.clock.advance(step.ms);
    }
  }
}

describe("whatever happens", () => {
  it("every subscriber who stays is told each final state once, progress never runs backwards, and then all is quiet", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 40 }), async (steps) => {
        const world = new World();
        for (const step of steps) await world.take(step);
        await world.runOut();
        await world.dismiss();
        // Those who follow the project are told of every task that ran when they came, or started after that.
        for (const subscriber of world.subscribers) {
          const { told, tasks, hasEnded, endedBefore } = subscriber;
          expectTold(subscriber, world.taskIds);
          for (const taskId of world.taskIds) {
            const ofTask = told.filter(({ key }) => key.taskId === taskId);
            // What had ended is no news, unless a watch had yet to find that out.
            const isNews = endedBefore?.has(taskId) !== true || ofTask[0]?.status === "RUNNING";
            const isWanted = endedBefore !== null || tasks.has(taskId);
            expect(ofTask.length === 0 || (isNews && isWanted)).toBe(true);
          }
          expect(hasEnded).toBe(true);
        }
        expect([world.hub.watchedTasks, world.clock.pendingTimers]).toEqual([0, 0]);
        const calls = world.client.calls.length;
        await world.clock.advance(3_600_000);
        expect(world.client.calls).toHaveLength(calls);
      }),
      { numRuns: HISTORIES },
    );
  }, 120_000);

  it("what runs costs no more than the allowance, whoever follows it, while nobody asks for fresher data", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 30 }), async (steps) => {
        const world = new World();
        for (const step of steps.filter((step) => step.do !== "fail")) {
          await world.take("staleness" in step ? { ...step, staleness: undefined } : step);
        }
        // What newcomers cost comes on top, and the last poll before this may be one of fewer tasks.
        await world.wait(15_000);
        const before = world.client.calls.length;
        await world.wait(120_000);
        const ofRunning = world.client.calls.slice(before).filter(({ isOfRunning }) => isOfRunning);
        const pagesOfAPoll = world.subscribers.length + Math.ceil(world.taskIds.length / PAGE);
        expect(ofRunning.length).toBeLessThanOrEqual(120 * 0.5 + pagesOfAPoll);
        world.hub.dispose();
      }),
      { numRuns: HISTORIES / 4 },
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
          const followsProject = world.subscribers.some((each) => each.followsProject && !each.hasLeft);
          if (followsProject || step.do === "followProject") for (const taskId of world.taskIds) watched.add(taskId);
          if (step.do === "follow") for (const task of step.tasks) watched.add(idOf(task));
          await world.take(step);
          const asked = world.client.calls.slice(before);
          for (const { taskId } of asked) expect(taskId === null || watched.has(taskId)).toBe(true);
          expect(asked.length === 0 || watched.size > 0).toBe(true);
        }
        world.hub.dispose();
      }),
      { numRuns: HISTORIES / 2 },
    );
  }, 120_000);
});
