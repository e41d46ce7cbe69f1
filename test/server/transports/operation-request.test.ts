import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { describe, expect, it } from "@jest/globals";
import type { Interest } from "../../../src/interest.js";
import { UNOBSERVED } from "../../../src/observe.js";
import { clientOf } from "../../../src/server/transports/operation-request.js";
import { query } from "../../support/query.js";
import { disposeAfterTest, startGateway } from "../../support/start-gateway.js";

/** The response to a request, and what ends its client. */
async function request(): Promise<{ reply: FastifyReply; raw: ServerResponse; leave: () => void }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  disposeAfterTest(() => {
    client.destroy();
    server.close();
  });
  client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const [, raw] = (await once(server, "request")) as [unknown, ServerResponse];
  return {
    reply: { raw, header: () => undefined } as unknown as FastifyReply,
    raw,
    leave: () => void client.destroy(),
  };
}

const ASKED = { addressOf: () => "192.0.2.1", observers: UNOBSERVED };

function clientSignal(reply: FastifyReply): Interest {
  return clientOf({ method: "POST", headers: {} } as FastifyRequest, reply, "http", ASKED).signal;
}

describe("the signal of an HTTP client", () => {
  it("is aborted when the client goes before the answer is out", async () => {
    const { reply, raw, leave } = await request();
    const signal = clientSignal(reply);
    expect(signal.aborted).toBe(false);
    leave();
    await once(raw, "close");
    expect(signal.aborted).toBe(true);
  });

  it("is aborted when the client had gone before", async () => {
    const { reply, raw, leave } = await request();
    leave();
    await once(raw, "close");
    expect(clientSignal(reply).aborted).toBe(true);
  });

  it("is not when the answer is out", async () => {
    const { reply, raw } = await request();
    const signal = clientSignal(reply);
    raw.end();
    await once(raw, "close");
    expect(signal.aborted).toBe(false);
  });
});

/** What both paths of HTTP answer, which read requests alike. */
async function refusalsOf(url: string, search: string, body?: unknown): Promise<readonly unknown[]> {
  const accept = ["application/json", "text/event-stream"];
  return Promise.all(
    ["/graphql", "/graphql/stream"].map(async (path, index) => {
      const posted = { method: "POST", body: JSON.stringify(body) };
      const response = await fetch(`${url}${path}${search}`, {
        headers: { accept: accept[index] ?? "", "content-type": "application/json" },
        ...(body !== undefined && posted),
      });
      const { errors } = (await response.json()) as { readonly errors: readonly { readonly message: string }[] };
      return [response.status, errors[0]?.message];
    }),
  );
}

describe("a request that has not the form of an operation is refused by the name of the member", () => {
  const NAMED = { documentId: "look" };
  const HELLO = "{ __typename }";

  it.each<[unknown, string]>([
    [[{ query: HELLO }], "Expected a JSON body of the form { query, variables, operationName }."],
    ["text", "Expected a JSON body of the form { query, variables, operationName }."],
    [{}, "Expected `query`, which is a document."],
    [{ query: "" }, "Expected `query`, which is a document."],
    [{ documentId: "" }, "Expected `query`, which is a document."],
    [{ query: 5 }, "Expected `query` to be a string."],
    [{ ...NAMED, query: 5 }, "Expected `query` to be a string."],
    [{ query: HELLO, operationName: 5 }, "Expected `operationName` to be a string."],
    [{ query: HELLO, variables: [1] }, "Expected `variables` to be a JSON object."],
    [{ ...NAMED, variables: "{}" }, "Expected `variables` to be a JSON object."],
    [{ ...NAMED, extensions: "x" }, "Expected `extensions` to be a JSON object."],
  ])("by POST: %j", async (body, message) => {
    for (const gateway of [
      {},
      { persistedOperations: { look: HELLO }, onlyPersistedOperations: true, explorer: false },
    ]) {
      const { url } = await startGateway({ gateway });
      expect(await refusalsOf(url, "", body)).toEqual([
        [400, message],
        [400, message],
      ]);
    }
  });

  it.each([
    ["", "Expected the parameter `query`, which is a document."],
    ["query=", "Expected the parameter `query`, which is a document."],
    ["query={__typename}&query=x", "Expected the parameter `query` once."],
    ["documentId=look&documentId=look", "Expected the parameter `documentId` once."],
    ["documentId=look&operationName=a&operationName=b", "Expected the parameter `operationName` once."],
    ["documentId=look&variables=[]", "Expected the parameter `variables` to be a JSON object."],
    ["query={__typename}&variables={", "Expected the parameter `variables` to be a JSON object."],
    ["query={__typename}&extensions=5", "Expected the parameter `extensions` to be a JSON object."],
  ])("by GET: %s", async (search, message) => {
    const { url } = await startGateway({ gateway: { explorer: false } });
    expect(await refusalsOf(url, `?${search}`)).toEqual([
      [400, message],
      [400, message],
    ]);
  });

  it("but not for a parameter that GraphQL does not know", async () => {
    const { url } = await startGateway();
    expect((await query(url, HELLO)).data).toEqual({ __typename: "Query" });
    const response = await fetch(`${url}/graphql?foo=1&foo=2&query={__typename}`, {
      headers: { "content-type": "application/json" },
    });
    expect(await response.json()).toEqual({ data: { __typename: "Query" } });
  });
});
