import { once } from "node:events";
import { describe, expect, it } from "@jest/globals";
import { WebSocket } from "ws";
import { askRaw, type RawAnswer } from "../../support/raw-http.js";
import { startGateway, type StartOptions } from "../../support/start-gateway.js";

const ASKED = "/graphql?query=%7B__typename%7D";

async function ask(url: string, hosts: readonly string[], path = ASKED): Promise<RawAnswer> {
  const lines = hosts.map((host) => `Host: ${host}`);
  return askRaw(url, [`GET ${path} HTTP/1.1`, ...lines, "apollo-require-preflight: 1", "Connection: close"]);
}

async function handshake(url: string, host: string): Promise<string> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws", { headers: { host } });
  const refused = once(socket, "error").then(([error]) => String(error));
  const outcome = await Promise.race([once(socket, "open").then(() => "open"), refused]);
  socket.terminate();
  return outcome;
}

/** Production, as far as it concerns hosts. */
const PRODUCTION = { explorer: false, corsOrigins: [] };

function messageOf({ body }: RawAnswer): unknown {
  return (JSON.parse(body) as { errors: readonly { message: string }[] }).errors[0]?.message;
}

describe("the Host of a request", () => {
  it.each<[what: string, gateway: NonNullable<StartOptions["gateway"]>, hosts: readonly string[]]>([
    ["this machine's", PRODUCTION, ["localhost", "LOCALHOST:80", "127.0.0.1:9", "[::1]", "[::1]:4000", "localhost."]],
    ["the address that is listened on", { ...PRODUCTION, host: "127.0.0.2" }, ["127.0.0.2:4000", "localhost"]],
    [
      "one that is allowed",
      { ...PRODUCTION, allowedHosts: ["API.example.com", "[2001:db8::1]"] },
      ["api.example.com", "Api.Example.com:8443", "[2001:db8::1]:80", "localhost"],
    ],
    [
      "any, on all addresses",
      { ...PRODUCTION, host: "0.0.0.0", insecureNoAuth: true },
      ["evil.example", "10.0.0.1:80"],
    ],
    ["any, where every name is allowed", { ...PRODUCTION, allowedHosts: ["*"] }, ["evil.example", "10.0.0.1:80"]],
    [
      "any, on all addresses, where every name is allowed",
      { ...PRODUCTION, host: "0.0.0.0", insecureNoAuth: true, allowedHosts: ["api.example.com", "*"] },
      ["evil.example", "api.example.com"],
    ],
    [
      "one that is allowed as DNS writes it, with a dot at its end",
      { ...PRODUCTION, host: "0.0.0.0", insecureNoAuth: true, allowedHosts: ["api.example.com."] },
      ["api.example.com", "api.example.com.:80"],
    ],
    ["any, on all addresses of both kinds", { ...PRODUCTION, host: "::", insecureNoAuth: true }, ["evil.example"]],
    [
      "one that is allowed, on all addresses",
      { ...PRODUCTION, host: "0.0.0.0", insecureNoAuth: true, allowedHosts: ["api.example.com"] },
      ["api.example.com:80"],
    ],
  ])("is let in: %s", async (_what, gateway, hosts) => {
    const { url } = await startGateway({ gateway });
    for (const host of hosts) {
      expect([host, (await ask(url, [host])).status, await handshake(url, host)]).toEqual([host, 200, "open"]);
    }
  });

  it.each<[what: string, gateway: NonNullable<StartOptions["gateway"]>, hosts: readonly string[]]>([
    [
      "in production",
      PRODUCTION,
      ["evil.example", "evil.example:4000", "localhost.evil.example", "10.0.0.1", "0.0.0.0"],
    ],
    ["in development", { explorer: true }, ["evil.example"]],
    ["for pages of any origin", { corsOrigins: ["*"] }, ["evil.example"]],
    ["beside others", { allowedHosts: ["api.example.com"] }, ["evil.example", "sub.api.example.com"]],
    [
      "on all addresses",
      { host: "0.0.0.0", insecureNoAuth: true, allowedHosts: ["api.example.com"] },
      ["evil.example", "localhost"],
    ],
  ])("is refused when it is another's: %s", async (_what, gateway, hosts) => {
    const { url } = await startGateway({ gateway });
    for (const host of hosts) {
      const answer = await ask(url, [host]);
      expect([host, answer.status]).toEqual([host, 403]);
      expect(messageOf(answer)).toMatch(host);
      expect(messageOf(answer)).toMatch("ALLOWED_HOSTS");
      const page = ["POST /graphql HTTP/1.1", `Host: ${host}`, `Origin: http://${host}`, "Connection: close"];
      const json = '{"query":"{__typename}"}';
      const head = [...page, "Content-Type: application/json", `Content-Length: ${json.length}`];
      expect((await askRaw(url, head, json)).status).toBe(403);
      expect((await ask(url, [host], "/graphql/stream?query=%7B__typename%7D")).status).toBe(403);
      expect(await handshake(url, host)).toContain("403");
      for (const path of ["/healthz", "/readyz"]) expect((await ask(url, [host], path)).status).toBe(200);
    }
  });

  it.each([
    ["a b"],
    ["a/b"],
    ["a:b"],
    ["a:99999"],
    ["[::1"],
    ["::1"],
    ["me@a"],
    ["http://a"],
    ["<a>"],
    ["?"],
    [":80"],
    [""],
  ])("is refused when it is no name: %j", async (host) => {
    for (const address of ["127.0.0.1", "0.0.0.0"]) {
      const { url } = await startGateway({ gateway: { host: address, insecureNoAuth: true } });
      const answer = await ask(url, [host]);
      expect(answer.status).toBe(400);
      expect(messageOf(answer)).toMatch("Host header");
      expect((await ask(url, [host], "/healthz")).status).toBe(200);
    }
  });

  it("is one, or none before HTTP/1.1", async () => {
    const { url } = await startGateway();
    expect((await ask(url, ["localhost", "evil.example"])).status).toBe(400);
    const missing = await ask(url, []);
    expect([missing.status, messageOf(missing)]).toEqual([400, "Expected a Host header."]);
    const json = '{"query":"{__typename}"}';
    const post = ["POST /graphql HTTP/1.0", "Content-Type: application/json", `Content-Length: ${json.length}`];
    const answer = await askRaw(url, post, json);
    expect([answer.status, answer.body]).toEqual([200, '{"data":{"__typename":"Query"}}\n']);
    expect((await askRaw(url, [`GET ${ASKED} HTTP/1.0`, "apollo-require-preflight: 1"])).status).toBe(200);
  });
});
