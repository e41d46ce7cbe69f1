import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { attackGateway } from "./attacked-gateway.js";
import { BAD_PROJECT } from "./hostile-upstream.js";
import { INNOCENT_KEY, WAITED_KEY } from "./innocents.js";
import { RawSocket, toRequest } from "./transports.js";

const MIB = 1_048_576;
const MAX_FOLLOWED_PROJECTS = 10;
/** How much may be held above the level while a flood lasts. */
const MAX_FLOOD_BYTES = 64 * MIB;
/** The system gives more than is held, and takes it back late. */
const MAX_FLOOD_RSS_BYTES = 250 * MIB;

// Ahead of the check: those who attack have left by then.
/** What leaves after each test. */
const leavers: { terminate(): void }[] = [];

afterEach(() => {
  for (const leaver of leavers.splice(0)) leaver.terminate();
});

const attacked = attackGateway({
  gateway: {
    explorer: true,
    maxWaitingOperations: 300,
    maxFollowedProjects: MAX_FOLLOWED_PROJECTS,
    maxResponseBytes: MIB,
    maxDocumentCacheBytes: 4 * MIB,
    maxSocketBufferBytes: MIB,
    maxSocketOperations: 200,
  },
});

async function open(): Promise<RawSocket> {
  const socket = await RawSocket.open(attacked.gateway.url);
  leavers.push(socket);
  return socket;
}

function subscribe(id: string, query: string): string {
  return JSON.stringify({ id, type: "subscribe", payload: { query } });
}

/** The flood lasts, and is bounded. */
async function expectBoundedMemory(): Promise<void> {
  const { heapBytes, rssBytes } = await attacked.gateway.growth();
  expect(heapBytes).toBeLessThan(MAX_FLOOD_BYTES);
  expect(rssBytes).toBeLessThan(MAX_FLOOD_RSS_BYTES);
}

/** Sends all, as fast as the connection takes it. */
async function sendAll({ socket }: RawSocket, messages: Iterable<string>): Promise<void> {
  for (const message of messages) {
    await new Promise<void>((resolve) => {
      // A socket that has been closed, or whose gateway reads no more, takes nothing.
      const timer = setTimeout(resolve, 500);
      socket.send(message, () => {
        clearTimeout(timer);
        resolve();
      });
    });
    if (socket.readyState !== socket.OPEN) return;
  }
}

function* times(count: number, item: (index: number) => string): Generator<string> {
  for (let index = 0; index < count; index += 1) yield item(index);
}

const TYPES = "name operation mutation hasRequestDefinition takesTags takesUserData eventType stage";
/** Some 100 KB. */
const LONG_ANSWER = `{ ${[...times(24, (index) => `a${index}: taskTypes { ${TYPES} }`)].join(" ")} }`;

describe("a socket that never reads", () => {
  it.each<[string, boolean, Iterable<string>]>([
    ["asks", true, times(1_000, (index) => subscribe(`q${index}`, LONG_ANSWER))],
    ["is refused", true, times(1_000, (index) => subscribe(`q${index}`, `{ ${"x".repeat(60_000)} }`))],
    // Of these the newest alone waits, and of the events too.
    ["pings", false, times(1_000, () => `{"type":"ping","payload":{"a":"${"x".repeat(100_000)}"}}`)],
    [
      "follows",
      false,
      times(190, (index) =>
        subscribe(
          `f${index}`,
          `subscription { taskProgress(${INNOCENT_KEY}) { ${[...times(300, (alias) => `a${alias}: id`)].join(" ")} } }`,
        ),
      ),
    ],
  ])("holds no more than it may when it %s", async (_what, isClosed, messages) => {
    const { gateway } = attacked;
    const socket = await open();
    socket.socket.pause();
    await sendAll(socket, messages);
    // The system's own buffers take some ten megabytes first. That a socket is gone is seen by writing to it alone.
    for (let turn = 0; turn < (isClosed ? 300 : 20) && socket.closeCode === undefined; turn += 1) {
      socket.send('{"type":"pong"}');
      await gateway.serveInnocents();
    }
    await expectBoundedMemory();
    socket.socket.resume();
    // 1006 when it reads so late that the gateway has cut it.
    expect(isClosed ? [1013, 1006] : [null]).toContain(await socket.closed(100));
  });
});

describe("operations on one socket", () => {
  it("are refused beyond a bound, and those before go on", async () => {
    const { gateway } = attacked;
    const { socket } = gateway;
    for (let index = 0; index < 300; index += 1) {
      socket.send(subscribe(`s${index}`, `subscription { taskProgress(${INNOCENT_KEY}) { status } }`));
    }
    const refused = await socket.message(({ id, type }) => id === "s299" && type !== "complete");
    expect(refused?.type).toBe("error");
    await gateway.serveInnocents();
    for (let index = 0; index < 300; index += 1) socket.send(`{"id":"s${index}","type":"complete"}`);
    const { received } = socket;
    expect(received.filter(({ type }) => type === "error").length).toBeGreaterThanOrEqual(99);
    received.splice(0);
  });
});

describe("clients that do not read what they have asked for", () => {
  it.each([
    ["GraphiQL", "GET /graphiql HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n", 40],
    ["long answers", request(LONG_ANSWER), 60],
    ["long answers one after the other", request(LONG_ANSWER).repeat(6), 6],
  ])("do not fill the memory: %s", async (_what, asked, count) => {
    const { gateway } = attacked;
    const begun = [...times(count, () => asked)].map(async (text) => {
      const connection = connect(gateway.port, "127.0.0.1");
      leavers.push({ terminate: () => connection.destroy() });
      connection.on("error", () => undefined).write(text);
      // The answer has been made: from here on it waits.
      await Promise.race([once(connection, "data"), once(connection, "close")]);
      connection.pause();
    });
    await Promise.all(begun);
    await gateway.serveInnocents();
    await expectBoundedMemory();
    await gateway.serveInnocents();
  });
});

function request(query: string): string {
  const body = JSON.stringify({ query });
  return `POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

describe("an answer longer than it may be", () => {
  const definition = JSON.stringify({
    Sources: Array.from({ length: 800 }, (_source, index) => ({ URI: `oss://a/${index}` })),
  });
  const tasks = [
    ...times(20, (index) =>
      JSON.stringify({
        TaskType: "OfficeConversion",
        TaskId: `t${index}`,
        Status: "Running",
        TaskRequestDefinition: definition,
      }),
    ),
  ];
  const aliases = [...times(250, (index) => `a${index}: requestDefinitionText`)].join(" ");

  it.each([
    [
      "by aliases in a fragment",
      `{ tasks(projectName: "${BAD_PROJECT}", first: 20) { nodes { ...F } } } fragment F on Task { ${aliases} }`,
    ],
    [
      "by aliases of JSON",
      `{ tasks(projectName: "${BAD_PROJECT}", first: 20) { nodes { ${aliases.replaceAll("requestDefinitionText", "requestDefinition")} } } }`,
    ],
    [
      "by aliases of outputs",
      `{ tasks(projectName: "${BAD_PROJECT}", first: 20) { nodes { ${aliases.replaceAll("requestDefinitionText", "outputs requestDefinition")} } } }`,
    ],
  ])("is refused before it is made: %s", async (_what, query) => {
    const { gateway } = attacked;
    gateway.upstream.answer = ({ action, response }) =>
      void response.end(action === "ListTasks" ? `{"NextToken":"","Tasks":[${tasks.join()}]}` : tasks[0]);
    for (const transport of ["post", "stream"] as const) {
      const text = await (await fetch(...toRequest(gateway.url, transport, JSON.stringify({ query })))).text();
      expect(text.length).toBeLessThan(2 * MIB);
      expect(text).toContain('"errors"');
      expect(text).not.toContain("INTERNAL_SERVER_ERROR");
    }
    const outcome = await gateway.socket.run(JSON.stringify({ query }));
    expect(outcome).toMatchObject({ kind: "result", status: 200 });
    expect(outcome.codes).not.toEqual([]);
    expect(outcome.codes).not.toContain("INTERNAL_SERVER_ERROR");
  });
});

describe("what waits counts", () => {
  it("2,000 operations that wait for a task", async () => {
    const { gateway } = attacked;
    const socket = await open();
    const aliases = [...times(100, (index) => `a${index}: awaitTask(${WAITED_KEY}, timeoutMs: 60000) { status }`)].join(
      " ",
    );
    for (let index = 0; index < 20; index += 1) socket.send(subscribe(`w${index}`, `{ ${aliases} }`));
    // Behind all of them on the same socket: they have begun by then.
    await socket.run('{"query":"{ __typename }"}');
    await gateway.serveInnocents();
    expect((await gateway.ask({})).pendingTimers).toBeLessThan(320);
    await gateway.ask({ advanceMs: 61_000 });
    const last = await socket.message(({ id }) => id === "w19");
    expect(JSON.stringify(last)).toContain("UPSTREAM_THROTTLED");
  });

  it("100 filters of a project that is followed", async () => {
    const { gateway } = attacked;
    const socket = await open();
    gateway.upstream.answer = ({ response }) => void response.end('{"NextToken":"","Tasks":[]}');
    for (let index = 0; index < 100; index += 1) {
      socket.send(
        subscribe(
          `p${index}`,
          `subscription { projectEvents(projectName: "${BAD_PROJECT}", filter: { taskTypes: ["T${index}"] }) { task { id } } }`,
        ),
      );
    }
    await gateway.serveInnocents();
    const before = gateway.upstream.badCalls;
    let polls = 0;
    for (let turn = 0; turn < 5; turn += 1) polls += await gateway.serveInnocents();
    // For each that may be followed what runs and what has ended, a poll; one poll was under way before.
    expect(gateway.upstream.badCalls - before).toBeLessThanOrEqual(2 * MAX_FOLLOWED_PROJECTS * (polls + 1));
    const last = await socket.message(({ id }) => id === "p99");
    expect(JSON.stringify(last)).toContain("UPSTREAM_THROTTLED");
  });
});

describe("different documents", () => {
  it("leave no more behind than the cache may hold", async () => {
    const { gateway } = attacked;
    for (let index = 0; index < 100; index += 1) {
      const fields = [...times(850, (field) => `a${index}_${field}: __typename`)].join(" ");
      const body = JSON.stringify({ query: `{ ${fields} }` });
      const transport = (["post", "stream", "multipart"] as const)[index % 3] ?? "post";
      const response = await fetch(...toRequest(gateway.url, transport, body));
      await response.text();
    }
  });
});

describe("a document that costs as much as it can", () => {
  it.each([
    ["equal fields", [...times(180, (index) => `a: task(${INNOCENT_KEY}) { b${index}: id }`)].join(" ")],
    ["fields of equal names", [...times(700, () => "__typename a: __typename")].join(" ")],
    ["nested equal fields", `taskTypes { ${[...times(1_400, (index) => `n${index % 3}: name`)].join(" ")} }`],
    [
      "fragments in each other",
      `...F0 } ${[...times(100, (index) => `fragment F${index} on Query { ${[...times(8, (next) => `...F${Math.min(99, index + next + 1)}`)].join(" ")} }`)].join(" ").slice(0, -2)}`,
    ],
  ])("pauses: %s", async (_what, fields) => {
    const { gateway } = attacked;
    await gateway.send({ query: `{ ${fields} }` });
  });
});
