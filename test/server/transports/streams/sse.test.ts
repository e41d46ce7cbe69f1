import { describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-sse";
import { eventually } from "../../../support/eventually.js";
import { EVERY_SECOND, nextPoll } from "../../../support/next-poll.js";
import { keyArguments, query } from "../../../support/query.js";
import { disposeAfterTest, startGateway } from "../../../support/start-gateway.js";
import { actionsOf } from "../../../support/start-reader.js";
import { openStream, SseStream, subscribeByMultipart, subscribeBySse } from "../../../support/stream-request.js";
import { connect, subscribe } from "../../../support/subscribe.js";
import { RUN } from "../../../support/tasks.js";

const FOLLOW = `subscription { taskProgress(${keyArguments(RUN)}) { status progress } }`;
interface Progress {
  readonly taskProgress: { readonly status: string; readonly progress: number };
}

const COMPLETE = { event: "complete", data: null };

/** Sends a request to the SSE door as it is. */
async function send(url: string, init: RequestInit & { readonly search?: string } = {}): Promise<Response> {
  const controller = new AbortController();
  disposeAfterTest(() => controller.abort());
  return fetch(`${url}/graphql/stream${init.search ?? ""}`, { signal: controller.signal, ...init });
}

function posted(document: string, headers: Readonly<Record<string, string>> = {}): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream", ...headers },
    body: JSON.stringify({ query: document }),
  };
}

describe("following a task over SSE", () => {
  it("sends the present snapshot, rising progress, the final snapshot, and completes", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator, clock, gateway } = running;
    emulator.addTask({ ...RUN, durationMs: 10_000 });
    const stream = await subscribeBySse(url, FOLLOW);
    expect(stream.text.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(stream.text.response.headers.get("cache-control")).toBe("no-store");
    expect(await stream.result()).toEqual({ data: { taskProgress: { status: "RUNNING", progress: 0 } } });
    while (gateway.watchedTasks > 0) await nextPoll(running);
    const events = await stream.rest();
    expect(events.at(-1)).toEqual(COMPLETE);
    expect(events.at(-2)).toEqual({
      event: "next",
      data: { data: { taskProgress: { status: "SUCCEEDED", progress: 100 } } },
    });
    const seen = events
      .slice(0, -1)
      .map(({ data }) => (data?.data as Progress | undefined)?.taskProgress.progress ?? -1);
    expect(seen.length).toBeGreaterThan(5);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(clock.pendingTimers).toBe(0);
  });

  it("writes what an EventSource reads: a comment, the event's name, one line of data, and an end", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    const search = `?query=${encodeURIComponent(FOLLOW)}`;
    const text = await openStream(`${url}/graphql/stream${search}`, { headers: { accept: "text/event-stream" } });
    expect(await text.rest()).toBe(
      ':\n\nevent: next\ndata: {"data":{"taskProgress":{"status":"SUCCEEDED","progress":100}}}\n\n' +
        "event: complete\ndata:\n\n",
    );
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it("works with the client of graphql-sse", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    const client = createClient({ url: `${url}/graphql/stream` });
    disposeAfterTest(() => client.dispose());
    const events: unknown[] = [];
    for await (const event of client.iterate({ query: FOLLOW })) events.push(event);
    expect(events).toEqual([{ data: { taskProgress: { status: "SUCCEEDED", progress: 100 } } }]);
  });

  it("takes variables and the operation's name, from the URL too", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    const document = `query Other { __typename } subscription Follow($id: String!) {
      taskProgress(key: { projectName: "immtest", taskType: "FileCompression", taskId: $id }) { status } }`;
    const search = new URLSearchParams({ query: document, operationName: "Follow", variables: '{"id":"run"}' });
    // Like curl, which accepts anything unless it is told otherwise.
    const stream = new SseStream(await openStream(`${url}/graphql/stream?${search}`, { headers: { accept: "*/*" } }));
    expect(await stream.rest()).toEqual([
      { event: "next", data: { data: { taskProgress: { status: "SUCCEEDED" } } } },
      COMPLETE,
    ]);
  });

  it("answers a query with one event", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const stream = await subscribeBySse(url, `{ task(${keyArguments(RUN)}) { status } }`);
    expect(await stream.rest()).toEqual([{ event: "next", data: { data: { task: { status: "RUNNING" } } } }, COMPLETE]);
  });

  it("sends a comment every twelve seconds, whether or not anything happens", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    running.emulator.addTask({ ...RUN, durationMs: Infinity });
    const stream = await subscribeBySse(running.url, FOLLOW);
    const opening = await stream.next();
    expect([opening?.event, (await stream.next())?.event]).toEqual([null, "next"]);
    for (let second = 0; second < 24; second += 1) await nextPoll(running);
    running.emulator.finishTask("run");
    await nextPoll(running);
    const events = [await stream.next(), await stream.next(), await stream.next(), await stream.next()];
    expect(events.map((event) => event?.event)).toEqual([null, null, "next", "complete"]);
  });
});

describe("errors over SSE", () => {
  it.each([
    ["a document that does not parse", "subscription {", "GRAPHQL_PARSE_FAILED"],
    ["an unknown field", "subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"],
    [
      "a missing variable",
      "subscription ($ids: [TaskKeyInput!]!) { taskEvents(keys: $ids) { task { id } } }",
      "BAD_USER_INPUT",
    ],
    [
      "an empty task id",
      `subscription { taskProgress(${keyArguments({ ...RUN, taskId: "" })}) { id } }`,
      "BAD_USER_INPUT",
    ],
    ["two operations and no name", "query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"],
    ["a mutation", "mutation { nothing }", "GRAPHQL_VALIDATION_FAILED"],
  ])("are an event and completion for %s, and no call", async (_what, document, code) => {
    const { url, emulator, clock } = await startGateway();
    const stream = await subscribeBySse(url, document);
    expect(await stream.rest()).toMatchObject([
      { event: "next", data: { errors: [{ message: expect.any(String), extensions: { code } }] } },
      COMPLETE,
    ]);
    expect(emulator.calls).toHaveLength(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it("are at the path of a task that cannot be followed", async () => {
    const { url, clock } = await startGateway();
    const stream = await subscribeBySse(url, FOLLOW);
    const extensions = { code: "NOT_FOUND", imm: { code: "ResourceNotFound" } };
    expect(await stream.rest()).toMatchObject([
      { event: "next", data: { data: { taskProgress: null }, errors: [{ path: ["taskProgress"], extensions }] } },
      COMPLETE,
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("come for introspection without the explorer, and for too many tokens", async () => {
    const { url } = await startGateway({ gateway: { explorer: false, maxQueryTokens: 20 } });
    const codes = ["{ __schema { __typename } }", `{ ${"a: __typename ".repeat(20)} }`].map(async (document) => {
      const { errors } = await (await subscribeBySse(url, document)).result();
      return errors?.map((error) => error.extensions?.["code"]);
    });
    expect(await Promise.all(codes)).toEqual([["GRAPHQL_VALIDATION_FAILED"], ["GRAPHQL_PARSE_FAILED"]]);
  });
});

describe("what the SSE door refuses", () => {
  it.each<[what: string, init: RequestInit & { readonly search?: string }, status: number]>([
    ["a client that takes no events", posted(FOLLOW, { accept: "application/json" }), 406],
    ["another content type", posted(FOLLOW, { "content-type": "text/plain" }), 415],
    ["a form", { ...posted(FOLLOW), body: new URLSearchParams({ query: FOLLOW }) }, 400],
    ["a body that is not JSON", { ...posted(FOLLOW), body: "{" }, 400],
    ["a body without a query", { ...posted(FOLLOW), body: "{}" }, 400],
    ["variables that are none", { ...posted(FOLLOW), body: '{"query":"{ __typename }","variables":[1]}' }, 400],
    ["a URL without a query", {}, 400],
    ["variables in the URL that are not JSON", { search: "?query={__typename}&variables={" }, 400],
    ["a mutation by GET", { search: "?query=mutation{nothing}" }, 405],
    ["a body over the limit", posted(`{ ${"__typename ".repeat(30_000)} }`), 413],
  ])("is %s", async (_what, init, status) => {
    const { url, emulator, gateway, clock } = await startGateway();
    const response = await send(url, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: "BAD_REQUEST" } }] });
    expect([emulator.calls.length, gateway.watchedTasks, clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  it("is a HEAD, which would open a stream that nobody reads", async () => {
    const { url, gateway } = await startGateway();
    const response = await send(url, { method: "HEAD", search: `?query=${encodeURIComponent(FOLLOW)}` });
    expect([response.status, response.headers.get("allow"), gateway.watchedTasks]).toEqual([405, "GET, POST", 0]);
  });

  it.each([
    ["its own page", [], (url: string) => ({ origin: url }), 200],
    ["a page that is let in", ["https://app.example.com"], () => ({ origin: "https://app.example.com" }), 200],
    ["any other page", ["https://app.example.com"], () => ({ origin: "https://evil.example" }), 403],
    ["a page that hides its origin", ["https://app.example.com"], () => ({ "sec-fetch-site": "cross-site" }), 403],
  ])("is decided by the origin: %s", async (_what, corsOrigins, headersOf, status) => {
    const { url, emulator } = await startGateway({ gateway: { corsOrigins } });
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    const headers = headersOf(url);
    const search = `?query=${encodeURIComponent(FOLLOW)}`;
    for (const init of [{ search, headers }, posted(FOLLOW, headers)]) {
      const response = await send(url, init);
      expect(response.status).toBe(status);
      const isOfOther = status === 200 && corsOrigins.length > 0;
      expect(response.headers.get("access-control-allow-origin")).toBe(isOfOther ? corsOrigins[0] : null);
      expect(await response.text()).toContain(status === 200 ? "event: complete" : "Pages of this origin");
    }
  });
});

describe("five hundred clients over SSE", () => {
  it("cause as many calls as one, and leave no watch and no timer when they vanish", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator, clock, gateway } = running;
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.setProgress("run", 1);
    const streams = await Promise.all(Array.from({ length: 500 }, async () => subscribeBySse(url, FOLLOW)));
    await Promise.all(streams.map(async (stream) => stream.result()));
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks"]);
    emulator.setProgress("run", 2);
    await nextPoll(running);
    const results = await Promise.all(streams.map(async (stream) => stream.result()));
    for (const { data } of results) expect(data).toEqual({ taskProgress: { status: "RUNNING", progress: 2 } });
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks", "ListTasks"]);
    expect([gateway.watchedTasks, clock.pendingTimers]).toEqual([1, 501]);
    for (const { text } of streams) text.vanish();
    await eventually(() => clock.pendingTimers === 0);
    expect(gateway.watchedTasks).toBe(0);
    await clock.advance(600_000);
    expect(emulator.calls).toHaveLength(3);
  }, 20_000);

  it("keep the watch while one of them is left", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const [one, two] = [await subscribeBySse(url, FOLLOW), await subscribeBySse(url, FOLLOW)];
    await Promise.all([one.result(), two.result()]);
    one.text.vanish();
    await eventually(() => clock.pendingTimers === 2);
    expect(gateway.watchedTasks).toBe(1);
    two.text.vanish();
    await eventually(() => clock.pendingTimers === 0);
    expect(gateway.watchedTasks).toBe(0);
  });
});

describe("one task followed through every door", () => {
  it("costs the calls of one subscriber", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator, clock, gateway } = running;
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.setProgress("run", 1);
    const sse = await subscribeBySse(url, FOLLOW);
    const socket = subscribe(connect(url), FOLLOW);
    const multipart = await subscribeByMultipart(url, FOLLOW);
    for (const progress of [1, 2, 100]) {
      if (progress === 2) emulator.setProgress("run", progress);
      if (progress === 100) emulator.finishTask("run");
      if (progress > 1) await nextPoll(running);
      const expected = { data: { taskProgress: { status: progress === 100 ? "SUCCEEDED" : "RUNNING", progress } } };
      expect(await sse.result()).toEqual(expected);
      expect(await socket.next()).toEqual(expected);
      expect(await multipart.next()).toEqual({ payload: expected });
    }
    expect(await sse.rest()).toEqual([COMPLETE]);
    expect(await socket.rest()).toEqual([]);
    expect(await multipart.next()).toBeNull();
    // One look each: at once, at 2, and at the end, where the task has left the list of those that run.
    expect(actionsOf(emulator)).toEqual(["GetTask", "ListTasks", "ListTasks", "ListTasks", "GetTask"]);
    expect([gateway.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  });
});

describe("a slow client over SSE", () => {
  it("finds the newest snapshot, not a queue", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator, clock } = running;
    // One event is more than the sockets between the two hold.
    emulator.addTask({ ...RUN, durationMs: Infinity, requestDefinition: JSON.stringify({ text: "x".repeat(20_000) }) });
    emulator.setProgress("run", 1);
    const bulk = Array.from({ length: 700 }, (_, index) => `a${index}: requestDefinitionText`).join(" ");
    const stream = await subscribeBySse(
      url,
      `subscription { taskProgress(${keyArguments(RUN)}) { progress ${bulk} } }`,
    );
    // The heartbeat's timer, and that of the next look: the first event has been written.
    await eventually(() => clock.pendingTimers === 2);
    for (const progress of [2, 3, 4]) {
      emulator.setProgress("run", progress);
      await nextPoll(running);
    }
    const seen = [await stream.result(), await stream.result()].map(
      ({ data }) => (data as unknown as Progress).taskProgress.progress,
    );
    expect(seen).toEqual([1, 4]);
  });
});

describe("stopping under streams of events", () => {
  it("ends their connections without a word of completion", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const stream = await subscribeBySse(url, FOLLOW);
    await stream.result();
    await gateway.stop();
    expect(await stream.rest()).toEqual([]);
    expect([gateway.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("lets a query finish and refuses what is new", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask(RUN);
    emulator.injectFault({ kind: "latency", delayMs: 1_000 });
    const stream = await subscribeBySse(url, `{ task(${keyArguments(RUN)}) { status } }`);
    await eventually(() => emulator.calls.length === 1);
    const stopped = gateway.stop();
    const late = await send(url, posted(FOLLOW)).then(
      (response) => response.status,
      (error: Error) => error.message,
    );
    expect(["fetch failed", 503]).toContain(late);
    await clock.advance(1_000);
    expect(await stream.rest()).toEqual([{ event: "next", data: { data: { task: { status: "RUNNING" } } } }, COMPLETE]);
    await stopped;
    expect(clock.pendingTimers).toBe(0);
    expect((await query(url, "{ __typename }").catch(() => null))?.data).toBeUndefined();
  });

  it("cuts a client that does not read by the deadline", async () => {
    const { url, emulator, clock, gateway } = await startGateway({ gateway: { shutdownTimeoutMs: 5_000 } });
    emulator.addTask({ ...RUN, durationMs: Infinity, requestDefinition: JSON.stringify({ text: "x".repeat(20_000) }) });
    const bulk = Array.from({ length: 700 }, (_, index) => `a${index}: requestDefinitionText`).join(" ");
    const stream = await subscribeBySse(
      url,
      `subscription { taskProgress(${keyArguments(RUN)}) { progress ${bulk} } }`,
    );
    // Of the first event the client reads the beginning, and no more.
    await stream.text.until("event: next");
    const stopped = gateway.stop();
    await eventually(() => gateway.watchedTasks === 0);
    await clock.advance(5_000);
    await stopped;
    await expect(stream.rest()).rejects.toThrow("terminated");
    expect(clock.pendingTimers).toBe(0);
  });
});
