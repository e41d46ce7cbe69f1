import { createHash } from "node:crypto";
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { describe, expect, it } from "@jest/globals";
import { print, type FormattedExecutionResult } from "graphql";
import { createClient } from "graphql-sse";
import type { SubscribePayload } from "graphql-ws";
import { createSchema } from "../../../src/schema/build-schema.js";
import { OPEN_ACCESS } from "../../../src/access/access.js";
import { Pipeline, type PipelineOptions } from "../../../src/server/operation/pipeline.js";
import { Documents } from "../../../src/server/operation/documents/documents.js";
import { PersistedOperations } from "../../../src/server/operation/persisted-operations.js";
import { NO_BOUNDS, NO_LIMITS } from "../../support/no-limits.js";
import { NOBODY } from "../../support/nobody.js";
import { eventually } from "../../support/eventually.js";
import { EVERY_SECOND, nextPoll } from "../../support/next-poll.js";
import { keyArguments, query, type QueryError } from "../../support/query.js";
import { disposeAfterTest, startGateway, type RunningGateway, type StartOptions } from "../../support/start-gateway.js";
import { actionsOf } from "../../support/start-reader.js";
import { MULTIPART, openStream, SseStream, subscribeBySse } from "../../support/stream-request.js";
import { connect } from "../../support/subscribe.js";
import { RUN } from "../../support/tasks.js";

const LOOK = `query Look { task(${keyArguments(RUN)}) { status } }`;
const FOLLOW = `subscription Follow { taskProgress(${keyArguments(RUN)}) { status } }`;
const OTHER = "{ taskTypes { name } }";
const SEEN = { status: "SUCCEEDED" };

const JSON_TYPE = { "content-type": "application/json" };

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function byHash(text: string): object {
  return { extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(text) } } };
}

const manifest = { [hashOf(LOOK)]: LOOK, [hashOf(FOLLOW)]: FOLLOW, follow: `${FOLLOW} ` };

/** A gateway with a manifest and a task that has succeeded. */
async function start(gateway: StartOptions["gateway"] = {}): Promise<RunningGateway> {
  const running = await startGateway({ gateway: { explorer: false, persistedOperations: manifest, ...gateway } });
  running.emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
  return running;
}

async function startExclusive(gateway: StartOptions["gateway"] = {}): Promise<RunningGateway> {
  return start({ onlyPersistedOperations: true, ...gateway });
}

interface Answer {
  readonly status: number;
  readonly data: unknown;
  readonly codes: readonly unknown[];
}

async function read(response: Response): Promise<Answer> {
  const { data, errors = [] } = (await response.json()) as { data?: unknown; errors?: readonly QueryError[] };
  return { status: response.status, data, codes: errors.map(({ extensions }) => extensions["code"]) };
}

async function post(url: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const init = { method: "POST", headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) };
  return read(await fetch(`${url}/graphql`, init));
}

async function get(url: string, search: string): Promise<Answer> {
  return read(await fetch(`${url}/graphql?${search}`, { headers: { "apollo-require-preflight": "true" } }));
}

/** What a subscription over one of the doors comes to: the results in order, or the codes of the refusal. */
type Follow = (url: string, body: object) => Promise<readonly unknown[]>;

function codesOf({ errors = [] }: FormattedExecutionResult): readonly unknown[] {
  return errors.map(({ extensions }) => extensions?.["code"]);
}

function shownOf(result: FormattedExecutionResult): unknown {
  return result.errors === undefined ? result.data : codesOf(result);
}

const doors: Readonly<Record<string, Follow>> = {
  WebSocket: async (url, body) => {
    const events: unknown[] = [];
    try {
      // The cast: the protocol's messages may have members that the client does not know.
      const payload = { query: "", ...body } as SubscribePayload;
      for await (const event of connect(url).iterate(payload)) events.push(shownOf(event as FormattedExecutionResult));
    } catch (thrown) {
      events.push((thrown as readonly QueryError[]).map(({ extensions }) => extensions["code"]));
    }
    return events;
  },
  "SSE by POST": async (url, body) => {
    const init = { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) };
    return eventsOf(new SseStream(await openStream(`${url}/graphql/stream`, init)));
  },
  "SSE by GET": async (url, body) => {
    const texts = Object.entries(body).map(([name, value]): [string, string] => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    return eventsOf(new SseStream(await openStream(`${url}/graphql/stream?${String(new URLSearchParams(texts))}`, {})));
  },
  multipart: async (url, body) => {
    const headers = { ...JSON_TYPE, accept: `${MULTIPART}, application/json;q=0.9` };
    const response = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify(body) });
    if (response.headers.get("content-type")?.startsWith("application/json") === true) {
      return [codesOf((await response.json()) as FormattedExecutionResult)];
    }
    const payloads = (await response.text()).matchAll(/^\{"payload":(.*)\}\r?$/gm);
    return [...payloads].map(([, json = "null"]) => shownOf(JSON.parse(json) as FormattedExecutionResult));
  },
};

async function eventsOf(stream: SseStream): Promise<readonly unknown[]> {
  return (await stream.rest()).flatMap(({ data }) => (data === null ? [] : [shownOf(data)]));
}

describe.each(Object.entries(doors))("over %s", (_door, follow) => {
  const spellings: readonly (readonly [name: string, body: object])[] = [
    ["documentId", { documentId: hashOf(FOLLOW) }],
    ["documentId with its prefix", { documentId: `sha256:${hashOf(FOLLOW)}` }],
    ["documentId of the operator's making", { documentId: "follow" }],
    ["extensions.persistedQuery", byHash(FOLLOW)],
    ["its hash beside the document", { query: FOLLOW, ...byHash(FOLLOW) }],
  ];

  it.each(spellings)("a subscription is named by %s", async (_name, body) => {
    const { url, emulator } = await startExclusive();
    expect(await follow(url, body)).toEqual([{ taskProgress: SEEN }]);
    expect(actionsOf(emulator)).toEqual(["GetTask"]);
  });

  it.each<readonly [name: string, body: object, code: string]>([
    ["a document without an id", { query: FOLLOW }, "PERSISTED_QUERY_ID_REQUIRED"],
    ["what does not even parse", { query: "{{{" }, "PERSISTED_QUERY_ID_REQUIRED"],
    ["an id that nobody knows", { documentId: "nobody" }, "PERSISTED_QUERY_NOT_FOUND"],
    ["a document to register", { query: OTHER, ...byHash(OTHER) }, "PERSISTED_QUERY_NOT_FOUND"],
    ["another document under a known hash", { query: OTHER, ...byHash(FOLLOW) }, "BAD_REQUEST"],
    ["two names at once", { documentId: "follow", ...byHash(FOLLOW) }, "BAD_REQUEST"],
    ["a hash without its version", { extensions: { persistedQuery: { sha256Hash: "x" } } }, "BAD_REQUEST"],
  ])("nothing but the manifest is executed: not %s", async (_name, body, code) => {
    const { url, emulator } = await startExclusive();
    expect(await follow(url, body)).toEqual([[code]]);
    expect(emulator.calls).toHaveLength(0);
  });

  it("documents may still be sent where the manifest is not all there is", async () => {
    const { url } = await start();
    expect(await follow(url, { query: FOLLOW })).toEqual([{ taskProgress: SEEN }]);
    expect(await follow(url, { documentId: "follow" })).toEqual([{ taskProgress: SEEN }]);
  });

  it("a documentId that is empty is none", async () => {
    const { url } = await start({ persistedOperations: undefined });
    expect(await follow(url, { query: FOLLOW, documentId: "" })).toEqual([{ taskProgress: SEEN }]);
    const exclusive = await startExclusive();
    expect(await follow(exclusive.url, { documentId: "", ...byHash(FOLLOW) })).toEqual([{ taskProgress: SEEN }]);
  });

  it("a name is refused where there is no manifest", async () => {
    const { url } = await start({ persistedOperations: undefined });
    expect(await follow(url, { query: FOLLOW, ...byHash(FOLLOW) })).toEqual([["PERSISTED_QUERY_NOT_SUPPORTED"]]);
    expect(await follow(url, { documentId: "follow" })).toEqual([["PERSISTED_QUERY_NOT_SUPPORTED"]]);
  });
});

describe("over HTTP", () => {
  it("a query is named in the body and in the URL", async () => {
    const { url } = await startExclusive();
    const found = { status: 200, data: { task: SEEN }, codes: [] };
    expect(await post(url, { documentId: `sha256:${hashOf(LOOK)}` })).toEqual(found);
    expect(await post(url, { ...byHash(LOOK), operationName: "Look", variables: {} })).toEqual(found);
    expect(await get(url, `documentId=sha256:${hashOf(LOOK)}&operationName=Look&variables={}`)).toEqual(found);
    const extensions = encodeURIComponent(JSON.stringify({ persistedQuery: { version: 1, sha256Hash: hashOf(LOOK) } }));
    expect(await get(url, `extensions=${extensions}`)).toEqual(found);
  });

  it("what is refused has the status that clients look for, and is not kept by anybody", async () => {
    const { url, emulator } = await startExclusive();
    expect(await post(url, { query: LOOK })).toMatchObject({ status: 400, codes: ["PERSISTED_QUERY_ID_REQUIRED"] });
    expect(await post(url, { documentId: "x" })).toMatchObject({ status: 200, codes: ["PERSISTED_QUERY_NOT_FOUND"] });
    expect(await post(url, { documentId: 7 })).toMatchObject({ status: 400, codes: ["BAD_REQUEST"] });
    expect(await post(url, [{ query: LOOK }])).toMatchObject({ status: 400, codes: ["BAD_REQUEST"] });
    const response = await fetch(`${url}/graphql?documentId=x`);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(emulator.calls).toHaveLength(0);
  });

  it.each([
    `query=${encodeURIComponent(LOOK)}`,
    `documentId=look&query=${encodeURIComponent(LOOK)}`,
    `documentId=${hashOf(FOLLOW)}&query=${encodeURIComponent(LOOK)}`,
    `documentId=x&documentId=${hashOf(LOOK)}`,
    `documentId=${hashOf(LOOK)}?query=${encodeURIComponent(OTHER)}`,
    `query=&query=${encodeURIComponent(OTHER)}`,
  ])("no URL smuggles a document past the manifest: %s", async (search) => {
    const { url, emulator } = await startExclusive();
    expect((await get(url, search)).data).toBeUndefined();
    const stream = await fetch(`${url}/graphql/stream?${search}`, { headers: { accept: "text/event-stream" } });
    const text = await stream.text();
    expect(text).toMatch(/"code":"(PERSISTED_QUERY_\w+|BAD_REQUEST)"/);
    expect(text).not.toContain('"data":{');
    expect(emulator.calls).toHaveLength(0);
  });

  it("a document beside the named one in the URL is not executed", async () => {
    const { url } = await startExclusive();
    const both = `documentId=${hashOf(LOOK)}&query=${encodeURIComponent(LOOK)}&query=${encodeURIComponent(OTHER)}`;
    expect(await get(url, both)).toMatchObject({ status: 400, codes: ["BAD_REQUEST"] });
  });

  it("a GET executes queries only, and only of pages that are let in", async () => {
    const { url } = await startExclusive();
    expect(await get(url, `documentId=${hashOf(FOLLOW)}`)).toMatchObject({ status: 405, codes: ["BAD_REQUEST"] });
    const causedByAnyPage = await fetch(`${url}/graphql?documentId=${hashOf(LOOK)}`);
    expect(await read(causedByAnyPage)).toMatchObject({ status: 400, codes: ["BAD_REQUEST"] });
  });

  it("a mutation that is named starts a task by POST, and never by GET", async () => {
    const input = '{ projectName: "immtest", sourceUri: "oss://b/a.jpg" }';
    const create = `mutation { createImageModerationTask(input: ${input}) { isNew } }`;
    const { url, emulator } = await startExclusive({ persistedOperations: { create } });
    expect(await get(url, "documentId=create")).toMatchObject({ status: 405, codes: ["BAD_REQUEST"] });
    expect((await fetch(`${url}/graphql/stream?documentId=create`)).status).toBe(405);
    expect(emulator.calls).toHaveLength(0);
    const started = { data: { createImageModerationTask: { isNew: true } } };
    expect(await post(url, { documentId: "create" })).toMatchObject(started);
    expect(actionsOf(emulator)).toEqual(["CreateImageModerationTask"]);
  });

  it("a named document is bounded by its cost like any other", async () => {
    const { url } = await startExclusive({
      persistedOperations: { many: "query Many($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { status } }" },
      maxOperationCost: 10,
    });
    const keys = Array.from({ length: 20 }, () => ({ projectName: "immtest", ...RUN }));
    expect(await post(url, { documentId: "many", variables: { keys } })).toMatchObject({ codes: ["BAD_USER_INPUT"] });
  });

  it("Apollo's own manifest is read", async () => {
    const operations = [{ id: "look", name: "Look", type: "query", body: LOOK }] as const;
    const { url } = await startExclusive({
      persistedOperations: { format: "apollo-persisted-query-manifest", version: 1, operations },
    });
    expect(await post(url, { documentId: "look" })).toMatchObject({ data: { task: SEEN } });
  });
});

describe("the clients", () => {
  it("of Apollo sends nothing but hashes, queries and subscriptions alike", async () => {
    const cache = new InMemoryCache();
    const [look, follow] = [LOOK, FOLLOW].map((text) => print(cache.transformDocument(gql(text)))) as [string, string];
    const { url } = await startExclusive({ persistedOperations: { [hashOf(look)]: look, [hashOf(follow)]: follow } });
    const sent: string[] = [];
    const http = new HttpLink({
      uri: `${url}/graphql`,
      fetch: async (input, init) => {
        sent.push(init?.body as string);
        return fetch(input, init);
      },
    });
    const client = new ApolloClient({ link: new PersistedQueryLink({ sha256: hashOf }).concat(http), cache });
    disposeAfterTest(() => client.stop());
    expect((await client.query({ query: gql(LOOK) })).data).toMatchObject({ task: SEEN });
    const told: unknown[] = [];
    const subscription = client.subscribe({ query: gql(FOLLOW) }).subscribe(({ data }) => void told.push(data));
    disposeAfterTest(() => subscription.unsubscribe());
    await eventually(() => told.length === 1);
    expect(told).toMatchObject([{ taskProgress: SEEN }]);
    expect(sent).toHaveLength(2);
    expect(sent.join("")).not.toContain("status");
  });

  it("of graphql-sse names a document by an extension", async () => {
    const { url } = await startExclusive();
    const client = createClient({ url: `${url}/graphql/stream` });
    disposeAfterTest(() => client.dispose());
    const events: unknown[] = [];
    for await (const event of client.iterate({ query: "", ...byHash(FOLLOW) })) events.push(event);
    expect(events).toEqual([{ data: { taskProgress: SEEN } }]);
  });

  it("share the watch and the calls with those who send the document", async () => {
    const running = await startGateway({ gateway: { ...EVERY_SECOND, persistedOperations: { follow: FOLLOW } } });
    running.emulator.addTask({ ...RUN, durationMs: 3_000 });
    const naming = connect(running.url).iterate({ query: "", documentId: "follow" } as SubscribePayload);
    const sending = await subscribeBySse(running.url, FOLLOW);
    const first = { taskProgress: { status: "RUNNING" } };
    expect((await naming.next()).value).toEqual({ data: first });
    expect(await sending.result()).toEqual({ data: first });
    expect(actionsOf(running.emulator)).toEqual(["GetTask"]);
    while (running.gateway.watchedTasks > 0) await nextPoll(running);
    expect((await naming.next()).value).toEqual({ data: { taskProgress: SEEN } });
    expect(await eventsOf(sending)).toEqual([{ taskProgress: SEEN }]);
  });
});

describe("automatic persisted queries", () => {
  it("are off", async () => {
    const { url } = await start();
    expect(await post(url, { query: OTHER, ...byHash(OTHER) })).toMatchObject({ status: 200, codes: [] });
    expect(await post(url, byHash(OTHER))).toMatchObject({ codes: ["PERSISTED_QUERY_NOT_FOUND"] });
  });

  it("are remembered by every door where the operator has room for them", async () => {
    const { url } = await start({ persistedOperations: undefined, maxAutomaticQueryBytes: 10_000 });
    expect(await post(url, byHash(FOLLOW))).toMatchObject({ status: 200, codes: ["PERSISTED_QUERY_NOT_FOUND"] });
    const [register, ...others] = Object.values(doors);
    expect(await register?.(url, { query: FOLLOW, ...byHash(FOLLOW) })).toEqual([{ taskProgress: SEEN }]);
    for (const follow of others) expect(await follow(url, byHash(FOLLOW))).toEqual([{ taskProgress: SEEN }]);
  });

  it("are refused under a hash that is not theirs", async () => {
    const { url } = await start({ maxAutomaticQueryBytes: 10_000 });
    expect(await post(url, { query: OTHER, ...byHash("{ nothing }") })).toMatchObject({
      status: 400,
      codes: ["BAD_REQUEST"],
    });
    expect(await post(url, byHash("{ nothing }"))).toMatchObject({ codes: ["PERSISTED_QUERY_NOT_FOUND"] });
  });

  it("never push a document of the manifest out, and push each other out when there is no more room", async () => {
    const { url } = await start({ maxAutomaticQueryBytes: 200 });
    const another = "{ taskTypes { name mutation } }";
    for (const text of [OTHER, another]) await post(url, { query: text, ...byHash(text) });
    expect(await post(url, byHash(another))).toMatchObject({ codes: [] });
    const third = `{ taskTypes { name } ${"#".repeat(60)}\n}`;
    await post(url, { query: third, ...byHash(third) });
    expect(await post(url, byHash(OTHER))).toMatchObject({ codes: ["PERSISTED_QUERY_NOT_FOUND"] });
    expect(await post(url, byHash(LOOK))).toMatchObject({ data: { task: SEEN } });
  });
});

describe("the documents of the manifest", () => {
  it("are parsed and validated once, at the start, however they are asked for", async () => {
    const schema = createSchema();
    const limits = { ...NO_BOUNDS, maxQueryTokens: 1_000, maxDocumentCacheBytes: 1_024 };
    const checked = new Documents({ schema, hasIntrospection: false, ...limits });
    const persisted = new PersistedOperations({
      documents: new Map([["look", LOOK]]),
      source: "m.json",
      isExclusive: false,
      maxAutomaticQueryBytes: 0,
      checked,
    });
    // The cast: nothing is executed.
    const pipeline = new Pipeline({
      ...NO_LIMITS,
      access: OPEN_ACCESS,
      schema,
      documents: checked,
      persisted,
      maxOperationCost: 100,
      createContext: () => ({}),
    } as unknown as PipelineOptions);
    const client = { ...NOBODY, isPosted: true, signal: new AbortController().signal };
    const preparations = await Promise.all([1, 2].map(async () => pipeline.prepare({ query: LOOK }, client)));
    const documents = preparations.map((preparation) => preparation.kind === "ready" && preparation.args.document);
    expect(documents[0]).toBe(checked.check(LOOK).document);
    expect(documents[1]).toBe(documents[0]);
  });
});

describe("without any of it", () => {
  it("documents are sent as ever", async () => {
    const { url } = await start({ persistedOperations: undefined });
    expect((await query(url, LOOK)).data).toEqual({ task: SEEN });
  });
});
