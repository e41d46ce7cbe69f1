/**
 * Writes the results of a subscription to a WebSocket, each serialized once for all who share it.
 *
 * graphql-ws keeps the protocol: it begins and ends the operation, and says that it is complete. It sees a stream without
 * results, since it would serialize each anew for every subscriber; this stream sends them itself, in the same form. The
 * next result is asked for only when the socket has taken the last one.
 *
 * @see the message `next` of the graphql-transport-ws protocol
 */

import type { Socket } from "node:net";
import type { ExecutionResult } from "graphql";
import type { WebSocket } from "ws";
import { formatResult } from "./execution.js";
import type { FormatError } from "./format-error.js";

/** The results that are shared, as they travel. */
export class SerializedResults {
  readonly #texts = new WeakMap<ExecutionResult, string>();
  readonly #formatError: FormatError;

  constructor(formatError: FormatError) {
    this.#formatError = formatError;
  }

  /** The JSON text of a result, made once however many ask. */
  of(result: ExecutionResult): string {
    const known = this.#texts.get(result);
    if (known !== undefined) return known;
    const text = JSON.stringify(formatResult(result, this.#formatError));
    this.#texts.set(result, text);
    return text;
  }
}

/** Where the results of an operation go. */
export interface Receiver {
  readonly webSocket: WebSocket;
  /** The connection under it. */
  readonly connection: Socket;
  /** The operation's id on this socket. */
  readonly id: string;
}

/** What one operation of one socket receives. */
export class SocketDelivery implements AsyncIterableIterator<ExecutionResult> {
  readonly #results: AsyncIterator<ExecutionResult>;
  readonly #receiver: Receiver;
  readonly #prefix: string;
  readonly #serialized: SerializedResults;

  constructor(results: AsyncIterator<ExecutionResult>, receiver: Receiver, serialized: SerializedResults) {
    this.#results = results;
    this.#receiver = receiver;
    this.#prefix = `{"id":${JSON.stringify(receiver.id)},"type":"next","payload":`;
    this.#serialized = serialized;
  }

  /** Delivers everything, and is done when there is nothing more or nobody to deliver it to. */
  async next(): Promise<IteratorResult<ExecutionResult>> {
    for (;;) {
      const { webSocket } = this.#receiver;
      const { done, value } = await this.#results.next();
      if (done === true || webSocket.readyState !== webSocket.OPEN) return { done: true, value: undefined };
      await this.#send(`${this.#prefix}${this.#serialized.of(value)}}`);
    }
  }

  async return(): Promise<IteratorResult<ExecutionResult>> {
    await this.#results.return?.();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<ExecutionResult>> {
    await this.#results.return?.();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Settles when the socket has taken the text; one that breaks is about to tell that it is closed. */
  async #send(text: string): Promise<void> {
    const { webSocket, connection } = this.#receiver;
    // Subscriptions of one socket are told of a change in the same turn: one write for all of them.
    connection.cork();
    queueMicrotask(() => connection.uncork());
    await new Promise<void>((resolve) => webSocket.send(text, () => resolve()));
  }
}
