import { connect as connectTcp } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { WebSocket } from "ws";
import { EMULATOR_REGION } from "../../../../src/emulator/emulator.js";
import { toGlobalTaskId } from "../../../../src/tasks/task-id.js";
import { eventually } from "../../../support/eventually.js";
import { keyArguments, query } from "../../../support/query.js";
import { disposeAfterTest, startGateway, type RunningGateway } from "../../../support/start-gateway.js";
import { actionsOf } from "../../../support/start-reader.js";
import { connect, subscribe } from "../../../support/subscribe.js";
import { RUN } from "../../../support/tasks.js";

const FOLLOW = `subscription { taskProgress(${keyArguments(RUN)}) { id status progress } }`;

interface Progress {
  readonly taskProgress: { readonly id: string; readonly status: string; readonly progress: number | null };
}

/** Moves time to the next look until it is over. */
async function nextPoll({ clock, emulator, gateway }: RunningGateway): Promise<void> {
  const before = emulator.calls.length;
  await clock.advance(clock.nextTimerInMs ?? 0);
  await eventually(() => emulator.calls.length > before && (clock.pendingTimers > 0 || gateway.watchedTasks === 0));
}

/** A bare WebSocket, and the code and reason it was closed with. */
function openSocket(url: string, protocol?: string, origin?: string): { socket: WebSocket; closed: Promise<number> } {
  const socket = new WebSocket(
    `${url.replace("http", "ws")}/graphql`,
    protocol,
    origin === undefined ? {} : { origin },
  );
  disposeAfterTest(() => socket.terminate());
  return { socket, closed: new Promise((resolve) => socket.once("close", resolve)) };
}

describe("Subscription.taskProgress", () => {
  it("sends the present snapshot, rising progress, the final snapshot, and completes", async () => {
    const running = await startGateway();
    const { url, emulator, clock, gateway } = running;
    emulator.addTask({ ...RUN, durationMs: 30_000 });
    const subscription = subscribe<Progress>(connect(url), FOLLOW);
    const first = await subscription.next();
    expect(first).toEqual({
      data: {
        taskProgress: {
          id: toGlobalTaskId({ region: EMULATOR_REGION, projectName: "immtest", ...RUN }),
          status: "RUNNING",
          progress: 0,
        },
      },
    });
    while (gateway.watchedTasks > 0) await nextPoll(running);
    const events = await subscription.rest();
    const seen = events.map(({ data }) => data?.taskProgress.progress ?? -1);
    expect(seen.length).toBeGreaterThan(5);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(events.at(-1)).toMatchObject({ data: { taskProgress: { status: "SUCCEEDED", progress: 100 } } });
    expect(clock.pendingTimers).toBe(0);
  });

  it("sends one snapshot of a finished task, and completes", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    const events = await subscribe<Progress>(connect(url), FOLLOW).rest();
    expect(events).toMatchObject([{ data: { taskProgress: { status: "SUCCEEDED", progress: 100 } } }]);
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it("sends an event with the error of a task that does not exist, and completes", async () => {
    const { url } = await startGateway();
    const events = await subscribe(connect(url), FOLLOW).rest();
    expect(events).toMatchObject([
      {
        data: { taskProgress: null },
        errors: [{ path: ["taskProgress"], extensions: { code: "NOT_FOUND", imm: { code: "ResourceNotFound" } } }],
      },
    ]);
  });

  it.each([
    ["an empty task id", `taskProgress(${keyArguments({ ...RUN, taskId: "" })}) { id }`, "key.taskId"],
    ["an impossible staleness", `taskProgress(${keyArguments(RUN)}, maxStalenessMs: 0) { id }`, "maxStalenessMs"],
    ["no keys", "taskEvents(keys: []) { kind }", "keys"],
  ])("is refused for %s, naming the argument", async (_what, field, argument) => {
    const { url, emulator } = await startGateway();
    const failure = await subscribe(connect(url), `subscription { ${field} }`).failure();
    expect(failure).toMatchObject([{ extensions: { code: "BAD_USER_INPUT", argument } }]);
    expect(emulator.calls).toHaveLength(0);
  });

  it("asks with the definition only where it is selected", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 60_000, requestDefinition: '{"a":1}' });
    const events = await subscribe(
      connect(url),
      `subscription { taskProgress(${keyArguments(RUN)}) { requestDefinition } }`,
    ).rest();
    expect(events).toEqual([{ data: { taskProgress: { requestDefinition: { a: 1 } } } }]);
    expect(emulator.calls.map((call) => call.parameters["RequestDefinition"])).toEqual(["true"]);
  });
});

describe("Subscription.taskEvents", () => {
  it("follows each task to its end and reports the ones that cannot be followed", async () => {
    const running = await startGateway();
    const { url, emulator, gateway } = running;
    emulator.addTask({ ...RUN, taskId: "a", startedAgoMs: 60_000 });
    emulator.addTask({ ...RUN, taskId: "b" });
    const keys = ["a", "b", "nobody"].map((taskId) => ({ ...RUN, projectName: "immtest", taskId }));
    const subscription = subscribe<{
      taskEvents: { key: { taskId: string } | null; task: { status: string } | null; error: { code: string } | null };
    }>(
      connect(url),
      "subscription ($keys: [TaskKeyInput!]!) { taskEvents(keys: $keys) { key { taskId } task { status } error { code } } }",
      { keys },
    );
    const first = [await subscription.next(), await subscription.next(), await subscription.next()];
    const lines = first.map(({ data }) => {
      const { key, task, error } = data?.taskEvents ?? {};
      return `${key?.taskId} ${task?.status ?? error?.code}`;
    });
    expect(new Set(lines)).toEqual(new Set(["nobody NOT_FOUND", "a SUCCEEDED", "b RUNNING"]));
    expect(await subscription.next()).toEqual({ data: { taskEvents: { key: null, task: null, error: null } } });
    emulator.finishTask("b");
    while (gateway.watchedTasks > 0) await nextPoll(running);
    expect(await subscription.rest()).toEqual([
      { data: { taskEvents: { key: { taskId: "b" }, task: { status: "SUCCEEDED" }, error: null } } },
    ]);
  });
});

describe("a thousand subscribers", () => {
  it("cause as many calls as one, and leave no timer when their sockets are cut", async () => {
    const running = await startGateway();
    const { url, emulator, clock, gateway } = running;
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.setProgress("run", 1);
    const clients = Array.from({ length: 20 }, () => connect(url));
    const subscriptions = clients.flatMap((client) =>
      Array.from({ length: 50 }, () => subscribe<Progress>(client, FOLLOW)),
    );
    await Promise.all(subscriptions.map(async (subscription) => subscription.next()));
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks"]);
    emulator.setProgress("run", 2);
    await nextPoll(running);
    const events = await Promise.all(subscriptions.map(async (subscription) => subscription.next()));
    for (const { data } of events) expect(data?.taskProgress.progress).toBe(2);
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks", "ListTasks"]);
    expect(clock.pendingTimers).toBe(1);
    for (const client of clients) client.terminate();
    await eventually(() => gateway.watchedTasks === 0);
    expect(clock.pendingTimers).toBe(0);
    const callsBefore = emulator.calls.length;
    await clock.advance(600_000);
    expect(emulator.calls).toHaveLength(callsBefore);
  });

  it("keep the watch while one of them is left", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const client = connect(url);
    const [one, two] = [subscribe<Progress>(client, FOLLOW), subscribe<Progress>(client, FOLLOW)];
    await Promise.all([one.next(), two.next()]);
    one.unsubscribe();
    // A later answer on the same socket proves that the departure has been handled.
    await subscribe(client, "{ __typename }").rest();
    expect([gateway.watchedTasks, clock.pendingTimers]).toEqual([1, 1]);
    two.unsubscribe();
    await eventually(() => gateway.watchedTasks === 0);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("a socket that does not take what it is sent", () => {
  it("finds the newest snapshot, not a queue, and loses no final one", async () => {
    const running = await startGateway();
    const { url, emulator, clock } = running;
    const requestDefinition = JSON.stringify({ Sources: "x".repeat(400_000) });
    emulator.addTask({ ...RUN, durationMs: Infinity, requestDefinition });
    emulator.setProgress("run", 0);
    const { socket } = openSocket(url, "graphql-transport-ws");
    const seen: unknown[] = [];
    const complete = new Promise<void>((resolve) => {
      socket.on("message", (data) => {
        const message = JSON.parse((data as Buffer).toString()) as { type: string; payload?: { data: Progress } };
        if (message.type === "connection_ack") socket.send(JSON.stringify({ id: "1", type: "subscribe", payload }));
        if (message.type === "next") seen.push(message.payload?.data.taskProgress.progress);
        if (message.type === "complete") resolve();
      });
    });
    const payload = {
      query: `subscription { taskProgress(${keyArguments(RUN)}) { progress status requestDefinition } }`,
    };
    socket.once("open", () => socket.send(JSON.stringify({ type: "connection_init" })));
    await eventually(() => seen.length === 1);
    socket.pause();
    for (let progress = 1; progress <= 80; progress += 1) {
      emulator.setProgress("run", progress);
      await nextPoll(running);
    }
    emulator.finishTask("run");
    await clock.advance(clock.nextTimerInMs ?? 0);
    await eventually(() => running.gateway.watchedTasks === 0);
    socket.resume();
    await complete;
    expect(seen.length).toBeLessThan(60);
    expect(seen.at(-1)).toBe(100);
    expect(seen).toEqual(seen.toSorted((a, b) => Number(a) - Number(b)));
  });
});

describe("the WebSocket door", () => {
  it("answers queries too, with the same codes as the HTTP door", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const client = connect(url);
    expect(await subscribe(client, `{ task(${keyArguments(RUN)}) { status } }`).rest()).toEqual([
      { data: { task: { status: "RUNNING" } } },
    ]);
    expect(
      await subscribe(client, `{ task(${keyArguments({ ...RUN, taskId: "x" })}) { status } }`).rest(),
    ).toMatchObject([{ data: { task: null }, errors: [{ path: ["task"], extensions: { code: "NOT_FOUND" } }] }]);
    expect(await subscribe(client, "{ task(").failure()).toMatchObject([
      { extensions: { code: "GRAPHQL_PARSE_FAILED" } },
    ]);
    expect(await subscribe(client, "{ nothing }").failure()).toMatchObject([
      { extensions: { code: "GRAPHQL_VALIDATION_FAILED" } },
    ]);
    expect(await subscribe(client, "query ($id: ID!) { node(id: $id) { id } }").failure()).toMatchObject([
      { extensions: { code: "BAD_USER_INPUT" } },
    ]);
  });

  it("reads the task anew for each query on one socket", async () => {
    const { url, emulator, clock } = await startGateway({ gateway: { taskMaxAgeMs: 0 } });
    emulator.addTask(RUN);
    const client = connect(url);
    const document = `{ task(${keyArguments(RUN)}) { status } }`;
    await subscribe(client, document).rest();
    emulator.finishTask("run");
    await clock.advance(1);
    expect(await subscribe(client, document).rest()).toEqual([{ data: { task: { status: "SUCCEEDED" } } }]);
  });

  it("has no introspection without the explorer, and the same limit of tokens", async () => {
    const { url } = await startGateway({ gateway: { explorer: false, maxQueryTokens: 20 } });
    const client = connect(url);
    expect(await subscribe(client, "{ __schema { __typename } }").failure()).toMatchObject([
      { extensions: { code: "GRAPHQL_VALIDATION_FAILED" } },
    ]);
    expect(await subscribe(client, `{ ${"a: __typename ".repeat(20)} }`).failure()).toMatchObject([
      { extensions: { code: "GRAPHQL_PARSE_FAILED" } },
    ]);
  });

  it("refuses a null where there is no room for one by itself, as the other doors do, and keeps the socket", async () => {
    const { url } = await startGateway();
    const client = connect(url);
    const document = "query ($keys: [TaskKeyInput!] = []) { tasksByKey(keys: $keys) { id } }";
    const expected = {
      message: 'Argument "keys" of non-null type "[TaskKeyInput!]!" must not be null.',
      extensions: { code: "BAD_USER_INPUT" },
    };
    expect(await subscribe(client, document, { keys: null }).failure()).toMatchObject([expected]);
    expect(await subscribe(client, "{ __typename }").rest()).toEqual([{ data: { __typename: "Query" } }]);
    expect(await query(url, document, { keys: null })).toMatchObject({ status: 400, errors: [expected] });
    const directive = "query ($isThere: Boolean = true) { taskTypes { name @include(if: $isThere) } }";
    expect(await query(url, directive, { isThere: null })).toMatchObject({ status: 400 });
    expect(await subscribe(client, directive, { isThere: null }).failure()).toMatchObject([
      { extensions: { code: "BAD_USER_INPUT" } },
    ]);
  });

  it.each([
    ["nonsense", "graphql-transport-ws", "nonsense", 4_400],
    [
      "a subscription before the greeting",
      "graphql-transport-ws",
      JSON.stringify({ id: "1", type: "subscribe", payload: { query: "{ __typename }" } }),
      4_401,
    ],
    ["an unknown message", "graphql-transport-ws", JSON.stringify({ type: "dance" }), 4_400],
    ["a message over the limit", "graphql-transport-ws", "x".repeat(300_000), 1_009],
    ["no known protocol", undefined, "hello", 4_406],
  ])("closes a socket that sends %s", async (_what, protocol, message, code) => {
    const { url } = await startGateway();
    const { socket, closed } = openSocket(url, protocol);
    socket.on("error", () => undefined);
    socket.once("open", () => socket.send(message));
    expect(await closed).toBe(code);
    expect((await query(url, "{ __typename }")).data).toEqual({ __typename: "Query" });
  });

  it("survives bytes that are no frame", async () => {
    const { url, port } = await startGateway();
    const socket = connectTcp(port, "127.0.0.1");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined);
    socket.write(
      "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
    );
    socket.once("data", () => socket.end(Buffer.alloc(64, 0xff)));
    await closed;
    expect((await query(url, "{ __typename }")).data).toEqual({ __typename: "Query" });
  });

  it("survives a refused handshake whose client is gone", async () => {
    const { url, port } = await startGateway();
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const socket = connectTcp(port, "127.0.0.1");
      socket.on("error", () => undefined);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await new Promise((resolve) => socket.once("connect", resolve));
      socket.write("GET /nope HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", () =>
        socket.resetAndDestroy(),
      );
      await closed;
    }
    expect((await query(url, "{ __typename }")).data).toEqual({ __typename: "Query" });
  });

  it("says nothing of the schema that introspection would not", async () => {
    const { url } = await startGateway({ gateway: { explorer: false } });
    const failure = JSON.stringify(await subscribe(connect(url), "{ tasc }").failure());
    expect(failure).toContain("Cannot query field");
    expect(failure).not.toContain("Did you mean");
  });

  it("watches no more tasks than it may, and tells one too many when to come back", async () => {
    const { url, emulator, gateway } = await startGateway({ gateway: { maxWatchedTasks: 2 } });
    const follow = (taskId: string): string =>
      `subscription { taskProgress(${keyArguments({ ...RUN, taskId })}) { status } }`;
    for (const taskId of ["a", "b", "c"]) emulator.addTask({ ...RUN, taskId, durationMs: Infinity });
    const client = connect(url);
    await subscribe(client, follow("a")).next();
    await subscribe(client, follow("b")).next();
    await subscribe(client, follow("a")).next();
    expect(await subscribe(client, follow("c")).failure()).toMatchObject([
      { extensions: { code: "UPSTREAM_THROTTLED", retryAfterMs: 10_000 } },
    ]);
    expect(gateway.watchedTasks).toBe(2);
  });

  it.each([
    ["its own page", [], (url: string) => url, true],
    ["a page that is let in", ["https://app.example.com"], () => "https://app.example.com", true],
    ["any other page", ["https://app.example.com"], () => "https://evil.example", false],
  ])("opens for %s as configured", async (_what, corsOrigins, originOf, isOpen) => {
    const { url } = await startGateway({ gateway: { corsOrigins } });
    const { socket } = openSocket(url, "graphql-transport-ws", originOf(url));
    const outcome = await new Promise<boolean | string>((resolve) => {
      socket.once("open", () => resolve(true));
      socket.once("error", (error) => resolve(error.message));
    });
    expect(outcome).toBe(isOpen ? true : "Unexpected server response: 403");
  });
});
