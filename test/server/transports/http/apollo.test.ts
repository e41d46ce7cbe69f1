import {
  HeaderMap,
  type ApolloServerPlugin,
  type GraphQLRequestListener,
  type GraphQLResponse,
  type HTTPGraphQLHead,
} from "@apollo/server";
import { ApolloServerPluginCacheControl } from "@apollo/server/plugin/cacheControl";
import { afterEach, describe, expect, it } from "@jest/globals";
import { GraphQLError } from "graphql";
import type { ApolloContext } from "../../../../src/index.js";
import { createGateway } from "../../../../src/server/gateway.js";
import { keyArguments, query } from "../../../support/query.js";
import { startGateway, type RunningGateway, type StartOptions } from "../../../support/start-gateway.js";

/** What makes Apollo report by itself. */
const APOLLO_ENVIRONMENT = {
  APOLLO_KEY: "service:imm:key",
  APOLLO_GRAPH_REF: "imm@current",
  APOLLO_SCHEMA_REPORTING: "true",
};

/** By what IMM knows each of its answers. */
const UUID = /[\dA-F]{8}(?:-[\dA-F]{4}){3}-[\dA-F]{12}/g;
const unused = async (): Promise<never> => Promise.reject(new Error("Expected no call."));
const NO_CLIENT = { getTask: unused, listTasks: unused, getResult: unused, createTask: unused };

const RUN = { taskType: "FileUncompression", taskId: "run", durationMs: Infinity };
const GONE = { taskType: "FileUncompression", taskId: "gone" };

const LOOK = `query Look { task(${keyArguments(RUN)}) { status } }`;

async function start(plugins: readonly ApolloServerPlugin<ApolloContext>[], options: StartOptions["gateway"] = {}) {
  const running = await startGateway({ gateway: { ...options, apolloPlugins: plugins } });
  running.emulator.addTask(RUN);
  return running;
}

describe("a plugin of Apollo", () => {
  it.each([
    ["a document that is kept", 100_000],
    ["one that is too large to be kept", 1_024],
  ])("sees what is executed, and nothing is parsed or validated again: %s", async (_what, maxBytes) => {
    const seen: unknown[] = [];
    const plugin: ApolloServerPlugin<ApolloContext> = {
      serverWillStart: async ({ schema }) => void seen.push(schema.getType("Task")?.name),
      requestDidStart: async ({ contextValue }) => {
        seen.push(contextValue.caller, contextValue.requestId);
        return {
          parsingDidStart: async () => void seen.push("parsed"),
          validationDidStart: async () => void seen.push("validated"),
          didResolveOperation: async ({ source, operationName }) => void seen.push(source, operationName),
          executionDidStart: async () => ({ executionDidEnd: async () => void seen.push("executed") }),
          didEncounterErrors: async ({ errors }) => void seen.push(...errors.map(({ message }) => message)),
          willSendResponse: async ({ response: { body, http } }) => {
            http.headers.set("x-plugin", body.kind);
          },
        };
      },
    };
    const { url } = await start([plugin], { maxDocumentCacheBytes: maxBytes });
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": "r-1" },
      body: JSON.stringify({ query: LOOK }),
    });
    expect(await response.json()).toEqual({ data: { task: { status: "RUNNING" } } });
    expect(response.headers.get("x-plugin")).toBe("single");
    expect(seen.splice(0)).toEqual(["Task", "", "r-1", LOOK, "Look", "executed"]);
    // Refused ahead of it.
    expect((await query(url, "{ nothing }")).status).toBe(400);
    expect(seen.splice(0)).toEqual([]);
    const { data, errors } = await query(url, `{ task(${keyArguments(GONE)}) { taskEvents: status } }`);
    expect([data, seen.slice(-errors.length - 1)]).toEqual([
      { task: null },
      [...errors.map(({ message }) => message), "executed"],
    ]);
  });

  it("may refuse, or answer by itself: nothing is asked of IMM, or charged", async () => {
    const plugin: ApolloServerPlugin<ApolloContext> = {
      requestDidStart: async ({ request: { operationName } }) => ({
        didResolveOperation: async () => {
          if (operationName === "Refused") refuse();
        },
        responseForOperation: async ({ response: { http } }) => (operationName === "Own" ? ownAnswer(http) : null),
      }),
    };
    const { url, emulator } = await start([plugin], { callsPerMinute: 1, callBurst: 1 });
    const ask = async (operationName: string): Promise<unknown> => {
      const response = await fetch(`${url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query: LOOK.replace("Look", operationName), operationName }),
      });
      return [response.status, await response.json()];
    };
    for (const _ of [1, 2]) {
      expect(await ask("Refused")).toEqual([403, { errors: [{ message: "No.", extensions: { code: "NO" } }] }]);
      expect(await ask("Own")).toEqual([200, { data: { own: true } }]);
    }
    expect(emulator.calls).toEqual([]);
    expect(await ask("Look")).toEqual([200, { data: { task: { status: "RUNNING" } } }]);
    expect(emulator.calls).toHaveLength(1);
  });

  it("sees a mutation as one, whatever is kept, and what it started is answered", async () => {
    const kinds: unknown[] = [];
    const plugin: ApolloServerPlugin = {
      requestDidStart: async () => ({
        didResolveOperation: async ({ operation }) => void kinds.push(operation?.operation),
      }),
    };
    const { url, emulator } = await start([plugin], { maxDocumentCacheBytes: 1_024 });
    const mutation = `mutation Make($input: CreateFileCompressionTaskInput!) { createFileCompressionTask(input: $input) { task { status } } }`;
    const input = {
      projectName: "immtest",
      sources: [{ uri: "oss://b/a", mode: "FULL_NAME" }],
      targetUri: "oss://b/z.zip",
    };
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: mutation, operationName: "Make", variables: { input } }),
    });
    const answer = await response.json();
    expect([response.status, answer, kinds]).toEqual([
      200,
      { data: { createFileCompressionTask: { task: { status: "RUNNING" } } } },
      ["mutation"],
    ]);
    expect(emulator.calls).toHaveLength(1);
  });

  it.each<[what: string, hooks: GraphQLRequestListener<ApolloContext>, code: string]>([
    ["an answer of its own", { responseForOperation: async ({ response: { http } }) => ownAnswer(http) }, "OK"],
    ["a refusal", { didResolveOperation: async () => refuse() }, "other"],
    ["a failure", { didResolveSource: async () => Promise.reject(new Error("broken")) }, "INTERNAL_SERVER_ERROR"],
  ])("is counted as what it answers: %s", async (_what, hooks, code) => {
    const options = { metricsPort: 0, logOperations: "all" as const };
    const { url, metricsUrl, logger } = await start([{ requestDidStart: async () => hooks }], options);
    const { text } = await query(url, LOOK);
    expect(text).not.toContain("broken");
    expect(await (await fetch(metricsUrl)).text()).toMatch(
      new RegExp(`operations_total\\{[^}]*code="${code}"[^}]*\\} 1`),
    );
    expect(logger.lines.filter((line) => line.includes("broken")).length > 0).toBe(code === "INTERNAL_SERVER_ERROR");
  });

  it("that spoils a large answer spoils that alone", async () => {
    const plugin: ApolloServerPlugin = {
      requestDidStart: async () => ({
        willSendResponse: async ({ response: { http, body } }) => {
          http.headers.set("x-odd", "a\nb");
          if (body.kind === "single") body.singleResult.extensions = { filler: "x".repeat(1_000_001) };
        },
      }),
    };
    const { url } = await start([plugin]);
    expect((await query(url, LOOK).catch(() => ({ status: 0 }))).status).not.toBe(200);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it("changes nothing of what clients are answered", async () => {
    const looks: ApolloServerPlugin = { requestDidStart: async () => ({}) };
    const [plain, watched] = [await start([]), await start([looks])];
    const both = `{ a: task(${keyArguments(RUN)}) { id progress } b: task(${keyArguments(GONE)}) { id } }`;
    const requests: readonly (readonly [path: string, init: RequestInit])[] = [
      post({ query: both }),
      post({ query: both }, { "imm-extensions": "true" }),
      post({ query: both }, { accept: "application/graphql-response+json" }),
      post({ query: "query ($key: TaskKeyInput!) { task(key: $key) { id } }", variables: { key: { taskId: "run" } } }),
      post({ query: "query ($n: Int!) { tasks(projectName: $n) { nodes { id } } }", variables: { n: 1 } }),
      post({ query: both }, { accept: "text/plain" }),
      [`?query=${encodeURIComponent(both)}`, { headers: { "apollo-require-preflight": "true" } }],
      post({ query: both, extensions: { persistedQuery: { version: 1, sha256Hash: "0".repeat(64) } } }),
      post({ query: `mutation { cancel: __typename }` }),
      post({ query: "query A { taskTypes { name } } query B { __typename }", operationName: "B" }),
    ];
    for (const [path, init] of requests) {
      expect(await answerOf(watched, path, init)).toEqual(await answerOf(plain, path, init));
    }
    for (const { emulator } of [plain, watched]) emulator.injectFault({ kind: "emptyBody", times: 100 });
    const [path, init] = post({ query: LOOK });
    expect(await answerOf(watched, path, init)).toEqual(await answerOf(plain, path, init));
  });

  it("may be one of Apollo's own, which is then not turned off", async () => {
    const { url } = await start([ApolloServerPluginCacheControl({ defaultMaxAge: 5 })]);
    expect((await query(url, LOOK)).data).toEqual({ task: { status: "RUNNING" } });
  });

  it("is an object in an array", () => {
    const options = { region: "cn-hangzhou", client: NO_CLIENT, apolloPlugins: ["one"] };
    expect(() => createGateway(options as never)).toThrow(
      "Expected `apolloPlugins` to be an array of plugins of Apollo Server",
    );
  });
});

function ownAnswer(http: HTTPGraphQLHead): GraphQLResponse {
  return {
    http: { ...http, headers: new HeaderMap() },
    body: { kind: "single", singleResult: { data: { own: true } } },
  };
}

function refuse(): never {
  throw new GraphQLError("No.", { extensions: { code: "NO", http: { status: 403 } } });
}

function post(body: object, headers: Record<string, string> = {}): readonly [string, RequestInit] {
  return [
    "",
    { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) },
  ];
}

async function answerOf({ url }: RunningGateway, path: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(`${url}/graphql${path}`, init);
  const { date: _date, "x-request-id": _id, ...headers } = Object.fromEntries(response.headers);
  return { status: response.status, headers, text: (await response.text()).replaceAll(UUID, "") };
}

describe("what is Apollo's own", () => {
  afterEach(() => {
    for (const name of Object.keys(APOLLO_ENVIRONMENT)) Reflect.deleteProperty(process.env, name);
  });

  it("reports nothing to Apollo, whatever its variables say", async () => {
    Object.assign(process.env, APOLLO_ENVIRONMENT);
    const { url, logger } = await start([{}]);
    expect((await query(url, "{ taskTypes { name } }")).status).toBe(200);
    const page = await fetch(`${url}/graphql`, { headers: { accept: "text/html" } });
    expect(await page.text()).toContain("embeddable-sandbox");
    expect(logger.lines.filter((line) => /apollo/i.test(line))).toEqual([]);
  });
});
