import { ApolloClient, CombinedProtocolErrors, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { describe, expect, it } from "@jest/globals";
import { eventually } from "../../../support/eventually.js";
import { EVERY_SECOND, nextPoll } from "../../../support/next-poll.js";
import { keyArguments, type QueryError } from "../../../support/query.js";
import { disposeAfterTest, startGateway } from "../../../support/start-gateway.js";
import { actionsOf } from "../../../support/start-reader.js";
import { MULTIPART, openStream, subscribeByMultipart } from "../../../support/stream-request.js";
import { RUN } from "../../../support/tasks.js";

const FOLLOW = `subscription { taskProgress(${keyArguments(RUN)}) { id status progress } }`;
const STOPPING = { message: "The gateway is shutting down.", extensions: { code: "UPSTREAM_UNAVAILABLE" } };

interface Progress {
  readonly taskProgress: { readonly id: string; readonly status: string; readonly progress: number };
}

interface Told {
  readonly data?: Progress | undefined;
  readonly error?: unknown;
}

/** The real Apollo Client, without any link but its HttpLink, and what it tells of a subscription. */
function followByApollo(
  url: string,
  document: string,
): { client: ApolloClient; told: Told[]; hasEnded: () => boolean; leave: () => void } {
  const client = new ApolloClient({ link: new HttpLink({ uri: `${url}/graphql` }), cache: new InMemoryCache() });
  disposeAfterTest(() => client.stop());
  const told: Told[] = [];
  let ended = false;
  const subscription = client.subscribe<Progress>({ query: gql(document) }).subscribe({
    next: ({ data, error }) => void told.push(error === undefined ? { data } : { error }),
    error: (error: unknown) => void told.push({ error }),
    complete: () => {
      ended = true;
    },
  });
  disposeAfterTest(() => subscription.unsubscribe());
  return { client, told, hasEnded: () => ended, leave: () => subscription.unsubscribe() };
}

async function post(url: string, document: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  const body = JSON.stringify({ query: document });
  return fetch(`${url}/graphql`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
}

describe("Apollo Client without a WebSocket", () => {
  it("follows a task to its end", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator, clock, gateway } = running;
    emulator.addTask({ ...RUN, durationMs: 10_000 });
    const { client, told, hasEnded } = followByApollo(url, FOLLOW);
    await eventually(() => told.length === 1);
    while (gateway.watchedTasks > 0) await nextPoll(running);
    await eventually(hasEnded);
    const seen = told.map(({ data }) => data?.taskProgress.progress ?? -1);
    expect(seen[0]).toBe(0);
    expect(seen.length).toBeGreaterThan(5);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(told.at(-1)).toMatchObject({ data: { taskProgress: { status: "SUCCEEDED", progress: 100 } } });
    expect(clock.pendingTimers).toBe(0);
    const cached = Object.values(client.cache.extract() as Record<string, unknown>);
    expect(cached).toContainEqual(expect.objectContaining({ __typename: "Task", status: "SUCCEEDED", progress: 100 }));
  });

  it("is told the error of a task that does not exist, and completes", async () => {
    const { url } = await startGateway();
    const { told, hasEnded } = followByApollo(url, FOLLOW);
    await eventually(hasEnded);
    expect(told).toMatchObject([{ error: { errors: [{ extensions: { code: "NOT_FOUND" } }] } }]);
  });

  it("leaves no watch and no timer when it unsubscribes", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const { told, leave } = followByApollo(url, FOLLOW);
    await eventually(() => told.length === 1);
    expect([gateway.watchedTasks, clock.pendingTimers]).toEqual([1, 2]);
    leave();
    await eventually(() => clock.pendingTimers === 0);
    expect(gateway.watchedTasks).toBe(0);
  });

  it("is told that the gateway stops, which is no completion", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const { told } = followByApollo(url, FOLLOW);
    await eventually(() => told.length === 1);
    await gateway.stop();
    await eventually(() => told.length === 2);
    const { error } = told[1] ?? {};
    expect(CombinedProtocolErrors.is(error) ? error.errors : error).toMatchObject([STOPPING]);
    expect([gateway.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("asks queries as before", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const { client } = followByApollo(url, "subscription { nothing }");
    const { data } = await client.query({ query: gql(`{ task(${keyArguments(RUN)}) { status } }`) });
    expect(data).toMatchObject({ task: { status: "RUNNING" } });
  });
});

describe("the multipart door", () => {
  it("ends each part with the boundary that lets the client read it, and the last with the closing one", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    const { text } = await subscribeByMultipart(url, `subscription { taskProgress(${keyArguments(RUN)}) { status } }`);
    expect(text.response.headers.get("content-type")).toBe(
      'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"',
    );
    expect(text.response.headers.get("cache-control")).toBe("no-store");
    expect(await text.rest()).toBe(
      "\r\n--graphql\r\nContent-Type: application/json\r\n\r\n" +
        '{"payload":{"data":{"taskProgress":{"status":"SUCCEEDED"}}}}\r\n--graphql--\r\n',
    );
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it("sends an empty part every five seconds, whether or not anything happens", async () => {
    const { url, emulator, clock } = await startGateway({
      gateway: { minPollIntervalMs: 60_000, maxPollIntervalMs: 60_000 },
    });
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const stream = await subscribeByMultipart(url, FOLLOW);
    expect(await stream.next()).toMatchObject({ payload: { data: { taskProgress: { status: "RUNNING" } } } });
    await eventually(() => clock.pendingTimers === 2);
    for (let beats = 0; beats < 3; beats += 1) {
      expect(clock.nextTimerInMs).toBe(5_000);
      await clock.advance(5_000);
      expect(await stream.next()).toEqual({});
    }
  });

  it.each([
    ["an unknown field", "subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"],
    ["a missing argument", "subscription { taskEvents { task { id } } }", "GRAPHQL_VALIDATION_FAILED"],
    // Whether that was to be a subscription nobody knows: Apollo answers.
    ["a document that does not parse", "subscription {", "GRAPHQL_PARSE_FAILED"],
    [
      "a missing variable",
      "subscription ($keys: [TaskKeyInput!]!) { taskEvents(keys: $keys) { task { id } } }",
      "BAD_USER_INPUT",
    ],
  ])("answers %s with status 400 and JSON, before any part", async (_what, document, code) => {
    const { url, emulator } = await startGateway();
    const response = await post(url, document, { accept: `${MULTIPART}, application/json` });
    expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/json; charset=utf-8"]);
    const { errors } = (await response.json()) as { errors: readonly QueryError[] };
    expect(errors).toMatchObject([{ extensions: { code } }]);
    expect(emulator.calls).toHaveLength(0);
  });

  it("answers a bad argument in a payload, and completes", async () => {
    const document = `subscription { taskProgress(${keyArguments({ ...RUN, taskId: "" })}) { id } }`;
    const { url, emulator, clock } = await startGateway();
    const stream = await subscribeByMultipart(url, document);
    expect(await stream.next()).toMatchObject({ payload: { errors: [{ extensions: { code: "BAD_USER_INPUT" } }] } });
    expect(await stream.next()).toBeNull();
    expect([emulator.calls.length, clock.pendingTimers]).toEqual([0, 0]);
  });

  it.each([
    "multipart/mixed;subscriptionSpec=1.0",
    'application/json;q=0.5, multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"',
    "Multipart/Mixed ; SubscriptionSpec=1.0 ; q=1",
  ])("opens for %s", async (accept) => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    const response = await post(url, FOLLOW, { accept });
    expect([response.status, await response.text()]).toEqual([200, expect.stringMatching(/SUCCEEDED.*--graphql--/s)]);
  });

  it.each([
    "application/json",
    "*/*",
    "multipart/mixed, application/json",
    "multipart/mixed;subscriptionSpec=2.0, application/json",
    "multipart/mixed;deferSpec=20220824, application/json",
  ])("stays shut for %s, and the refusal names every door", async (accept) => {
    const { url, emulator } = await startGateway();
    const response = await post(url, FOLLOW, { accept });
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: readonly QueryError[] };
    expect(errors).toMatchObject([{ extensions: { code: "BAD_REQUEST" } }]);
    for (const door of ["graphql-transport-ws", "/graphql/stream", MULTIPART.replace("boundary=graphql;", "")]) {
      expect(errors[0]?.message).toContain(door);
    }
    expect(emulator.calls).toHaveLength(0);
  });

  it("leaves queries to JSON, whatever they accept", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const response = await post(url, `{ task(${keyArguments(RUN)}) { status } }`, { accept: `${MULTIPART}, */*` });
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await response.json()).toEqual({ data: { task: { status: "RUNNING" } } });
  });

  it.each([
    ["its own page", [], (url: string) => url, 200],
    ["a page that is let in", ["https://app.example.com"], () => "https://app.example.com", 200],
    ["any other page", ["https://app.example.com"], () => "https://evil.example", 403],
  ])("opens for %s as configured", async (_what, corsOrigins, originOf, status) => {
    const { url, emulator } = await startGateway({ gateway: { corsOrigins } });
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    const origin = originOf(url);
    const response = await post(url, FOLLOW, { accept: MULTIPART, origin });
    expect(response.status).toBe(status);
    expect(response.headers.get("access-control-allow-origin")).toBe(
      status === 200 && corsOrigins.length > 0 ? origin : null,
    );
    expect(await response.text()).toContain(status === 200 ? "SUCCEEDED" : "Pages of this origin are not let in.");
  });

  it("shows a slow client the newest snapshot, not a queue", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator, clock } = running;
    // One event is more than the sockets between the two hold.
    emulator.addTask({ ...RUN, durationMs: Infinity, requestDefinition: JSON.stringify({ text: "x".repeat(20_000) }) });
    emulator.setProgress("run", 1);
    const bulk = Array.from({ length: 700 }, (_, index) => `a${index}: requestDefinitionText`).join(" ");
    const stream = await subscribeByMultipart(
      url,
      `subscription { taskProgress(${keyArguments(RUN)}) { progress ${bulk} } }`,
    );
    // The heartbeat's timer, and that of the next look: the first event has been written.
    await eventually(() => clock.pendingTimers === 2);
    // Long enough for a heartbeat, which would be news of nothing to a client that has not taken the event.
    for (const progress of [2, 3, 4, 5, 6, 7]) {
      emulator.setProgress("run", progress);
      await nextPoll(running);
    }
    const seen = [await stream.next(), await stream.next()].map((part) => part?.["payload"] as { data: Progress });
    expect(seen.map(({ data }) => data.taskProgress.progress)).toEqual([1, 7]);
  });
});

describe("stopping under multipart streams", () => {
  it("ends them with an error in the place of the payload", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const stream = await subscribeByMultipart(url, FOLLOW);
    await stream.next();
    await gateway.stop();
    expect(await stream.next()).toEqual({ payload: null, errors: [STOPPING] });
    expect(await stream.next()).toBeNull();
    expect([gateway.watchedTasks, clock.pendingTimers]).toEqual([0, 0]);
  });

  it("refuses what is new", async () => {
    const { url, emulator, clock, gateway } = await startGateway();
    emulator.addTask(RUN);
    emulator.injectFault({ kind: "latency", delayMs: 1_000 });
    const answer = post(url, `{ task(${keyArguments(RUN)}) { status } }`, {});
    await eventually(() => emulator.calls.length === 1);
    const stopped = gateway.stop();
    const late = await openStream(`${url}/graphql`, { method: "POST", headers: { accept: MULTIPART } }).then(
      ({ response }) => response.status,
      (error: Error) => error.message,
    );
    expect(["fetch failed", 503]).toContain(late);
    await clock.advance(1_000);
    expect((await answer).status).toBe(200);
    await stopped;
  });
});
