import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { keyArguments } from "../../support/query.js";
import { askRaw } from "../../support/raw-http.js";
import { startGateway } from "../../support/start-gateway.js";
import { MULTIPART } from "../../support/stream-request.js";
import { RUN } from "../../support/tasks.js";

const APP = "https://app.example.com";
const QUERY = JSON.stringify({ query: "{ __typename }" });
const FOLLOW = JSON.stringify({ query: `subscription { taskProgress(${keyArguments(RUN)}) { status } }` });
const NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ALWAYS = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
};
const NO_PAGE = { ...ALWAYS, "cross-origin-opener-policy": "same-origin", "content-security-policy": NOTHING };

/** A head and the body behind it. */
type Sent = readonly [head: readonly string[], body: string];

function bare(request: string, ...headers: readonly string[]): Sent {
  return [[`${request} HTTP/1.1`, ...headers], ""];
}

function get(path: string, ...headers: readonly string[]): Sent {
  return bare(`GET ${path}`, "Host: localhost", ...headers);
}

function post(path: string, body: string, ...headers: readonly string[]): Sent {
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  return [[`POST ${path} HTTP/1.1`, "Host: localhost", "Content-Type: application/json", length, ...headers], body];
}

describe("what an answer tells a browser to refrain from", () => {
  it.each<[what: string, status: number, sent: Sent]>([
    ["data", 200, post("/graphql", QUERY)],
    ["data to a page that is let in", 200, post("/graphql", QUERY, `Origin: ${APP}`)],
    ["an error", 400, post("/graphql", "{}")],
    ["events", 200, post("/graphql/stream", FOLLOW, "Accept: text/event-stream")],
    ["parts", 200, post("/graphql", FOLLOW, `Accept: ${MULTIPART}`)],
    ["a page that is not let in", 403, post("/graphql", QUERY, "Origin: https://evil.example")],
    ["a preflight", 204, bare("OPTIONS /graphql", "Host: localhost", `Origin: ${APP}`)],
    ["a name that is not answered", 403, bare("GET /graphql", "Host: evil.example")],
    ["a probe", 200, get("/healthz")],
    ["a probe of readiness", 200, get("/readyz")],
    ["a redirection", 302, get("/")],
    ["a script", 200, get("/graphiql/options.js")],
    ["nothing there", 404, get("/admin")],
    ["a method that is not taken", 405, bare("DELETE /graphql", "Host: localhost")],
    ["a path that cannot be decoded", 400, get("/%zz")],
    ["no HTTP", 400, [["hello"], ""]],
    ["an expectation", 417, get("/graphql", "Expect: a-miracle")],
    ["a handshake that is refused", 404, get("/graphiql", "Connection: Upgrade", "Upgrade: websocket")],
  ])("is everything, where it is no page: %s", async (_what, status, sent) => {
    const { url, emulator } = await startGateway({ gateway: { corsOrigins: [APP] } });
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    const answer = await askRaw(url, ...sent);
    expect([answer.status, answer.headers]).toEqual([status, expect.objectContaining(NO_PAGE)]);
  });
});

/** The kinds of a policy, each with what it lets in. */
function kindsOf(policy: string | null): Readonly<Record<string, readonly string[]>> {
  const kinds = (policy ?? "").split("; ").map((text) => text.split(" "));
  return Object.fromEntries(kinds.map(([kind = "", ...sources]) => [kind, sources]));
}

function digestOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

describe("the policy of a page", () => {
  const page = { accept: "text/html", "sec-fetch-site": "none" };

  it.each([
    ["/graphql", "same-origin-allow-popups"],
    ["/graphiql", "same-origin"],
  ])("runs the scripts that stand in it, asks its own gateway, and is framed by none: %s", async (path, opener) => {
    const { url } = await startGateway();
    const response = await fetch(`${url}${path}`, { headers: page });
    const { headers } = response;
    expect(Object.fromEntries(headers)).toMatchObject({ ...ALWAYS, "cross-origin-opener-policy": opener });
    const policy = headers.get("content-security-policy");
    expect(policy).toContain(NOTHING);
    const { "script-src": scripts = [], "connect-src": connections } = kindsOf(policy);
    expect(connections).toEqual(["'self'"]);
    expect(scripts.filter((source) => /unsafe|nonce|\*/.test(source))).toEqual([]);
    const html = await response.text();
    // The first that has a text; what stands in it may look like tags of its own.
    const [, inline = ""] = /<script(?: nonce="\w+")?>(.+)<\/script>/s.exec(html) ?? [];
    expect(scripts).toContain(digestOf(inline));
    const again = await fetch(`${url}${path}`, { headers: { ...page, "if-none-match": headers.get("etag") ?? "" } });
    expect([again.status, again.headers.get("content-security-policy")]).toEqual([304, policy]);
  });

  it("lets Sandbox in from where Apollo's own policy in its page does, and from nowhere else", async () => {
    const { url } = await startGateway();
    const response = await fetch(`${url}/graphql`, { headers: page });
    const ours = kindsOf(response.headers.get("content-security-policy"));
    const [, apollos = ""] = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(await response.text()) ?? [];
    const theirs = kindsOf(apollos);
    for (const kind of ["script-src", "style-src", "img-src", "manifest-src", "frame-src"]) {
      const hosts = (ours[kind] ?? []).filter((source) => source.startsWith("https:"));
      expect(hosts.length).toBeGreaterThan(0);
      expect([kind, theirs[kind]]).toEqual([kind, expect.arrayContaining(hosts)]);
    }
  });
});
