/** One operation over each transport, as text that a test may have written by hand, and what became of it in one form. */

import { WebSocket } from "ws";
import type { QueryError } from "../support/query.js";
import { MULTIPART } from "../support/stream-request.js";

/** An operation as it travels. `variables` and `extensions` are JSON text: no serializer stands a deep value. */
export interface HostileOperation {
  readonly query: string;
  readonly variables?: string | undefined;
  readonly operationName?: string | undefined;
  readonly extensions?: string | undefined;
}

export const transports = ["post", "get", "stream", "multipart", "socket"] as const;
export type Transport = (typeof transports)[number];

/** What became of an operation. */
export interface Outcome {
  readonly transport: Transport;
  /** Of the HTTP answer; of a WebSocket the code that it was closed with, or 200 while it is open. */
  readonly status: number;
  /** `silent`: nothing came; `broken`: the connection ended without a result. */
  readonly kind: "result" | "silent" | "broken";
  readonly data: unknown;
  readonly errors: readonly QueryError[];
  readonly codes: readonly unknown[];
}

/** Longer than any operation of the tests takes; what has not answered by then is silent. */
const PATIENCE_MS = 5_000;
/** What fits into a URL. */
const MAX_URL_LENGTH = 8_000;

export function toBody({ query, variables, operationName, extensions }: HostileOperation): string {
  const members = [
    `"query":${JSON.stringify(query)}`,
    ...(variables === undefined ? [] : [`"variables":${variables}`]),
    ...(operationName === undefined ? [] : [`"operationName":${JSON.stringify(operationName)}`]),
    ...(extensions === undefined ? [] : [`"extensions":${extensions}`]),
  ];
  return `{${members.join()}}`;
}

/** Sends an operation over every transport that can carry it. */
export async function sendOverAll(
  url: string,
  socket: RawSocket,
  operation: HostileOperation,
  patienceMs = PATIENCE_MS,
): Promise<readonly Outcome[]> {
  const body = toBody(operation);
  const search = toSearch(operation);
  return Promise.all([
    ...(["post", "stream", "multipart"] as const).map(async (transport) =>
      exchange(transport, ...toRequest(url, transport, body), patienceMs),
    ),
    socket.run(body, patienceMs),
    ...(search.length > MAX_URL_LENGTH ? [] : [exchange("get", `${url}/graphql?${search}`, GET, patienceMs)]),
  ]);
}

function toSearch({ query, variables, operationName, extensions }: HostileOperation): string {
  // What is no text has no place in a URL: a lone surrogate becomes the sign for it.
  const parameters = new URLSearchParams({
    query,
    ...(variables !== undefined && { variables }),
    ...(operationName !== undefined && { operationName }),
    ...(extensions !== undefined && { extensions }),
  });
  return String(parameters);
}

const JSON_TYPE = { "content-type": "application/json" };

const GET = { headers: { "apollo-require-preflight": "1" } };

/** Where and how a transport of HTTP takes the body of an operation. */
export function toRequest(
  url: string,
  transport: "post" | "stream" | "multipart",
  body: string,
): [string, RequestInit] {
  const accept = { post: "*/*", stream: "text/event-stream", multipart: `${MULTIPART}, application/json;q=0.9` }[
    transport
  ];
  const path = transport === "stream" ? "/graphql/stream" : "/graphql";
  return [`${url}${path}`, { method: "POST", headers: { ...JSON_TYPE, accept }, body }];
}

/** Reads up to the first result, then leaves. */
async function exchange(transport: Transport, url: string, init: RequestInit, patienceMs: number): Promise<Outcome> {
  const controller = new AbortController();
  let isSilent = false;
  const timer = setTimeout(() => {
    isSilent = true;
    controller.abort();
  }, patienceMs);
  let status = 0;
  try {
    const response = await fetch(url, { ...init, signal: controller.signal });
    ({ status } = response);
    const result = await firstResult(response);
    return toOutcome(transport, status, result === null ? "broken" : "result", result);
  } catch {
    return toOutcome(transport, status, isSilent ? "silent" : "broken", null);
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

/** How a result stands in each type of answer. */
const FORMS: readonly (readonly [type: string, result: RegExp])[] = [
  ["text/event-stream", /^event: next\ndata: (.*)\n\n/m],
  ["multipart/mixed", /\r\n\r\n(\{"payload":.*\})\r\n--graphql/],
];

async function firstResult(response: Response): Promise<unknown> {
  const type = response.headers.get("content-type") ?? "";
  const form = FORMS.find(([prefix]) => type.startsWith(prefix))?.[1];
  if (form === undefined) return parseOrNull(await response.text());
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const found = form.exec(text)?.[1];
    if (found === undefined) continue;
    const result = parseOrNull(found) as { payload?: unknown };
    return "payload" in result && result.payload !== null ? result.payload : result;
  }
  return null;
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function toOutcome(transport: Transport, status: number, kind: Outcome["kind"], result: unknown): Outcome {
  const { data, errors = [] } = Object(result) as { data?: unknown; errors?: readonly QueryError[] };
  return { transport, status, kind, data, errors, codes: errors.map((error) => error.extensions?.["code"]) };
}

/** A message of the graphql-transport-ws protocol. */
export interface Message {
  readonly id?: string;
  readonly type: string;
  readonly payload?: unknown;
}

/** A WebSocket whose messages a test writes by hand. */
export class RawSocket {
  readonly socket: WebSocket;
  readonly received: Message[] = [];
  /** The close code, when it has been closed. */
  closeCode: number | undefined;
  readonly #waiting = new Set<() => void>();
  #operations = 0;

  constructor(url: string) {
    this.socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
    this.socket.on("message", (data: Buffer) => {
      this.received.push(JSON.parse(data.toString()) as Message);
      this.#wake();
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", (code) => {
      this.closeCode = code;
      this.#wake();
    });
  }

  /** A socket after its greeting. */
  static async open(url: string): Promise<RawSocket> {
    const socket = new RawSocket(url);
    await socket.opened();
    socket.send('{"type":"connection_init"}');
    await socket.message(({ type }) => type === "connection_ack");
    return socket;
  }

  async opened(): Promise<void> {
    if (this.socket.readyState !== WebSocket.CONNECTING) return;
    await new Promise<void>((resolve) => {
      this.socket.once("open", resolve);
      this.socket.once("close", () => resolve());
    });
  }

  send(text: string): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(text);
  }

  /** Runs an operation up to its first message, then completes it. */
  async run(body: string, patienceMs = PATIENCE_MS): Promise<Outcome> {
    this.#operations += 1;
    const id = `run-${this.#operations}`;
    this.send(`{"id":"${id}","type":"subscribe","payload":${body}}`);
    const message = await this.message((message) => message.id === id, patienceMs);
    if (message === null) {
      this.send(`{"id":"${id}","type":"complete"}`);
      return toOutcome("socket", this.closeCode ?? 200, this.closeCode === undefined ? "silent" : "broken", null);
    }
    if (message.type === "next") this.send(`{"id":"${id}","type":"complete"}`);
    const result = message.type === "error" ? { errors: message.payload } : message.payload;
    return toOutcome("socket", 200, message.type === "complete" ? "broken" : "result", result);
  }

  /** Takes the first message of this kind, now or later; null when none comes. */
  async message(isIt: (message: Message) => boolean, patienceMs = PATIENCE_MS): Promise<Message | null> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const index = this.received.findIndex(isIt);
      if (index >= 0) return this.received.splice(index, 1)[0] ?? null;
      if (this.closeCode !== undefined || !(await this.#news(deadline))) return null;
    }
  }

  /** The code that it is closed with; null when it stays open. */
  async closed(patienceMs = PATIENCE_MS): Promise<number | null> {
    const deadline = performance.now() + patienceMs;
    while (this.closeCode === undefined) if (!(await this.#news(deadline))) return null;
    return this.closeCode;
  }

  terminate(): void {
    this.socket.terminate();
  }

  /** Waits for anything to happen; false when nothing has until the deadline. */
  async #news(deadline: number): Promise<boolean> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve(true);
      };
      const timer = setTimeout(
        () => {
          this.#waiting.delete(wake);
          resolve(false);
        },
        Math.max(0, deadline - performance.now()),
      );
      this.#waiting.add(wake);
    });
  }

  #wake(): void {
    for (const wake of Array.from(this.#waiting)) wake();
  }
}
