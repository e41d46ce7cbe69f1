import { describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { eventually } from "../../../support/eventually.js";
import { EVERY_SECOND, nextPoll } from "../../../support/next-poll.js";
import { keyArguments, query } from "../../../support/query.js";
import { completeMessage, RawSocket, subscribeMessage } from "../../../support/raw-socket.js";
import {
  disposeAfterTest,
  startGateway,
  type RunningGateway,
  type StartOptions,
} from "../../../support/start-gateway.js";
import { connect, subscribe } from "../../../support/subscribe.js";
import { RUN } from "../../../support/tasks.js";

const BIG = { taskType: "FileCompression", taskId: "big" };
const HELLO = "{ __typename }";
const FOLLOW = `subscription { taskProgress(${keyArguments(RUN)}) { progress } }`;
/** The answer is of 400 KB. */
const READ_BIG = `{ task(${keyArguments(BIG)}) { requestDefinition } }`;
/** As is each event. */
const FOLLOW_BIG = `subscription { taskProgress(${keyArguments(BIG)}) { progress requestDefinition } }`;
/** More than the system takes of a sender whose peer does not read. */
const MANY = 60;
const LOW = { ...EVERY_SECOND, maxSocketBufferBytes: 65_536, taskMaxAgeMs: 60_000 };

async function start(gateway: NonNullable<StartOptions["gateway"]>): Promise<RunningGateway> {
  const running = await startGateway({ gateway });
  running.emulator.addTask({ ...RUN, durationMs: Infinity });
  running.emulator.setProgress("run", 1);
  const requestDefinition = JSON.stringify({ Sources: "x".repeat(400_000) });
  running.emulator.addTask({ ...BIG, durationMs: Infinity, requestDefinition });
  running.emulator.setProgress("big", 1);
  return running;
}

/** A socket that does not read, and has asked for more than may wait for it. */
async function stall({ url, gateway }: RunningGateway): Promise<RawSocket> {
  const watched = gateway.watchedTasks;
  const socket = await RawSocket.open(url);
  socket.send(subscribeMessage("follow", FOLLOW_BIG));
  await eventually(() => socket.received.length === 1);
  expect(gateway.watchedTasks).toBe(watched + 1);
  socket.webSocket.pause();
  socket.send(...Array.from({ length: MANY }, (_value, index) => subscribeMessage(`big-${index}`, READ_BIG)));
  // Its subscription ends with all its operations.
  await eventually(() => gateway.watchedTasks === watched);
  return socket;
}

describe("a client that does not read its answers", () => {
  it("has its operations aborted and its socket closed with 1013; others get their events", async () => {
    const running = await start(LOW);
    const { url, clock, emulator } = running;
    const neighbour = subscribe(connect(url), FOLLOW);
    await neighbour.next();
    const socket = await stall(running);
    emulator.setProgress("run", 2);
    await nextPoll(running);
    expect(await neighbour.next()).toEqual({ data: { taskProgress: { progress: 2 } } });
    socket.webSocket.resume();
    expect(await socket.closed).toBe(1_013);
    expect(socket.received.length).toBeLessThan(MANY);
    await eventually(() => clock.pendingTimers === 1);
  });

  it("is cut when it does not read the close frame either, and what waited is let go", async () => {
    const running = await start(LOW);
    const { url, clock } = running;
    const socket = await stall(running);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(2_000);
    await eventually(() => clock.pendingTimers === 0);
    socket.webSocket.resume();
    expect(await socket.closed).toBe(1_006);
    expect(socket.received.length).toBeLessThan(MANY);
    expect((await query(url, HELLO)).status).toBe(200);
  });

  it("comes again, where it is graphql-ws's, and gets them all when it reads", async () => {
    const { url, gateway } = await start({ ...EVERY_SECOND, taskMaxAgeMs: 60_000 });
    const opened: WebSocket[] = [];
    const client = createClient({
      url: `${url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 5,
      retryWait: async () => undefined,
      on: { opened: (socket) => opened.push(socket as WebSocket) },
    });
    disposeAfterTest(async () => client.dispose());
    const neighbour = subscribe(client, FOLLOW);
    await neighbour.next();
    opened[0]?.pause();
    const answers = Array.from({ length: MANY }, () => subscribe(client, READ_BIG));
    await eventually(() => gateway.watchedTasks === 0);
    opened[0]?.resume();
    for (const answer of answers) expect(await answer.rest()).toHaveLength(1);
    expect(await neighbour.next()).toEqual({ data: { taskProgress: { progress: 1 } } });
    expect(opened.length).toBeGreaterThan(1);
  });

  it("gets an answer of any length when it reads, and several at once within the bound beside it", async () => {
    const { url } = await start(LOW);
    const socket = await RawSocket.open(url);
    socket.send(
      subscribeMessage("big", READ_BIG),
      ...Array.from({ length: 50 }, (_, id) => subscribeMessage(`${id}`, HELLO)),
    );
    expect(await socket.rest("big")).toMatchObject([
      { type: "next", payload: { data: { task: { requestDefinition: { Sources: /^x{400000}$/ } } } } },
      { type: "complete" },
    ]);
    expect(await socket.rest("49")).toHaveLength(2);
  });

  it("does not hold a stopping gateway up beyond its deadline", async () => {
    const { url, clock, gateway } = await start({ shutdownTimeoutMs: 5_000 });
    const socket = await RawSocket.open(url);
    socket.webSocket.pause();
    const stopped = gateway.stop();
    await eventually(() => clock.pendingTimers > 0);
    await clock.advance(5_000);
    await stopped;
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("a client that does not read its events", () => {
  it("gets them when it reads again, however many subscriptions it has, and its socket stays", async () => {
    const running = await start(LOW);
    const { url, emulator } = running;
    const socket = await RawSocket.open(url);
    const ids = Array.from({ length: MANY }, (_value, index) => `follow-${index}`);
    for (const id of ids) socket.send(subscribeMessage(id, FOLLOW_BIG));
    await eventually(() => socket.received.length === MANY);
    socket.received.length = 0;
    socket.webSocket.pause();
    for (const progress of [2, 3]) {
      emulator.setProgress("big", progress);
      await nextPoll(running);
    }
    socket.webSocket.resume();
    const progressOf = (id: string): readonly unknown[] =>
      socket
        .of(id)
        .map(({ payload }) => (payload as { data: { taskProgress: { progress: number } } }).data.taskProgress.progress);
    await eventually(() => ids.every((id) => progressOf(id).at(-1) === 3));
    expect(socket.received.length).toBeLessThanOrEqual(2 * MANY);
    socket.send(subscribeMessage("after", HELLO));
    expect(await socket.rest("after")).toHaveLength(2);
  });

  it("gets none of a subscription that it has ended meanwhile", async () => {
    const running = await start(LOW);
    const { url, emulator, gateway } = running;
    const socket = await RawSocket.open(url);
    // Having read the first of each, the system takes more than of a socket that is new.
    const ids = Array.from({ length: 2 * MANY }, (_value, index) => `follow-${index}`);
    for (const id of ids) socket.send(subscribeMessage(id, FOLLOW_BIG));
    await eventually(() => socket.received.length === ids.length);
    socket.received.length = 0;
    socket.webSocket.pause();
    emulator.setProgress("big", 2);
    await nextPoll(running);
    socket.send(...ids.map(completeMessage));
    await eventually(() => gateway.watchedTasks === 0);
    socket.webSocket.resume();
    for (let times = 0; times < 10; times += 1) {
      socket.send(subscribeMessage(`after-${times}`, HELLO));
      await socket.rest(`after-${times}`);
    }
    expect(ids.filter((id) => socket.of(id).length > 0).length).toBeLessThan(MANY);
  });
});

describe("a client that pings", () => {
  it("and does not read holds no more than the newest pong", async () => {
    const { url, gateway } = await start({});
    const socket = await RawSocket.open(url);
    socket.webSocket.pause();
    const pings = Array.from({ length: 100 }, (_value, number) => ({
      type: "ping",
      payload: { number, text: "x".repeat(200_000) },
    }));
    socket.send(...pings, subscribeMessage("follow", FOLLOW));
    await eventually(() => gateway.watchedTasks === 1);
    socket.webSocket.resume();
    const numbers = (): readonly number[] =>
      socket.received.flatMap(({ type, payload }) => (type === "pong" ? [(payload as { number: number }).number] : []));
    await eventually(() => numbers().at(-1) === 99 && socket.of("follow").length === 1);
    expect(numbers().length).toBeLessThan(60);
  });

  it("by frames holds no more than the newest pong either, and keeps its socket", async () => {
    const { url, gateway } = await start({});
    const socket = await RawSocket.open(url);
    const pongs: string[] = [];
    socket.webSocket.on("pong", (data) => pongs.push(String(data)));
    socket.webSocket.pause();
    // More than the system takes, within the bound: pongs wait behind it.
    socket.send(...Array.from({ length: 30 }, (_value, index) => subscribeMessage(`big-${index}`, READ_BIG)));
    socket.send(subscribeMessage("follow", FOLLOW));
    await eventually(() => gateway.watchedTasks === 1);
    for (let number = 0; number < 200; number += 1) socket.webSocket.ping(String(number));
    socket.send(completeMessage("follow"));
    await eventually(() => gateway.watchedTasks === 0);
    socket.webSocket.resume();
    await eventually(() => pongs.at(-1) === "199");
    expect(pongs.length).toBeLessThan(5);
    expect(socket.webSocket.readyState).toBe(WebSocket.OPEN);
  });

  it("and reads gets an answer to each ping, with its payload or none", async () => {
    const { url } = await start({});
    const socket = await RawSocket.open(url);
    for (const payload of [{ a: 1 }, undefined]) {
      socket.received.length = 0;
      socket.send({ type: "ping", payload });
      await eventually(() => socket.received.length === 1);
      expect(socket.received).toEqual([{ type: "pong", ...(payload !== undefined && { payload }) }]);
    }
  });
});

describe("a socket's operations", () => {
  const refused = [
    {
      type: "error",
      payload: [{ message: expect.stringContaining("at once on a socket"), extensions: { code: "RATE_LIMITED" } }],
    },
  ];

  it("are bounded in number: one too many is refused, and the socket stays", async () => {
    const { url, gateway } = await start({ maxSocketOperations: 3 });
    const socket = await RawSocket.open(url);
    for (const id of ["a", "b", "c"]) socket.send(subscribeMessage(id, FOLLOW));
    await eventually(() => socket.received.length === 3);
    socket.send(subscribeMessage("d", FOLLOW));
    expect(await socket.rest("d")).toMatchObject(refused);
    expect((await subscribe(connect(url), HELLO).rest()).length).toBe(1);
    socket.send(completeMessage("a"), subscribeMessage("d", HELLO));
    await eventually(() => socket.of("d").length === 3);
    expect(socket.of("d").slice(1)).toMatchObject([{ type: "next" }, { type: "complete" }]);
    expect(gateway.watchedTasks).toBe(1);
  });

  it("count until they have ended here, whether their client waits for them or not", async () => {
    const { url, emulator } = await start({ maxSocketOperations: 3 });
    emulator.injectFault({ kind: "stall", times: 3 });
    const socket = await RawSocket.open(url);
    for (const taskId of ["a", "b", "c"]) {
      socket.send(
        subscribeMessage("1", `{ task(${keyArguments({ ...RUN, taskId })}) { status } }`),
        completeMessage("1"),
      );
    }
    socket.send(subscribeMessage("1", HELLO));
    expect(await socket.rest("1")).toMatchObject(refused);
  });

  it("are bounded in the bytes that they came in", async () => {
    const { url } = await start({ maxSocketBufferBytes: 65_536 });
    const socket = await RawSocket.open(url);
    const unused = "x".repeat(40_000);
    socket.send(subscribeMessage("long", FOLLOW, { unused: "x".repeat(100_000) }), completeMessage("long"));
    socket.send(subscribeMessage("short", FOLLOW), subscribeMessage("a", FOLLOW, { unused }));
    await eventually(() => socket.of("a").length === 1);
    expect(socket.of("a")).toMatchObject([{ type: "next" }]);
    socket.send(subscribeMessage("b", FOLLOW, { unused }));
    expect(await socket.rest("b")).toMatchObject(refused);
    socket.send(completeMessage("a"), subscribeMessage("c", FOLLOW, { unused }));
    await eventually(() => socket.of("c").length === 1);
    expect(socket.of("c")).toMatchObject([{ type: "next" }]);
  });
});

describe("a flood of messages in one packet", () => {
  it("lets a neighbour's query pass", async () => {
    const { url } = await start({});
    const neighbour = await RawSocket.open(url);
    const socket = await RawSocket.open(url);
    const flood = Array.from({ length: 3_000 }, (_value, index) => subscribeMessage(`${index}`, HELLO));
    socket.send(...flood);
    neighbour.send(subscribeMessage("1", HELLO));
    await neighbour.rest("1");
    const answered = socket.received.length / 2;
    await eventually(() => socket.received.length === 2 * flood.length);
    expect(answered).toBeLessThan(100);
  });
});
