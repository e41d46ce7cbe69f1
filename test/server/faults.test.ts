import { describe, expect, it } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { withTimePassing } from "../support/manual-clock.js";
import { keyArguments, query, type QueryAnswer } from "../support/query.js";
import { startGateway } from "../support/start-gateway.js";
import { connect, subscribe } from "../support/subscribe.js";

interface Progress {
  readonly taskProgress: { readonly taskId: string; readonly status: string; readonly progress: number | null };
}

const FOLLOW = `subscription ($taskId: String!) {
  taskProgress(key: { projectName: "immtest", taskType: "FileUncompression", taskId: $taskId }) { taskId status progress requestDefinition }
}`;
const SECRET = "hunter2";

/** Draws that differ: the faults of a standing clock would hit all calls or none. The sequence is fixed. */
function createDraws(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

describe("an upstream that grants five calls a second", () => {
  it("still answers queries in the midst of it, every final state arrives, and the rate obeys", async () => {
    const { url, emulator, clock, gateway } = await startGateway({ emulator: { maxRequestsPerSecond: 5 } });
    const taskIds = Array.from({ length: 30 }, (_value, index) => `task-${index}`);
    for (const [index, taskId] of taskIds.entries()) {
      emulator.addTask({ taskType: "FileUncompression", taskId, durationMs: 10_000 + 500 * index });
    }
    for (let index = 0; index < 1_000; index += 1) {
      emulator.addTask({ taskType: "MediaConvert", taskId: `other-${index}`, startedAgoMs: 60_000 });
    }
    const client = connect(url);
    const subscriptions = taskIds.map((taskId) => subscribe<Progress>(client, FOLLOW, { taskId }));
    await eventually(() => gateway.watchedTasks === taskIds.length);
    const startedAt = clock.now();
    let isOver = false;
    const ends = Promise.all(subscriptions.map(async (subscription) => subscription.rest())).finally(() => {
      isOver = true;
    });
    // Somebody who asks for one task after the other, each of them new.
    const answers: QueryAnswer<unknown>[] = [];
    const asker = (async () => {
      while (!isOver) {
        const key = { taskType: "MediaConvert", taskId: `other-${answers.length}` };
        answers.push(await query(url, `{ task(${keyArguments(key)}) { status } }`));
      }
    })();
    while (!isOver) await clock.advance(100);
    // Its last question may wait for the next second.
    await withTimePassing(clock, asker);
    for (const [index, events] of (await ends).entries()) {
      expect(events.every(({ errors }) => errors === undefined)).toBe(true);
      expect(events.at(-1)).toMatchObject({ data: { taskProgress: { taskId: taskIds[index], status: "SUCCEEDED" } } });
    }
    expect(answers.length).toBeGreaterThan(10);
    for (const { data, errors } of answers) expect([data, errors]).toEqual([{ task: { status: "SUCCEEDED" } }, []]);
    const seconds = (clock.now() - startedAt) / 1_000;
    expect(emulator.calls.length / seconds).toBeLessThan(10);
  }, 60_000);
});

describe("an upstream in trouble", () => {
  it("keeps two hundred subscriptions alive until each has its final snapshot, and no secret in a log line", async () => {
    const { url, emulator, clock, gateway, logger } = await startGateway({ gateway: { maxConcurrentCalls: 50 } });
    const draw = createDraws();
    Object.defineProperty(clock, "random", { value: draw });
    const taskIds = Array.from({ length: 200 }, (_value, index) => `task-${index}`);
    const requestDefinition = JSON.stringify({ Password: SECRET });
    for (const taskId of taskIds) {
      emulator.addTask({
        taskType: "FileUncompression",
        taskId,
        durationMs: 20_000 + 100 * taskIds.indexOf(taskId),
        requestDefinition,
      });
    }
    emulator.injectFault({ kind: "reset", rate: 0.2 });
    emulator.injectFault({ kind: "serverError", rate: 0.1 });
    emulator.injectFault({ kind: "throttle", rate: 0.1 });
    emulator.injectFault({ kind: "notJson", rate: 0.05 });
    const client = connect(url);
    const subscriptions = taskIds.map((taskId) => subscribe<Progress>(client, FOLLOW, { taskId }));
    await eventually(() => gateway.watchedTasks === taskIds.length);

    let isOver = false;
    const ends = Promise.all(subscriptions.map(async (subscription) => subscription.rest())).finally(
      () => (isOver = true),
    );
    while (!isOver) await clock.advance(100);
    for (const [index, events] of (await ends).entries()) {
      expect(events.every(({ errors }) => errors === undefined)).toBe(true);
      expect(events.at(-1)).toMatchObject({
        data: { taskProgress: { taskId: taskIds[index], status: "SUCCEEDED", progress: 100 } },
      });
      expect(events.filter(({ data }) => data?.taskProgress.status === "SUCCEEDED")).toHaveLength(1);
    }

    const faults = emulator.calls.filter((call) => call.fault !== undefined);
    // How many calls there are depends on when each of the attempts comes; nearly every second one fails.
    expect(faults.length).toBeGreaterThan(3);
    expect(logger.lines.length).toBeGreaterThan(0);
    expect(logger.lines.join("\n")).not.toMatch(/hunter2|emulator:|Signature=|AccessKey|TaskId=|http:\/\//);
    // The second in which IMM throttled last may still be waited out.
    await clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
  }, 60_000);
});
