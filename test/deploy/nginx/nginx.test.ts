/** The gateway behind Debian's nginx with `deploy/nginx.conf`: every transport, over real sockets. */

import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer, request, type IncomingMessage } from "node:http";
import { connect as connectByHttp2 } from "node:http2";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "@jest/globals";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";
import { WebSocket } from "ws";
import { EVERY_SECOND, nextPoll } from "../../support/next-poll.js";
import { keyArguments, query } from "../../support/query.js";
import { disposeAfterTest, startGateway, type RunningGateway, type StartOptions } from "../../support/start-gateway.js";
import { openStream, subscribeByMultipart } from "../../support/stream-request.js";
import { RUN } from "../../support/tasks.js";
import { run, startNginx, type Nginx, type NginxOptions } from "./start-nginx.js";

const QUERY = `{ task(${keyArguments(RUN)}) { status } }`;
const FOLLOW = `subscription { taskProgress(${keyArguments(RUN)}) { status progress } }`;
/** Comes again at once, however often it is cut. */
const COMES_AGAIN = { retryAttempts: 100, shouldRetry: () => true } as const;
const atOnce = async (): Promise<void> => undefined;

type Running = RunningGateway & { readonly nginx: Nginx };

async function start(gateway: StartOptions["gateway"] = {}, nginx: Partial<NginxOptions> = {}): Promise<Running> {
  const running = await startGateway({
    gateway: { explorer: false, corsOrigins: [], trustedProxies: ["127.0.0.1"], ...EVERY_SECOND, ...gateway },
  });
  running.emulator.addTask({ ...RUN, durationMs: 3_000 });
  return { ...running, nginx: await startNginx({ ports: [running.port], ...nginx }) };
}

interface Progress {
  readonly status: string;
  readonly progress: number;
}

/** What a subscriber to the task is sent, over as many connections as it takes. */
type Follow = (url: string) => AsyncIterable<Progress | undefined>;

const transports: Readonly<Record<"WebSocket" | "SSE" | "multipart", Follow>> = {
  async *WebSocket(url) {
    const address = `${url.replace("http", "ws")}/graphql`;
    const client = createSocketClient({ url: address, webSocketImpl: WebSocket, retryWait: atOnce, ...COMES_AGAIN });
    disposeAfterTest(async () => client.dispose());
    for await (const { data } of client.iterate<{ taskProgress: Progress }>({ query: FOLLOW }))
      yield data?.taskProgress;
  },
  async *SSE(url) {
    const client = createSseClient({ url: `${url}/graphql/stream`, retry: atOnce, retryAttempts: 100 });
    disposeAfterTest(() => client.dispose());
    for await (const { data } of client.iterate<{ taskProgress: Progress }>({ query: FOLLOW }))
      yield data?.taskProgress;
  },
  async *multipart(url) {
    for (;;) {
      const stream = await subscribeByMultipart(url, FOLLOW);
      try {
        for (let part = await stream.next(); part !== null; part = await stream.next()) {
          const { payload } = part as { payload?: { data: { taskProgress: Progress } } };
          if (payload !== undefined) yield payload.data.taskProgress;
        }
        return;
      } catch {
        // It was cut before its last boundary.
      }
    }
  },
};

const BEGUN = { done: false, value: { status: "RUNNING", progress: 0 } };
const OVER = { done: true, value: undefined };

/** Reads three seconds of the task to their end, each event before time goes on: none is kept back on the way. */
async function readToTheEnd(
  running: Running,
  followers: readonly AsyncIterator<Progress | undefined>[],
): Promise<void> {
  for (const value of [
    { status: "RUNNING", progress: 33 },
    { status: "RUNNING", progress: 66 },
    { status: "SUCCEEDED", progress: 100 },
  ]) {
    await nextPoll(running);
    for (const follower of followers) expect(await follower.next()).toEqual({ done: false, value });
  }
  for (const follower of followers) expect(await follower.next()).toEqual(OVER);
}

function followAll(url: string): readonly AsyncIterator<Progress | undefined>[] {
  return Object.values(transports).map((follow) => follow(url)[Symbol.asyncIterator]());
}

/** What a client on another address of this machine is answered. */
async function askFrom(
  address: string,
  { port }: Nginx,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | undefined; readonly text: string }> {
  const asked = request({
    port,
    host: "127.0.0.1",
    localAddress: address,
    path: "/graphql?query=%7B__typename%7D",
    headers: { accept: "application/json", "apollo-require-preflight": "true", ...headers },
    agent: false,
  }).end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  return { status: response.statusCode, text: await text(response) };
}

describe("behind nginx", () => {
  it("a query is answered, by POST and by GET", async () => {
    const { nginx } = await start();
    expect(await query(nginx.url, QUERY)).toMatchObject({ status: 200, data: { task: { status: "RUNNING" } } });
    expect((await askFrom("127.0.0.1", nginx)).text).toBe('{"data":{"__typename":"Query"}}\n');
  });

  it.each(Object.entries(transports))("a subscription is followed to its end, as it goes: %s", async (_, follow) => {
    const running = await start();
    const follower = follow(running.nginx.url)[Symbol.asyncIterator]();
    expect(await follower.next()).toEqual(BEGUN);
    await readToTheEnd(running, [follower]);
  });

  it("a page of the gateway's own name is let in, others are not", async () => {
    const { nginx } = await start({ allowedHosts: ["imm.example.com"] });
    const ask = async (headers: Readonly<Record<string, string>>): Promise<number | undefined> =>
      (await askFrom("127.0.0.1", nginx, headers)).status;
    expect(await ask({ host: "imm.example.com:8080", origin: "http://imm.example.com:8080" })).toBe(200);
    expect(await ask({ host: "imm.example.com:8080", origin: "http://imm.example.com" })).toBe(403);
    expect(await ask({ host: "other.example.com" })).toBe(403);
  });

  it("a body that is too large is refused by the gateway, which says so in JSON", async () => {
    const { nginx } = await start();
    const { status, errors } = await query(nginx.url, `# ${"x".repeat(300_000)}\n${QUERY}`);
    expect([status, errors[0]?.message]).toEqual([413, expect.stringContaining("262144")]);
  });

  it("everything else is not there", async () => {
    const { nginx } = await start();
    for (const path of ["/", "/healthz", "/graphiql", "/metrics"])
      expect((await fetch(`${nginx.url}${path}`)).status).toBe(404);
  });

  it.each(["/graphql", "/graphql/stream"])("a stream waits for its client, at the gateway: %s", async (path) => {
    const [piece, pieces] = [Buffer.alloc(65_536), 1_024];
    let taken = 0;
    const upstream = createHttpServer((asked, response) => {
      if (asked.method === "GET") return void response.end();
      response.writeHead(200, { "x-accel-buffering": "no" });
      const write = (): unknown => taken < pieces && response.write(piece, () => ((taken += 1), write()));
      return void write();
    });
    const nginx = await startNginx({ ports: [await listen(upstream)] });
    await openStream(`${nginx.url}${path}`, { method: "POST" });
    for (let before = -1; before < taken;) {
      before = taken;
      // Its only worker has had so many turns to take more.
      for (let turn = 0; turn < 20; turn += 1) await (await fetch(`${nginx.url}/graphql`)).text();
    }
    expect(taken).toBeLessThan(pieces);
  });

  it("connections to the gateway are used again", async () => {
    let connections = 0;
    const upstream = createHttpServer((_, response) => response.end("{}")).on("connection", () => {
      connections += 1;
    });
    const nginx = await startNginx({ ports: [await listen(upstream)] });
    for (let count = 0; count < 5; count += 1) await query(nginx.url, QUERY);
    expect(connections).toBe(1);
  });
});

describe("the limits of an address", () => {
  it("are those of nginx's client, whatever it says of itself", async () => {
    const { nginx } = await start({ requestsPerMinute: 2 });
    const forged = [{}, { "x-forwarded-for": "198.51.100.1" }, { "x-forwarded-for": "198.51.100.2" }];
    const statuses: unknown[] = [];
    for (const headers of forged) statuses.push((await askFrom("127.0.0.2", nginx, headers)).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await askFrom("127.0.0.3", nginx)).status).toBe(200);
  });

  it("hold for WebSockets", async () => {
    const { nginx } = await start({ maxSocketsPerAddress: 1 });
    const open = async (localAddress: string): Promise<unknown> => {
      const socket = new WebSocket(`ws://127.0.0.1:${nginx.port}/graphql`, "graphql-transport-ws", { localAddress });
      disposeAfterTest(() => socket.terminate());
      socket.on("error", () => undefined);
      return Promise.race([
        once(socket, "open").then(() => "open"),
        once(socket, "unexpected-response").then(([, response]) => (response as IncomingMessage).statusCode),
      ]);
    };
    expect([await open("127.0.0.2"), await open("127.0.0.2"), await open("127.0.0.3")]).toEqual(["open", 429, "open"]);
  });
});

describe("a reload of nginx", () => {
  it("leaves what is open to the old worker", async () => {
    const running = await start();
    const followers = followAll(running.nginx.url);
    for (const follower of followers) expect(await follower.next()).toEqual(BEGUN);
    await running.nginx.reload();
    await readToTheEnd(running, followers);
  });

  it("that ends what is open loses no subscriber that comes again", async () => {
    const running = await start({}, { shutdownTimeoutMs: 50 });
    const followers = followAll(running.nginx.url);
    for (const follower of followers) expect(await follower.next()).toEqual(BEGUN);
    await running.nginx.reload();
    // Sent again over a new connection, since no time goes by.
    for (const follower of followers) expect(await follower.next()).toEqual(BEGUN);
    await readToTheEnd(running, followers);
  });
});

describe("of two gateways", () => {
  const CREATE = `mutation { createFileCompressionTask(input: {
    projectName: "immtest", sources: [{ uri: "oss://bucket/a" }], targetUri: "oss://bucket/a.zip"
  }) { task { id } } }`;
  const second = async (broken: number): Promise<Running> => {
    const running = await start();
    return { ...running, nginx: await startNginx({ ports: [broken, running.port] }) };
  };

  it("the second is asked where the first does not listen", async () => {
    const closed = createServer();
    const port = await listen(closed);
    closed.close();
    const { nginx, emulator } = await second(port);
    expect(await query(nginx.url, CREATE)).toMatchObject({ status: 200, errors: [] });
    expect(emulator.calls.map(({ action }) => action)).toEqual(["CreateFileCompressionTask"]);
  });

  it("the second is not asked what the first has been sent, since that may have started a task", async () => {
    const broken = createServer((socket) => void socket.once("data", () => socket.destroy()));
    const { nginx, emulator } = await second(await listen(broken));
    expect((await postRaw(nginx, CREATE)).status).toBe(502);
    expect(emulator.calls).toEqual([]);
  });
});

describe("with TLS", () => {
  it("a stream is followed over HTTP/2", async () => {
    const folder = mkdtempSync(join(tmpdir(), "imm-graphql-tls-"));
    disposeAfterTest(() => rmSync(folder, { recursive: true }));
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1", "-nodes"];
    await run("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-keyout", key, "-out", certificate, ...subject]);
    // As its comment says: the lines of it in place of the other.
    const running = await start(
      {},
      {
        replaced: [
          [/ {2}listen 80;\n/, ""],
          [/^ {2}# {3}(?=listen|ssl)/gm, "  "],
          ["listen 443 ssl http2;", "listen 127.0.0.1:PORT ssl http2; # listen 80;"],
          ["/etc/nginx/tls/imm.example.com.pem", certificate],
          ["/etc/nginx/tls/imm.example.com.key", key],
        ],
      },
    );
    const session = connectByHttp2(`https://localhost:${running.nginx.port}`, { ca: readFileSync(certificate) });
    disposeAfterTest(() => session.destroy());
    const path = `/graphql/stream?query=${encodeURIComponent(FOLLOW)}`;
    const streams = Array.from({ length: 8 }, () => session.request({ ":path": path, accept: "text/event-stream" }));
    const texts = streams.map(async (stream) => {
      await once(stream, "readable");
      return text(stream);
    });
    await Promise.all(streams.map(async (stream) => once(stream, "response")));
    for (let seconds = 0; seconds < 3; seconds += 1) await nextPoll(running);
    for (const whole of await Promise.all(texts)) expect(whole).toMatch(/"SUCCEEDED".*\n\nevent: complete\n/s);
  });
});

/** Listens on a free port until the test ends. */
async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  disposeAfterTest(() => void server.close());
  // The cast: it listens on no pipe.
  return (server.address() as AddressInfo).port;
}

async function postRaw({ url }: Nginx, document: string): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query: document }) });
}
