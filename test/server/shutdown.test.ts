import { connect as connectTcp } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { WebSocket } from "ws";
import { EMULATOR_REGION } from "../../src/emulator/emulator.js";
import { createGateway } from "../../src/server/gateway.js";
import { eventually } from "../support/eventually.js";
import { keyArguments, query } from "../support/query.js";
import { disposeAfterTest, startGateway } from "../support/start-gateway.js";
import { connect, subscribe } from "../support/subscribe.js";
import { RUN } from "../support/tasks.js";
import { uncalled } from "../support/uncalled.js";

const DOCUMENT = `{ task(${keyArguments(RUN)}) { status } }`;

describe("stopping", () => {
  it("lets a running query finish and refuses new work", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.injectFault({ kind: "latency", delayMs: 1_000 });
    const answer = query(url, DOCUMENT);
    await eventually(() => emulator.calls.length === 1);
    const stopped = gateway.stop();
    // Depending on how far the drain is, the port is closed already or the request is refused.
    const late = await query(url, DOCUMENT).catch((error: Error) => error.message);
    expect(["fetch failed", 503]).toContain(typeof late === "string" ? late : late.status);
    expect(emulator.calls).toHaveLength(1);
    await clock.advance(1_000);
    expect((await answer).data).toEqual({ task: { status: "RUNNING" } });
    await stopped;
    expect(clock.pendingTimers).toBe(0);
  });

  it("closes sockets with 1001 and does not pretend that their tasks are over", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const subscription = subscribe(connect(url), `subscription { taskProgress(${keyArguments(RUN)}) { status } }`);
    await subscription.next();
    await gateway.stop();
    expect(await subscription.failure()).toMatchObject({ code: 1_001 });
    expect(gateway.watchedTasks).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it("cuts what is not over by the deadline", async () => {
    const { url, emulator, clock, gateway } = await startGateway({ gateway: { shutdownTimeoutMs: 5_000 } });
    emulator.addTask(RUN);
    emulator.injectFault({ kind: "stall" });
    const failure = query(url, DOCUMENT).then(
      () => "answered",
      (error: Error) => error.message,
    );
    await eventually(() => emulator.calls.length === 1);
    const stopped = gateway.stop();
    await eventually(() => clock.pendingTimers > 0);
    await clock.advance(5_000);
    await stopped;
    expect(await failure).toBe("fetch failed");
  });

  it("does not wait for connections that browsers open in advance", async () => {
    const { port, gateway, clock } = await startGateway();
    const socket = connectTcp(port, "127.0.0.1");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined);
    await new Promise((resolve) => socket.once("connect", resolve));
    await gateway.stop();
    await closed;
    expect(clock.pendingTimers).toBe(0);
  });

  it("refuses a new socket while it drains", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask(RUN);
    emulator.injectFault({ kind: "latency", delayMs: 1_000 });
    const answer = query(url, DOCUMENT);
    await eventually(() => emulator.calls.length === 1);
    const stopped = gateway.stop();
    const socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
    const failure = await new Promise<Error>((resolve) => socket.once("error", resolve));
    expect(failure.message).toMatch(/ECONNREFUSED|ECONNRESET|503/);
    await clock.advance(1_000);
    await answer;
    await stopped;
  });

  it("can be asked for twice, and before the start", async () => {
    const { gateway } = await startGateway();
    await Promise.all([gateway.stop(), gateway.stop()]);
    await gateway.stop();
    await expect(gateway.start()).rejects.toThrow("A gateway can be started only once.");
  });
});

describe("the delay before the drain", () => {
  const probe = async (url: string, path: string): Promise<unknown> => {
    const answer = await fetch(url + path);
    return [answer.status, await answer.json()];
  };

  it("serves everything, new connections and subscriptions among it, while /readyz says that it goes", async () => {
    const { url, emulator, clock, gateway } = await startGateway({ gateway: { drainDelayMs: 5_000 } });
    emulator.addTask({ ...RUN, durationMs: Infinity });
    expect(await probe(url, "/readyz")).toEqual([200, { status: "ok" }]);
    const stopped = gateway.stop();
    expect(await probe(url, "/readyz")).toMatchObject([503, { status: "draining" }]);
    expect(await probe(url, "/healthz")).toEqual([200, { status: "ok" }]);
    expect((await query(url, DOCUMENT)).data).toEqual({ task: { status: "RUNNING" } });
    const subscription = subscribe(connect(url), `subscription { taskProgress(${keyArguments(RUN)}) { status } }`);
    await subscription.next();
    await clock.advance(4_999);
    expect(await probe(url, "/readyz")).toMatchObject([503, { status: "draining" }]);
    expect((await query(url, DOCUMENT)).data).toEqual({ task: { status: "RUNNING" } });
    await clock.advance(1);
    await stopped;
    expect(await subscription.failure()).toMatchObject({ code: 1_001 });
    await expect(fetch(url)).rejects.toThrow("fetch failed");
    expect(clock.pendingTimers).toBe(0);
  });

  it("is brought forward by a further stop, and not put off", async () => {
    const { clock, gateway } = await startGateway({ gateway: { drainDelayMs: 5_000 } });
    const stopped = gateway.stop();
    void gateway.stop({ drainDelayMs: 60_000 });
    expect(clock.nextTimerInMs).toBe(5_000);
    await Promise.all([gateway.stop({ drainDelayMs: 0 }), stopped]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("starting on a port that is in use", () => {
  it("fails with one sentence and leaves nothing behind", async () => {
    const { port, clock } = await startGateway();
    const second = createGateway({ region: EMULATOR_REGION, client: uncalled, port, clock });
    disposeAfterTest(async () => second.stop());
    await expect(second.start()).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${port}: it is in use by another program.`,
    );
    expect(clock.pendingTimers).toBe(0);
  });
});
