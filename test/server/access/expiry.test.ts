import { describe, expect, it } from "@jest/globals";
import { createClient, type Client } from "graphql-ws";
import { WebSocket } from "ws";
import { eventually } from "../../support/eventually.js";
import { EVERY_SECOND } from "../../support/next-poll.js";
import { RawSocket, subscribeMessage } from "../../support/raw-socket.js";
import { disposeAfterTest, manualClockNow, startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { MULTIPART, MultipartStream, openStream, SseStream } from "../../support/stream-request.js";
import { subscribe, type Subscription } from "../../support/subscribe.js";
import { TestIssuer } from "../../support/test-issuer.js";

const KEY = 'key: { projectName: "immtest", taskType: "FileCompression", taskId: "run" }';
const FOLLOW = `subscription { taskProgress(${KEY}) { status progress } }`;
const EXPIRED = {
  message: "The token has expired, or is not let in any more.",
  extensions: { code: "UNAUTHENTICATED" },
};

interface Data {
  readonly taskProgress: { readonly status: string; readonly progress: number };
}

interface Signed extends RunningGateway {
  readonly issuer: TestIssuer;
  /** `Bearer` and a token that lives for so many seconds. */
  readonly bearer: (seconds: number) => Promise<string>;
}

/** A gateway that lets an issuer's callers in, in front of a task that runs. */
async function start(): Promise<Signed> {
  const clock = manualClockNow();
  const issuer = await TestIssuer.start(() => clock.now());
  const access = { issuers: [issuer.config([{ projects: ["immtest"], allow: ["read"] }])] };
  const running = await startGateway({ clock, gateway: { ...EVERY_SECOND, access } });
  running.emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
  let issued = 0;
  return {
    ...running,
    issuer,
    async bearer(seconds) {
      issued += 1;
      return `Bearer ${await issuer.token({ sub: `user-${issued}`, exp: issuer.secondsFromNow(seconds) })}`;
    },
  };
}

/** The time to the next whole second, at which tokens expire, and so many seconds more. */
async function advanceSeconds({ clock }: Signed, seconds: number): Promise<void> {
  await clock.advance(seconds * 1_000 - (clock.now() % 1_000));
}

async function greet(url: string, authorization: string): Promise<RawSocket> {
  const socket = await RawSocket.openSilently(url);
  const greeted = new Promise((resolve) => socket.webSocket.once("message", resolve));
  socket.send({ type: "connection_init", payload: { authorization } });
  await greeted;
  socket.webSocket.on("message", (data: Buffer) => socket.received.push(JSON.parse(data.toString())));
  return socket;
}

/** Lets a change of the task reach those who follow it. */
async function pollUntil({ clock }: Signed, isTrue: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!isTrue() && performance.now() < end) {
    await clock.advance(100);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  expect(isTrue()).toBe(true);
}

describe("a WebSocket whose token expires", () => {
  it("delivers nothing more at once, refuses what is new, and closes with 4403 within two seconds", async () => {
    const running = await start();
    const { url, clock, emulator } = running;
    const expiring = await greet(url, await running.bearer(60));
    const other = await greet(url, await running.bearer(3_600));
    for (const socket of [expiring, other]) socket.send(subscribeMessage("a", FOLLOW));
    await eventually(() => [expiring, other].every((socket) => socket.of("a").length === 1));
    clock.nextRandom = 0.999;
    await advanceSeconds(running, 60);
    emulator.setProgress("run", 50);
    await clock.advance(1_500);
    await eventually(() => other.of("a").length >= 2);
    expiring.send(subscribeMessage("b", "{ __typename }"));
    expect(await expiring.rest("b")).toEqual([{ id: "b", type: "error", payload: [EXPIRED] }]);
    expect(expiring.of("a")).toHaveLength(1);
    expect(expiring.webSocket.readyState).toBe(WebSocket.OPEN);
    await clock.advance(500);
    expect(await expiring.closed).toBe(4_403);
    expect(expiring.of("a")).toHaveLength(1);
    expect(other.webSocket.readyState).toBe(WebSocket.OPEN);
  });

  it("lets a query that runs finish first", async () => {
    const running = await start();
    const { url, clock, emulator } = running;
    const socket = await greet(url, await running.bearer(60));
    await advanceSeconds(running, 50);
    socket.send(subscribeMessage("wait", `{ awaitTask(${KEY}, timeoutMs: 60000) { status } }`));
    await eventually(() => running.gateway.watchedTasks === 1);
    clock.nextRandom = 0;
    await advanceSeconds(running, 12);
    expect(socket.webSocket.readyState).toBe(WebSocket.OPEN);
    emulator.finishTask("run");
    await pollUntil(running, () => socket.of("wait").length > 0);
    expect(socket.of("wait")[0]).toMatchObject({ payload: { data: { awaitTask: { status: "SUCCEEDED" } } } });
    await clock.advance(2_000);
    expect(await socket.closed).toBe(4_403);
  });

  it("leaves no timer when it is closed before", async () => {
    const running = await start();
    const { url, clock } = running;
    await eventually(() => clock.pendingTimers === 1);
    const socket = await greet(url, await running.bearer(60));
    expect(clock.pendingTimers).toBe(2);
    socket.webSocket.close();
    await socket.closed;
    await eventually(() => clock.pendingTimers === 1);
  });

  it("is not taken for expired while its token lives for longer than a timer can", async () => {
    const running = await start();
    const { url, clock } = running;
    const socket = await greet(url, await running.bearer(90 * 86_400));
    await clock.advance(86_400_000);
    socket.send(subscribeMessage("a", "{ __typename }"));
    expect(await socket.rest("a")).toMatchObject([{ type: "next" }, { type: "complete" }]);
  });
});

describe("a stream over HTTP whose token expires", () => {
  async function open(running: Signed, path: string, accept: string): ReturnType<typeof openStream> {
    return openStream(running.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", accept, authorization: await running.bearer(60) },
      body: JSON.stringify({ query: FOLLOW }),
    });
  }

  it("ends with UNAUTHENTICATED, by SSE", async () => {
    const running = await start();
    const stream = new SseStream(await open(running, "/graphql/stream", "text/event-stream"));
    expect((await stream.result()).data).toMatchObject({ taskProgress: { status: "RUNNING" } });
    await advanceSeconds(running, 60);
    expect(await stream.rest()).toEqual([
      { event: "next", data: { errors: [EXPIRED] } },
      { event: "complete", data: null },
    ]);
    await eventually(() => running.gateway.watchedTasks === 0);
    // The next fetch of the keys.
    expect(running.clock.pendingTimers).toBe(1);
  });

  it("ends with UNAUTHENTICATED, by multipart", async () => {
    const running = await start();
    const stream = new MultipartStream(await open(running, "/graphql", MULTIPART));
    expect(await stream.next()).toMatchObject({ payload: { data: { taskProgress: { status: "RUNNING" } } } });
    await advanceSeconds(running, 60);
    let last: unknown = {};
    while (JSON.stringify(last) === "{}") last = await stream.next();
    expect(last).toEqual({ payload: null, errors: [EXPIRED] });
    expect(await stream.text.rest()).toBe("--\r\n");
  });
});

describe("two hundred subscriptions whose tokens expire", () => {
  it("miss no end where their clients come again with a fresh token; the others get nothing more", async () => {
    const running = await start();
    const { url, clock, emulator } = running;
    const first = await Promise.all(Array.from({ length: 200 }, async () => running.bearer(60)));
    const closed = new Map<Client, number[]>();
    const follow = (index: number, isRenewed: boolean): Subscription<Data> => {
      let connections = 0;
      const client = createClient({
        url: `${url.replace("http", "ws")}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: async () => {
          connections += 1;
          return { authorization: connections > 1 && isRenewed ? await running.bearer(3_600) : first[index] };
        },
        retryAttempts: 5,
        retryWait: async () => undefined,
        on: { closed: (event) => void closed.get(client)?.push((event as { code: number }).code) },
      });
      closed.set(client, []);
      disposeAfterTest(async () => client.dispose());
      return subscribe<Data>(client, FOLLOW);
    };
    const renewed = Array.from({ length: 100 }, (_, index) => follow(index, true));
    const stale = Array.from({ length: 100 }, (_, index) => follow(100 + index, false));
    for (const follower of [...renewed, ...stale]) {
      expect((await follower.next()).data?.taskProgress.status).toBe("RUNNING");
    }
    await advanceSeconds(running, 60);
    emulator.finishTask("run");
    // The jitter: they are closed, and the poll that brings the end may be before it or after it.
    await clock.advance(1_000);
    await pollUntil(running, () => [...renewed, ...stale].every(({ hasEnded }) => hasEnded));
    for (const follower of renewed) {
      const events = await follower.rest();
      expect(events.at(-1)).toEqual({ data: { taskProgress: { status: "SUCCEEDED", progress: 100 } } });
    }
    for (const follower of stale) {
      expect(await follower.failure()).toMatchObject({ code: 4_401 });
      expect(follower.unread).toBe(0);
    }
    const codes = [...closed.values()];
    expect(codes.filter(([code]) => code === 4_403)).toHaveLength(200);
    expect(codes.filter(([, code]) => code === 4_401)).toHaveLength(100);
  });
});

describe("a gateway that cannot have the keys of its issuer", () => {
  it("lets clients come again, and counts none of their tokens as wrong", async () => {
    const clock = manualClockNow();
    const issuer = await TestIssuer.start(() => clock.now());
    issuer.fault = { status: 503 };
    const access = { issuers: [issuer.config([{ projects: ["immtest"], allow: ["read"] }])] };
    const { url } = await startGateway({ clock, gateway: { access, failedLoginsPerMinute: 1 } });
    const authorization = `Bearer ${await issuer.token({ exp: issuer.secondsFromNow(600) })}`;
    const ask = async (): Promise<Response> =>
      fetch(`${url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization },
        body: JSON.stringify({ query: "{ viewer { projects } }" }),
      });
    for (let turn = 0; turn < 3; turn += 1) {
      const response = await ask();
      expect([response.status, response.headers.get("retry-after"), response.headers.get("www-authenticate")]).toEqual([
        503,
        "30",
        null,
      ]);
      expect(await response.json()).toMatchObject({
        errors: [{ extensions: { code: "UNAUTHENTICATED", retryAfterMs: 30_000 } }],
      });
    }
    const socket = await RawSocket.openSilently(url);
    socket.send({ type: "connection_init", payload: { authorization } });
    expect(await socket.closed).toBe(1_013);
    issuer.fault = undefined;
    await clock.advance(30_000);
    expect(await (await ask()).json()).toEqual({ data: { viewer: { projects: ["immtest"] } } });
  });
});
