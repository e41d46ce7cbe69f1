import { describe, expect, it } from "@jest/globals";
import { TaskWaiter } from "../../../src/tasks/watch/task-waiter.js";
import { NO_PARTS } from "../../../src/tasks/task.js";
import { eventually } from "../../support/eventually.js";
import { keyArguments, query } from "../../support/query.js";
import { startGateway } from "../../support/start-gateway.js";
import { startReader } from "../../support/start-reader.js";
import { connect, subscribe } from "../../support/subscribe.js";
import { RUN } from "../../support/tasks.js";

function awaiting(timeoutMs?: number): string {
  const timeout = timeoutMs === undefined ? "" : `, timeoutMs: ${timeoutMs}`;
  return `{ awaitTask(${keyArguments(RUN)}${timeout}) { status isDone progress } }`;
}

describe("Query.awaitTask", () => {
  it("answers when the task is done", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: 5_000 });
    const answer = query(url, awaiting());
    await eventually(() => clock.pendingTimers > 1);
    while (gateway.watchedTasks > 0) await clock.advance(100);
    expect((await answer).data).toEqual({ awaitTask: { status: "SUCCEEDED", isDone: true, progress: 100 } });
    expect(clock.pendingTimers).toBe(0);
  });

  it("answers at once when the task is done already", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    expect((await query(url, awaiting())).data).toMatchObject({ awaitTask: { isDone: true } });
    expect([emulator.calls.length, clock.pendingTimers]).toEqual([1, 0]);
  });

  it("answers with the present snapshot at the timeout", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.setProgress("run", 7);
    const answer = query(url, awaiting(3_000));
    await eventually(() => clock.pendingTimers > 1);
    await clock.advance(3_000);
    expect((await answer).data).toEqual({ awaitTask: { status: "RUNNING", isDone: false, progress: 7 } });
    expect([gateway.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("shares the watch of the subscribers", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const follow = subscribe(connect(url), `subscription { taskProgress(${keyArguments(RUN)}) { progress } }`);
    await follow.next();
    const calls = emulator.calls.length;
    const answer = query(url, awaiting(500));
    await eventually(() => clock.pendingTimers > 1);
    await clock.advance(500);
    expect((await answer).data).toMatchObject({ awaitTask: { status: "RUNNING" } });
    expect(emulator.calls).toHaveLength(calls);
  });

  it("frees its place when the client goes away", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const controller = new AbortController();
    const body = JSON.stringify({ query: awaiting() });
    const headers = { "content-type": "application/json" };
    const answer = fetch(`${url}/graphql`, { method: "POST", headers, body, signal: controller.signal }).catch(String);
    await eventually(() => clock.pendingTimers > 1);
    controller.abort();
    await answer;
    await eventually(() => gateway.watchedTasks === 0);
    await eventually(() => clock.pendingTimers === 0);
    expect(clock.pendingTimers).toBe(0);
  });

  it("waits no longer than its operation, which another field may have ended", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    // `nodes` may not be null, so its error is the whole answer.
    const document = `{ awaitTask(${keyArguments(RUN)}) { status } nodes(ids: []) { id } }`;
    expect(await query(url, document)).toMatchObject({ data: null, errors: [{ path: ["nodes"] }] });
    await eventually(() => gateway.watchedTasks === 0 && clock.pendingTimers === 0);
    expect(await subscribe(connect(url), document).rest()).toMatchObject([
      { data: null, errors: [{ path: ["nodes"] }] },
    ]);
    await eventually(() => gateway.watchedTasks === 0 && clock.pendingTimers === 0);
    expect(clock.pendingTimers).toBe(0);
  });

  it("frees its place when a WebSocket client loses interest or goes away", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const client = connect(url);
    const first = subscribe(client, awaiting());
    await eventually(() => clock.pendingTimers > 1);
    first.unsubscribe();
    await eventually(() => gateway.watchedTasks === 0);
    subscribe(client, awaiting());
    await eventually(() => gateway.watchedTasks === 1);
    client.terminate();
    await eventually(() => gateway.watchedTasks === 0 && clock.pendingTimers === 0);
    expect(clock.pendingTimers).toBe(0);
  });

  it("follows nothing for a client that has gone before it begins", async () => {
    const { hub, clock, emulator } = await startReader();
    const waiter = new TaskWaiter({ hub, clock, maxWaitingOperations: 1 });
    const key = { projectName: "immtest", ...RUN };
    const wait = waiter.wait({ key, parts: NO_PARTS, timeoutMs: 1_000, signal: AbortSignal.abort() });
    await expect(wait).rejects.toThrow("IMM did not answer before the wait was over.");
    expect([emulator.calls.length, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("waits no more often than it may, and frees each place, however the wait ends", async () => {
    const { hub, clock, emulator } = await startReader();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const waiter = new TaskWaiter({ hub, clock, maxWaitingOperations: 3 });
    const controller = new AbortController();
    const wait = async (taskId: string): Promise<string> =>
      waiter
        .wait({
          key: { projectName: "immtest", ...RUN, taskId },
          parts: NO_PARTS,
          timeoutMs: 1_000,
          signal: controller.signal,
        })
        .then(
          ({ status }) => status,
          (error: Error) => error.name,
        );
    const waits = [wait("run"), wait("run"), wait("nobody"), wait("run")];
    expect(await waits[3]).toBe("UpstreamThrottledError");
    expect(await waits[2]).toBe("NotFoundError");
    const another = wait("run");
    await clock.advance(1_000);
    expect(await Promise.all([waits[0], waits[1], another])).toEqual(["RUNNING", "RUNNING", "RUNNING"]);
    const aborted = Array.from({ length: 3 }, async () => wait("run"));
    controller.abort();
    await Promise.all(aborted);
    expect([hub.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("frees its places when clients go, when tasks are not there and when time is up, hundreds of times", async () => {
    const limits = { maxWaitingOperations: 5, maxWatchedTasks: 2, maxCachedTasks: 1 };
    const { url, emulator, clock, gateway } = await startGateway({ gateway: limits });
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const fields = Array.from({ length: 10 }, (_value, index) => {
      const key = index < 5 ? RUN : { ...RUN, taskId: `missing-${index}` };
      return `f${index}: awaitTask(${keyArguments(key)}, timeoutMs: 1000) { status }`;
    });
    const client = connect(url);
    const document = `{ ${fields.join(" ")} }`;
    for (let round = 0; round < 50; round += 1) {
      const [left, late] = [subscribe(client, document), round % 2 === 0 ? undefined : query(url, document)];
      await eventually(() => gateway.watchedTasks > 0);
      left.unsubscribe();
      await eventually(() => late !== undefined || gateway.watchedTasks === 0);
      await clock.advance(1_000);
      await late;
    }
    await eventually(() => gateway.watchedTasks === 0 && clock.pendingTimers === 0);
    const answer = query(url, `{ ${fields.slice(0, 6).join(" ")} }`);
    // Five waits, and the next poll: the first has been answered.
    await eventually(() => clock.pendingTimers > 5);
    await clock.advance(1_000);
    const { data, errors } = await answer;
    const status = { status: "RUNNING" };
    expect(data).toEqual({ f0: status, f1: status, f2: status, f3: status, f4: status, f5: null });
    // At that field only.
    expect(errors).toMatchObject([{ path: ["f5"], extensions: { code: "UPSTREAM_THROTTLED", retryAfterMs: 10_000 } }]);
  });

  it("is refused where one operation waits too often, for one task as for several", async () => {
    const { url, emulator, clock } = await startGateway({ gateway: { maxTasksPerOperation: 3 } });
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const field = (alias: string): string => `${alias}: awaitTask(${keyArguments(RUN)}, timeoutMs: 1000) { status }`;
    const answer = query(url, `{ ${["a", "b", "c", "d"].map(field).join(" ")} }`);
    await eventually(() => clock.pendingTimers > 3);
    await clock.advance(1_000);
    const { data, errors } = await answer;
    const status = { status: "RUNNING" };
    expect(data).toEqual({ a: status, b: status, c: status, d: null });
    expect(errors).toMatchObject([{ path: ["d"], extensions: { code: "BAD_USER_INPUT" } }]);
  });

  it("is null with an error for a task that does not exist, and for a first answer that does not come in time", async () => {
    const { url, emulator, clock } = await startGateway({ gateway: { callTimeoutMs: 100 } });
    const missing = await query(url, awaiting());
    expect(missing.data).toEqual({ awaitTask: null });
    expect(missing.errors).toMatchObject([{ path: ["awaitTask"], extensions: { code: "NOT_FOUND" } }]);
    emulator.addTask(RUN);
    emulator.injectFault({ kind: "stall" });
    const late = query(url, awaiting(1_000));
    await eventually(() => clock.pendingTimers > 0);
    await clock.advance(1_000);
    expect((await late).errors).toMatchObject([{ extensions: { code: "UPSTREAM_TIMEOUT" } }]);
  });

  it.each([0, 60_001])("refuses a timeout of %d", async (timeoutMs) => {
    const { url, emulator } = await startGateway();
    const { errors } = await query(url, awaiting(timeoutMs));
    expect(errors).toMatchObject([{ extensions: { code: "BAD_USER_INPUT", argument: "timeoutMs" } }]);
    expect(emulator.calls).toHaveLength(0);
  });

  it("does not hold a stopping gateway up", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const answer = query(url, awaiting());
    await eventually(() => clock.pendingTimers > 1);
    await gateway.stop();
    expect((await answer).data).toMatchObject({ awaitTask: { status: "RUNNING" } });
    expect(clock.pendingTimers).toBe(0);
  });
});
