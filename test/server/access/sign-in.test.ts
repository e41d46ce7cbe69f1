import { describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import type { AccessConfig } from "../../../src/access/config/access-config.js";
import type { AuthenticateFunction } from "../../../src/access/authenticators/function-access.js";
import { ConfigurationError } from "../../../src/errors.js";
import { createGateway } from "../../../src/server/gateway.js";
import { RawSocket, subscribeMessage } from "../../support/raw-socket.js";
import { manualClockNow, startGateway } from "../../support/start-gateway.js";
import { MULTIPART } from "../../support/stream-request.js";
import { digestOf, TOKEN } from "../../support/test-token.js";
import { uncalled } from "../../support/uncalled.js";
import { disposeAfterTest, type RunningGateway } from "../../support/start-gateway.js";

const ACCESS: AccessConfig = {
  tokens: [{ name: "ci", sha256: digestOf(TOKEN), grants: [{ projects: ["*"], allow: ["read"] }] }],
};
const RIGHT = `Bearer ${TOKEN}`;
const WRONG = ["Bearer imm_hunter2", "Basic aHVudGVyMg==", "hunter2", ""];
const QUERY = '{ task(key: { projectName: "immtest", taskType: "FileCompression", taskId: "run" }) { taskId } }';
const FOLLOW =
  'subscription { taskProgress(key: { projectName: "immtest", taskType: "FileCompression", taskId: "run" }) { taskId } }';

type Ask = (url: string, headers: Record<string, string>) => Promise<Response>;

function post(path: string, accept: string, query: string): Ask {
  return async (url, headers) =>
    fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", accept, ...headers },
      body: JSON.stringify({ query }),
    });
}

/** Every way of an operation over HTTP, and what its answer has in it when it is let in. */
const WAYS: readonly (readonly [name: string, ask: Ask])[] = [
  ["POST", post("/graphql", "application/json", QUERY)],
  [
    "GET",
    async (url, headers) =>
      fetch(`${url}/graphql?query=${encodeURIComponent(QUERY)}`, {
        headers: { "apollo-require-preflight": "true", ...headers },
      }),
  ],
  ["SSE", post("/graphql/stream", "text/event-stream", FOLLOW)],
  ["a query by SSE", post("/graphql/stream", "text/event-stream", QUERY)],
  ["multipart", post("/graphql", MULTIPART, FOLLOW)],
];

async function start(): Promise<RunningGateway> {
  const running = await startGateway({ gateway: { access: ACCESS } });
  running.emulator.addTask({ taskType: "FileCompression", taskId: "run", startedAgoMs: 60_000 });
  return running;
}

/** Opens a socket by hand, and says `connection_init` with a payload: what comes of it. */
async function greet(url: string, payload: unknown, headers: Record<string, string> = {}): Promise<number | "ack"> {
  const webSocket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws", { headers });
  disposeAfterTest(() => webSocket.terminate());
  await new Promise((resolve) => webSocket.once("open", resolve));
  webSocket.send(JSON.stringify({ type: "connection_init", payload }));
  return new Promise((resolve) => {
    webSocket.once("message", () => resolve("ack"));
    webSocket.once("close", resolve);
  });
}

describe("a request over HTTP", () => {
  it.each(WAYS)("is let in with its token, by %s", async (_name, ask) => {
    const { url } = await start();
    const response = await ask(url, { authorization: RIGHT });
    expect(response.status).toBe(200);
    expect(response.headers.get("www-authenticate")).toBeNull();
    const text = await response.text();
    expect(text).toContain('"taskId":"run"');
  });

  it.each(WAYS)("is 401 without a token and with a wrong one, and makes no call, by %s", async (_name, ask) => {
    const { url, emulator, logger } = await start();
    const bare = await ask(url, {});
    expect([bare.status, bare.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(await bare.json()).toEqual({
      errors: [{ message: expect.stringContaining("Expected a token"), extensions: { code: "UNAUTHENTICATED" } }],
    });
    for (const authorization of WRONG) {
      const response = await ask(url, { authorization });
      const challenge = response.headers.get("www-authenticate");
      expect([response.status, challenge]).toEqual([401, 'Bearer error="invalid_token"']);
      expect(await response.text()).not.toContain("hunter2");
    }
    expect(emulator.calls).toEqual([]);
    expect(logger.lines.map((line) => JSON.parse(line) as object)).toEqual(
      [false, ...WRONG.map(() => true)].map((hadCredential) => ({
        level: "warn",
        message: "A caller was refused: it did not show who it is.",
        reason: expect.any(String),
        address: "127.0.0.1",
        transport: expect.stringMatching(/^(http|sse)$/),
        hadCredential,
      })),
    );
    expect(logger.lines.join("")).not.toContain("hunter2");
  });

  it("cannot sign in by its URL, nor by a body", async () => {
    const { url } = await start();
    const search = `authorization=${encodeURIComponent(RIGHT)}&access_token=${TOKEN}&query=${encodeURIComponent(QUERY)}`;
    const headers = { accept: "text/event-stream" };
    expect((await fetch(`${url}/graphql/stream?${search}`, { headers })).status).toBe(401);
    const body = JSON.stringify({ query: QUERY, authorization: RIGHT, extensions: { authorization: RIGHT } });
    const posted = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect(posted.status).toBe(401);
  });

  it("may come from a page that is let in, which may send the header and is told nothing of it", async () => {
    const origin = "https://app.example.com";
    const { url } = await startGateway({ gateway: { access: ACCESS, corsOrigins: [origin] } });
    const preflight = await fetch(`${url}/graphql`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(/\bauthorization\b/);
    expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
    const refused = await post("/graphql", "application/json", QUERY)(url, { origin });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
    expect(refused.headers.get("access-control-expose-headers")).toBeNull();
  });
});

describe("a WebSocket", () => {
  it.each<[what: string, payload: unknown, headers: Record<string, string>, outcome: number | "ack"]>([
    ["connectionParams", { authorization: RIGHT }, {}, "ack"],
    ["the header's spelling", { Authorization: RIGHT }, {}, "ack"],
    ["any spelling", { AUTHORIZATION: `bearer ${TOKEN}` }, {}, "ack"],
    ["its handshake", undefined, { authorization: RIGHT }, "ack"],
    ["its handshake, beside other params", { tenant: "acme" }, { authorization: RIGHT }, "ack"],
    ["its handshake, where params have null", { authorization: null }, { authorization: RIGHT }, "ack"],
    ["params before its handshake", { authorization: RIGHT }, { authorization: WRONG[0] as string }, "ack"],
    ["nothing", undefined, {}, 4_401],
    ["other params", { token: TOKEN, headers: { authorization: RIGHT } }, {}, 4_401],
    ["wrong params", { authorization: WRONG[0] }, {}, 4_401],
    ["wrong params before its handshake", { authorization: WRONG[0] }, { authorization: RIGHT }, 4_401],
    ["another scheme", { authorization: WRONG[1] }, {}, 4_401],
    ["the token alone", { authorization: TOKEN }, {}, 4_401],
    ["no text", { authorization: { token: TOKEN } }, {}, 4_401],
    ["two of them", { authorization: RIGHT, Authorization: RIGHT }, {}, 4_401],
    ["a wrong handshake", undefined, { authorization: WRONG[0] as string }, 4_401],
    ["an endless text", { authorization: `Bearer ${"a".repeat(20_000)}` }, {}, 4_401],
  ])("shows who it is by %s: %#", async (_what, payload, headers, outcome) => {
    const { url, emulator } = await start();
    expect(await greet(url, payload, headers)).toBe(outcome);
    expect(emulator.calls).toEqual([]);
  });

  it("is not let in before it has said who it is, and cannot say it twice", async () => {
    const { url, emulator } = await start();
    const silent = await RawSocket.openSilently(url);
    silent.send(subscribeMessage("a", QUERY));
    expect(await silent.closed).toBe(4_401);
    const twice = await RawSocket.openSilently(url);
    twice.send({ type: "connection_init" }, { type: "connection_init", payload: { authorization: RIGHT } });
    expect([4_401, 4_429]).toContain(await twice.closed);
    expect(emulator.calls).toEqual([]);
  });

  it("of graphql-ws takes a refusal for final", async () => {
    const { url } = await start();
    let asked = 0;
    const client = createClient({
      url: `${url.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: () => {
        asked += 1;
        return { authorization: WRONG[0] };
      },
      retryAttempts: 5,
      shouldRetry: () => true,
      retryWait: async () => undefined,
    });
    const failure = await new Promise<unknown>((resolve) => {
      client.subscribe({ query: FOLLOW }, { next: () => undefined, error: resolve, complete: () => resolve(null) });
    });
    expect(failure).toMatchObject({ code: 4_401 });
    expect(asked).toBe(1);
  });
});

describe("the log of refusals", () => {
  it("has a bound, and says later what it left out", async () => {
    const { url, logger, clock } = await start();
    const ask = async (): Promise<Response> => post("/graphql", "application/json", QUERY)(url, {});
    for (let n = 0; n < 70; n += 1) await ask();
    expect(logger.lines).toHaveLength(60);
    await clock.advance(60_000);
    await ask();
    expect(JSON.parse(logger.lines.at(-1) ?? "")).toMatchObject({ unlogged: 10, transport: "http" });
  });
});

describe("a function that authenticates", () => {
  async function ask(authenticate: unknown): Promise<{ answer: string; lines: readonly string[]; calls: number }> {
    const gateway = { authenticate: authenticate as AuthenticateFunction };
    const { url, emulator, logger } = await startGateway({ gateway });
    emulator.addTask({ taskType: "FileCompression", taskId: "run", startedAgoMs: 60_000 });
    const response = await post(
      "/graphql",
      "application/json",
      QUERY,
    )(url, {
      authorization: "Custom hunter2",
      "x-user": "ann",
    });
    return { answer: `${response.status} ${await response.text()}`, lines: logger.lines, calls: emulator.calls.length };
  }

  it("gets the request's authorization and headers, and names who asks", async () => {
    const given: unknown[] = [];
    const { answer } = await ask(async (credentials: { authorization: string; headers: Record<string, string> }) => {
      given.push(credentials.authorization, credentials.headers["x-user"]);
      return { caller: "ann", expiresAt: new Date("2100-01-01"), grants: [{ projects: ["imm*"], allow: ["read"] }] };
    });
    expect(given).toEqual(["Custom hunter2", "ann"]);
    expect(answer).toBe('200 {"data":{"task":{"taskId":"run"}}}\n');
  });

  it.each<[what: string, authenticate: unknown, isLogged: boolean]>([
    ["returns null", () => null, false],
    ["returns nothing", async () => undefined, false],
    [
      "throws",
      () => {
        throw new Error("hunter2");
      },
      false,
    ],
    ["rejects", async () => Promise.reject(new Error("hunter2")), false],
    ["returns a text", () => "hunter2", true],
    ["returns no caller", () => ({ caller: "", grants: [] }), true],
    [
      "returns what is no grant",
      () => ({ caller: "ann", grants: [{ projects: ["hunter2*x"], allow: ["read"] }] }),
      true,
    ],
    ["says that it is over", () => ({ caller: "ann", expiresAt: 1, grants: [] }), false],
  ])("refuses a caller when it %s", async (_what, authenticate, isLogged) => {
    const { answer, lines, calls } = await ask(authenticate);
    expect(answer).toMatch(/^401 .*"UNAUTHENTICATED"/);
    expect(calls).toBe(0);
    expect(lines.filter((line) => line.includes('"error"'))).toHaveLength(isLogged ? 1 : 0);
    expect(answer + lines.join("")).not.toContain("hunter2");
  });

  it("is named by what it must not be", () => {
    const parts = { region: "cn-hangzhou", client: uncalled, clock: manualClockNow() };
    const build =
      (more: object): unknown =>
      () =>
        createGateway({ ...parts, ...more });
    expect(build({ access: ACCESS, authenticate: () => null })).toThrow(
      "Expected one of `access` and `authenticate`, got both.",
    );
    expect(build({ authenticate: "hunter2" })).toThrow("Expected `authenticate` to be a function, got");
    expect(build({ access: "hunter2" })).toThrow("Expected `access` to be an object");
    expect(build({ access: {} })).toThrow("access: expected issuers, tokens or anonymous");
    expect(build({ access: {} })).toThrow(ConfigurationError);
  });
});

describe("a gateway that asks no one who they are", () => {
  it.each(["0.0.0.0", "::", "::0"])("does not start on %s, unless that is asked for", async (host) => {
    await expect(startGateway({ gateway: { host } })).rejects.toThrow(
      /^Expected ACCESS_FILE .* set HOST=127\.0\.0\.1, or INSECURE_NO_AUTH=true behind something that authenticates\.$/,
    );
    const { logger } = await startGateway({ gateway: { host, insecureNoAuth: true } });
    expect(logger.lines).toEqual([expect.stringContaining("it asks no caller who it is (INSECURE_NO_AUTH)")]);
    const known = await startGateway({ gateway: { host, access: ACCESS } });
    expect(known.logger.lines).toEqual([]);
  });

  it.each(["localhost", "127.0.0.1", "127.0.0.2", "::1"])("starts on %s", async (host) => {
    expect((await startGateway({ gateway: { host } })).logger.lines).toEqual([]);
  });
});
