import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { describe, expect, it } from "@jest/globals";
import { clientOf } from "../../../src/server/transports/operation-request.js";
import { disposeAfterTest } from "../../support/start-gateway.js";

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
  return { reply: { raw } as unknown as FastifyReply, raw, leave: () => void client.destroy() };
}

function clientSignal(reply: FastifyReply): AbortSignal {
  return clientOf({ method: "POST", headers: {} } as FastifyRequest, reply).signal;
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
