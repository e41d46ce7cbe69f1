/**
 * The HTTP side of the emulator: listens, records every call, carries out injected faults, and turns answers and
 * refusals into IMM's JSON. Started by `emulator.ts`; asks `authenticator.ts` and `imm-service.ts` for every decision.
 */

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../clock.js";
import { assertNever, toError, toListenError } from "../errors.js";
import { type Operation, operations } from "../imm/operations/operations.js";
import { stringifyExact } from "../json.js";
import type { Authenticator } from "./authenticator.js";
import type { CallLog, OpenCall } from "./call-log.js";
import type { FaultKind, FaultRule, Faults } from "./faults.js";
import type { ImmService } from "./imm-service.js";
import { type ReceivedRequest, readRequest } from "./received-request.js";
import { Refusal, throttled } from "./refusal.js";

const DEFAULT_LATENCY_MS = 1_000; // 1 second

/**
 * Parameters travel in the URL, which Node counts among the headers, and each byte of JSON may take three there. As much as
 * a body may have; IMM's own limit is not documented.
 */
const MAX_HEADER_BYTES = 1_048_576; // 1 MiB

export interface ServerParts {
  readonly clock: Clock;
  readonly authenticator: Authenticator;
  readonly service: ImmService;
  readonly faults: Faults;
  readonly log: CallLog;
}

/** What is sent: always complete HTTP, even where the body is not complete JSON. */
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export class ImmHttpServer {
  readonly #parts: ServerParts;
  readonly #server: Server;
  /** Ends each delay that is under way. */
  readonly #delays = new Set<() => void>();
  #closed: Promise<void> | null = null;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.#server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
      parts.log.enter();
      response.once("close", () => parts.log.leave());
      void this.#serve(request, response);
    });
    this.#server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuseUnread(error.code, socket));
    // An idle connection stays open, so that a reset seen by a client is always one that a fault asked for.
    this.#server.keepAliveTimeout = 0;
  }

  /** Listens, and returns the URL. @throws the system's error - when the address cannot be used */
  async open(host: string, port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      const onError = (error: Error): void => reject(toListenError(error, host, port));
      this.#server.once("error", onError);
      this.#server.listen(port, host, () => {
        this.#server.off("error", onError);
        resolve();
      });
    });
    // A server that listens on TCP has an address of this shape.
    const address = this.#server.address() as AddressInfo;
    return `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
  }

  /** Stops listening and cuts every connection, answered or not. Delayed answers are dropped with their timers. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
      // Their responses learn of the cut only later, and the timers must not outlive this call.
      for (const end of this.#delays) end();
    });
    return this.#closed;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    if (request === null) return;
    const { clock, faults, log } = this.#parts;
    const { latency, failure } = faults.draw(request.action);
    const call = openCall(request, clock.now(), failure?.kind ?? latency?.kind);
    log.record(call);
    if (latency !== null) await this.#delay(latency.delayMs ?? DEFAULT_LATENCY_MS, response);
    // Not `response.destroyed`: a response learns only later that its connection was cut.
    if (incoming.socket.destroyed) return;
    const answer = this.#answerOrFail(request, failure, incoming);
    if (answer === null) return;
    call.status = answer.status;
    response.writeHead(answer.status, {
      ...answer.headers,
      date: new Date(clock.now()).toUTCString(),
      "content-length": Buffer.byteLength(answer.body),
    });
    response.end(answer.body);
  }

  /** Waits by the clock, or until the client has left or the door is closed. */
  #delay(delayMs: number, response: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#delays.delete(end);
        resolve();
      };
      const timer = this.#parts.clock.setTimer(delayMs, end);
      this.#delays.add(end);
      response.once("close", end);
    });
  }

  /** What to send, or null to send nothing. */
  #answerOrFail(request: ReceivedRequest, failure: FaultRule | null, incoming: IncomingMessage): Answer | null {
    const kind: FaultKind | "none" = failure?.kind ?? "none";
    switch (kind) {
      case "none":
      case "latency":
        return this.#answer(request);
      case "stall":
        return null;
      case "answerLost":
        this.#answer(request);
        incoming.socket.resetAndDestroy();
        return null;
      case "reset":
        incoming.socket.resetAndDestroy();
        return null;
      case "serverError":
        return refuse(
          new Refusal(503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
        );
      case "throttle":
        return refuse(throttled(), failure?.retryAfterMs);
      case "refuse":
        return refuse(new Refusal(400, failure?.code ?? "Forbidden.RAM", "The request was refused."));
      case "notJson":
        return { status: 200, headers: { "content-type": "text/html" }, body: "<html><body>It works!</body></html>" };
      case "truncated": {
        const { body, ...head } = this.#answer(request);
        return { ...head, body: body.slice(0, Math.floor(body.length / 2)) };
      }
      case "emptyBody":
        return { status: 200, headers: { "content-type": JSON_TYPE }, body: "" };
      default:
        return assertNever(kind);
    }
  }

  #answer(request: ReceivedRequest): Answer {
    try {
      checkTarget(request);
      this.#parts.authenticator.authenticate(request);
      return jsonAnswer(200, this.#parts.service.answer(request));
    } catch (error) {
      if (error instanceof Refusal) return refuse(error);
      return refuse(new Refusal(500, "InternalError", `The emulator failed: ${toError(error).message}`));
    }
  }
}

function refuse({ status, code, message }: Refusal, retryAfterMs?: number): Answer {
  const answer = jsonAnswer(status, {
    HostId: "imm.emulator",
    Code: code,
    Message: message,
    Recommend: `https://api.aliyun.com/troubleshoot?q=${encodeURIComponent(code)}&product=imm`,
  });
  if (retryAfterMs === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, "x-acs-retry-after": String(retryAfterMs) } };
}

/** Answers a request whose head is longer than the limit, or no HTTP. The connection ends with it. */
function refuseUnread(code: string | undefined, socket: Duplex): void {
  const { status, body, headers } = refuse(
    code === "HPE_HEADER_OVERFLOW"
      ? new Refusal(414, "RequestURITooLarge", "The parameters of the request are too long for its URL.")
      : new Refusal(400, "InvalidRequest", "The request is no HTTP."),
  );
  const fields = Object.entries({ ...headers, connection: "close", "content-length": Buffer.byteLength(body) });
  const head = [`HTTP/1.1 ${status} Refused`, ...fields.map(([name, value]) => `${name}: ${value}`)].join("\r\n");
  // The rest is read, since a client that is still sending would not see the refusal.
  if (socket.writable) socket.end(`${head}\r\n\r\n${body}`).resume();
  else socket.destroy();
}

const JSON_TYPE = "application/json;charset=utf-8";

function openCall(request: ReceivedRequest, at: number, fault: FaultKind | undefined): OpenCall {
  return {
    action: request.action,
    parameters: Object.fromEntries([...request.sent.query, ...request.sent.form]),
    at,
    status: null,
    accessKeyId: request.accessKeyId,
    ...(fault !== undefined && { fault }),
  };
}

/** IMM's metadata allows GET for reads; everything else is `POST /`. */
function checkTarget({ path, method, action, isTooLarge }: ReceivedRequest): void {
  if (path !== "/") throw new Refusal(404, "InvalidPath.NotFound", "Specified path is not found.");
  const isGetOfRead = method === "GET" && reads.has(action);
  if (method !== "POST" && !isGetOfRead) {
    throw new Refusal(405, "UnsupportedHTTPMethod", "This http method is not supported.");
  }
  if (isTooLarge) throw new Refusal(413, "RequestBodyTooLarge", "The request body is too large.");
}

const reads: ReadonlySet<string> = new Set(
  Object.values<Operation>(operations)
    .filter(({ kind }) => kind !== "create")
    .map(({ action }) => action),
);

function jsonAnswer(status: number, members: Readonly<Record<string, unknown>>): Answer {
  const requestId = randomUUID().toUpperCase();
  return {
    status,
    headers: { "content-type": JSON_TYPE, "x-acs-request-id": requestId },
    body: stringifyExact({ RequestId: requestId, ...members }),
  };
}
