import { describe, expect, it } from "@jest/globals";
import type { Clock } from "../../src/clock.js";
import { EVERY_SECOND } from "../support/next-poll.js";
import { eventually } from "../support/eventually.js";
import { keyArguments, query } from "../support/query.js";
import type { ManualClock } from "../support/manual-clock.js";
import { manualClockNow, startGateway, type RunningGateway } from "../support/start-gateway.js";
import { connect, subscribe, type Subscription } from "../support/subscribe.js";
import { RUN } from "../support/tasks.js";

const ASK = `{ task(${keyArguments(RUN)}) { progress observedAt elapsedMs } }`;
const CREATE = `mutation {
  createFileCompressionTask(
    input: { projectName: "immtest", sources: [{ uri: "oss://b/a" }], targetUri: "oss://b/c.zip", idempotencyKey: "once" }
  ) { isNew task { taskId } }
}`;

interface Followed {
  readonly taskProgress: { readonly progress: number; readonly observedAt: string };
}

interface Asked {
  readonly task: { readonly progress: number; readonly observedAt: string; readonly elapsedMs: number };
}

interface Created {
  readonly createFileCompressionTask: { readonly isNew: boolean; readonly task: { readonly taskId: string } };
}

interface Project {
  readonly projectEvents: {
    readonly task: { readonly taskId: string; readonly elapsedMs: number; readonly observedAt: string } | null;
  };
}

/** The next event that is of a task. */
async function nextOfTask(follow: Subscription<Project>): Promise<Project["projectEvents"]["task"]> {
  for (;;) {
    const task = (await follow.next()).data?.projectEvents.task;
    if (task !== null && task !== undefined) return task;
  }
}

const MINUTE_MS = 60_000;

const STEPS: readonly (readonly [how: string, stepMs: number])[] = [
  ["back by half a minute", -MINUTE_MS / 2],
  ["back by two hours", -120 * MINUTE_MS],
  ["on by two hours", 120 * MINUTE_MS],
  ["on by two days", 2 * 24 * 60 * MINUTE_MS],
];

describe.each(STEPS)("a wall clock that is set %s", (_how, stepMs) => {
  it("delays no poll, brings none forward, and is what is shown", async () => {
    const { url, clock, emulator } = await startGateway({ gateway: EVERY_SECOND });
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.setProgress("run", 1);
    const document = `subscription { taskProgress(${keyArguments(RUN)}) { progress observedAt } }`;
    const subscription = subscribe<Followed>(connect(url), document);
    await subscription.next();
    clock.stepWall(stepMs);
    for (const progress of [2, 3, 4]) {
      emulator.setProgress("run", progress);
      const callsBefore = emulator.calls.length;
      await clock.advance(999);
      expect(emulator.calls).toHaveLength(callsBefore);
      await clock.advance(1);
      const { data } = await subscription.next();
      expect(data?.taskProgress).toEqual({ progress, observedAt: new Date(clock.now()).toISOString() });
      expect(emulator.calls).toHaveLength(callsBefore + 1);
      // The poll that was answered has to be over before time goes on.
      await eventually(() => clock.pendingTimers > 0);
    }
  });

  it("makes no snapshot older or younger for queries", async () => {
    const { url, clock, emulator } = await startGateway({ gateway: { taskMaxAgeMs: 1_000 } });
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.setProgress("run", 1);
    await query(url, ASK);
    clock.stepWall(stepMs);
    emulator.setProgress("run", 2);
    const callsBefore = emulator.calls.length;
    await clock.advance(1_000);
    expect((await query<Asked>(url, ASK)).data?.task.progress).toBe(1);
    expect(emulator.calls).toHaveLength(callsBefore);
    await clock.advance(1);
    const { data } = await query<Asked>(url, ASK);
    expect(data?.task).toMatchObject({ progress: 2, observedAt: new Date(clock.now()).toISOString() });
    expect(data?.task.elapsedMs).toBeGreaterThanOrEqual(0);
  });

  it("forgets no idempotency key", async () => {
    const { url, clock, emulator } = await startGateway();
    const first = await query<Created>(url, CREATE);
    expect(first.data?.createFileCompressionTask.isNew).toBe(true);
    clock.stepWall(stepMs);
    const callsBefore = emulator.calls.filter(({ action }) => action.startsWith("Create")).length;
    const again = await query<Created>(url, CREATE);
    expect(again.data?.createFileCompressionTask).toEqual({
      isNew: false,
      task: first.data?.createFileCompressionTask.task,
    });
    expect(emulator.calls.filter(({ action }) => action.startsWith("Create"))).toHaveLength(callsBefore);
  });
});

/** Lets a second pass, and what is due in it be asked. */
async function pollAgain({ clock, emulator }: RunningGateway): Promise<void> {
  await eventually(() => clock.pendingTimers > 0);
  const calls = emulator.calls.length;
  await clock.advance(1_000);
  await eventually(() => emulator.calls.length > calls && clock.pendingTimers > 0);
}

/** The same time, on a wall clock that is not set. */
function steady(clock: ManualClock): Clock {
  const offsetMs = clock.now() - clock.tick();
  return {
    now: () => clock.tick() + offsetMs,
    tick: () => clock.tick(),
    random: () => clock.random(),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
  };
}

describe.each(STEPS)("the gateway's wall clock alone, set %s", (_how, stepMs) => {
  it("loses no event of a project: tasks that run, start and end", async () => {
    const clock = manualClockNow();
    const running = await startGateway({ clock, immClock: steady(clock), gateway: EVERY_SECOND });
    const { url, emulator, gateway } = running;
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const document = `subscription { projectEvents(projectName: "immtest", maxStalenessMs: 1000) { task {
      taskId status elapsedMs observedAt
    } } }`;
    const follow = subscribe<Project>(connect(url), document);
    const next = async (): Promise<Project["projectEvents"]["task"]> => {
      const event = nextOfTask(follow);
      let isThere = false;
      void event.finally(() => {
        isThere = true;
      });
      for (let second = 0; second < 3 && !isThere; second += 1) await pollAgain(running);
      return event;
    };
    expect(await next()).toMatchObject({ taskId: "run", status: "RUNNING" });
    clock.stepWall(stepMs);
    await clock.advance(1);
    emulator.addTask({ ...RUN, taskId: "new", durationMs: Infinity });
    const started = await next();
    expect(started).toMatchObject({ taskId: "new", status: "RUNNING" });
    expect(started?.elapsedMs).toBeGreaterThanOrEqual(0);
    expect(Math.abs(clock.now() - Date.parse(started?.observedAt ?? ""))).toBeLessThanOrEqual(2_000);
    emulator.finishTask("run");
    expect(await next()).toMatchObject({ taskId: "run", status: "SUCCEEDED" });
    emulator.failTask("new");
    expect(await next()).toMatchObject({ taskId: "new", status: "FAILED" });
    expect(gateway.watchedTasks).toBe(0);
  });
});
