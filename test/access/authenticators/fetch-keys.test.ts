import { describe, expect, it } from "@jest/globals";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { fetchKeys } from "../../../src/access/authenticators/fetch-keys.js";
import { disposeAfterTest } from "../../support/dispose-after-test.js";

const KEY = { kty: "EC", crv: "P-256", x: "AA", y: "AA" };
const KEYS = JSON.stringify({ keys: [KEY] });

/** What asks for the keys sends, by the servers' sockets. */
interface Asked {
  readonly url: string;
  readonly requests: string[];
  /** Its connections that are open. */
  readonly sockets: Set<Socket>;
}

/** A server that answers each request with these bytes, and closes the connection only if `ends`. */
async function serve(answer: string | Buffer, ends = true): Promise<Asked> {
  const asked = { requests: [] as string[], sockets: new Set<Socket>() };
  const server = createServer((socket) => {
    asked.sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => asked.sockets.delete(socket));
    socket.on("data", (chunk) => {
      asked.requests.push(String(chunk));
      if (ends) socket.end(answer);
      else socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  disposeAfterTest(() => {
    for (const socket of asked.sockets) socket.destroy();
    server.close();
  });
  return { ...asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json?of=all` };
}

function answerOf(status: string, body: string, ...headers: readonly string[]): string {
  return [`HTTP/1.1 ${status}`, ...headers, `content-length: ${body.length}`, "", body].join("\r\n");
}

/** With a body that is compressed, although nobody asked for that. */
function compressedAnswerOf(encoding: string, body: Buffer): Buffer {
  const head = ["HTTP/1.1 200 OK", `content-encoding: ${encoding}`, `content-length: ${body.length}`, "", ""];
  return Buffer.concat([Buffer.from(head.join("\r\n")), body]);
}

/** The sentence that it fails with. */
async function failureOf(url: string, signal = new AbortController().signal): Promise<string> {
  return fetchKeys(url, signal).then(
    () => "none",
    (thrown: unknown) => String(thrown),
  );
}

describe("keys behind a URL", () => {
  it("are asked for plainly, over a connection that is not kept", async () => {
    const { url, requests } = await serve(answerOf("200 OK", KEYS));
    expect(await fetchKeys(url, new AbortController().signal)).toEqual({ keys: [KEY] });
    const [line, ...headers] = (requests[0] ?? "").trim().split("\r\n");
    expect(line).toBe("GET /jwks.json?of=all HTTP/1.1");
    expect(headers.map((header) => header.toLowerCase()).toSorted()).toEqual([
      "accept-encoding: identity",
      "accept: application/json",
      "connection: close",
      `host: ${new URL(url).host}`,
      "user-agent: imm-graphql",
    ]);
  });

  it("are taken from any answer that says success", async () => {
    const { url } = await serve(answerOf("203 Non-Authoritative Information", KEYS));
    expect(await fetchKeys(url, new AbortController().signal)).toEqual({ keys: [KEY] });
  });

  it.each([
    ["gzip", gzipSync(KEYS)],
    ["GZIP", gzipSync(KEYS)],
    ["deflate", deflateSync(KEYS)],
    ["br", brotliCompressSync(KEYS)],
  ])("are read also where they come as %s, which was not asked for", async (encoding, body) => {
    const { url } = await serve(compressedAnswerOf(encoding, body));
    expect(await fetchKeys(url, new AbortController().signal)).toEqual({ keys: [KEY] });
  });

  it("are bounded by what is in a compressed answer, and cannot be had from one that is damaged or cut", async () => {
    const bomb = await serve(compressedAnswerOf("gzip", gzipSync(Buffer.alloc(50_000_000, " "))), false);
    expect(await failureOf(bomb.url)).toBe("Error: the answer has more than 524288 bytes");
    while (bomb.sockets.size > 0) await new Promise(setImmediate);
    const damaged = await serve(compressedAnswerOf("gzip", Buffer.from(KEYS)));
    expect(await failureOf(damaged.url)).toBe("Error: there was no answer");
    const cut = await serve(compressedAnswerOf("gzip", gzipSync(KEYS)).subarray(0, -9));
    expect(await failureOf(cut.url)).toBe("Error: there was no answer");
  });

  it("are not looked for where a redirect leads", async () => {
    const other = await serve(answerOf("200 OK", KEYS));
    const { url } = await serve(answerOf("302 Found", "", `location: ${other.url}`));
    expect(await failureOf(url)).toBe("Error: the answer has the status 302");
    expect(other.requests).toEqual([]);
  });

  it.each<[what: string, answer: string]>([
    ["hangs up", ""],
    ["speaks no HTTP", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["changes the protocol", "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"],
    ["has a head without an end", `HTTP/1.1 200 OK\r\nx: ${"a".repeat(100_000)}`],
    ["stops within its body", `HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n${KEYS}`],
  ])("cannot be had from what %s", async (_what, answer) => {
    const { url } = await serve(answer);
    expect(await failureOf(url)).toBe("Error: there was no answer");
  });

  it("cannot be had where nobody listens, nor by TLS from what has none", async () => {
    const { url } = await serve("");
    expect(await failureOf(url.replace("http:", "https:"))).toBe("Error: there was no answer");
    expect(await failureOf("http://localhost:1/")).toBe("Error: there was no answer");
  });

  it.each([
    ["at all", ""],
    ["beyond its head", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"],
    ["beyond part of its body", `HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n${KEYS}`],
  ])("are not waited for beyond the deadline where nothing comes %s", async (_what, answer) => {
    const { url, requests, sockets } = await serve(answer, false);
    const controller = new AbortController();
    const failure = failureOf(url, controller.signal);
    while (requests.length === 0) await new Promise(setImmediate);
    controller.abort();
    expect(await failure).toBe("Error: there was no answer in time");
    while (sockets.size > 0) await new Promise(setImmediate);
  });

  it("are not read beyond the bound, nor at all where the answer is a refusal, and the connection is closed", async () => {
    const large = await serve(`HTTP/1.1 200 OK\r\n\r\n${" ".repeat(600_000)}`, false);
    expect(await failureOf(large.url)).toBe("Error: the answer has more than 524288 bytes");
    const refusal = await serve(`HTTP/1.1 403 Forbidden\r\ncontent-length: 1000000\r\n\r\n`, false);
    expect(await failureOf(refusal.url)).toBe("Error: the answer has the status 403");
    while (large.sockets.size + refusal.sockets.size > 0) await new Promise(setImmediate);
  });
});
