import { describe, expect, it } from "@jest/globals";
import { execute, parse } from "graphql";
import { createSchema } from "../../src/schema/build-schema.js";
import { eventually } from "../support/eventually.js";
import { keyArguments, query } from "../support/query.js";
import { startGateway } from "../support/start-gateway.js";
import { connect, subscribe } from "../support/subscribe.js";

const RUN = { taskType: "FileCompression", taskId: "run" };

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
    const contextValue = {
      signal: AbortSignal.abort(),
      maxAwaitMs: 60_000,
      taskLoader: { admit: () => undefined },
      watchHub: {
        watch: () => {
          throw new Error("It was followed.");
        },
      },
    };
    const { errors } = await execute({ schema: createSchema(), document: parse(awaiting()), contextValue });
    expect(errors).toMatchObject([{ message: "IMM did not answer before the wait was over." }]);
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
