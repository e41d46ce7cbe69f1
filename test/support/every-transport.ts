/** One operation over each transport, as bytes that no client's library has looked at. */

import { eventually } from "./eventually.js";
import { RawSocket, type ReceivedMessage } from "./raw-socket.js";

import { MULTIPART, openStream, SseStream } from "./stream-request.js";

/** What an operation came to. */
export interface Outcome {
  /** Null over a WebSocket. */
  readonly status: number | null;
  readonly errors: readonly { readonly message: string; readonly extensions: Readonly<Record<string, unknown>> }[];
  readonly data: unknown;
}

/** Sends the JSON of a request and reads its first result. */
export type Send = (url: string, json: string, headers?: Readonly<Record<string, string>>) => Promise<Outcome>;

type Result = Partial<Pick<Outcome, "errors" | "data">>;

function toOutcome(status: number | null, { errors = [], data }: Result): Outcome {
  return { status, errors, data };
}

async function post(url: string, json: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  const all = { "content-type": "application/json", ...headers };
  return fetch(`${url}/graphql`, { method: "POST", headers: all, body: json });
}

/** By the letters P, S, M and W of HTTP, server-sent events, multipart and WebSocket. */
export const transports: Readonly<Record<"P" | "S" | "M" | "W", Send>> = {
  P: async (url, json, headers) => {
    const response = await post(url, json, { accept: "application/json", ...headers });
    return toOutcome(response.status, (await response.json()) as Result);
  },
  S: async (url, json, headers) => {
    const text = await openStream(`${url}/graphql/stream`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream", ...headers },
      body: json,
    });
    const isStream = text.response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    const result = isStream ? await new SseStream(text).result() : JSON.parse(await text.rest());
    text.vanish();
    return toOutcome(text.response.status, result as Result);
  },
  M: async (url, json, headers) => {
    const response = await post(url, json, { accept: `${MULTIPART}, application/json;q=0.9`, ...headers });
    const isStream = response.headers.get("content-type")?.startsWith("multipart/") === true;
    if (!isStream) return toOutcome(response.status, (await response.json()) as Result);
    const [, part = ""] = /\r\n\r\n(\{"payload":.*?\})\r\n--graphql/s.exec(await response.text()) ?? [];
    return toOutcome(response.status, (JSON.parse(part) as { readonly payload: Result }).payload);
  },
  W: async (url, json, headers) => sendBySocket(await RawSocket.open(url, undefined, headers), json),
};

/** Sends one operation over a socket that may have others. */
export async function sendBySocket(socket: RawSocket, json: string): Promise<Outcome> {
  nextId += 1;
  const id = `op-${nextId}`;
  socket.webSocket.send(`{"id":"${id}","type":"subscribe","payload":${json}}`);
  await eventually(() => socket.of(id).length > 0 || socket.webSocket.readyState !== socket.webSocket.OPEN);
  const [message] = socket.of(id) as readonly (ReceivedMessage | undefined)[];
  if (message === undefined) throw new Error("The socket was closed.");
  if (message.type === "error") return toOutcome(null, { errors: message.payload as Outcome["errors"] });
  return toOutcome(null, message.payload as Result);
}

let nextId = 0;
