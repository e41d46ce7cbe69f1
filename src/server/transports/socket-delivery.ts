/**
 * Writes the results of a subscription to a WebSocket, each serialized once for all who share it.
 *
 * graphql-ws keeps the protocol: it begins and ends the operation, and says that it is complete. It sees a stream without
 * results, since it would serialize each anew for every subscriber, and wake a chain of promises for it; this stream sends
 * them itself, in the same form.
 *
 * @see the message `next` of the graphql-transport-ws protocol
 */

import type { Socket } from "node:net";
import type { ExecutionResult } from "graphql";
import type { WebSocket } from "ws";
import type { ResultReader, ResultStream } from "../subscription/result-stream.js";
import type { SerializedResults } from "../subscription/serialized-results.js";

/** Where the results of an operation go. */
export interface Receiver {
  readonly webSocket: WebSocket;
  /** The connection under it. */
  readonly connection: Socket;
  /** The operation's id on this socket. */
  readonly id: string;
}

/** What one operation of one socket receives. */
export class SocketDelivery implements AsyncIterableIterator<ExecutionResult>, ResultReader {
  readonly #results: ResultStream;
  readonly #receiver: Receiver;
  readonly #prefix: string;
  readonly #serialized: SerializedResults;
  #settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;

  constructor(results: ResultStream, receiver: Receiver, serialized: SerializedResults) {
    this.#results = results;
    this.#receiver = receiver;
    this.#prefix = `{"id":${JSON.stringify(receiver.id)},"type":"next","payload":`;
    this.#serialized = serialized;
  }

  /** Delivers everything, and is done when there is nothing more or nobody to deliver it to. */
  async next(): Promise<IteratorResult<ExecutionResult>> {
    await new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#results.read(this);
    });
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<ExecutionResult>> {
    this.#results.close();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<ExecutionResult>> {
    this.#results.close();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  send(results: readonly ExecutionResult[], onTaken: () => void): void {
    const { webSocket, connection } = this.#receiver;
    // Subscriptions of one socket are told of a change in the same turn: one write for all of them.
    if (connection.writableCorked === 0) {
      connection.cork();
      queueMicrotask(() => connection.uncork());
    }
    for (const [index, result] of results.entries()) {
      const isLast = index === results.length - 1;
      webSocket.send(`${this.#prefix}${this.#serialized.of(result)}}`, isLast ? onTaken : undefined);
    }
  }

  end(): void {
    this.#settle?.resolve();
  }

  fail(error: unknown): void {
    this.#settle?.reject(error);
  }
}
