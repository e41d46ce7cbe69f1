/**
 * One operation of one WebSocket, from its `subscribe` to its last message.
 *
 * graphql-ws sees it as a stream without results: `next()` prepares, executes and sends everything, `return()` aborts at
 * once, and graphql-ws says that it is complete. Results go past graphql-ws since it would serialize each anew for every
 * subscriber. Whatever fails in here ends this operation with an `error`, and nothing else.
 *
 * @see the messages `next` and `error` of the graphql-transport-ws protocol
 */

import type { IncomingHttpHeaders } from "node:http";
import type { ExecutionResult } from "graphql";
import type { SubscribePayload } from "graphql-ws";
import type { Credentials, Principal } from "../../../access/principal.js";
import { EndableInterest } from "../../../interest.js";
import { UnauthenticatedError } from "../../../errors.js";
import { UNOBSERVED, type Observers } from "../../../observe.js";
import { observeRequest, type ObservedRequest } from "../../operation/observed-request.js";
import type { Pipeline } from "../../operation/pipeline.js";
import { ResultStream, type Outcome } from "../../subscription/result-stream.js";
import type { SocketWriter } from "./socket-writer.js";

/** What operations are executed and sent with. */
export interface SocketOperationOptions {
  readonly pipeline: Pipeline;
  /** @default none */
  readonly observers?: Observers | undefined;
}

/** What a socket was opened with. */
export interface Handshake extends Omit<Credentials, "transport"> {
  readonly headers: IncomingHttpHeaders;
  /** That of the handshake, which all its operations have. */
  readonly requestId: string;
}

/** The socket of an operation. */
export interface OperationSocket {
  readonly handshake: Handshake;
  /** Who it is: said when it was opened. */
  readonly principal: Principal | undefined;
  readonly writer: SocketWriter;
  /** Ends an operation with an `error` message. Ignored when it is over. */
  fail(operation: SocketOperation, errors: readonly unknown[]): void;
}

const DONE = { done: true, value: undefined } as const;

/** What one operation of one socket does. */
export class SocketOperation implements AsyncIterableIterator<ExecutionResult> {
  /** The client's. */
  readonly id: string;
  /** The one that graphql-ws knows: no operation of the socket has had it before. */
  readonly internalId: string;
  readonly #payload: SubscribePayload;
  readonly #socket: OperationSocket;
  readonly #options: SocketOperationOptions;
  readonly #interest = new EndableInterest();
  readonly #prefix: string;
  #request: ObservedRequest | undefined;
  #results: ResultStream | undefined;
  #isExpired = false;
  #phase: "running" | "over" = "running";

  constructor(
    ids: { readonly id: string; readonly internalId: string },
    payload: SubscribePayload,
    socket: OperationSocket,
    options: SocketOperationOptions,
  ) {
    this.id = ids.id;
    this.internalId = ids.internalId;
    this.#payload = payload;
    this.#socket = socket;
    this.#options = options;
    this.#prefix = `{"id":${JSON.stringify(ids.id)},"type":"next","payload":`;
  }

  /** Whether nothing more is sent for it. A method, since it changes during an `await`. */
  isOver(): boolean {
    return this.#phase === "over";
  }

  /** Does everything, and never rejects. */
  async next(): Promise<IteratorResult<ExecutionResult>> {
    try {
      const outcome = this.isOver() ? undefined : await this.#execute();
      if (outcome instanceof ResultStream) await this.#follow(outcome);
      else if (outcome !== undefined) this.#answer(outcome);
    } catch (thrown) {
      this.#socket.fail(this, [thrown]);
    } finally {
      this.#request?.span?.end();
    }
    return DONE;
  }

  async return(): Promise<IteratorResult<ExecutionResult>> {
    this.abort();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The client has gone or has lost interest: nothing more is sent, and what runs learns of it. */
  abort(): void {
    if (this.isOver()) return;
    this.close();
    this.#interest.end();
  }

  /** Its caller is no longer believed: a subscription brings nothing more, a query may end. */
  expire(): void {
    this.#isExpired = true;
    if (this.#results !== undefined) this.abort();
  }

  /** The last message has been sent. */
  close(): void {
    this.#phase = "over";
    this.#socket.writer.postponed.remove(this);
    this.#results?.close();
  }

  async #execute(): Promise<Outcome> {
    const { pipeline, observers = UNOBSERVED } = this.#options;
    const { handshake, principal } = this.#socket;
    const { requestId, ...credentials } = handshake;
    const request = observeRequest("websocket", handshake.headers, observers, requestId);
    this.#request = request;
    const signal = this.#interest;
    const client = { ...credentials, transport: "websocket", signal, principal, isPosted: true, request } as const;
    return pipeline.run(await pipeline.prepare(this.#payload, client));
  }

  /** Sends the only result. One without `data` was refused before anything was executed. */
  #answer(result: ExecutionResult): void {
    if (this.isOver()) return;
    const { data, errors = [] } = result;
    if (data === undefined && errors.length > 0) this.#socket.fail(this, errors);
    else this.#socket.writer.send(this.#toMessage(result));
  }

  /** Sends what a subscription brings until there is nothing more or its client has no interest left. */
  async #follow(results: ResultStream): Promise<void> {
    this.#results = results;
    if (this.#isExpired) this.abort();
    if (this.isOver()) results.close();
    await new Promise<void>((resolve, reject) => {
      results.read({
        send: (batch, onTaken) => this.#deliver(batch, 0, onTaken),
        end: resolve,
        fail: (error) => {
          if (!(error instanceof UnauthenticatedError)) return reject(error);
          // The rules have changed. An `error` would be final, while the socket's close lets its client come again.
          this.abort();
          resolve();
        },
      });
    });
  }

  #deliver(results: readonly ExecutionResult[], from: number, onTaken: () => void): void {
    const { writer } = this.#socket;
    try {
      for (let index = from; index < results.length; index += 1) {
        if (!writer.hasRoom) {
          this.#postpone(results, index, onTaken);
          return;
        }
        const message = this.#toMessage(results[index] as ExecutionResult);
        writer.send(message, index === results.length - 1 ? onTaken : undefined);
      }
    } catch (thrown) {
      // Other subscribers of the same change come after this one.
      this.#socket.fail(this, [thrown]);
    }
  }

  /** Apart from `#deliver`, whose loop would be slower for a closure in it. */
  #postpone(results: readonly ExecutionResult[], from: number, onTaken: () => void): void {
    this.#socket.writer.postponed.put(this, () => this.#deliver(results, from, onTaken));
  }

  #toMessage(result: ExecutionResult): string {
    return `${this.#prefix}${this.#options.pipeline.textOf(result)}}`;
  }
}
