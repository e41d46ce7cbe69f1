import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { attackGateway } from "./attacked-gateway.js";
import { holdsFor } from "./harmless.js";
import { INNOCENT_KEY, WAITED_KEY } from "./innocents.js";

const QUERY = '{"query":"{ __typename }"}';
const FOLLOW = JSON.stringify({ query: `subscription { taskProgress(${INNOCENT_KEY}) { status } }` });
const MULTIPART = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0';

/** The connections of a test, cut after it.; ahead of the check. */
const connections: Socket[] = [];

afterEach(() => {
  for (const connection of connections.splice(0)) connection.destroy();
});

const attacked = attackGateway();

/** What is patient enough for an answer, and short enough for what has none. */
const PATIENCE_MS = 250;

/** Sends these bytes over one connection, and answers what came until it ended or nothing more came. */
async function exchange(pieces: readonly (string | Buffer)[], patienceMs = PATIENCE_MS): Promise<string> {
  const connection = connect(attacked.gateway.port, "127.0.0.1");
  connections.push(connection);
  let received = "";
  connection.on("error", () => undefined);
  return new Promise((resolve) => {
    const leave = (): void => {
      connection.destroy();
      resolve(received);
    };
    let timer = setTimeout(leave, patienceMs * 4);
    connection.on("data", (data: Buffer) => {
      received += data.toString("latin1");
      clearTimeout(timer);
      timer = setTimeout(leave, patienceMs);
    });
    connection.once("close", () => {
      clearTimeout(timer);
      resolve(received);
    });
    for (const piece of pieces) connection.write(piece);
  });
}

/** The status codes of the answers, in their order. */
function statusesOf(received: string): number[] {
  return [...received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status));
}

function post(
  body: string | Buffer,
  headers: readonly string[] = ["Content-Type: application/json"],
  target = "/graphql",
): readonly (string | Buffer)[] {
  const head = [`POST ${target} HTTP/1.1`, "Host: localhost", ...headers, "Connection: close"];
  return [`${head.join("\r\n")}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`, body];
}

function get(target: string, headers: readonly string[] = []): readonly string[] {
  return [[`GET ${target} HTTP/1.1`, "Host: localhost", ...headers, "Connection: close", "", ""].join("\r\n")];
}

const JSON_TYPE = "Content-Type: application/json";
const STREAM = "/graphql/stream";

describe("a request is answered by its own status", () => {
  it.each<[string, readonly (string | Buffer)[], number | readonly number[]]>([
    ["an unknown method", ["BREW /graphql HTTP/1.1\r\nHost: a\r\n\r\n"], 400],
    ["another method", ["DELETE /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"], [404, 405]],
    ["TRACE", ["TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"], [404, 405, 501]],
    ["CONNECT", ["CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"], []],
    ["another protocol", ["GET / SPDY/9\r\n\r\n"], 400],
    ["no protocol", ["hello\r\n\r\n"], 400],
    ["bytes of TLS", [Buffer.from("16030100a5010000a1030300", "hex"), Buffer.alloc(100)], 400],
    ["no host", ["GET /graphql HTTP/1.1\r\n\r\n"], 400],
    ["two hosts", get("/healthz", ["Host: other"]), [200, 400]],
    ["a target that is no path", get("http://a/graphql?query={__typename}"), [200, 400, 403, 404]],
    ["a target of nothing but signs", get("/%E0%A4%A/graphql"), [400, 404]],
    ["a target with //", get("//graphql/../..//"), [400, 404]],
    ["a query that is no UTF-8", get("/graphql?query=%ff%fe", ["apollo-require-preflight: 1"]), 400],
    ["a parameter over and over", get(`/graphql?${"query={a}&".repeat(500)}`, ["apollo-require-preflight: 1"]), 400],
    [
      "variables that are no JSON",
      get("/graphql?query={__typename}&variables={", ["apollo-require-preflight: 1"]),
      400,
    ],
    ["a subscription by GET that has no query", get(`${STREAM}?`, ["Accept: text/event-stream"]), 400],
    ["a header of 20 KB", get("/graphql", [`X: ${"x".repeat(20_000)}`]), 431],
    [
      "3,000 headers",
      get(
        "/healthz",
        Array.from({ length: 3_000 }, () => "a:b"),
      ),
      [200, 431],
    ],
    ["a header of control characters", get("/healthz", ["X: \u0001\u0000"]), 400],
    ["headers named as the prototype", get("/healthz", ["__proto__: a", "constructor: b"]), 200],
    ["no content type", post(QUERY, []), [400, 415]],
    ["an unknown content type", post(QUERY, ["Content-Type: application/x-nothing"]), 415],
    ["a form", post("query={__typename}", ["Content-Type: application/x-www-form-urlencoded"]), [400, 415]],
    ["a form of files", post("--a\r\n\r\n--a--", ["Content-Type: multipart/form-data; boundary=a"]), [400, 415]],
    ["text", post(QUERY, ["Content-Type: text/plain"]), [400, 415]],
    ["a content type of signs", post(QUERY, ["Content-Type: ;;;=,"]), [400, 415]],
    [
      "another charset",
      post(Buffer.from(QUERY, "utf16le"), ["Content-Type: application/json; charset=utf-16"]),
      [400, 415],
    ],
    ["a body that says it is compressed", post(gzipSync(QUERY), [JSON_TYPE, "Content-Encoding: gzip"]), [400, 415]],
    ["no body", post(""), 400],
    ["a body that is no JSON", post("{"), 400],
    ["a body that is no UTF-8", post(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), 400],
    ["a body with a tag of its order", post(`\uFEFF${QUERY}`), [200, 400]],
    ["a body of null", post("null"), 400],
    ["a list of operations", post(`[${QUERY},${QUERY}]`), 400],
    ["a body nested 100,000 deep", post(`${"[".repeat(100_000)}${"]".repeat(100_000)}`), 400],
    ["a body of objects nested 40,000 deep", post(`${'{"a":'.repeat(40_000)}1${"}".repeat(40_000)}`), 400],
    ["a member named as the prototype", post(`{"__proto__":{"query":"{ __typename }"}}`), 400],
    ["a query that is a number", post('{"query":1}'), 400],
    ["variables that are a list", post('{"query":"{ __typename }","variables":[]}'), [200, 400]],
    ["variables that are a text", post('{"query":"{ __typename }","variables":"{}"}'), [200, 400]],
    ["a name that is an object", post('{"query":"{ __typename }","operationName":{"a":1}}'), 400],
    ["extensions that are a list", post('{"query":"{ __typename }","extensions":[1]}'), [200, 400]],
    ["a body over the limit", post(`{"query":"${"x".repeat(300_000)}"}`), 413],
    [
      "a length that is no number",
      [`POST /graphql HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nContent-Length: x\r\n\r\n`],
      400,
    ],
    [
      "two lengths",
      [`POST /graphql HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}`],
      400,
    ],
    [
      "a length and chunks",
      [
        `POST /graphql HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      ],
      400,
    ],
    [
      "chunks of no length",
      [`POST /graphql HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`],
      400,
    ],
    [
      "chunks in chunks",
      [
        `POST /graphql HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
      ],
      [400, 501],
    ],
    [
      "chunks of 2^64 bytes",
      [
        `POST /graphql HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`,
      ],
      400,
    ],
    [
      "an expectation that is none",
      [
        `POST /graphql HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nExpect: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
      ],
      [400, 417],
    ],
    ["an Accept of signs", post(QUERY, [JSON_TYPE, "Accept: ;q=,,;;*/"]), [200, 400, 406]],
    ["an Accept of 10 KB", post(QUERY, [JSON_TYPE, `Accept: ${"a/b;q=0.1,".repeat(1_000)}`]), [200, 406]],
    ["an Accept of parts for a query", post(QUERY, [JSON_TYPE, `Accept: ${MULTIPART}`]), [200, 406]],
    ["a subscription that is posted", post(FOLLOW), 400],
    ["a stream that takes no events", post(FOLLOW, [JSON_TYPE, "Accept: application/json"], STREAM), 406],
    ["a stream of nothing", post("", [JSON_TYPE, "Accept: text/event-stream"], STREAM), 400],
    ["a stream of a list", post("[]", [JSON_TYPE, "Accept: text/event-stream"], STREAM), 400],
    ["a stream of text", post("{}", ["Content-Type: text/plain", "Accept: text/event-stream"], STREAM), [400, 415]],
    [
      "a stream with a token",
      post(FOLLOW, [JSON_TYPE, "Accept: text/event-stream", "X-GraphQL-Event-Stream-Token: a"], STREAM),
      [200, 400],
    ],
    [
      "another method on the stream",
      [`PUT ${STREAM} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`],
      [404, 405],
    ],
    [
      "a HEAD of the stream",
      [`HEAD ${STREAM} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n`],
      [404, 405],
    ],
    [
      "a preflight of signs",
      [
        "OPTIONS /graphql HTTP/1.1\r\nHost: localhost\r\nOrigin: \u00ff://\r\nAccess-Control-Request-Method: ,\r\nConnection: close\r\n\r\n",
      ],
      [204, 400, 403],
    ],
    ["an upgrade to nothing", get("/graphql", ["Upgrade: nothing", "Connection: Upgrade"]), [400, 403, 404, 426]],
  ])("%s", async (_what, pieces, wanted) => {
    const statuses = statusesOf(await exchange(pieces));
    const allowed = typeof wanted === "number" ? [wanted] : wanted;
    if (allowed.length === 0) return;
    expect(statuses).toEqual([expect.any(Number)]);
    expect(allowed).toContain(statuses[0]);
  });
});

describe("a connection", () => {
  it("carries 50 requests at once, and answers each in its order", async () => {
    const one = `POST /graphql HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nContent-Length: ${QUERY.length}\r\n\r\n${QUERY}`;
    expect(statusesOf(await exchange([one.repeat(50)]))).toEqual(Array.from({ length: 50 }, () => 200));
  });

  it("may end in the middle of anything", async () => {
    const whole = post(FOLLOW, [JSON_TYPE, "Accept: text/event-stream"], STREAM).join("");
    const { port } = attacked.gateway;
    const ends = Array.from({ length: 40 }, async (_end, index) => {
      const connection = connect(port, "127.0.0.1");
      connections.push(connection);
      connection.on("error", () => undefined);
      const closed = new Promise((resolve) => connection.once("close", resolve));
      await new Promise((resolve) =>
        connection.write(whole.slice(0, Math.ceil((whole.length * (index + 1)) / 40)), resolve),
      );
      if (index % 3 === 0) connection.resetAndDestroy();
      else if (index % 3 === 1) connection.destroy();
      else connection.end(() => connection.destroySoon());
      await closed;
    });
    await Promise.all(ends);
  });

  it("may be cut as soon as it has asked, and what it asked for ends", async () => {
    const { gateway } = attacked;
    const query = `{ awaitTask(${WAITED_KEY}, timeoutMs: 60000) { status } }`;
    const body = JSON.stringify({ query });
    const asked = [
      post(body).join(""),
      post(body, [JSON_TYPE, "Accept: text/event-stream"], STREAM).join(""),
      get(`/graphql?query=${encodeURIComponent(query)}`, ["apollo-require-preflight: 1"]).join(""),
    ];
    for (let attempt = 0; attempt < 30; attempt += 1) {
      const connection = connect(gateway.port, "127.0.0.1");
      connections.push(connection);
      connection.on("error", () => undefined);
      const closed = new Promise((resolve) => connection.once("close", resolve));
      connection.write(asked[attempt % asked.length] ?? "", () => connection.resetAndDestroy());
      await closed;
    }
  });

  it("may wait in the middle of anything, beside 300 others", async () => {
    const pieces = [
      "",
      "GET",
      "GET /graphql HTTP/1.1\r\nHost: loc",
      `POST /graphql HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nContent-Length: 1000\r\n\r\n{"query`,
    ];
    const { port } = attacked.gateway;
    const written = Array.from({ length: 300 }, async (_connection, index) => {
      const connection = connect(port, "127.0.0.1");
      connections.push(connection);
      connection.on("error", () => undefined);
      await new Promise((resolve) => connection.write(pieces[index % pieces.length] ?? "", resolve));
    });
    await Promise.all(written);
    await attacked.gateway.serveInnocents();
  });
});

const headers = fc.oneof(
  fc.constantFrom(
    JSON_TYPE,
    "Content-Type: application/graphql-response+json",
    "Accept: text/event-stream",
    `Accept: ${MULTIPART}`,
    "Accept: */*",
    "Origin: null",
    "Origin: http://a",
    "Sec-Fetch-Site: cross-site",
    "Host: evil.example",
    "Transfer-Encoding: chunked",
    "Content-Length: 3",
    "Expect: 100-continue",
    "Upgrade: websocket",
    "Connection: keep-alive, upgrade",
    "Content-Encoding: br",
    "Accept-Encoding: gzip",
    "If-None-Match: *",
    "Range: bytes=0-1",
    "apollo-require-preflight: a",
    "X-GraphQL-Event-Stream-Token: a",
    "imm-report: 1",
  ),
  fc
    .tuple(
      fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 8 }),
      fc.string({ unit: "binary-ascii", maxLength: 20 }),
    )
    .map(([name, value]) => `${name}: ${value}`),
);
const requests = fc.record({
  method: fc.constantFrom("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "QUERY", "get"),
  target: fc.oneof(
    fc.constantFrom(
      "/graphql",
      STREAM,
      "/graphql?query={__typename}",
      "/healthz",
      "/",
      "*",
      "/graphiql",
      "/graphql?query=%7B&variables=%5B&extensions=1",
    ),
    fc.webPath(),
  ),
  headers: fc.array(headers, { maxLength: 8 }),
  body: fc.oneof(fc.constantFrom(QUERY, FOLLOW, "", "{}", "0\r\n\r\n"), fc.json({ maxDepth: 3 })),
});

describe("requests put together without sense", () => {
  it("do no harm", async () => {
    await holdsFor(100, [requests], async ({ method, target, headers: lines, body }) => {
      await attacked.fresh();
      const head = [
        `${method} ${target} HTTP/1.1`,
        "Host: localhost",
        ...lines,
        `Content-Length: ${Buffer.byteLength(body)}`,
        "",
        "",
      ];
      const received = await exchange([head.join("\r\n"), body], 15);
      for (const status of statusesOf(received)) expect([500, 502, 504]).not.toContain(status);
      await attacked.gateway.check();
    });
  });
});
