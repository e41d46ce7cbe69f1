import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { connect as connectTcp, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "@jest/globals";
import { getIntrospectionQuery } from "graphql";
import type { AddressInfo } from "node:net";
import { EMULATOR_REGION } from "../../../../src/emulator/emulator.js";
import { parseEndpoint } from "../../../../src/imm/wire/endpoints.js";
import { createOpenApi } from "../../../../src/imm/wire/openapi-client.js";
import { createGateway } from "../../../../src/server/gateway.js";
import { keyArguments, query, type QueryError } from "../../../support/query.js";
import { withTimePassing } from "../../../support/manual-clock.js";
import { disposeAfterTest, startGateway } from "../../../support/start-gateway.js";
import { RUN } from "../../../support/tasks.js";

const ASKED = "/graphql?query=%7B__typename%7D";
const DOCUMENT = `{ task(${keyArguments(RUN)}) { status } }`;

async function post(url: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/graphql`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
}

async function codesOf(response: Response): Promise<readonly unknown[]> {
  const { errors } = (await response.json()) as { errors: readonly QueryError[] };
  return errors.map(({ extensions }) => extensions["code"]);
}

describe("GraphQL over HTTP", () => {
  it("takes a query by POST and by GET", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const byGet = await fetch(`${url}/graphql?query=${encodeURIComponent(DOCUMENT)}`, {
      headers: { "apollo-require-preflight": "true" },
    });
    expect(await byGet.json()).toEqual({ data: { task: { status: "RUNNING" } } });
    expect((await query(url, DOCUMENT)).data).toEqual({ task: { status: "RUNNING" } });
  });

  it("refuses a GET that a page of another origin could have caused", async () => {
    const { url } = await startGateway();
    const response = await fetch(`${url}/graphql?query=${encodeURIComponent(DOCUMENT)}`);
    expect(response.status).toBe(400);
    expect(await codesOf(response)).toEqual(["BAD_REQUEST"]);
  });

  it("has no cache-control header that would let a proxy keep an answer", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const response = await post(url, JSON.stringify({ query: DOCUMENT }));
    expect(response.headers.get("cache-control") ?? "no-store").toBe("no-store");
  });

  it.each(["/healthz", "/readyz", "/readyz?from=probe"])("answers %s, under any host and by HEAD", async (path) => {
    const { url, port } = await startGateway();
    expect(await (await fetch(url + path)).json()).toEqual({ status: "ok" });
    expect((await fetch(url + path, { method: "HEAD" })).status).toBe(200);
    const asked = request({ port, host: "127.0.0.1", path, headers: { host: "10.1.2.3:4000" } }).end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    expect(response.resume().statusCode).toBe(200);
  });

  it.each([
    [
      "a body",
      "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    ],
    ["a head", "POST /graphql HTTP/1.1\r\nHost: localhost\r\nX-Slow:"],
  ])("cuts %s that does not come to its end in time, and no sooner an answer", async (_what, bytes) => {
    const { url, port, emulator } = await startGateway({ gateway: { requestTimeoutMs: 100 } });
    emulator.addTask({ ...RUN, durationMs: Infinity });
    const streamed = await fetch(`${url}/graphql/stream`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: `subscription { taskProgress(${keyArguments(RUN)}) { progress } }` }),
    });
    const reader = (streamed.body as ReadableStream<Uint8Array>).getReader();
    const socket = connectTcp(port, "127.0.0.1");
    disposeAfterTest(() => void socket.destroy());
    const answer = text(socket);
    const sentAt = performance.now();
    socket.write(bytes);
    expect(await answer).toMatch(/^HTTP\/1.1 408 /);
    // Node looks every second at most; by itself it would every thirty.
    expect(performance.now() - sentAt).toBeLessThan(5_000);
    expect((await reader.read()).done).toBe(false);
    await reader.cancel();
  });
});

describe("what is no GraphQL request", () => {
  it.each([
    ["a body that is not JSON", '{"query":', 400, "BAD_REQUEST"],
    ["an empty body", "", 400, "BAD_REQUEST"],
    ["JSON that is no request", "[1]", 400, "BAD_REQUEST"],
    ["a query of 1 MB", JSON.stringify({ query: `{ ${"taskTypes ".repeat(100_000)} }` }), 413, "BAD_REQUEST"],
    ["a query that does not parse", JSON.stringify({ query: "{ task(" }), 400, "GRAPHQL_PARSE_FAILED"],
    ["an unknown field", JSON.stringify({ query: "{ nothing }" }), 400, "GRAPHQL_VALIDATION_FAILED"],
    [
      "a missing variable",
      JSON.stringify({ query: "query ($id: ID!) { node(id: $id) { id } }" }),
      400,
      "BAD_USER_INPUT",
    ],
    ["a missing argument", JSON.stringify({ query: "{ node { id } }" }), 400, "GRAPHQL_VALIDATION_FAILED"],
    [
      "a subscription",
      JSON.stringify({
        query: 'subscription { taskProgress(key: { projectName: "a", taskType: "b", taskId: "c" }) { id } }',
      }),
      400,
      "BAD_REQUEST",
    ],
  ])("is answered with its status and code: %s", async (_what, body, status, code) => {
    const { url, emulator } = await startGateway();
    const response = await post(url, body);
    expect(response.status).toBe(status);
    expect(await codesOf(response)).toEqual([code]);
    expect(emulator.calls).toHaveLength(0);
    expect((await query(url, "{ __typename }")).data).toEqual({ __typename: "Query" });
  });

  it("is a document with too many tokens", async () => {
    const { url } = await startGateway({ gateway: { maxQueryTokens: 20 } });
    const { status, errors } = await query(url, `{ ${"a: __typename ".repeat(50)} }`);
    expect(status).toBe(400);
    expect(errors[0]?.extensions["code"]).toBe("GRAPHQL_PARSE_FAILED");
  });

  it("is a body of another content type", async () => {
    const { url } = await startGateway();
    const response = await post(url, "query=x", { "content-type": "application/x-www-form-urlencoded" });
    expect(response.status).toBe(415);
    expect(await codesOf(response)).toEqual(["BAD_REQUEST"]);
  });

  it("is a path that does not exist", async () => {
    const { url } = await startGateway();
    const response = await fetch(`${url}/admin`);
    expect(response.status).toBe(404);
    expect(await codesOf(response)).toEqual(["BAD_REQUEST"]);
  });
});

describe("what IMM refuses or fails", () => {
  it.each([
    [
      "an unknown task",
      { ...RUN, taskId: "nobody" },
      "NOT_FOUND",
      { imm: { code: "ResourceNotFound", requestId: expect.any(String) } },
    ],
    [
      "an unknown project",
      { ...RUN, projectName: "nowhere" },
      "NOT_FOUND",
      { imm: { code: "ResourceNotFound", requestId: expect.any(String) } },
    ],
    ["an empty task id", { ...RUN, taskId: "" }, "BAD_USER_INPUT", { argument: "key.taskId" }],
    ["an empty project", { ...RUN, projectName: " " }, "BAD_USER_INPUT", { argument: "key.projectName" }],
  ])("is answered with its code: %s", async (_what, key, code, extensions) => {
    const { url } = await startGateway();
    const { status, data, errors } = await query(url, `{ task(${keyArguments(key)}) { status } }`);
    expect(status).toBe(200);
    expect(data).toEqual({ task: null });
    expect(errors).toMatchObject([{ path: ["task"], extensions: { code, ...extensions } }]);
  });

  it("is UPSTREAM_MISCONFIGURED for a wrong key pair, without a word of it", async () => {
    const { url, emulator, logger } = await startGateway({
      accessKey: { accessKeyId: "LTAIsomebody", accessKeySecret: "hunter2" },
    });
    emulator.addTask(RUN);
    const { text, errors } = await query(url, DOCUMENT);
    expect(errors).toMatchObject([
      { extensions: { code: "UPSTREAM_MISCONFIGURED", imm: { code: "InvalidAccessKeyId.NotFound" } } },
    ]);
    expect(`${text}${logger.lines.join("")}`).not.toMatch(/hunter2|LTAIsomebody/);
    expect(emulator.calls).toHaveLength(1);
  });

  it("is UPSTREAM_MISCONFIGURED for a wrong secret, without the text that was signed", async () => {
    const { url, emulator, logger } = await startGateway({
      accessKey: { accessKeyId: "emulator", accessKeySecret: "hunter2" },
    });
    emulator.addTask(RUN);
    const { text, errors } = await query(url, DOCUMENT);
    expect(errors).toMatchObject([
      { extensions: { code: "UPSTREAM_MISCONFIGURED", imm: { code: "SignatureDoesNotMatch" } } },
    ]);
    expect(`${text}${logger.lines.join("")}`).not.toMatch(/hunter2|ACS3-HMAC|x-acs|TaskId=/);
  });

  it("is UPSTREAM_MISCONFIGURED for a clock that is off", async () => {
    const { url, emulator, clock } = await startGateway({ emulator: { maxClockSkewMs: 900_000 } });
    emulator.addTask(RUN);
    await clock.advance(3_600_000);
    const { errors } = await query(url, DOCUMENT);
    expect(errors).toMatchObject([
      {
        message: "IMM refused the gateway's clock: it is off by more than 15 minutes.",
        extensions: { code: "UPSTREAM_MISCONFIGURED" },
      },
    ]);
  });

  it("is UPSTREAM_UNAVAILABLE for an endpoint where nobody listens", async () => {
    const nobody = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => nobody.once("listening", resolve));
    const { port } = nobody.address() as AddressInfo;
    await new Promise((resolve) => nobody.close(resolve));
    const { openApi } = await createOpenApi({
      endpoint: parseEndpoint(`http://127.0.0.1:${port}`),
      accessKey: { accessKeyId: "a", accessKeySecret: "b" },
      userAgent: "test",
    });
    const gateway = createGateway({ region: EMULATOR_REGION, openApi, port: 0, maxRetries: 1, retryDelayMs: 1 });
    disposeAfterTest(async () => gateway.stop());
    const { url } = await gateway.start();
    const { text, errors } = await query(url, DOCUMENT);
    expect(errors).toMatchObject([
      { message: "The connection to IMM failed (ECONNREFUSED).", extensions: { code: "UPSTREAM_UNAVAILABLE" } },
    ]);
    expect(text).not.toContain("TaskId=");
  });

  it.each([
    ["throttle", "UPSTREAM_THROTTLED"],
    ["serverError", "UPSTREAM_UNAVAILABLE"],
    ["reset", "UPSTREAM_UNAVAILABLE"],
    ["notJson", "UPSTREAM_INVALID_RESPONSE"],
    ["truncated", "UPSTREAM_INVALID_RESPONSE"],
    ["emptyBody", "UPSTREAM_INVALID_RESPONSE"],
  ] as const)("is retried, then answered: %s as %s", async (kind, code) => {
    const { url, emulator, clock } = await startGateway({ gateway: { maxRetries: 2 } });
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.injectFault({ kind });
    expect((await withTimePassing(clock, query(url, DOCUMENT))).errors).toMatchObject([{ extensions: { code } }]);
    expect(emulator.calls).toHaveLength(3);
    emulator.clearFaults();
    emulator.injectFault({ kind, times: 2 });
    expect((await withTimePassing(clock, query(url, DOCUMENT))).data).toEqual({ task: { status: "RUNNING" } });
  });

  it("is UPSTREAM_TIMEOUT for a call that stalls", async () => {
    const { url, emulator } = await startGateway({ gateway: { maxRetries: 0, callTimeoutMs: 20 } });
    emulator.addTask(RUN);
    emulator.injectFault({ kind: "stall" });
    expect((await query(url, DOCUMENT)).errors).toMatchObject([{ extensions: { code: "UPSTREAM_TIMEOUT" } }]);
  });

  it("is refused before it costs anything when one operation asks for too many tasks", async () => {
    const { url, emulator } = await startGateway({ gateway: { maxTasksPerOperation: 3 } });
    const aliases = [0, 1, 2, 3].map(
      (index) => `a${index}: task(${keyArguments({ ...RUN, taskId: `t${index}` })}) { id }`,
    );
    const { errors } = await query(url, `{ ${aliases.join(" ")} }`);
    expect(errors.map(({ path, extensions }) => [path, extensions["code"]])).toContainEqual([["a3"], "BAD_USER_INPUT"]);
    expect(emulator.calls).toHaveLength(3);
  });
});

describe("the explorers", () => {
  it("are there when they are asked for", async () => {
    const { url } = await startGateway();
    const sandbox = await fetch(`${url}/graphql`, { headers: { accept: "text/html" } });
    expect(await sandbox.text()).toContain("embeddable-sandbox");
    const graphiql = await fetch(`${url}/graphiql`);
    expect(graphiql.headers.get("content-type")).toContain("text/html");
    const root = await fetch(url, { redirect: "manual" });
    expect(root.headers.get("location")).toBe("/graphiql");
    expect((await query(url, "{ __schema { queryType { name } } }")).errors).toEqual([]);
  });

  it("are not there otherwise, nor is introspection", async () => {
    const { url } = await startGateway({ gateway: { explorer: false } });
    const statuses = await Promise.all(
      ["/graphql", "/graphiql", "/"].map(
        async (path) => (await fetch(`${url}${path}`, { headers: { accept: "text/html" } })).status,
      ),
    );
    expect(statuses).toEqual([400, 404, 404]);
    const { errors } = await query(url, "{ __schema { queryType { name } } }");
    expect(errors[0]?.extensions["code"]).toBe("GRAPHQL_VALIDATION_FAILED");
  });

  it("are not there otherwise, and one error says how to turn introspection on, and where the schema is", async () => {
    const { url } = await startGateway({ gateway: { explorer: false } });
    const { errors } = await query(url, getIntrospectionQuery());
    expect(errors).toHaveLength(1);
    expect(errors[0]?.message).toMatch(/^Introspection is off, .*EXPLORER=true.*schema\.graphql.*imm-graphql schema/);
    const { errors: ofType } = await query(url, '{ __type(name: "Task") { name fields { name } } }');
    expect(ofType.map(({ message }) => message)).toEqual([errors[0]?.message]);
  });
});

describe("the projects that are served", () => {
  it("are those that are listed; others cost no call", async () => {
    const { url, emulator } = await startGateway({ gateway: { projects: ["immtest"] } });
    emulator.addTask(RUN);
    expect((await query(url, DOCUMENT)).data).toEqual({ task: { status: "RUNNING" } });
    const { errors } = await query(url, `{ task(${keyArguments({ ...RUN, projectName: "other" })}) { status } }`);
    expect(errors).toMatchObject([{ path: ["task"], extensions: { code: "FORBIDDEN" } }]);
    expect(emulator.calls).toHaveLength(1);
  });
});

describe("a name that is made half of a character", () => {
  it("is refused, and harms nobody else", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const keys = Array.from({ length: 30 }, (_value, index) => ({
      ...RUN,
      projectName: "immtest",
      taskId: `\ud800${index}`,
    }));
    const { errors } = await query(url, "query ($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { id } }", { keys });
    expect(new Set(errors.map(({ extensions }) => extensions["code"]))).toEqual(new Set(["BAD_USER_INPUT"]));
    expect((await query(url, DOCUMENT)).data).toEqual({ task: { status: "RUNNING" } });
  });
});

describe("a page whose host was made to resolve to this machine", () => {
  it("is not let in, with an origin or without", async () => {
    const { port } = await startGateway();
    const statusOf = async (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve) => {
        request(
          { port, host: "127.0.0.1", path: ASKED, headers: { ...headers, "apollo-require-preflight": "1" } },
          (response) => {
            response.resume();
            resolve(response.statusCode);
          },
        ).end();
      });
    expect(await statusOf({ host: `evil.example:${port}` })).toBe(403);
    expect(await statusOf({ host: `evil.example:${port}`, origin: `http://evil.example:${port}` })).toBe(403);
    expect(await statusOf({ host: `localhost:${port}` })).toBe(200);
    expect(await statusOf({ host: `[::1]:${port}` })).toBe(200);
  });
});

describe("pages of other origins", () => {
  it.each([
    ["none", [], "https://app.example.com", null],
    ["its own", ["https://app.example.com"], "https://app.example.com", "https://app.example.com"],
    ["another", ["https://app.example.com"], "https://evil.example", null],
    ["any", ["*"], "https://evil.example", "https://evil.example"],
    ["this machine's", ["localhost"], "http://localhost:5173", "http://localhost:5173"],
  ])("are let in as configured: %s", async (_what, corsOrigins, origin, allowed) => {
    const { url } = await startGateway({ gateway: { corsOrigins } });
    const response = await fetch(`${url}/graphql`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
    });
    expect(response.headers.get("access-control-allow-origin")).toBe(allowed);
  });

  it("are counted where they are kept out, by a preflight or a request; the gateway's own may ask for leave", async () => {
    const { url, metricsUrl } = await startGateway({ gateway: { corsOrigins: [], metricsPort: 0 } });
    const preflight = async (origin: string, path = "/graphql"): Promise<number> => {
      const headers = { origin, "access-control-request-method": "POST" };
      return (await fetch(`${url}${path}`, { method: "OPTIONS", headers })).status;
    };
    const refusals = async (): Promise<string | undefined> =>
      /refusals_total\{reason="origin"[^}]*\} (\d+)/.exec(await (await fetch(metricsUrl)).text())?.[1];
    expect([await preflight(url), await refusals()]).toEqual([204, undefined]);
    expect([await preflight("https://evil.example"), await refusals()]).toEqual([403, "1"]);
    // A probe is asked by GET: for other methods its path has the rules of all others.
    expect([await preflight("https://evil.example", "/healthz"), await refusals()]).toEqual([403, "2"]);
  });
});
