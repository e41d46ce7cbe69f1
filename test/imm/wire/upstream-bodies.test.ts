/** What an upstream may send, and for how long: bodies are bounded, and what is given up is closed. */

import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { systemClock } from "../../../src/clock.js";
import { GatewayError } from "../../../src/errors.js";
import { GuardedImmClient } from "../../../src/imm/policy/call-policy.js";
import { parseEndpoint } from "../../../src/imm/wire/endpoints.js";
import { createOpenApi, OpenApiImmClient } from "../../../src/imm/wire/openapi-client.js";
import { MAX_BODY_BYTES } from "../../../src/imm/wire/response-body.js";
import { MAX_REFUSAL_BYTES } from "../../../src/imm/wire/upstream-request.js";
import { eventually } from "../../support/eventually.js";
import { disposeAfterTest, manualClockNow } from "../../support/start-gateway.js";

const TASK = { projectName: "p", taskType: "FileCompression", taskId: "t" };
const ANSWER = '{"Status":"Running"}';
const MIB = 1_024 * 1_024;
/** What the machine's sockets hold beside what was read. */
const SOCKET_BUFFERS_BYTES = 16 * MIB;
/** No deadline of these tests: what ends a call is what the test is about. */
const NEVER_MS = 600_000;

class Upstream {
  readonly server: Server;
  readonly connections: Socket[] = [];
  /** Of all bodies together. */
  bytesTaken = 0;

  constructor(answer: (response: ServerResponse, upstream: Upstream) => void) {
    this.server = createServer((request, response) => {
      request.resume();
      answer(response, this);
    });
    this.server.on("connection", (socket) => this.connections.push(socket));
  }

  get openConnections(): number {
    return this.connections.filter(({ destroyed }) => !destroyed).length;
  }

  /** Sends a piece again and again, as fast as it is taken, until so much was sent or the connection closes. */
  pour(response: ServerResponse, piece: string, maxBytes = Infinity): void {
    const pourOn = (): void => {
      while (!response.destroyed && this.bytesTaken < maxBytes) {
        this.bytesTaken += piece.length;
        if (!response.write(piece)) return;
      }
      response.end();
    };
    response.on("drain", pourOn);
    pourOn();
  }
}

async function startUpstream(
  answer: (response: ServerResponse, upstream: Upstream) => void,
): Promise<{ readonly upstream: Upstream; readonly client: OpenApiImmClient }> {
  const upstream = new Upstream(answer);
  await new Promise<void>((resolve) => upstream.server.listen(0, "127.0.0.1", resolve));
  disposeAfterTest(
    async () =>
      new Promise<void>((resolve) => {
        upstream.server.close(() => resolve());
        upstream.server.closeAllConnections();
      }),
  );
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(`http://127.0.0.1:${(upstream.server.address() as AddressInfo).port}`),
    accessKey: { accessKeyId: "test", accessKeySecret: "test" },
    userAgent: "test",
  });
  return { upstream, client: new OpenApiImmClient({ openApi, callTimeoutMs: NEVER_MS }) };
}

async function errorOf(call: Promise<unknown>): Promise<GatewayError> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof GatewayError) return thrown;
  throw new Error("Expected a GatewayError.");
}

describe("a body", () => {
  it.each([
    ["without end", " ".repeat(65_536), Infinity],
    ["of 300 MB", " ".repeat(65_536), 300 * MIB],
  ])("%s is cut at the bound, and its connection is closed", async (_title, piece, maxBytes) => {
    const { upstream, client } = await startUpstream((response, self) => self.pour(response, piece, maxBytes));
    const residentBytes = process.memoryUsage.rss();
    const error = await errorOf(client.getTask(TASK));
    expect(error.code).toBe("UPSTREAM_INVALID_RESPONSE");
    expect(error.message).toBe(`IMM's answer is longer than ${MAX_BODY_BYTES} bytes.`);
    await eventually(() => upstream.openConnections === 0);
    expect(upstream.bytesTaken).toBeLessThan(MAX_BODY_BYTES + SOCKET_BUFFERS_BYTES);
    expect(process.memoryUsage.rss() - residentBytes).toBeLessThan(150 * MIB);
  });

  it("in pieces of one byte costs no more memory than its bytes", async () => {
    const { upstream, client } = await startUpstream((response) => {
      // Two million pieces as they travel, each with a head of its own.
      response.write("{");
      response.socket?.write("1\r\n \r\n".repeat(2 * MIB));
      response.end(ANSWER.slice(1));
    });
    const residentBytes = process.memoryUsage.rss();
    expect(await client.getTask(TASK)).toMatchObject({ status: "Running" });
    expect(process.memoryUsage.rss() - residentBytes).toBeLessThan(200 * MIB);
    expect(upstream.openConnections).toBe(1);
  });

  it("of just the bound is read", async () => {
    const { client } = await startUpstream((response) =>
      response.end(ANSWER + " ".repeat(MAX_BODY_BYTES - ANSWER.length)),
    );
    expect(await client.getTask(TASK)).toMatchObject({ status: "Running" });
  });

  it("that was read to its end leaves the connection to the next call, its signal being spent", async () => {
    const { upstream, client } = await startUpstream((response) => response.end(ANSWER));
    for (let call = 0; call < 3; call += 1) {
      const controller = new AbortController();
      await client.getTask(TASK, { signal: controller.signal });
      controller.abort();
    }
    expect(upstream.connections).toHaveLength(1);
  });

  it.each([
    ["nothing", ""],
    ["white space", "  "],
    ["a byte order tag before the JSON", `\uFEFF${ANSWER}`],
    ["JSON that goes on", `${ANSWER}{}`],
    ["bytes of no text", Buffer.from([0x7b, 0xff, 0xfe])],
  ])("of %s is no JSON", async (_title, body) => {
    const { client } = await startUpstream((response) => response.end(body));
    expect((await errorOf(client.getTask(TASK))).message).toBe("IMM's answer is not JSON.");
  });
});

describe("a refusal's body", () => {
  it.each([400, 404, 429, 500, 502])("with %i and without end is cut as well", async (status) => {
    const { upstream, client } = await startUpstream((response, self) => {
      response.writeHead(status);
      self.pour(response, " ".repeat(65_536));
    });
    const error = await errorOf(client.getTask(TASK));
    expect(error.code).toBe("UPSTREAM_INVALID_RESPONSE");
    expect(error.message).toBe(`IMM's refusal is longer than ${MAX_REFUSAL_BYTES} bytes.`);
    await eventually(() => upstream.openConnections === 0);
    expect(upstream.bytesTaken).toBeLessThan(MAX_REFUSAL_BYTES + SOCKET_BUFFERS_BYTES);
  });

  it("within the bound is read, and leaves the connection to the next call", async () => {
    const { upstream, client } = await startUpstream((response) => {
      response.writeHead(400).end(JSON.stringify({ Code: "ResourceNotFound", Message: "m".repeat(900_000) }));
    });
    for (let call = 0; call < 3; call += 1) expect((await errorOf(client.getTask(TASK))).code).toBe("NOT_FOUND");
    expect(upstream.connections).toHaveLength(1);
    expect(upstream.connections[0]?.listenerCount("data")).toBeLessThan(3);
  });
});

describe("a call that is given up", () => {
  const answers: readonly (readonly [title: string, answer: (response: ServerResponse) => void])[] = [
    ["before its answer begins", () => undefined],
    ["within the head of its answer", ({ socket }) => void socket?.write("HTTP/1.1 200 OK\r\nX-A: ")],
    ["within its answer", (response) => void response.write("{")],
    ["within a refusal", (response) => void response.writeHead(503).write("{")],
  ];

  it.each(answers)("%s closes its connection", async (_title, answer) => {
    const { upstream, client } = await startUpstream(answer);
    const controller = new AbortController();
    const call = errorOf(client.getTask(TASK, { signal: controller.signal }));
    await eventually(() =>
      upstream.connections.some(({ bytesWritten }) => bytesWritten > 0 || answer === answers[0]?.[1]),
    );
    expect(upstream.openConnections).toBe(1);
    controller.abort();
    expect((await call).code).toBe("UPSTREAM_UNAVAILABLE");
    await eventually(() => upstream.openConnections === 0);
  });

  function guard(client: OpenApiImmClient, callTimeoutMs: number): GuardedImmClient {
    return new GuardedImmClient(client, {
      clock: manualClockNow(),
      networkClock: systemClock,
      limits: {
        callTimeoutMs,
        maxConcurrentCalls: 10,
        maxCallsPerSecond: 100,
        maxQueuedCalls: 10,
        maxRetries: 0,
        retryDelayMs: 1,
        maxRetryDelayMs: 1,
        breakerThreshold: 10,
        breakerResetMs: 1,
      },
    });
  }

  it.each(answers)("by the deadline %s closes its connection", async (_title, answer) => {
    const { upstream, client } = await startUpstream(answer);
    expect((await errorOf(guard(client, 50).getTask(TASK))).code).toBe("UPSTREAM_TIMEOUT");
    await eventually(() => upstream.connections.length === 1 && upstream.openConnections === 0);
  });

  it("since the gateway stops closes its connection", async () => {
    const { upstream, client } = await startUpstream((response) => void response.write("{"));
    const guarded = guard(client, NEVER_MS);
    const call = errorOf(guarded.getTask(TASK));
    await eventually(() => upstream.openConnections === 1);
    guarded.dispose();
    expect(await call).toMatchObject({ code: "UPSTREAM_UNAVAILABLE", message: "The gateway is stopping." });
    await eventually(() => upstream.openConnections === 0);
  });
});
