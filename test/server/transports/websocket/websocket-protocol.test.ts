import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { EVERYBODY } from "../../../../src/access/principal.js";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  openWebSocketTransport,
  type WebSocketTransportOptions,
} from "../../../../src/server/transports/websocket/websocket.js";
import { NO_LIMITS } from "../../../support/no-limits.js";
import { eventually } from "../../../support/eventually.js";
import { ManualClock } from "../../../support/manual-clock.js";
import { keyArguments, query } from "../../../support/query.js";
import { completeMessage, RawSocket, subscribeMessage } from "../../../support/raw-socket.js";
import { RecordingLogger } from "../../../support/recording-logger.js";
import { disposeAfterTest, startGateway } from "../../../support/start-gateway.js";
import { connect, subscribe } from "../../../support/subscribe.js";
import { RUN } from "../../../support/tasks.js";

const HELLO = "{ __typename }";
const HELLO_ANSWER = { data: { __typename: "Query" } };

function follow(taskId: string): string {
  return `subscription { taskProgress(${keyArguments({ ...RUN, taskId })}) { taskId } }`;
}

function reading(taskId: string): string {
  return `{ task(${keyArguments({ ...RUN, taskId })}) { taskId } }`;
}

function awaiting(taskId: string): string {
  return `{ awaitTask(${keyArguments({ ...RUN, taskId })}) { status progress } }`;
}

/** What must not happen, whatever a client sends. */
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
const consoleMethods = ["error", "warn", "log"] as const;

beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", onUnhandled);
  for (const method of consoleMethods) jest.spyOn(console, method);
});

afterEach(() => {
  process.off("unhandledRejection", onUnhandled);
  const printed = consoleMethods.flatMap((method) => jest.mocked(console[method]).mock.calls);
  jest.restoreAllMocks();
  const found = [...unhandled, ...printed];
  if (found.length > 0)
    throw new Error(`Expected no unhandled rejection and nothing on the console: ${found.join("; ")}`);
});

describe("an operation's id", () => {
  it("is free again right after `complete`, though all arrives at once", async () => {
    const { url, emulator, gateway } = await startGateway();
    for (const taskId of ["run", "other"]) emulator.addTask({ ...RUN, taskId, durationMs: Infinity });
    const socket = await RawSocket.open(url);
    socket.send(subscribeMessage("1", follow("run")), completeMessage("1"), subscribeMessage("1", follow("other")));
    await eventually(() => socket.received.length > 0);
    socket.send(subscribeMessage("2", HELLO));
    await socket.rest("2");
    expect(socket.of("1")).toEqual([
      { id: "1", type: "next", payload: { data: { taskProgress: { taskId: "other" } } } },
    ]);
    await eventually(() => gateway.watchedTasks === 1);
    socket.send(completeMessage("1"));
    await eventually(() => gateway.watchedTasks === 0);
  });

  it("brings nothing of an operation whose answer was still to come", async () => {
    const { url, emulator, clock } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.injectFault({ kind: "latency", delayMs: 1_000 });
    const socket = await RawSocket.open(url);
    socket.send(subscribeMessage("1", reading("run")));
    await eventually(() => emulator.calls.length === 1);
    socket.send(completeMessage("1"), subscribeMessage("1", follow("run")), subscribeMessage("2", HELLO));
    await socket.rest("2");
    await clock.advance(1_000);
    await eventually(() => socket.of("1").length > 0);
    socket.send(subscribeMessage("3", HELLO));
    await socket.rest("3");
    expect(socket.of("1")).toEqual([{ id: "1", type: "next", payload: { data: { taskProgress: { taskId: "run" } } } }]);
  });

  it.each([
    ["a subscription", follow("run")],
    ["a query", awaiting("run")],
  ])("closes the socket with 4409 while it belongs to %s that runs, and leaves no watch", async (_what, document) => {
    const { url, emulator, gateway, clock } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const socket = await RawSocket.open(url);
    socket.send(subscribeMessage("1", document));
    await eventually(() => gateway.watchedTasks === 1);
    socket.send(subscribeMessage("1", HELLO), subscribeMessage("2", reading("other")));
    expect(await socket.closed).toBe(4_409);
    await eventually(() => gateway.watchedTasks === 0 && clock.pendingTimers === 0);
    expect(emulator.calls.map(({ parameters }) => parameters["TaskId"])).not.toContain("other");
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty", "1", "🦉", "\uD800", '"', "x".repeat(1_024)])(
    "may be %j",
    async (id) => {
      const { url } = await startGateway();
      const socket = await RawSocket.open(url);
      for (let times = 0; times < 2; times += 1) {
        socket.received.length = 0;
        socket.send(subscribeMessage(id, HELLO));
        expect(await socket.rest(id)).toEqual([
          { id, type: "next", payload: HELLO_ANSWER },
          { id, type: "complete" },
        ]);
      }
    },
  );
});

describe("a client's `complete`", () => {
  it("aborts a query that waits: no call and no message comes after it", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const socket = await RawSocket.open(url);
    socket.send(subscribeMessage("1", awaiting("run")));
    await eventually(() => clock.pendingTimers > 1);
    const calls = emulator.calls.length;
    socket.send(completeMessage("1"), subscribeMessage("2", HELLO));
    await socket.rest("2");
    expect([gateway.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
    await clock.advance(60_000);
    expect(emulator.calls).toHaveLength(calls);
    expect(socket.of("1")).toEqual([]);
  });

  it("is ignored for an operation that never was, and for one that is over", async () => {
    const { url } = await startGateway();
    const socket = await RawSocket.open(url);
    socket.send(completeMessage("1"), subscribeMessage("2", HELLO));
    await socket.rest("2");
    socket.send(completeMessage("2"), subscribeMessage("3", HELLO));
    expect(await socket.rest("3")).toHaveLength(2);
  });
});

describe("a client that leaves", () => {
  it("causes no call by what it sent before and the gateway had not begun", async () => {
    const { url, emulator } = await startGateway({ gateway: { maxConcurrentCalls: 1_000 } });
    const tasks = Array.from({ length: 200 }, (_value, index) => `task-${index}`);
    for (const taskId of tasks) emulator.addTask({ ...RUN, taskId });
    const socket = await RawSocket.open(url);
    socket.send(...tasks.map((taskId) => subscribeMessage(taskId, reading(taskId))));
    socket.connection.end();
    await socket.closed;
    // Calls that were queued before are made before.
    for (const taskId of tasks.slice(-10)) {
      expect(await query(url, reading(taskId))).toMatchObject({ data: { task: { taskId } } });
    }
    expect(emulator.calls.length).toBeLessThan(30);
  });
});

describe("a message that the protocol does not allow", () => {
  const subscribeWith = (members: object): string =>
    JSON.stringify({ id: "1", type: "subscribe", payload: { query: HELLO }, ...members });
  const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;

  it.each<[what: string, message: string | Buffer, code: number]>([
    ["next", JSON.stringify({ id: "1", type: "next", payload: {} }), 4_400],
    ["error", JSON.stringify({ id: "1", type: "error", payload: [{ message: "no" }] }), 4_400],
    ["an error that is none", JSON.stringify({ id: "1", type: "error", payload: [1] }), 4_400],
    ["connection_ack", JSON.stringify({ type: "connection_ack" }), 4_400],
    ["a type of objects' own", JSON.stringify({ type: "constructor" }), 4_400],
    ["no type", JSON.stringify({ id: "1" }), 4_400],
    ["a type that is no text", JSON.stringify({ type: { toString: "complete" } }), 4_400],
    ["an array", "[]", 4_400],
    ["null", "null", 4_400],
    ["a number", "1", 4_400],
    ["a text", '"subscribe"', 4_400],
    ["nothing", "", 4_400],
    ["no id", JSON.stringify({ type: "subscribe", payload: { query: HELLO } }), 4_400],
    ["a number as id", subscribeWith({ id: 1 }), 4_400],
    ["an array as id", subscribeWith({ id: ["1"] }), 4_400],
    ["an empty id", subscribeWith({ id: "" }), 4_400],
    ["a long id", subscribeWith({ id: "x".repeat(1_025) }), 4_400],
    ["a long id to complete", JSON.stringify({ type: "complete", id: "x".repeat(200_000) }), 4_400],
    ["complete without an id", JSON.stringify({ type: "complete" }), 4_400],
    ["no payload", subscribeWith({ payload: undefined }), 4_400],
    ["a payload that is an array", subscribeWith({ payload: [HELLO] }), 4_400],
    ["a payload that is a text", subscribeWith({ payload: HELLO }), 4_400],
    ["a query that is an object", subscribeWith({ payload: { query: { kind: "Document" } } }), 4_400],
    ["no query", subscribeWith({ payload: { ["__proto__"]: { query: HELLO } } }), 4_400],
    ["variables that are an array", subscribeWith({ payload: { query: HELLO, variables: [] } }), 4_400],
    ["variables that are a text", subscribeWith({ payload: { query: HELLO, variables: "{}" } }), 4_400],
    ["extensions that are an array", subscribeWith({ payload: { query: HELLO, extensions: [] } }), 4_400],
    ["an operation name that is a number", subscribeWith({ payload: { query: HELLO, operationName: 1 } }), 4_400],
    ["a ping that is a text", JSON.stringify({ type: "ping", payload: "x" }), 4_400],
    ["a ping that is nested deep", `{"type":"ping","payload":{"a":${deep}}}`, 4_400],
    ["a ping that is an array nested deep", `{"type":"ping","payload":${deep}}`, 4_400],
    ["an error that is nested deep", `{"id":"1","type":"error","payload":${deep}}`, 4_400],
    ["a payload that is nested deep", `{"id":"1","type":"subscribe","payload":${deep}}`, 4_400],
    ["a second greeting", JSON.stringify({ type: "connection_init" }), 4_429],
    ["a binary frame", Buffer.from(subscribeWith({})), 4_400],
  ])("closes its socket, and nothing else: %s", async (_what, message, code) => {
    const { url, emulator, logger } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const neighbour = subscribe(connect(url), follow("run"));
    const socket = await RawSocket.open(url);
    socket.webSocket.send(message);
    socket.send(subscribeMessage("after", HELLO));
    expect(await socket.closed).toBe(code);
    expect(socket.received).toEqual([]);
    expect(await neighbour.next()).toEqual({ data: { taskProgress: { taskId: "run" } } });
    expect(logger.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  it("closes its socket with 1007 where it is no UTF-8", async () => {
    const { url } = await startGateway();
    const socket = await RawSocket.open(url);
    socket.webSocket.send(Buffer.from([0xc3, 0x28]), { binary: false });
    expect(await socket.closed).toBe(1_007);
  });

  it.each([
    ["before the greeting", [subscribeMessage("1", HELLO)], 4_401],
    ["before the greeting, many", Array.from({ length: 50 }, (_, id) => subscribeMessage(`${id}`, HELLO)), 4_401],
    ["a greeting that is an array", [{ type: "connection_init", payload: [] }], 4_400],
  ])("closes its socket %s", async (_what, messages, code) => {
    const { url } = await startGateway();
    const socket = await RawSocket.openSilently(url);
    socket.send(...messages);
    expect(await socket.closed).toBe(code);
  });
});

describe("a request that fails", () => {
  const missing = keyArguments({ ...RUN, taskId: "missing" });

  it.each([
    ["does not parse", "{ task(", "GRAPHQL_PARSE_FAILED"],
    ["does not fit the schema", "{ nothing }", "GRAPHQL_VALIDATION_FAILED"],
    ["lacks a variable", "query ($id: ID!) { node(id: $id) { id } }", "BAD_USER_INPUT"],
    [
      "lacks a variable of a subscription",
      "subscription ($id: ID!) { __typename @include(if: $id) }",
      expect.anything(),
    ],
    ["follows nothing", "subscription { taskEvents(keys: []) { task { id } } }", "BAD_USER_INPUT"],
    ["has no operation", "fragment F on Task { id }", expect.anything()],
  ])("is an `error` without `data` when it %s, and the id is free again", async (_what, document, code) => {
    const { url, emulator } = await startGateway();
    const socket = await RawSocket.open(url);
    socket.send(subscribeMessage("1", document));
    const messages = await socket.rest("1");
    expect(messages).toEqual([
      {
        id: "1",
        type: "error",
        payload: expect.arrayContaining([expect.objectContaining({ extensions: expect.objectContaining({ code }) })]),
      },
    ]);
    expect(emulator.calls).toHaveLength(0);
    socket.received.length = 0;
    socket.send(subscribeMessage("1", HELLO));
    expect(await socket.rest("1")).toHaveLength(2);
  });

  it("is a `next` with `data` where it failed while it was executed", async () => {
    const { url } = await startGateway();
    const socket = await RawSocket.open(url);
    socket.send(subscribeMessage("1", `{ task(${missing}) { id } }`));
    socket.send(subscribeMessage("2", `subscription { taskProgress(${missing}) { id } }`));
    const fault = [expect.objectContaining({ extensions: expect.objectContaining({ code: "NOT_FOUND" }) })];
    expect(await socket.rest("1")).toEqual([
      { id: "1", type: "next", payload: { data: { task: null }, errors: fault } },
      { id: "1", type: "complete" },
    ]);
    expect(await socket.rest("2")).toMatchObject([
      { type: "next", payload: { data: { taskProgress: null }, errors: fault } },
      { type: "complete" },
    ]);
  });

  // Written by hand: `JSON.stringify` would not get through.
  const deep = `{"unused":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;

  it.each([
    [
      "a condition without a value",
      `subscription ($b: Boolean!) { taskProgress(${missing}) @include(if: $b) { id } }`,
      "{}",
    ],
    ["an unused variable that is nested deep", follow("run"), deep],
    ["a query's unused variable that is nested deep", HELLO, deep],
  ])("ends that operation only: %s", async (_what, document, variables) => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const socket = await RawSocket.open(url);
    socket.send(subscribeMessage("innocent", follow("run")));
    await eventually(() => socket.of("innocent").length === 1);
    socket.webSocket.send(
      `{"id":"1","type":"subscribe","payload":{"query":${JSON.stringify(document)},"variables":${variables}}}`,
    );
    await socket.rest("1");
    socket.send(subscribeMessage("2", HELLO));
    expect(await socket.rest("2")).toHaveLength(2);
    expect(socket.of("innocent")).toHaveLength(1);
  });
});

describe("a WebSocket transport", () => {
  /** A transport with nothing behind it. */
  async function open(options: Partial<WebSocketTransportOptions>): Promise<{ url: string; logger: RecordingLogger }> {
    const server = createServer();
    const logger = new RecordingLogger();
    const transport = openWebSocketTransport({
      server,
      path: "/graphql",
      logger,
      clock: new ManualClock(),
      pingClock: new ManualClock(),
      ...NO_LIMITS,
      addressOf: () => "192.0.2.1",
      whenExpired: () => ({ cancel: () => undefined }),
      refuseHost: () => null,
      allowsOrigin: () => true,
      isDraining: () => false,
      pipeline: { authenticate: async () => EVERYBODY },
      maxSocketOperations: 10,
      maxSocketBufferBytes: 100_000,
      maxRequestBytes: 100_000,
      ...options,
    } as unknown as WebSocketTransportOptions);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    disposeAfterTest(async () => {
      await transport.close(0);
      server.close();
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, logger };
  }

  it("ends an operation with an `error` when the pipeline throws", async () => {
    const pipeline = {
      authenticate: async () => EVERYBODY,
      observe: () => ({ id: "", span: undefined }),
      prepare: async () => {
        throw new Error("broken");
      },
      formatError: (error: unknown) => ({ message: String(error) }),
    } as unknown as WebSocketTransportOptions["pipeline"];
    const { url, logger } = await open({ pipeline });
    const socket = await RawSocket.open(url);
    for (const id of ["1", "2"]) {
      socket.send(subscribeMessage(id, HELLO));
      expect(await socket.rest(id)).toEqual([{ id, type: "error", payload: [{ message: "Error: broken" }] }]);
    }
    expect(logger.lines).toEqual([]);
  });

  it("frames a text of any length, whatever its characters are", async () => {
    const { url } = await open({});
    const socket = await RawSocket.open(url);
    for (const length of [1, 48, 49, 50, 51, 1_000, 40_000]) {
      const text = "x🦉é".repeat(length).slice(0, length);
      socket.received.length = 0;
      socket.send({ type: "ping", payload: { text } });
      await eventually(() => socket.received.length === 1);
      expect(socket.received).toEqual([{ type: "pong", payload: { text } }]);
    }
  });

  it("closes the socket of a client that does not greet with 4408", async () => {
    const pingClock = new ManualClock();
    const { url } = await open({ pingClock });
    const [mute, greeted] = [await RawSocket.openSilently(url), await RawSocket.open(url)];
    await pingClock.advance(3_000);
    expect(await mute.closed).toBe(4_408);
    greeted.send({ type: "ping" });
    await eventually(() => greeted.received.length === 1);
  });

  it("pings each client, and cuts off one that does not answer", async () => {
    const pingClock = new ManualClock();
    const { url } = await open({ pingClock });
    const [silent, alive, other] = [await RawSocket.open(url), await RawSocket.open(url), await RawSocket.open(url)];
    Reflect.set(silent.webSocket, "_autoPong", false);
    const pings: string[] = [];
    silent.webSocket.on("ping", () => pings.push("silent"));
    alive.webSocket.on("ping", () => pings.push("alive"));
    for (let round = 1; round <= 3; round += 1) {
      await pingClock.advance(12_000);
      await eventually(() => pings.filter((who) => who === "alive").length === round);
      // Answers to later pings prove that the pong has arrived.
      for (let times = 0; times < 3; times += 1) {
        other.webSocket.ping();
        await new Promise((resolve) => other.webSocket.once("pong", resolve));
      }
    }
    expect(await silent.closed).toBe(1_006);
    expect(pings.filter((who) => who === "silent")).toHaveLength(1);
    expect(alive.webSocket.readyState).toBe(alive.webSocket.OPEN);
    for (const { webSocket } of [alive, other]) webSocket.terminate();
    await eventually(() => pingClock.pendingTimers === 0);
  });
});
