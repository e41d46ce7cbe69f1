/** Streams over HTTP, read as slowly as a test likes: what is not asked for stays in the socket. */

import type { FormattedExecutionResult } from "graphql";
import { disposeAfterTest } from "./start-gateway.js";

/** The text of an answer that goes on. */
export class StreamedText {
  readonly response: Response;
  readonly #reader: { read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }> };
  readonly #controller: AbortController;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(response: Response, controller: AbortController) {
    if (response.body === null) throw new Error("The answer has no body.");
    this.response = response;
    this.#reader = response.body.getReader();
    this.#controller = controller;
  }

  /** The text up to the next `delimiter`; null when the answer ends before it. Fails when the connection breaks. */
  async until(delimiter: string): Promise<string | null> {
    // Searches each piece once, with the end of the piece before: the text may be many megabytes.
    const before: string[] = [];
    let fresh = this.#text;
    for (;;) {
      const end = fresh.indexOf(delimiter);
      if (end >= 0) {
        this.#text = fresh.slice(end + delimiter.length);
        return before.join("") + fresh.slice(0, end);
      }
      const { done, value } = await this.#reader.read();
      if (done) {
        this.#text = before.join("") + fresh;
        return null;
      }
      const split = Math.max(0, fresh.length - delimiter.length + 1);
      before.push(fresh.slice(0, split));
      fresh = fresh.slice(split) + this.#decoder.decode(value, { stream: true });
    }
  }

  /** All text to the end of the answer. Fails when the connection breaks. */
  async rest(): Promise<string> {
    await this.until("\u0000");
    return this.#text;
  }

  /** Goes without a word. */
  vanish(): void {
    this.#controller.abort();
  }
}

/** Sends a request and waits for the head of its answer. */
export async function openStream(url: string, init: RequestInit): Promise<StreamedText> {
  const controller = new AbortController();
  disposeAfterTest(() => controller.abort());
  return new StreamedText(await fetch(url, { ...init, signal: controller.signal }), controller);
}

/** One event of a stream of server-sent events; a comment is an event without a name. */
export interface ServerSentEvent {
  readonly event: string | null;
  readonly data: FormattedExecutionResult | null;
}

/** An operation over SSE, its events read in order. */
export class SseStream {
  readonly text: StreamedText;

  constructor(text: StreamedText) {
    this.text = text;
  }

  /** The next event or comment; null when the connection has ended. */
  async next(): Promise<ServerSentEvent | null> {
    const block = await this.text.until("\n\n");
    if (block === null) return null;
    const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line]));
    const data = (fields.get("data") ?? "data:").slice("data:".length).trim();
    return {
      event: fields.get("event")?.slice("event: ".length) ?? null,
      data: data === "" ? null : (JSON.parse(data) as FormattedExecutionResult),
    };
  }

  /** The next result, past any comments; fails when there is none. */
  async result(): Promise<FormattedExecutionResult> {
    const [next] = await this.#results(1);
    if (next?.data === undefined || next.data === null)
      throw new Error(`Expected a result, got ${JSON.stringify(next)}`);
    return next.data;
  }

  /** What comes to the end of the connection, without the comments. */
  async rest(): Promise<readonly ServerSentEvent[]> {
    return this.#results(Infinity);
  }

  async #results(count: number): Promise<readonly ServerSentEvent[]> {
    const events: ServerSentEvent[] = [];
    while (events.length < count) {
      const event = await this.next();
      if (event === null) break;
      if (event.event !== null) events.push(event);
    }
    return events;
  }
}

/** Posts an operation to the SSE door of the gateway at `url`. */
export async function subscribeBySse(url: string, document: string, variables?: object): Promise<SseStream> {
  const text = await openStream(`${url}/graphql/stream`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify({ query: document, variables }),
  });
  return new SseStream(text);
}

/** An operation over multipart, its parts read in order. */
export class MultipartStream {
  readonly text: StreamedText;

  constructor(text: StreamedText) {
    this.text = text;
  }

  /** The next part's body; null after the closing boundary, or when the connection ends without one. */
  async next(): Promise<Record<string, unknown> | null> {
    const part = await this.text.until("\r\n--graphql");
    if (part === null) return null;
    const [head, body] = part.split("\r\n\r\n");
    // What stands before the first boundary is no part.
    if (body === undefined) return this.next();
    if (head?.toLowerCase() !== "\r\ncontent-type: application/json") throw new Error(`Not a head: ${head}`);
    return JSON.parse(body) as Record<string, unknown>;
  }
}

export const MULTIPART = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0";

/** Posts a subscription to the gateway at `url` as Apollo Client does. */
export async function subscribeByMultipart(url: string, document: string): Promise<MultipartStream> {
  const text = await openStream(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: `${MULTIPART}, application/json;q=0.9` },
    body: JSON.stringify({ query: document }),
  });
  return new MultipartStream(text);
}
