import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { attackGateway } from "./attacked-gateway.js";
import { holdsFor } from "./harmless.js";
import { INNOCENT_KEY, WAITED_KEY } from "./innocents.js";
import { RawSocket } from "./transports.js";

const FOLLOW = JSON.stringify({ query: `subscription { taskProgress(${INNOCENT_KEY}) { status } }` });
const QUERY = '{"query":"{ __typename }"}';
const AWAIT = JSON.stringify({
  query: `{ awaitTask(${WAITED_KEY}, timeoutMs: 60000) { status } }`,
});
const INIT = '{"type":"connection_init"}';

/** The sockets of a test, which leave after it.; ahead of the check. */
const sockets: { terminate(): void }[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.terminate();
});

const attacked = attackGateway();

async function open(): Promise<RawSocket> {
  const socket = await RawSocket.open(attacked.gateway.url);
  sockets.push(socket);
  return socket;
}

/** A socket that has not greeted. */
async function openBare(): Promise<RawSocket> {
  const socket = new RawSocket(attacked.gateway.url);
  sockets.push(socket);
  await socket.opened();
  return socket;
}

function subscribe(id: string, payload: string): string {
  return `{"id":${JSON.stringify(id)},"type":"subscribe","payload":${payload}}`;
}

function complete(id: string): string {
  return `{"id":${JSON.stringify(id)},"type":"complete"}`;
}

/** Sends so that all arrives at once. */
function sendTogether({ socket }: RawSocket, messages: readonly string[]): void {
  const connection = Reflect.get(socket, "_socket") as Socket;
  connection.cork();
  for (const message of messages) socket.send(message);
  connection.uncork();
}

/** Sends one message after the other; a greeting is waited for, as the protocol wants it. */
async function sendInTurn(socket: RawSocket, messages: readonly string[]): Promise<void> {
  for (const message of messages) {
    socket.send(message);
    if (message === messages[0] && message !== messages[1] && message.includes("connection_init")) {
      await socket.message(({ type }) => type === "connection_ack");
    }
  }
}

describe("operations on one socket", () => {
  it("end with `complete`, those that wait for a task among them", async () => {
    const { gateway } = attacked;
    gateway.socket.send(subscribe("w", AWAIT));
    while ((await gateway.ask({})).watchedTasks < 2) await gateway.serveInnocents();
    gateway.socket.send(complete("w"));
  });

  it("end when their client goes before they have begun", async () => {
    const { gateway } = attacked;
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const socket = await open();
      sendTogether(socket, [subscribe("w", AWAIT), subscribe("f", FOLLOW)]);
      if (attempt % 2 === 0) socket.terminate();
      else sendTogether(socket, [complete("w"), complete("f")]);
      await gateway.ask({ advanceMs: 1 });
    }
    // While the sockets that have completed theirs are open.
    await gateway.check();
  });

  it("may have an id again as soon as its client has completed it", async () => {
    const { socket } = attacked.gateway;
    const again = Array.from({ length: 20 }, () => [subscribe("again", FOLLOW), complete("again")]).flat();
    sendTogether(socket, [...again, subscribe("again", QUERY)]);
    expect(await socket.message(({ id, type }) => id === "again" && type === "complete")).not.toBeNull();
    expect(socket.closeCode).toBeUndefined();
  });

  it.each([
    ["variables", '{"query":"query ($id: ID!) { node(id: $id) { id } }"}'],
    ["a document", '{"query":"{ nothing }"}'],
  ])("are refused for their %s without a word on data", async (what, payload) => {
    const { socket } = attacked.gateway;
    socket.send(subscribe(`refused for ${what}`, payload));
    const message = await socket.message(({ id }) => id === `refused for ${what}`);
    expect(JSON.stringify(message)).toContain('"code"');
    expect(JSON.stringify(message)).not.toContain('"data"');
  });

  it.each(["__proto__", "constructor", "\u0000", "x".repeat(1_000), "😀"])(
    "may have any text as id: %#",
    async (id) => {
      const { socket } = attacked.gateway;
      socket.send(subscribe(id, QUERY));
      expect(await socket.message((message) => message.id === id && message.type === "complete")).not.toBeNull();
    },
  );
});

describe("a socket is closed with the protocol's own code", () => {
  it.each<[string, readonly string[], number]>([
    ["no JSON", [INIT, "nonsense"], 4400],
    ["JSON that is no message", [INIT, "[]"], 4400],
    ["null", [INIT, "null"], 4400],
    ["an unknown type", [INIT, '{"type":"dance"}'], 4400],
    ["a type named as the prototype", [INIT, '{"type":"__proto__"}'], 4400],
    ["the server's `next`", [INIT, '{"id":"a","type":"next","payload":{"data":{}}}'], 4400],
    ["the server's `error`", [INIT, '{"id":"a","type":"error","payload":[{"message":"a"}]}'], 4400],
    ["the server's `connection_ack`", [INIT, '{"type":"connection_ack"}'], 4400],
    ["a subscribe without an id", [INIT, `{"type":"subscribe","payload":${QUERY}}`], 4400],
    ["a subscribe whose id is a number", [INIT, `{"id":1,"type":"subscribe","payload":${QUERY}}`], 4400],
    ["a subscribe without a payload", [INIT, '{"id":"a","type":"subscribe"}'], 4400],
    [
      "a subscribe whose query is a list",
      [INIT, `{"id":"a","type":"subscribe","payload":{"query":${"[".repeat(10_000)}${"]".repeat(10_000)}}}`],
      4400,
    ],
    [
      "a payload nested 100,000 deep",
      [INIT, `{"id":"a","type":"subscribe","payload":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
      4400,
    ],
    ["a subscribe before the greeting", [subscribe("a", QUERY)], 4401],
    ["two greetings", [INIT, INIT], 4429],
    ["an id that is in use", [INIT, subscribe("a", FOLLOW), subscribe("a", FOLLOW)], 4409],
    [
      "a ping nested 10,000 deep",
      [INIT, `{"type":"ping","payload":{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}}`],
      4400,
    ],
    ["an id of 10,000 characters", [INIT, subscribe("x".repeat(10_000), QUERY)], 4400],
    ["a message over the limit", [INIT, "x".repeat(300_000)], 1009],
  ])("for %s", async (_what, messages, code) => {
    const socket = await openBare();
    await sendInTurn(socket, messages);
    expect(await socket.closed()).toBe(code);
  });
});

describe("a socket stays open", () => {
  it.each<[string, readonly string[]]>([
    [
      "a greeting with a payload nested 10,000 deep",
      [`{"type":"connection_init","payload":{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}}`],
    ],
    [
      "pings and pongs with payloads",
      [INIT, '{"type":"ping","payload":{"a":[1]}}', '{"type":"pong","payload":{}}', '{"type":"pong"}'],
    ],
    ["the end of what never began", [INIT, complete("gone"), complete("__proto__")]],
    [
      "members that nobody asked for",
      [INIT, `{"id":"x","type":"subscribe","payload":${QUERY},"__proto__":1,"more":[]}`],
    ],
    ["1,000 pings", [INIT, ...Array.from({ length: 1_000 }, () => '{"type":"ping"}')]],
  ])("after %s", async (_what, messages) => {
    const socket = await openBare();
    await sendInTurn(socket, messages);
    socket.send(subscribe("last", QUERY));
    expect(await socket.message(({ id, type }) => id === "last" && type === "next")).not.toBeNull();
  });

  it("for a message in pieces", async () => {
    const socket = await open();
    const text = subscribe("pieces", QUERY);
    for (let index = 0; index < text.length; index += 1) {
      socket.socket.send(text.charAt(index), { fin: index === text.length - 1 });
    }
    expect(await socket.message(({ id, type }) => id === "pieces" && type === "complete")).not.toBeNull();
  });
});

const HANDSHAKE =
  "GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n";

/** Sends bytes as they are, and waits for the end of the connection; ends it where the gateway would wait for more. */
async function sendBytes(pieces: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(attacked.gateway.port, "127.0.0.1");
  sockets.push({ terminate: () => socket.destroy() });
  let received = "";
  socket.on("data", (data: Buffer) => {
    received += data.toString("latin1");
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
  socket.end();
  const timer = setTimeout(() => socket.destroy(), 300);
  await closed;
  clearTimeout(timer);
  return received;
}

describe("bytes on a WebSocket's connection", () => {
  const upgrade = `${HANDSHAKE}\r\n`;
  it.each<[string, readonly (string | Buffer)[]]>([
    ["no frame", [upgrade, Buffer.alloc(64, 0xff)]],
    ["frames without a mask", [upgrade, Buffer.from([0x81, 0x02, 0x7b, 0x7d])]],
    ["a frame of 2^63 bytes", [upgrade, Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])]],
    ["a ping of 200 bytes", [upgrade, Buffer.from([0x89, 0xfe, 0x00, 0xc8])]],
    ["a close with the code 0", [upgrade, Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0, 0])]],
    ["a close with a text that is no UTF-8", [upgrade, Buffer.from([0x88, 0x84, 0, 0, 0, 0, 0x03, 0xe8, 0xff, 0xff])]],
    ["a text that is no UTF-8", [upgrade, Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])]],
    ["a piece of nothing", [upgrade, Buffer.from([0x80, 0x80, 0, 0, 0, 0])]],
    ["half a frame", [upgrade, Buffer.from([0x81, 0xfe, 0x10])]],
    ["a frame with the handshake", [upgrade + Buffer.from([0x81, 0x80, 0, 0, 0, 0]).toString("latin1")]],
    ["a compressed frame that was not agreed on", [upgrade, Buffer.from([0xc1, 0x80, 0, 0, 0, 0])]],
    ["an extension that is none", [`${HANDSHAKE}Sec-WebSocket-Extensions: permessage-deflate; =;;\r\n\r\n`]],
    ["another version", [upgrade.replace("Version: 13", "Version: 99")]],
    ["no key", [upgrade.replace(/Sec-WebSocket-Key.*\r\n/, "")]],
    ["protocols without a name", [upgrade.replace("graphql-transport-ws", ",,,")]],
    ["the older protocol", [upgrade.replace("graphql-transport-ws", "graphql-ws")]],
    ["half a handshake", [upgrade.slice(0, 120)]],
  ])("%s", async (_what, pieces) => {
    await sendBytes(pieces);
  });
});

type Step = readonly ["subscribe" | "complete" | "ping" | "pong", id: string, payload: string];

const steps: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom("subscribe", "subscribe", "complete", "ping", "pong"),
  fc.constantFrom("a", "b", "c"),
  fc.constantFrom(
    QUERY,
    FOLLOW,
    AWAIT,
    '{"query":"{"}',
    '{"query":"{ nothing }","variables":null}',
    '{"query":"","extensions":{}}',
  ),
);

function toMessage([type, id, payload]: Step): string {
  if (type === "subscribe") return subscribe(id, payload);
  return type === "complete" ? complete(id) : `{"type":"${type}"}`;
}

/** The same steps, each id completed before it is used again: what a client may do. */
function lawful(all: readonly Step[]): readonly Step[] {
  return all.flatMap((step) => (step[0] === "subscribe" ? [["complete", step[1], ""] as const, step] : [step]));
}

describe("sequences of messages", () => {
  it("leave the socket open when the protocol allows them", async () => {
    await holdsFor(40, [fc.array(steps, { maxLength: 30 })], async (sequence) => {
      await attacked.fresh();
      const { gateway } = attacked;
      sendTogether(gateway.socket, lawful(sequence).map(toMessage));
      gateway.socket.send(subscribe("last", QUERY));
      expect(await gateway.socket.message(({ id, type }) => id === "last" && type === "complete")).not.toBeNull();
      for (const id of ["a", "b", "c"]) gateway.socket.send(complete(id));
      await gateway.check();
    });
  });

  it("close the socket by the protocol's codes alone", async () => {
    const odd = fc.oneof(
      { weight: 4, arbitrary: steps.map(toMessage) },
      fc.constantFrom(
        INIT,
        '{"type":"next","id":"a"}',
        "{",
        '{"type":"complete"}',
        '{"type":"subscribe","id":"","payload":{"query":"{a}"}}',
      ),
      fc.json({ maxDepth: 3, stringUnit: "binary" }),
    );
    await holdsFor(40, [fc.array(odd, { minLength: 1, maxLength: 20 }), fc.boolean()], async (messages, greets) => {
      await attacked.fresh();
      const socket = await openBare();
      sendTogether(socket, [...(greets ? [INIT] : []), ...messages, "the end"]);
      expect([4400, 4401, 4409, 4429]).toContain(await socket.closed());
      await attacked.gateway.check();
    });
  });
});
