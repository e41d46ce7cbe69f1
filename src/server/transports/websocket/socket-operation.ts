/**
 * One operation of one WebSocket, from its `subscribe` to its last message.
 *
 * It prepares, executes and sends everything; the results of a subscription are put into its hands as they come. Whatever
 * fails in here ends this operation with an `error`, and nothing else.
 *
 * @see the messages `next` and `error` of the graphql-transport-ws protocol
 */

import type { IncomingHttpHeaders } from "node:http";
import type { ExecutionResult } from "graphql";
import type { SubscribePayload } from "graphql-ws";
import type { Credentials, Principal } from "../../../access/principal.js";
import { EndableInterest } from "../../../interest.js";
import { UnauthenticatedError } from "../../../errors.js";
import type { RequestSpan } from "../../../observe.js";
import type { Pipeline } from "../../operation/pipeline.js";
import { ResultStream, type Outcome, type ResultReader } from "../../subscription/result-stream.js";
import type { SocketWriter } from "./socket-writer.js";

/** What operations are executed and sent with. */
export interface SocketOperationOptions {
  readonly pipeline: Pipeline;
}

/** What a socket was opened with. */
export interface Handshake extends Omit<Credentials, "transport"> {
  readonly headers: IncomingHttpHeaders;
  /** That of the handshake, which all its operations have. */
  readonly requestId: string;
}

/** The socket of an operation. Of an operation that is over nothing is sent. */
export interface OperationSocket {
  readonly handshake: Handshake;
  /** Who it is: said when it was opened. */
  readonly principal: Principal | undefined;
  readonly writer: SocketWriter;
  /** Ends an operation with a `complete` message. */
  complete(operation: SocketOperation): void;
  /** Ends an operation with an `error` message. */
  fail(operation: SocketOperation, errors: readonly unknown[]): void;
  /** Nothing runs for the operation any more. Called once. */
  settled(operation: SocketOperation): void;
}

/** What one operation of one socket does. Thousands of them wait at once, so it holds nothing of what was asked. */
export class SocketOperation implements ResultReader {
  /** The client's, which may have another one under it as soon as this is over. */
  readonly id: string;
  /** Of the message that it came in. */
  readonly bytes: number;
  readonly #socket: OperationSocket;
  readonly #pipeline: Pipeline;
  readonly #interest = new EndableInterest();
  /** What each of its results begins with. */
  readonly #prefix: string;
  #span: RequestSpan | undefined;
  #results: ResultStream | undefined;
  #isExpired = false;
  #phase: "running" | "over" | "settled" = "running";

  constructor(id: string, bytes: number, socket: OperationSocket, { pipeline }: SocketOperationOptions) {
    this.id = id;
    this.bytes = bytes;
    this.#socket = socket;
    this.#pipeline = pipeline;
    this.#prefix = `{"id":${JSON.stringify(id)},"type":"next","payload":`;
  }

  /** Whether nothing more is sent for it. A method, since it changes during an `await`. */
  isOver(): boolean {
    return this.#phase !== "running";
  }

  /** Does everything, and never rejects. Called once. */
  async run(payload: SubscribePayload): Promise<void> {
    try {
      const outcome = await this.#execute(payload);
      if (outcome instanceof ResultStream) {
        this.#follow(outcome);
        return;
      }
      this.#answer(outcome);
      this.end();
    } catch (thrown) {
      this.fail(thrown);
    }
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

  async #execute(payload: SubscribePayload): Promise<Outcome> {
    const { handshake, principal } = this.#socket;
    const request = this.#pipeline.observe("websocket", handshake.headers, handshake.requestId);
    this.#span = request.span;
    const signal = this.#interest;
    const client = { transport: "websocket", signal, principal, isPosted: true, request, ...handshake } as const;
    return this.#pipeline.run(await this.#pipeline.prepare(payload, client));
  }

  /** Sends the only result. One without `data` was refused before anything was executed. */
  #answer(result: ExecutionResult): void {
    if (this.isOver()) return;
    const { data, errors = [] } = result;
    if (data === undefined && errors.length > 0) this.#socket.fail(this, errors);
    else this.#socket.writer.send(this.#toMessage(result));
  }

  /** Sends what a subscription brings until there is nothing more or its client has no interest left. */
  #follow(results: ResultStream): void {
    this.#results = results;
    if (this.#isExpired) this.abort();
    if (this.isOver()) results.close();
    results.read(this);
  }

  send(results: readonly ExecutionResult[], onTaken: () => void): void {
    this.#deliver(results, 0, onTaken);
  }

  end(): void {
    this.#socket.complete(this);
    this.#settle();
  }

  fail(error: unknown): void {
    // The rules have changed. An `error` would be final, while the socket's close lets its client come again.
    if (this.#results !== undefined && error instanceof UnauthenticatedError) this.abort();
    else this.#socket.fail(this, [error]);
    this.#settle();
  }

  #settle(): void {
    if (this.#phase === "settled") return;
    this.#phase = "settled";
    this.#span?.end();
    this.#socket.settled(this);
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
      // Other operations that waited for room come after this one.
      this.#socket.fail(this, [thrown]);
    }
  }

  /** Apart from `#deliver`, whose loop would be slower for a closure in it. */
  #postpone(results: readonly ExecutionResult[], from: number, onTaken: () => void): void {
    this.#socket.writer.postponed.put(this, () => this.#deliver(results, from, onTaken));
  }

  #toMessage(result: ExecutionResult): string {
    return `${this.#prefix}${this.#pipeline.textOf(result)}}`;
  }
}
