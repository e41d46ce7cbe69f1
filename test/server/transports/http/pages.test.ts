import { describe, expect, it } from "@jest/globals";
import { Client, fetchExchange, gql } from "@urql/core";
import { WebSocket } from "ws";
import { eventually } from "../../../support/eventually.js";
import { askRaw } from "../../../support/raw-http.js";
import { keyArguments } from "../../../support/query.js";
import { startGateway } from "../../../support/start-gateway.js";
import { MULTIPART } from "../../../support/stream-request.js";
import { RUN } from "../../../support/tasks.js";

const DOCUMENT = `{ task(${keyArguments(RUN)}) { status } }`;
const FOLLOW = `subscription { taskProgress(${keyArguments(RUN)}) { status } }`;
const APP = "https://app.example.com";

type Headers = Readonly<Record<string, string>>;

/** What browsers send that tell of their page, and the status of a GET. */
const told: readonly (readonly [what: string, headers: Headers, status: number])[] = [
  ["a page of the gateway", { "sec-fetch-site": "same-origin" }, 200],
  ["that page behind a proxy", { "sec-fetch-site": "same-origin", origin: "https://public.example" }, 200],
  ["a page that is let in", { "sec-fetch-site": "cross-site", origin: APP }, 200],
  ["that page on another host of its site", { "sec-fetch-site": "same-site", origin: APP }, 200],
  ["a page that is not", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }, 403],
  ["a page in a frame", { "sec-fetch-site": "cross-site", origin: "null" }, 403],
  ["a link, an image or a form of any page", { "sec-fetch-site": "cross-site" }, 403],
  ["those of another host of the site", { "sec-fetch-site": "same-site" }, 403],
  ["the address bar, or what it was led on to", { "sec-fetch-site": "none" }, 400],
  ["a browser that tells what nobody knows", { "sec-fetch-site": "anything" }, 400],
];

async function statusOf(url: string, path: string, headers: Headers, document: string): Promise<number> {
  const response = await fetch(`${url}${path}?query=${encodeURIComponent(document)}`, { headers });
  await response.text();
  return response.status;
}

describe("a GET that a browser has sent", () => {
  it.each(told)("is executed, or not, by whose page it was: %s", async (_what, headers, status) => {
    const { url, emulator } = await startGateway({ gateway: { corsOrigins: [APP] } });
    emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
    for (const path of ["/graphql", "/graphql/stream"]) {
      expect([path, await statusOf(url, path, headers, DOCUMENT)]).toEqual([path, status]);
    }
    expect(emulator.calls.length > 0).toBe(status === 200);
  });

  it("is asked for a header where the browser tells nothing, but for streams, which can send none", async () => {
    const { url } = await startGateway();
    const query = "{ __typename }";
    expect(await statusOf(url, "/graphql", {}, query)).toBe(400);
    expect(await statusOf(url, "/graphql", { "content-type": "Text/Plain; charset=utf-8" }, query)).toBe(400);
    expect(await statusOf(url, "/graphql", { "apollo-require-preflight": "1" }, query)).toBe(200);
    expect(await statusOf(url, "/graphql", { "x-apollo-operation-name": "a" }, query)).toBe(200);
    expect(await statusOf(url, "/graphql", { "content-type": "application/json" }, query)).toBe(200);
    expect(await statusOf(url, "/graphql/stream", {}, query)).toBe(200);
  });

  it("is not executed when it is to show a page", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(RUN);
    const headers = { accept: "text/html,application/xhtml+xml,*/*;q=0.8", "sec-fetch-site": "cross-site" };
    const response = await fetch(`${url}/graphql?query=${encodeURIComponent(DOCUMENT)}`, { headers });
    expect(await response.text()).toContain("embeddable-sandbox");
    expect(emulator.calls).toEqual([]);
  });
});

describe("a POST that a browser has sent", () => {
  it.each(told.filter(([, headers]) => headers["sec-fetch-site"]?.endsWith("e-origin") || "origin" in headers))(
    "is executed, or not, by whose page it was: %s",
    async (_what, page, status) => {
      const { url, emulator } = await startGateway({ gateway: { corsOrigins: [APP] } });
      emulator.addTask({ ...RUN, startedAgoMs: 60_000 });
      for (const [path, accept] of [
        ["/graphql", "application/json"],
        ["/graphql", MULTIPART],
        ["/graphql/stream", "text/event-stream"],
      ] as const) {
        const response = await fetch(`${url}${path}`, {
          method: "POST",
          headers: { ...page, accept, "content-type": "application/json" },
          body: JSON.stringify({ query: accept === "application/json" ? DOCUMENT : FOLLOW }),
        });
        await response.text();
        expect([accept, response.status]).toEqual([accept, status]);
      }
      expect(emulator.calls.length > 0).toBe(status === 200);
    },
  );
});

describe("urql", () => {
  it("asks as it does by itself, by GET, from a page that is let in", async () => {
    const { url, emulator } = await startGateway({ gateway: { corsOrigins: [APP] } });
    emulator.addTask(RUN);
    const methods: (string | undefined)[] = [];
    const asPage = async (page: Headers): Promise<unknown> => {
      const client = new Client({
        url: `${url}/graphql`,
        exchanges: [fetchExchange],
        fetch: async (input, init) => {
          methods.push(init?.method);
          return fetch(input, { ...init, headers: { ...(init?.headers as Headers), ...page } });
        },
      });
      const { data, error } = await client.query(gql(DOCUMENT), {}).toPromise();
      return data ?? error?.graphQLErrors.map(({ message }) => message);
    };
    expect(await asPage({ "sec-fetch-site": "same-origin" })).toMatchObject({ task: { status: "RUNNING" } });
    expect(await asPage({ "sec-fetch-site": "cross-site", origin: APP })).toMatchObject({
      task: { status: "RUNNING" },
    });
    expect(await asPage({ "sec-fetch-site": "cross-site", origin: "https://evil.example" })).toEqual([
      "Pages of this origin are not let in.",
    ]);
    expect(methods).toEqual(["GET", "GET", "GET"]);
  });
});

describe("the origin of the gateway itself", () => {
  it.each([
    ["https://api.example.com", "api.example.com:443", true],
    ["https://api.example.com", "API.example.com", true],
    ["http://api.example.com", "api.example.com:80", true],
    ["https://api.example.com:443", "api.example.com", true],
    ["https://api.example.com:8443", "api.example.com:8443", true],
    ["https://api.example.com:8443", "api.example.com", false],
    ["https://api.example.com", "api.example.com:80", false],
    ["http://api.example.com", "api.example.com:443", false],
    ["https://sub.api.example.com", "api.example.com", false],
    ["null", "null", false],
    ["api.example.com", "api.example.com", false],
  ])("is compared as URLs are: %s at %s", async (origin, host, isSame) => {
    const gateway = { explorer: false, corsOrigins: [], allowedHosts: ["api.example.com", "null"] };
    const { url } = await startGateway({ gateway });
    const json = '{"query":"{__typename}"}';
    const lines = [`Host: ${host}`, `Origin: ${origin}`, "Content-Type: application/json", "Connection: close"];
    const head = ["POST /graphql HTTP/1.1", ...lines, `Content-Length: ${json.length}`];
    expect((await askRaw(url, head, json)).status).toBe(isSame ? 200 : 403);
    const socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws", {
      headers: { host, origin },
    });
    let outcome = "";
    socket.once("open", () => (outcome = "open")).once("error", (error) => (outcome ||= error.message));
    await eventually(() => outcome !== "");
    socket.terminate();
    expect(outcome).toBe(isSame ? "open" : "Unexpected server response: 403");
  });
});
