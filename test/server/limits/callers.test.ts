/** What one caller may cause, over every transport; those who do not say who they are, are their address. */

import { describe, expect, it } from "@jest/globals";
import type { GatewayOptions } from "../../../src/server/gateway.js";
import { eventually } from "../../support/eventually.js";
import { sendBySocket, transports, type Outcome } from "../../support/every-transport.js";
import { withTimePassing } from "../../support/manual-clock.js";
import { keyArguments, keyLiteral } from "../../support/query.js";
import { completeMessage, RawSocket, subscribeMessage } from "../../support/raw-socket.js";
import { startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { actionsOf } from "../../support/start-reader.js";
import { MULTIPART, openStream, type StreamedText } from "../../support/stream-request.js";
import { RUN } from "../../support/tasks.js";

type Headers = Readonly<Record<string, string>>;

const ANA = { "x-forwarded-for": "198.51.100.1" };
const BEN = { "x-forwarded-for": "198.51.100.2" };
const LETTERS = ["P", "S", "M", "W"] as const;

async function start(gateway: Partial<GatewayOptions>): Promise<RunningGateway> {
  const running = await startGateway({ gateway: { trustedProxies: ["loopback"], ...gateway } });
  for (const taskId of ["a", "b", "c", "d", "run"]) running.emulator.addTask({ ...RUN, taskId, durationMs: Infinity });
  return running;
}

function read(...taskIds: readonly string[]): string {
  const fields = taskIds.map((taskId) => `${taskId}: task(${keyArguments({ ...RUN, taskId })}) { taskId }`);
  return JSON.stringify({ query: `{ ${fields.join(" ")} }` });
}

const FOLLOW = `subscription { taskProgress(${keyArguments(RUN)}) { taskId } }`;
const CREATE =
  'mutation { createImageModerationTask(input: { projectName: "immtest", sourceUri: "oss://b/a.jpg" }) { isNew } }';

function rateLimited(letter: string, extensions: object = {}): object {
  return {
    status: letter === "W" ? null : 429,
    data: undefined,
    errors: [
      { message: expect.stringMatching(/^Expected at most /), extensions: { code: "RATE_LIMITED", ...extensions } },
    ],
  };
}

describe.each(LETTERS)("calls a minute, over transport %s", (letter) => {
  const send = transports[letter];

  it("are each caller's own: who has spent them is told when to come again, and IMM is not asked", async () => {
    const { url, emulator, clock } = await start({ callsPerMinute: 60, callBurst: 2 });
    expect(await send(url, read("a", "b"), ANA)).toMatchObject({ errors: [], data: { a: { taskId: "a" } } });
    expect(await send(url, read("c"), ANA)).toMatchObject(rateLimited(letter, { retryAfterMs: 1_000 }));
    expect(actionsOf(emulator)).toEqual(["GetTask", "GetTask"]);
    expect(await send(url, read("c"), BEN)).toMatchObject({ errors: [], data: { c: { taskId: "c" } } });
    await clock.advance(1_000);
    expect(await send(url, read("d"), ANA)).toMatchObject({ errors: [], data: { d: { taskId: "d" } } });
  });

  it("are given back where an operation did not make them: answers from memory cost nothing", async () => {
    const { url, emulator } = await start({ callsPerMinute: 60, callBurst: 2 });
    for (let time = 0; time < 5; time += 1) expect(await send(url, read("a"), ANA)).toMatchObject({ errors: [] });
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
    expect(await send(url, read("b"), ANA)).toMatchObject({ errors: [] });
    expect(await send(url, read("a"), ANA)).toMatchObject(rateLimited(letter));
  });

  it("may be more than ever at once where none are spent, and are owed then", async () => {
    const { url, clock } = await start({ callsPerMinute: 60, callBurst: 2 });
    expect(await send(url, read("a", "b", "c", "d"), ANA)).toMatchObject({ errors: [], data: { d: { taskId: "d" } } });
    expect(await send(url, read("run"), ANA)).toMatchObject(rateLimited(letter, { retryAfterMs: 3_000 }));
    await clock.advance(3_000);
    expect(await send(url, read("run"), ANA)).toMatchObject({ errors: [] });
  });
});

describe.each(LETTERS)("mutations a minute, over transport %s", (letter) => {
  const send = transports[letter];

  it("are each caller's own; a further one starts nothing", async () => {
    const { url, emulator, clock } = await start({ mutationsPerMinute: 2 });
    const body = JSON.stringify({ query: CREATE });
    const started = { errors: [], data: { createImageModerationTask: { isNew: true } } };
    for (const _ of [1, 2]) expect(await send(url, body, ANA)).toMatchObject(started);
    expect(await send(url, body, ANA)).toMatchObject(rateLimited(letter, { retryAfterMs: 30_000 }));
    expect(actionsOf(emulator)).toHaveLength(2);
    expect(await send(url, body, BEN)).toMatchObject(started);
    expect(await send(url, read("a"), ANA)).toMatchObject({ errors: [] });
    await clock.advance(30_000);
    expect(await send(url, body, ANA)).toMatchObject(started);
  });
});

/** A subscription that goes on: what it began with, and how its client leaves. */
interface OpenSubscription {
  readonly first: Outcome;
  readonly leave: () => Promise<void> | void;
}

type Subscribe = (url: string, headers: Headers) => Promise<OpenSubscription>;

async function byHttp(url: string, accept: string, headers: Headers): Promise<OpenSubscription> {
  const text: StreamedText = await openStream(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept, ...headers },
    body: JSON.stringify({ query: FOLLOW }),
  });
  const { status } = text.response;
  const json = status === 200 ? await jsonIn(text) : await text.rest();
  const { data, errors = [], payload } = JSON.parse(json) as Partial<Outcome> & { readonly payload?: Partial<Outcome> };
  return { first: { status, errors, data: data ?? payload?.data }, leave: () => text.vanish() };
}

/** The text of the first event or part that is an object. */
async function jsonIn(text: StreamedText): Promise<string> {
  for (;;) {
    const line = await text.until("\n");
    if (line === null) throw new Error("The answer ended.");
    const [json] = /\{"(?:data|payload)".*\}/.exec(line) ?? [];
    if (json !== undefined) return json;
  }
}

const subscribes: Readonly<Record<"S" | "M" | "W", Subscribe>> = {
  S: async (url, headers) => byHttp(`${url}/graphql/stream`, "text/event-stream", headers),
  M: async (url, headers) => byHttp(`${url}/graphql`, MULTIPART, headers),
  W: async (url, headers) => {
    const socket = await RawSocket.open(url, undefined, headers);
    const first = await sendBySocket(socket, JSON.stringify({ query: FOLLOW }));
    return { first, leave: () => socket.webSocket.close() };
  },
};

describe.each(["S", "M", "W"] as const)("subscriptions at once, over transport %s", (letter) => {
  const subscribe = subscribes[letter];
  const SEEN = { errors: [], data: { taskProgress: { taskId: "run" } } };

  it("are each caller's own, and one that has ended makes room", async () => {
    const { url } = await start({ maxStreamsPerCaller: 2 });
    const [one] = [await subscribe(url, ANA), await subscribe(url, ANA)];
    expect(one.first).toMatchObject(SEEN);
    expect((await subscribe(url, ANA)).first).toMatchObject(rateLimited(letter));
    expect((await subscribe(url, BEN)).first).toMatchObject(SEEN);
    await one.leave();
    const again: OpenSubscription[] = [];
    // The gateway learns of it in its own time.
    while (again.length === 0) {
      const next = await subscribe(url, ANA);
      if (next.first.errors.length === 0) again.push(next);
    }
    expect((await subscribe(url, ANA)).first).toMatchObject(rateLimited(letter));
  });

  it("cost what they begin with, and nothing for the polls; who joins one that runs pays nothing", async () => {
    const { url, clock, emulator } = await start({ callsPerMinute: 60, callBurst: 1, maxStreamsPerCaller: 5 });
    expect((await subscribe(url, ANA)).first).toMatchObject(SEEN);
    expect(await transports.P(url, read("a"), ANA)).toMatchObject(rateLimited("P", { retryAfterMs: 1_000 }));
    expect((await subscribe(url, BEN)).first).toMatchObject(SEEN);
    expect(await transports.P(url, read("b"), BEN)).toMatchObject({ errors: [] });
    const before = emulator.calls.length;
    await clock.advance(60_000);
    await eventually(() => emulator.calls.length > before);
    expect(await transports.P(url, read("c"), ANA)).toMatchObject({ errors: [] });
  });
});

describe("subscriptions to projects at once", () => {
  it("are each caller's own: whoever takes all of theirs takes none of others", async () => {
    const { url } = await start({ maxProjectStreamsPerCaller: 2, maxFollowedProjects: 4 });
    const open = async (type: string, caller: Readonly<Record<string, string>>): Promise<StreamedText> => {
      const filter = `{ taskTypes: ["${type}"] }`;
      const query = `subscription { projectEvents(projectName: "immtest", filter: ${filter}) { kind } }`;
      const headers = { "content-type": "application/json", accept: "text/event-stream", ...caller };
      return openStream(`${url}/graphql/stream`, { method: "POST", headers, body: JSON.stringify({ query }) });
    };
    const [first] = [await open("A", ANA), await open("B", ANA)];
    expect((await open("C", ANA)).response.status).toBe(429);
    expect(await (await open("D", BEN)).until("CAUGHT_UP")).not.toBeNull();
    first.vanish();
    const statuses: number[] = [];
    // The gateway learns of it in its own time.
    while (statuses.at(-1) !== 200) statuses.push((await open("C", ANA)).response.status);
    expect((await open("E", ANA)).response.status).toBe(429);
  });
});

describe("subscriptions at once", () => {
  it("are counted over all transports together", async () => {
    const { url } = await start({ maxStreamsPerCaller: 3 });
    for (const subscribe of Object.values(subscribes)) expect((await subscribe(url, ANA)).first.errors).toEqual([]);
    for (const [letter, subscribe] of Object.entries(subscribes)) {
      expect((await subscribe(url, ANA)).first).toMatchObject(rateLimited(letter));
    }
  });

  it("are one fewer when a task ends, and when one is refused by IMM", async () => {
    const { url, emulator, clock } = await start({ maxStreamsPerCaller: 1 });
    emulator.addTask({ ...RUN, taskId: "short", durationMs: 1_000 });
    const socket = await RawSocket.open(url);
    const follow = (taskId: string): string => FOLLOW.replace('"run"', JSON.stringify(taskId));
    socket.send(subscribeMessage("gone", follow("gone")));
    await socket.rest("gone");
    socket.send(subscribeMessage("short", follow("short")));
    await eventually(() => socket.of("short").length > 0);
    for (let second = 0; second < 60 && socket.of("short").at(-1)?.type !== "complete"; second += 1)
      await clock.advance(1_000);
    await socket.rest("short");
    socket.send(subscribeMessage("run", FOLLOW));
    await eventually(() => socket.of("run").length > 0);
    expect(socket.of("run")).toMatchObject([{ type: "next" }]);
    socket.send(completeMessage("run"), subscribeMessage("again", FOLLOW));
    await eventually(() => socket.of("again").length > 0);
    expect(socket.of("again")).toMatchObject([{ type: "next" }]);
  });
});

describe("what is followed anew", () => {
  it("costs a call for each task that nobody follows yet, and waiting costs the same", async () => {
    const { url, clock, emulator } = await start({ callsPerMinute: 1, callBurst: 3 });
    // A wait for a task that has ended needs no time, which a slow answer could miss.
    for (const taskId of ["old", "older"]) emulator.addTask({ ...RUN, taskId, startedAgoMs: 60_000, durationMs: 1 });
    const keys = ["a", "b"].map((taskId) => keyLiteral({ ...RUN, taskId })).join();
    const socket = await RawSocket.open(url, undefined, BEN);
    socket.send(subscribeMessage("ab", `subscription { taskEvents(keys: [${keys}]) { kind } }`));
    await eventually(() => socket.of("ab").length >= 2);
    const wait = async (taskId: string, headers: Headers): Promise<Outcome> => {
      const query = `{ awaitTask(${keyArguments({ ...RUN, taskId })}, timeoutMs: 1000) { taskId } }`;
      return transports.P(url, JSON.stringify({ query }), headers);
    };
    // Two of three are spent: those that are followed may be waited for as often as one likes, and one that is not.
    for (const taskId of ["a", "b"])
      expect(await withTimePassing(clock, wait(taskId, BEN))).toMatchObject({ errors: [] });
    expect(await wait("old", BEN)).toMatchObject({ errors: [] });
    expect(await wait("older", BEN)).toMatchObject(rateLimited("P"));
    expect(await wait("older", ANA)).toMatchObject({ errors: [] });
  });

  it("and is refused for another reason holds no place", async () => {
    const { url } = await start({ maxStreamsPerCaller: 2, maxWatchedTasks: 1 });
    const socket = await RawSocket.open(url);
    socket.send(subscribeMessage("run", FOLLOW));
    await eventually(() => socket.of("run").length > 0);
    for (const id of ["1", "2", "3"]) {
      socket.send(subscribeMessage(id, FOLLOW.replace('"run"', '"a"')));
      expect(await socket.rest(id)).toMatchObject([{ payload: [{ extensions: { code: "UPSTREAM_THROTTLED" } }] }]);
    }
    socket.send(subscribeMessage("again", FOLLOW));
    await eventually(() => socket.of("again").length > 0);
    expect(socket.of("again")).toMatchObject([{ type: "next" }]);
  });
});

describe("the answer over HTTP", () => {
  it("says in seconds when to come again, and is JSON of GraphQL", async () => {
    const origin = "https://app.example.com";
    const { url } = await start({ callsPerMinute: 6, callBurst: 1, corsOrigins: [origin] });
    await transports.P(url, read("a"), ANA);
    for (const path of ["/graphql", "/graphql/stream"]) {
      const response = await fetch(`${url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream", origin, ...ANA },
        body: read("b"),
      });
      expect(response.status).toBe(429);
      expect(response.headers.get("retry-after")).toBe("10");
      // A page reads it only where it is named.
      expect(response.headers.get("access-control-allow-origin")).toBe(origin);
      expect(response.headers.get("access-control-expose-headers")).toBe("Retry-After");
      expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
      expect(await response.json()).toEqual({
        errors: [
          {
            message: "Expected at most 6 calls to IMM a minute, and 1 at once, got an operation of up to 1.",
            extensions: { code: "RATE_LIMITED", retryAfterMs: 10_000 },
          },
        ],
      });
    }
  });

  it("that no client would read costs nothing: it is refused before", async () => {
    const { url, emulator } = await start({ callsPerMinute: 60, callBurst: 1 });
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/html", ...ANA },
      body: read("a"),
    });
    expect(response.status).toBe(406);
    expect(emulator.calls).toEqual([]);
    expect(await transports.P(url, read("a"), ANA)).toMatchObject({ errors: [] });
  });
});

describe("a gateway that is given no limits", () => {
  it("refuses no one", async () => {
    const { url } = await startGateway();
    for (let time = 0; time < 50; time += 1)
      expect(await transports.P(url, read("gone"))).toMatchObject({ status: 200 });
  });
});
