/** What may come from one address, and what one socket may do. */

import { connect } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import type { GatewayOptions } from "../../../src/server/gateway.js";
import { eventually } from "../../support/eventually.js";
import { sendBySocket } from "../../support/every-transport.js";
import { keyArguments } from "../../support/query.js";
import { askRaw, type RawAnswer } from "../../support/raw-http.js";
import { completeMessage, RawSocket, subscribeMessage } from "../../support/raw-socket.js";
import { disposeAfterTest, startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { RUN } from "../../support/tasks.js";

const ANA = { "x-forwarded-for": "198.51.100.1" };
const BEN = { "x-forwarded-for": "198.51.100.2" };
const HELLO = "{ taskTypes { name } }";
const FOLLOW = `subscription { taskProgress(${keyArguments(RUN)}) { taskId } }`;

async function start(gateway: Partial<GatewayOptions>): Promise<RunningGateway> {
  const running = await startGateway({ gateway: { trustedProxies: ["loopback"], ...gateway } });
  running.emulator.addTask({ ...RUN, durationMs: Infinity });
  return running;
}

type Headers = Readonly<Record<string, string>>;

/** Asks for a WebSocket, and answers what came instead. */
async function shakeHands(url: string, headers: Headers): Promise<RawAnswer> {
  return askRaw(url, handshake(headers));
}

function handshake(headers: Headers): readonly string[] {
  return [
    "GET /graphql HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: graphql-transport-ws",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
}

async function ask(url: string, headers: Headers, path = "/graphql?query={__typename}"): Promise<Response> {
  return fetch(`${url}${path}`, {
    headers: { accept: "application/json", ...headers, "apollo-require-preflight": "1" },
  });
}

describe("a connection that is reset as soon as it has asked for a WebSocket", () => {
  it.each([{}, ANA])("harms nobody: headers %j", async (headers) => {
    const { url } = await start({});
    for (let count = 0; count < 20; count += 1) {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(`${handshake(headers).join("\r\n")}\r\n\r\n`, () => socket.resetAndDestroy());
      await new Promise((resolve) => socket.once("close", resolve));
    }
    expect((await ask(url, ANA)).status).toBe(200);
  });
});

const TOO_MANY_REQUESTS = {
  errors: [
    {
      message: "Expected at most 2 requests a minute from one address.",
      extensions: { code: "RATE_LIMITED", retryAfterMs: 30_000 },
    },
  ],
};

describe("requests a minute", () => {
  it.each(["/graphql?query={__typename}", "/graphql/stream?query={__typename}", "/nothing", "/"])(
    "of HTTP are counted by address: %s",
    async (path) => {
      const { url, clock } = await start({ requestsPerMinute: 2, explorer: false });
      for (const _ of [1, 2]) expect((await ask(url, ANA, path)).status).not.toBe(429);
      const refused = await ask(url, ANA, path);
      expect(refused.status).toBe(429);
      expect(refused.headers.get("retry-after")).toBe("30");
      expect(await refused.json()).toEqual(TOO_MANY_REQUESTS);
      expect((await ask(url, BEN, path)).status).not.toBe(429);
      await clock.advance(30_000);
      expect((await ask(url, ANA, path)).status).not.toBe(429);
    },
  );

  it("hold for handshakes too, and not for probes", async () => {
    const { url } = await start({ requestsPerMinute: 2 });
    await RawSocket.open(url, undefined, ANA);
    for (const path of ["/healthz", "/readyz", "/healthz"]) expect((await ask(url, ANA, path)).status).toBe(200);
    expect((await ask(url, ANA)).status).toBe(200);
    const refused = await shakeHands(url, ANA);
    expect(refused).toMatchObject({ status: 429, headers: { "retry-after": "30" } });
    expect(JSON.parse(refused.body)).toEqual(TOO_MANY_REQUESTS);
    await RawSocket.open(url, undefined, BEN);
  });

  it("are those of the proxy where it is not trusted, which the log says", async () => {
    const { url, logger } = await start({ requestsPerMinute: 2, trustedProxies: ["192.0.2.1"] });
    for (const _ of [1, 2]) expect((await ask(url, ANA)).status).toBe(200);
    expect((await ask(url, BEN)).status).toBe(429);
    expect(logger.lines).toEqual([]);
    const untrusting = await start({ requestsPerMinute: 2, trustedProxies: undefined });
    await ask(untrusting.url, ANA);
    expect(untrusting.logger.lines).toEqual([expect.stringContaining("TRUSTED_PROXIES")]);
  });
});

describe("sockets at once", () => {
  it("from one address are bounded at the handshake, and one that is closed makes room", async () => {
    const { url } = await start({ maxSocketsPerAddress: 2 });
    const [first] = [await RawSocket.open(url, undefined, ANA), await RawSocket.openSilently(url, ANA)];
    const refused = await shakeHands(url, ANA);
    expect(refused.status).toBe(429);
    expect(refused.headers["retry-after"]).toBeUndefined();
    expect(JSON.parse(refused.body)).toMatchObject({ errors: [{ extensions: { code: "RATE_LIMITED" } }] });
    const ben = await RawSocket.open(url, undefined, BEN);
    first.webSocket.close();
    await first.closed;
    await RawSocket.open(url, undefined, ANA);
    expect(await sendBySocket(ben, JSON.stringify({ query: HELLO }))).toMatchObject({ errors: [] });
  });

  it("from one address are not used up by handshakes that fail", async () => {
    const { url } = await start({ maxSocketsPerAddress: 1 });
    for (const _ of [1, 2])
      expect((await shakeHands(url, { ...ANA, origin: "https://elsewhere.example" })).status).toBe(403);
    await RawSocket.open(url, undefined, ANA);
  });

  it("of one caller are bounded when it is known; a client comes again until there is room", async () => {
    const { url } = await start({ maxSocketsPerCaller: 1 });
    const first = await RawSocket.open(url, undefined, ANA);
    const second = await RawSocket.openSilently(url, ANA);
    second.send({ type: "connection_init" });
    expect(await second.closed).toBe(1_013);
    await RawSocket.open(url, undefined, BEN);
    const codes: number[] = [];
    class FromAna extends WebSocket {
      constructor(address: string, protocol: string) {
        super(address, protocol, { headers: ANA });
      }
    }
    const client = createClient({
      url: `${url.replace("http", "ws")}/graphql`,
      webSocketImpl: FromAna,
      retryAttempts: 3,
      retryWait: async () => {
        first.webSocket.close();
        await first.closed;
      },
      on: { closed: (event) => void codes.push((event as { readonly code: number }).code) },
    });
    disposeAfterTest(async () => client.dispose());
    const results = client.iterate({ query: HELLO });
    expect(await results.next()).toMatchObject({ value: { data: { taskTypes: expect.anything() } } });
    expect(codes).toEqual([1_013]);
  });
});

describe("messages a second", () => {
  it.each<[string, (socket: RawSocket) => void]>([
    ["messages", (socket) => socket.send({ type: "ping" })],
    ["pings of WebSocket", (socket) => socket.webSocket.ping()],
    ["operations", (socket) => socket.send(subscribeMessage(String(Math.random()), HELLO))],
  ])("of one socket are bounded, with ten times as many at once: %s", async (_what, sendOne) => {
    const { url } = await start({ maxSocketMessagesPerSecond: 2 });
    const [socket, neighbour] = [await RawSocket.open(url, undefined, ANA), await RawSocket.open(url, undefined, ANA)];
    // Its greeting was one.
    for (let message = 0; message < 19; message += 1) sendOne(socket);
    expect(await sendBySocket(neighbour, JSON.stringify({ query: HELLO }))).toMatchObject({ errors: [] });
    expect(socket.webSocket.readyState).toBe(WebSocket.OPEN);
    sendOne(socket);
    expect(await socket.closed).toBe(1_008);
    expect(await sendBySocket(neighbour, JSON.stringify({ query: HELLO }))).toMatchObject({ errors: [] });
  });

  it("are taken for as long as they come slowly", async () => {
    const { url, clock } = await start({ maxSocketMessagesPerSecond: 1 });
    const socket = await RawSocket.open(url);
    for (let message = 0; message < 30; message += 1) {
      expect(await sendBySocket(socket, JSON.stringify({ query: HELLO }))).toMatchObject({ errors: [] });
      await clock.advance(1_000);
    }
  });
});

describe("a socket", () => {
  it("that has nothing open and says nothing is closed", async () => {
    const { url, clock } = await start({ socketIdleMs: 10_000 });
    const [idle, talking, following] = [
      await RawSocket.open(url),
      await RawSocket.open(url),
      await RawSocket.open(url),
    ];
    following.send(subscribeMessage("run", FOLLOW));
    await eventually(() => following.of("run").length > 0);
    await clock.advance(9_000);
    expect(await sendBySocket(talking, JSON.stringify({ query: HELLO }))).toMatchObject({ errors: [] });
    await clock.advance(1_000);
    expect(await idle.closed).toBe(1_000);
    await clock.advance(8_999);
    expect(talking.webSocket.readyState).toBe(WebSocket.OPEN);
    await clock.advance(1);
    expect(await talking.closed).toBe(1_000);
    expect(following.webSocket.readyState).toBe(WebSocket.OPEN);
    // From the end of its last operation it has as long as any.
    following.send(completeMessage("run"));
    expect(await sendBySocket(following, JSON.stringify({ query: HELLO }))).toMatchObject({ errors: [] });
    await clock.advance(9_999);
    expect(following.webSocket.readyState).toBe(WebSocket.OPEN);
    await clock.advance(10_000);
    expect(await following.closed).toBe(1_000);
  });

  it("that is too old is closed, and its client comes again and follows on", async () => {
    const { url, clock } = await start({ maxSocketAgeMs: 100_000 });
    clock.nextRandom = 0;
    const codes: number[] = [];
    const client = createClient({
      url: `${url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 1,
      retryWait: async () => undefined,
      on: { closed: (event) => void codes.push((event as { readonly code: number }).code) },
    });
    disposeAfterTest(async () => client.dispose());
    const results = client.iterate({ query: FOLLOW });
    const SEEN = { done: false, value: { data: { taskProgress: { taskId: "run" } } } };
    expect(await results.next()).toMatchObject(SEEN);
    clock.nextRandom = 0.5;
    const younger = await RawSocket.open(url);
    await clock.advance(94_999);
    expect(younger.webSocket.readyState).toBe(WebSocket.OPEN);
    await clock.advance(1);
    // By chance it may be up to a tenth less.
    expect(await younger.closed).toBe(1_012);
    expect(codes).toEqual([]);
    const again = results.next();
    await clock.advance(5_000);
    expect(await again).toMatchObject(SEEN);
    expect(codes).toEqual([1_012]);
  });

  it("that has gone leaves no timer", async () => {
    const { url, clock } = await start({
      maxSocketAgeMs: 100_000,
      socketIdleMs: 10_000,
      maxSocketMessagesPerSecond: 5,
    });
    const before = clock.pendingTimers;
    const socket = await RawSocket.open(url);
    expect(clock.pendingTimers).toBe(before + 2);
    socket.webSocket.terminate();
    await eventually(() => clock.pendingTimers === before);
  });
});
