import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { connect as connectTcp, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { runInNewContext } from "node:vm";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "@jest/globals";
import { query } from "../../../support/query.js";
import { eventually } from "../../../support/eventually.js";
import { disposeAfterTest, startGateway } from "../../../support/start-gateway.js";

/** Without any header that a test does not name, and without unpacking. */
async function get(url: string, headers: Record<string, string> = {}, method = "GET"): Promise<IncomingMessage> {
  const sent = request(`${url}/graphiql`, { method, headers }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return response;
}

describe("GraphiQL", () => {
  it("comes gzipped to a client that takes it, and as it is to one that does not", async () => {
    const { url } = await startGateway();
    const [gzipped, plain, refusing] = [
      await get(url, { "accept-encoding": "br, gzip" }),
      await get(url),
      await get(url, { "accept-encoding": "gzip;q=0" }),
    ];
    expect(gzipped.headers).toMatchObject({ "content-encoding": "gzip", "content-type": "text/html; charset=utf-8" });
    expect(gzipped.headers.vary?.split(", ")).toEqual(expect.arrayContaining(["accept-encoding", "origin"]));
    expect([plain, refusing].map(({ headers }) => headers["content-encoding"])).toEqual([undefined, undefined]);
    const page = gunzipSync(await buffer(gzipped));
    expect(page.equals(await buffer(plain))).toBe(true);
    expect(page.equals(await buffer(refusing))).toBe(true);
    expect(page.toString()).toContain("/graphiql/options.js");
  });

  it("is not sent again to a client that has it, and costs a HEAD no body", async () => {
    const { url } = await startGateway();
    const first = await get(url, { "accept-encoding": "gzip" }, "HEAD");
    expect(await buffer(first)).toHaveLength(0);
    const { etag = "" } = first.headers;
    const again = await get(url, { "accept-encoding": "gzip", "if-none-match": `"other", ${etag}` });
    expect([again.statusCode, (await buffer(again)).length]).toEqual([304, 0]);
    const other = await get(url, { "if-none-match": '"other"' });
    expect(other.statusCode).toBe(200);
    other.destroy();
  });

  it("begins with the operations of its gateway", async () => {
    const { url } = await startGateway({
      gateway: { example: { query: "{ a }", subscription: "subscription { b }" } },
    });
    const script = await (await fetch(`${url}/graphiql/options.js`)).text();
    const options: unknown = runInNewContext(`${script}graphiqlOptions`, { localStorage: { getItem: () => null } });
    expect(options).toMatchObject({
      endpoint: "/graphql",
      defaultTabs: [{ query: "{ a }" }, { query: "subscription { b }" }],
    });
  });

  it("is one page in memory, however many ask for it and do not read", async () => {
    const { url, port } = await startGateway();
    await buffer(await get(url, { "accept-encoding": "gzip" }));
    const sockets: Socket[] = [];
    disposeAfterTest(() => {
      for (const socket of sockets) socket.destroy();
    });
    const before = process.memoryUsage();
    for (let index = 0; index < 120; index += 1) {
      const socket = connectTcp(port, "127.0.0.1");
      socket.on("error", () => undefined);
      sockets.push(socket);
      await once(socket, "connect");
      // Half of them do not take gzip either.
      const encoding = index % 2 === 0 ? "Accept-Encoding: gzip\r\n" : "";
      socket.write(`GET /graphiql HTTP/1.1\r\nHost: localhost\r\n${encoding}\r\n`);
      socket.once("readable", () => undefined);
    }
    await eventually(() => sockets.every((socket) => socket.readableLength > 0));
    expect((await query(url, "{ __typename }")).data).toEqual({ __typename: "Query" });
    const after = process.memoryUsage();
    // Rendered and unpacked for each it would be 1 GB; what the sockets of this side hold is in it.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(60e6);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(60e6);
  });
});
