import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "@jest/globals";
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { keyArguments } from "../../support/query.js";
import { askRaw, RawHttp } from "../../support/raw-http.js";
import { startGateway } from "../../support/start-gateway.js";
import { MULTIPART } from "../../support/stream-request.js";
import { RUN } from "../../support/tasks.js";

const FOLLOW = `subscription { taskProgress(${keyArguments(RUN)}) { status } }`;
/** Lacks its variable. */
const MISFIT = `subscription ($id: String!) { taskProgress(${keyArguments(RUN).replace('"run"', "$id")}) { status } }`;
const QUERY = "{ __typename }";
const RESPONSE_JSON = "application/graphql-response+json";
const H2C = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"];

const UPGRADE = ["Connection: Upgrade", "Upgrade: websocket"];

const ERRORS = { errors: [{ message: expect.any(String), extensions: { code: expect.any(String) } }] };

function post(body: string, ...headers: readonly string[]): readonly string[] {
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return ["POST /graphql HTTP/1.1", "Host: localhost", "Content-Type: application/json", length, ...headers];
}

function get(path: string, ...headers: readonly string[]): readonly string[] {
  return [`GET ${path} HTTP/1.1`, "Host: localhost", ...headers];
}

async function send(url: string, json: object, headers: Record<string, string>): Promise<Response> {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers } };
  return fetch(url, { ...init, body: JSON.stringify(json) });
}

describe("an offer of another protocol", () => {
  it.each([
    ["HTTP/2, as curl makes it", H2C],
    ["TLS", ["Connection: upgrade", "Upgrade: TLS/1.0"]],
    ["several", ["Connection: Upgrade", "Upgrade: h2c, websocket"]],
    ["nothing", ["Connection: Upgrade", "Upgrade:"]],
  ])("is declined, and the request answered: %s", async (_what, offer) => {
    const { url } = await startGateway();
    const connection = await RawHttp.open(url);
    const body = JSON.stringify({ query: QUERY });
    const answer = { status: 200, body: '{"data":{"__typename":"Query"}}\n' };
    // The second on the same connection finds nothing of the first.
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await connection.ask(post(body, ...offer), body)).toMatchObject(answer);
      const byGet = get(`/graphql?query=${encodeURIComponent(QUERY)}`, "apollo-require-preflight: 1", ...offer);
      expect(await connection.ask(byGet)).toMatchObject(answer);
      expect(await connection.ask(get("/healthz", ...offer))).toMatchObject({ status: 200, body: '{"status":"ok"}' });
      expect(await connection.ask(post(body), body)).toMatchObject(answer);
    }
  });

  it("is declined beside a large body too, and one in chunks", async () => {
    const { url } = await startGateway({ gateway: { maxRequestBytes: 1_000_000 } });
    const body = JSON.stringify({ query: QUERY, extensions: { filler: "x".repeat(500_000) } });
    const connection = await RawHttp.open(url);
    expect((await connection.ask(post(body, ...H2C), body)).status).toBe(200);
    const [line = "", host = "", type = ""] = post("");
    const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const inChunks = [line, host, type, "Transfer-Encoding: chunked", ...H2C];
    expect((await connection.ask(inChunks, chunks)).status).toBe(200);
  });

  it.each([
    "/graph%71l",
    "/graphql?a=b",
    "http://localhost/graphql",
    "HTTP://localhost/graph%71l?a",
    "wss://a/graphql",
  ])("is taken when it is a WebSocket's, for what HTTP takes for its path: %s", async (target) => {
    const { port } = await startGateway();
    const socket = connectTcp(port, "127.0.0.1");
    const key = ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
    const lines = get(target, ...UPGRADE, ...key, "Sec-WebSocket-Protocol: graphql-transport-ws");
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    const [bytes] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 101 /);
  });

  it("is taken when it is a WebSocket's, in any case, and by GET alone", async () => {
    const { port, url } = await startGateway();
    const upgrade = ["Connection: keep-alive, upgrade", "Upgrade: WebSocket"];
    const key = ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
    const socket = connectTcp(port, "127.0.0.1");
    const lines = get("/graphql", ...upgrade, ...key, "Sec-WebSocket-Protocol: graphql-transport-ws");
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    const [bytes] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 101 /);
    const body = JSON.stringify({ query: QUERY });
    expect(await askRaw(url, post(body, ...upgrade, ...key), body)).toMatchObject({ status: 200 });
  });
});

describe("a method that a path does not take", () => {
  it.each([
    ["/graphql", "GET, POST", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "SEARCH", "LOCK", "HEAD"]],
    ["/graphql?query={a}", "GET, POST", ["DELETE"]],
    ["/%67raphql", "GET, POST", ["DELETE"]],
    ["http://localhost/graphql", "GET, POST", ["DELETE"]],
    ["/graphql/stream", "GET, POST", ["PUT", "PATCH", "DELETE", "TRACE", "HEAD"]],
    ["/graphiql", "GET, HEAD", ["POST", "PUT", "TRACE"]],
    ["/graphiql/options.js", "GET, HEAD", ["POST", "DELETE"]],
    ["/", "GET, HEAD", ["POST", "DELETE"]],
    ["/healthz", "GET, HEAD", ["POST", "PUT", "DELETE", "TRACE"]],
    ["/readyz", "GET, HEAD", ["POST", "DELETE"]],
  ])("is told which it does: %s", async (path, allow, methods) => {
    const { url } = await startGateway();
    for (const method of methods) {
      const lines = [`${method} ${path} HTTP/1.1`, "Host: localhost"];
      const { status, headers, body } = await askRaw(url, lines);
      expect([method, status, headers["allow"]?.split(", ").toSorted().join(", ")]).toEqual([method, 405, allow]);
      expect(method === "HEAD" ? ERRORS : JSON.parse(body)).toMatchObject(ERRORS);
      if (["HEAD", "TRACE"].includes(method)) continue;
      // Its body is of no interest.
      const withBody = [...lines, "Content-Type: text/xml", "Content-Length: 1"];
      expect((await askRaw(url, withBody, "<")).status).toBe(405);
    }
  });

  it("is a mutation's that is not posted", async () => {
    const { url } = await startGateway();
    for (const path of ["/graphql", "/graphql/stream"]) {
      const headers = { "apollo-require-preflight": "1" };
      const response = await fetch(`${url}${path}?query=${encodeURIComponent("mutation { __typename }")}`, { headers });
      expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    }
  });

  it("is never OPTIONS, of a page that is let in or of none", async () => {
    const { url } = await startGateway({ gateway: { corsOrigins: [] } });
    const plain = await fetch(`${url}/graphql`, { method: "OPTIONS" });
    expect([plain.status, plain.headers.get("allow")]).toEqual([204, "GET, POST"]);
    const foreign = await fetch(`${url}/graphql`, {
      method: "OPTIONS",
      headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
    });
    expect([foreign.status, foreign.headers.get("access-control-allow-origin")]).toEqual([403, null]);
    expect(await foreign.json()).toMatchObject(ERRORS);
  });
});

describe("what cannot be answered", () => {
  const large = `X: ${"x".repeat(20_000)}`;
  it.each<[what: string, lines: readonly string[], status: number]>([
    ["a path that is nowhere", get("/admin"), 404],
    ["a method that is nowhere", ["PROPFIND /admin HTTP/1.1", "Host: localhost"], 404],
    ["an escape that is none", get("/%zz"), 400],
    ["an escape that is no UTF-8", get("/%E0%A4%A/graphql"), 400],
    ["an escape that is none, with another method", ["PROPFIND /%zz HTTP/1.1", "Host: localhost"], 400],
    ["no HTTP", ["hello"], 400],
    ["an unknown method", ["BREW /graphql HTTP/1.1", "Host: localhost"], 400],
    ["headers without end", get("/graphql", large), 431],
    [
      "chunks with long extensions",
      [...post("").slice(0, 3), "Transfer-Encoding: chunked", "", `1;${large.slice(3)}`],
      413,
    ],
    ["two lengths", [...post("a"), "Content-Length: 2"], 400],
    ["an expectation that nobody meets", get("/graphql", "Expect: a-miracle"), 417],
    ["a WebSocket without a key", get("/graphql", "Connection: Upgrade", "Upgrade: websocket"), 400],
    ["a WebSocket elsewhere", get("/graphiql", "Connection: Upgrade", "Upgrade: websocket"), 404],
    ["no media type", ["POST /graphql HTTP/1.1", "Host: localhost", "Content-Length: 1", "", "a"], 415],
    ["a body that is packed", [...post("a"), "Content-Encoding: gzip", "", "a"], 415],
  ])("is told so in the form of GraphQL: %s", async (_what, lines, status) => {
    const { url } = await startGateway();
    const answer = await askRaw(url, lines);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject(ERRORS);
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(answer.headers["cache-control"]).toBe("no-store");
  });

  it("is told so when it comes too slowly", async () => {
    const { port } = await startGateway({ gateway: { requestTimeoutMs: 100 } });
    const socket = connectTcp(port, "127.0.0.1");
    socket.write("GET /graphql HTTP/1.1\r\nHost:");
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(JSON.parse(answer.split("\r\n\r\n")[1] ?? "")).toMatchObject(ERRORS);
  });
});

describe("the media type of a refusal", () => {
  const refused: readonly (readonly [what: string, path: string, body: object, headers: Record<string, string>])[] = [
    ["a path that is nowhere", "/admin", {}, {}],
    ["a document that is none", "/graphql", { query: "{" }, {}],
    ["a body that is no request", "/graphql", [], {}],
    ["a media type that is not read", "/graphql", {}, { "content-type": "text/xml" }],
    ["a body that is too large", "/graphql", { query: "x".repeat(300_000) }, {}],
    ["a foreign page", "/graphql", { query: QUERY }, { origin: "https://evil.example" }],
    ["a document that nobody knows", "/graphql", { documentId: "a" }, {}],
    [
      "a document that Apollo's clients name",
      "/graphql",
      { extensions: { persistedQuery: { version: 1, sha256Hash: "a" } } },
      {},
    ],
    ["a subscription that asks for no stream", "/graphql", { query: FOLLOW }, {}],
    ["a body that is no request, on the path of events", "/graphql/stream", [], {}],
  ];

  it.each(refused)("is that which the client ranks first: %s", async (_what, path, body, headers) => {
    const { url } = await startGateway({ gateway: { corsOrigins: [] } });
    for (const [accept, type] of [
      [`${RESPONSE_JSON}, application/json;q=0.9`, RESPONSE_JSON],
      [`application/json;q=0.5, APPLICATION/GraphQL-Response+JSON;q=0.6`, RESPONSE_JSON],
      [`application/json, ${RESPONSE_JSON};q=0.9`, "application/json"],
      ["*/*", "application/json"],
      ["image/png", "application/json"],
    ] as const) {
      const response = await send(`${url}${path}`, body, { accept, ...headers });
      expect([accept, response.headers.get("content-type")]).toEqual([accept, `${type}; charset=utf-8`]);
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.json()).toMatchObject(ERRORS);
    }
  });

  it.each<[what: string, status: number, lines: readonly string[]]>([
    ["an expectation that nobody meets", 417, get("/graphql", "Expect: a-miracle")],
    ["a WebSocket without a key", 400, get("/graphql", ...UPGRADE)],
    ["a WebSocket of a foreign page", 403, get("/graphql", ...UPGRADE, "Origin: https://evil.example")],
    ["a WebSocket elsewhere", 404, get("/graphiql", ...UPGRADE)],
  ])("is that which the client ranks first, below requests too: %s", async (_what, status, lines) => {
    const { url } = await startGateway({ gateway: { corsOrigins: [] } });
    for (const [accept, type] of [
      [`${RESPONSE_JSON}, application/json;q=0.9`, RESPONSE_JSON],
      ["image/png", "application/json"],
    ] as const) {
      const answer = await askRaw(url, [...lines, `Accept: ${accept}`]);
      expect([answer.status, answer.headers["content-type"]]).toEqual([status, `${type}; charset=utf-8`]);
      expect(JSON.parse(answer.body)).toMatchObject(ERRORS);
    }
  });

  it("is that for a subscription that is refused, also where parts were asked for", async () => {
    const { url } = await startGateway();
    const accept = `${MULTIPART},${RESPONSE_JSON},application/json;q=0.9`;
    const response = await send(`${url}/graphql`, { query: MISFIT }, { accept });
    expect([response.status, response.headers.get("content-type")]).toEqual([400, `${RESPONSE_JSON}; charset=utf-8`]);
  });

  it("shows Apollo Client what was wrong", async () => {
    const { url } = await startGateway();
    const client = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: `${url}/graphql` }) });
    const failure = new Promise<string>((resolve) => {
      client.subscribe({ query: gql(MISFIT) }).subscribe({
        next: ({ error }) => resolve(String(error?.message)),
        error: (error: Error) => resolve(error.message),
      });
    });
    expect(await failure).toContain("of required type");
    client.stop();
  });
});

describe("a subscription that is posted as a query", () => {
  it.each([["text/event-stream"], ["application/json"], ["image/png"], ["multipart/mixed"]])(
    "is told which transports there are, whatever it accepts: %s",
    async (accept) => {
      const { url } = await startGateway();
      const response = await send(`${url}/graphql`, { query: FOLLOW }, { accept });
      expect(response.status).toBe(400);
      const { errors } = (await response.json()) as { errors: readonly { message: string }[] };
      expect(errors[0]?.message).toMatch(/WebSocket.*\/graphql\/stream.*multipart\/mixed/);
    },
  );

  it("but a query whose answer nobody takes is not executed", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const document = `{ task(${keyArguments(RUN)}) { status } }`;
    for (const accept of ["text/event-stream", "image/png", "multipart/mixed"]) {
      expect((await send(`${url}/graphql`, { query: document }, { accept })).status).toBe(406);
    }
    expect(emulator.calls).toEqual([]);
  });
});

describe("a body that is not read", () => {
  const paths = ["/graphql", "/graphql/stream"] as const;
  const body = JSON.stringify({ query: QUERY });

  it.each<[what: string, headers: Record<string, string>, message: string]>([
    ["a text", { "content-type": "text/plain" }, "Expected the content type application/json."],
    ["one that is packed", { "content-encoding": "gzip" }, 'Expected a body without Content-Encoding, got "gzip".'],
    [
      "one of another charset",
      { "content-type": "application/json; charset=UTF-16" },
      'Expected a body in the charset utf-8, got "UTF-16".',
    ],
    [
      "one of another charset, in quotes",
      { "content-type": 'application/json;a=b; charset="iso-8859-1"' },
      'Expected a body in the charset utf-8, got "iso-8859-1".',
    ],
  ])("is refused with what is: %s", async (_what, headers, message) => {
    const { url } = await startGateway();
    for (const path of paths) {
      for (const own of [{ "apollo-require-preflight": "1" }, { "sec-fetch-site": "same-origin" }]) {
        const init = { method: "POST", headers: { "content-type": "application/json", ...own, ...headers }, body };
        const response = await fetch(url + path, init);
        expect([path, response.status, await response.json()]).toMatchObject([path, 415, { errors: [{ message }] }]);
      }
    }
  });

  it("is none that says that it is not packed, or in UTF-8 in another spelling", async () => {
    const { url } = await startGateway();
    for (const path of paths) {
      for (const type of ['application/json; charset="UTF-8"', "application/json;charset=utf8"]) {
        const headers = { "content-type": type, "content-encoding": "identity" };
        expect((await fetch(url + path, { method: "POST", headers, body })).status).toBe(200);
      }
    }
  });
});

describe("a parameter of a URL over SSE", () => {
  const asked = `query=${encodeURIComponent(QUERY)}`;

  it.each([
    ["query", "variables={}"],
    ["variables", `${asked}&variables=x`],
    ["variables", `${asked}&variables=[1]`],
    ["variables", `${asked}&variables=1`],
    ["extensions", `${asked}&variables={}&extensions={`],
    ["extensions", `${asked}&extensions="a"`],
  ])("is named where it is wrong: %s in %s", async (name, search) => {
    const { url } = await startGateway();
    const response = await fetch(`${url}/graphql/stream?${search}`);
    expect(response.status).toBe(400);
    const message = expect.stringContaining(`Expected the parameter \`${name}\``);
    expect(await response.json()).toMatchObject({ errors: [{ message }] });
  });
});

describe("what clients spell otherwise", () => {
  it.each(["Application/JSON", "APPLICATION/JSON;charset=UTF-8", "application/json ; Charset=utf-8"])(
    "is read all the same: the media type %s",
    async (type) => {
      const { url, emulator } = await startGateway();
      emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
      const headers = { "content-type": type };
      expect((await send(`${url}/graphql`, { query: QUERY }, headers)).status).toBe(200);
      const events = { ...headers, accept: "Text/Event-Stream" };
      expect((await send(`${url}/graphql/stream`, { query: FOLLOW }, events)).status).toBe(200);
      const parts = { ...headers, accept: "Multipart/Mixed;SubscriptionSpec=1.0" };
      const streamed = await send(`${url}/graphql`, { query: FOLLOW }, parts);
      expect(await streamed.text()).toContain("SUCCEEDED");
    },
  );

  it.each([
    ["/graphql", ""],
    ["/graphql/stream", ""],
    ["/graphql", "null"],
    ["/graphql/stream", "null"],
  ])("is left out where a URL leaves it empty: %s, %j", async (path, empty) => {
    const { url } = await startGateway();
    const search = new URLSearchParams({
      query: `query Named ${QUERY}`,
      operationName: "",
      documentId: "",
      variables: empty,
      extensions: empty,
    });
    const headers = { "apollo-require-preflight": "1" };
    const response = await fetch(`${url}${path}?${search}`, { headers });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('{"data":{"__typename":"Query"}}');
  });
});

describe("what may be kept", () => {
  it("is no answer to GraphQL", async () => {
    const { url } = await startGateway({ gateway: { corsOrigins: [] } });
    const search = `?query=${encodeURIComponent(QUERY)}`;
    const headers = { "apollo-require-preflight": "1" };
    const answers = [
      await fetch(`${url}/graphql${search}`, { headers }),
      await fetch(`${url}/graphql${search}`),
      await fetch(`${url}/graphql?query={`, { headers }),
      await fetch(`${url}/graphql/stream${search}`, { headers }),
      await send(`${url}/graphql`, { query: QUERY }, {}),
    ];
    for (const answer of answers) expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  it("is no answer to a probe", async () => {
    const { url, gateway, clock } = await startGateway({ gateway: { drainDelayMs: 1_000 } });
    const probe = async (path: string): Promise<readonly unknown[]> => {
      const { status, headers } = await fetch(url + path);
      return [status, headers.get("cache-control")];
    };
    for (const path of ["/healthz", "/readyz"]) expect(await probe(path)).toEqual([200, "no-store"]);
    const stopped = gateway.stop();
    expect(await probe("/readyz")).toEqual([503, "no-store"]);
    await clock.advance(1_000);
    await stopped;
  });

  it.each(["/graphql", "/graphiql", "/graphiql/options.js"])("is a page, until there is another: %s", async (path) => {
    const { url } = await startGateway();
    const headers = { accept: "text/html" };
    const first = await fetch(`${url}${path}`, { headers });
    expect(first.headers.get("cache-control")).toBe("no-cache");
    const etag = first.headers.get("etag") ?? "";
    expect(etag).not.toBe("");
    const page = await first.text();
    const again = await fetch(`${url}${path}`, { headers });
    expect([again.headers.get("etag"), await again.text()]).toEqual([etag, page]);
    for (const known of [etag, etag.replace("W/", ""), `"a", ${etag}`, "*"]) {
      const fresh = await fetch(`${url}${path}`, { headers: { ...headers, "if-none-match": known } });
      expect([fresh.status, fresh.headers.get("etag"), await fresh.text()]).toEqual([304, etag, ""]);
    }
    const changed = await fetch(`${url}${path}`, { headers: { ...headers, "if-none-match": 'W/"another"' } });
    expect(changed.status).toBe(200);
  });
});
