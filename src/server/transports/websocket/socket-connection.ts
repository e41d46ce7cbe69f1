/**
 * One WebSocket between ws and graphql-ws: what a client sends, and the bounds on what it may cause.
 *
 * graphql-ws keeps the protocol, but knows each operation by an id that this file gives out and that is never used again;
 * the client's own id is free as soon as its `complete` or the last message of its operation is there. Messages that the
 * protocol does not allow close the socket before graphql-ws sees them; `connection_init`, `subscribe` and `complete` reach
 * it without their payloads. What the first says of the caller is verified once. Pings are answered here, and a client that does not answer ours is cut off.
 *
 * @see https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
 */

import type { IncomingMessage } from "node:http";
import { CloseCode, MessageType, parseMessage, type Message, type PingMessage, type Server } from "graphql-ws";
import type { RawData, WebSocket } from "ws";
import type { Clock, Timer } from "../../../clock.js";
import type { WhenExpired } from "../../../access/expiry.js";
import type { Principal } from "../../../access/principal.js";
import { RateLimitedError, toError, type GatewayError, UnauthenticatedError } from "../../../errors.js";
import { isTooDeep } from "../../../json.js";
import type { Logger } from "../../../log.js";
import { Mailbox } from "../../../mailbox.js";
import type { CallerLimits } from "../../limits/caller-limits.js";
import { requestIdOf } from "../../operation/observed-request.js";
import { readConnectionParams } from "./socket-credentials.js";
import { SocketGuard, type SocketGuardOptions } from "./socket-guard.js";
import {
  SocketOperation,
  type Handshake,
  type OperationSocket,
  type SocketOperationOptions,
} from "./socket-operation.js";
import { SocketWriter } from "./socket-writer.js";

/** What every socket has in common. */
export interface SocketConnectionOptions extends SocketOperationOptions, SocketGuardOptions {
  readonly logger: Logger;
  /** For the end of sockets. */
  readonly clock: Clock;
  /** For pings. */
  readonly pingClock: Clock;
  readonly callerLimits: CallerLimits;
  readonly whenExpired: WhenExpired;
  readonly maxSocketOperations: number;
  readonly maxSocketBufferBytes: number;
}

/** graphql-ws, as far as a socket uses it. */
export type ProtocolServer = Pick<Server<SocketConnection>, "opened">;

const MAX_REASON_BYTES = 123;
/** How long a client may take to answer the close frame before its connection is cut. */
const CLOSE_TIMEOUT_MS = 2_000;
/** A client that sends nothing between two pings is taken for dead. */
const PING_INTERVAL_MS = 12_000;
/** Within what time after an expiry sockets close, each at another moment. */
const MAX_JITTER_MS = 2_000;
/** How long a query that runs may hold that up, and how often it is looked at. */
const EXPIRED_QUERY_MS = 30_000;
const EXPIRY_CHECK_MS = 500;
/** Each message of an operation repeats its id. */
const MAX_ID_LENGTH = 1_024;
/** "Try again later", which clients do: graphql-ws's among them. */
const TRY_AGAIN_LATER = 1_013;

type ClientMessage = Message<
  MessageType.ConnectionInit | MessageType.Ping | MessageType.Pong | MessageType.Subscribe | MessageType.Complete
>;

/** One socket, from its handshake to its end. */
export class SocketConnection implements OperationSocket {
  readonly handshake: Handshake;
  principal: Principal | undefined;
  readonly writer: SocketWriter;
  readonly #webSocket: WebSocket;
  readonly #options: SocketConnectionOptions;
  readonly #guard: SocketGuard;
  /** By internal id: all that graphql-ws has not finished with, those that were aborted too. */
  readonly #operations = new Map<string, SocketOperation>();
  /** By the client's id: those that are not over. */
  readonly #open = new Map<string, SocketOperation>();
  /** What the client's pings bring, which goes back. */
  readonly #payloads = new Mailbox<MessageType.Ping, PingMessage["payload"]>();
  /** The payload of the first `connection_init`, which decides. */
  #greeting: { readonly payload: unknown } | undefined;
  #expiry: Timer | undefined;
  #isExpired = false;
  #toProtocol: (text: string) => Promise<void> = async () => undefined;
  #lastInternalId = 0;
  #operationBytes = 0;
  #hasHeard = true;
  #leaveCaller: (() => void) | undefined;
  #nextPing: Timer | undefined;
  #cutoff: Timer | undefined;

  /** @param address - where the client is. */
  constructor(
    webSocket: WebSocket,
    { headers, socket }: IncomingMessage,
    address: string,
    options: SocketConnectionOptions,
  ) {
    this.handshake = { authorization: headers.authorization, headers, address, requestId: requestIdOf(headers) };
    this.#webSocket = webSocket;
    this.#options = options;
    this.writer = new SocketWriter({
      webSocket,
      connection: socket,
      maxBufferBytes: options.maxSocketBufferBytes,
      onOverflow: () => this.close(TRY_AGAIN_LATER, "The client does not read what it is sent"),
    });
    this.#guard = new SocketGuard(options, {
      isBusy: () => this.#open.size > 0,
      close: (code, reason) => this.close(code, reason),
    });
    this.#payloads.readEach((payload, onTaken) =>
      this.writer.send(JSON.stringify({ type: MessageType.Pong, payload }), onTaken),
    );
  }

  /** Connects ws with graphql-ws. Called once. */
  open(protocol: ProtocolServer): void {
    const { logger } = this.#options;
    const webSocket = this.#webSocket;
    const onClosed = protocol.opened(
      {
        protocol: webSocket.protocol,
        send: (text) => this.#fromProtocol(text),
        close: (code, reason) => this.close(code, reason),
        onMessage: (listener) => {
          this.#toProtocol = listener;
        },
      },
      this,
    );
    const pingFrames = new Mailbox<"data", Buffer>();
    pingFrames.readEach((data, onTaken) => this.writer.sendPong(data, onTaken));
    webSocket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    webSocket.on("ping", (data) => {
      this.#hasHeard = true;
      if (this.#guard.admitMessage()) pingFrames.put("data", data);
    });
    webSocket.on("pong", () => {
      this.#hasHeard = true;
    });
    // ws closes the socket with the right code by itself.
    webSocket.on("error", (error) => logger.debug({ error: error.message }, "A WebSocket broke the protocol."));
    webSocket.once("close", (code, reason) => {
      this.#leave();
      this.#nextPing?.cancel();
      this.#expiry?.cancel();
      this.#cutoff?.cancel();
      this.#leaveCaller?.();
      onClosed(code, String(reason)).catch((thrown: unknown) => this.#report(thrown));
    });
    this.#planPing();
  }

  /** Aborts what runs and closes the socket. One that does not answer within `timeoutMs` is cut. */
  close(code?: number, reason?: string, timeoutMs = CLOSE_TIMEOUT_MS): void {
    this.#leave();
    if (this.#webSocket.readyState === this.#webSocket.CLOSED) return;
    this.#webSocket.close(code, reason);
    this.#cutoff?.cancel();
    this.#cutoff = this.#options.clock.setTimer(timeoutMs, () => this.#webSocket.terminate());
  }

  /** Names the caller. False, and the socket closes, when it does not show who it is. */
  async authenticate(): Promise<boolean> {
    try {
      const authorization = readConnectionParams(this.#greeting?.payload) ?? this.handshake.authorization;
      const credentials = { ...this.handshake, authorization, transport: "websocket" } as const;
      const principal = await this.#options.pipeline.authenticate(credentials);
      // The client may have gone meanwhile.
      if (this.#webSocket.readyState !== this.#webSocket.OPEN) return false;
      const { callerLimits, whenExpired } = this.#options;
      this.#leaveCaller = callerLimits.openSocket({ principal, address: credentials.address });
      this.principal = principal;
      this.#expiry = whenExpired(principal, () => this.#expire());
      return true;
    } catch (thrown) {
      if (thrown instanceof RateLimitedError) {
        this.close(TRY_AGAIN_LATER, thrown.code);
        return false;
      }
      if (!(thrown instanceof UnauthenticatedError)) throw thrown;
      // Clients take 4401 for final.
      const code = thrown.retryAfterMs === undefined ? CloseCode.Unauthorized : TRY_AGAIN_LATER;
      this.close(code, toReason(thrown.message));
      return false;
    }
  }

  fail(operation: SocketOperation, errors: readonly unknown[]): void {
    if (operation.isOver()) return;
    this.#forget(operation);
    operation.close();
    this.#sendErrors(operation.id, errors);
  }

  /**
   * Subscriptions bring nothing more, and say nothing of an end, since they have none. The client shall come again with a fresh
   * token, but not at once with all others. A query that runs may end first.
   */
  #expire(): void {
    const { clock } = this.#options;
    this.#isExpired = true;
    for (const operation of this.#open.values()) operation.expire();
    const deadlineTick = clock.tick() + EXPIRED_QUERY_MS;
    const closeOrWait = (): void => {
      const isWaited = [...this.#open.values()].some((operation) => !operation.isOver());
      if (isWaited && clock.tick() < deadlineTick) this.#expiry = clock.setTimer(EXPIRY_CHECK_MS, closeOrWait);
      else this.close(CloseCode.Forbidden, "The token has expired, or is not let in any more");
    };
    this.#expiry = clock.setTimer(clock.random() * MAX_JITTER_MS, closeOrWait);
  }

  /** The operation that graphql-ws knows by this id. */
  operation(internalId: string): SocketOperation | undefined {
    return this.#operations.get(internalId);
  }

  #receive(data: RawData, isBinary: boolean): void {
    // What a client has sent before it left, or before it learned that it has to, is still read by ws.
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#hasHeard = true;
    if (!this.#guard.admitMessage()) return;
    // The cast: that is how ws gives messages unless asked for otherwise.
    const text = (data as Buffer).toString();
    const message = isBinary ? null : parseClientMessage(text);
    switch (message?.type) {
      case undefined:
        return this.close(CloseCode.BadRequest, "Invalid message received");
      case MessageType.ConnectionInit:
        this.#greeting ??= { payload: message.payload };
        return void this.#handOver({ type: message.type });
      case MessageType.Ping:
        return this.#payloads.put(message.type, message.payload);
      case MessageType.Pong:
        return;
      case MessageType.Subscribe:
        return this.#begin(message, text.length);
      case MessageType.Complete: {
        const operation = this.#open.get(message.id);
        if (operation === undefined) return;
        this.#forget(operation);
        return void this.#handOver({ type: message.type, id: operation.internalId });
      }
    }
  }

  /** @param bytes - of the message: as many are held for as long as the operation runs. */
  #begin({ id, payload }: Message<MessageType.Subscribe>, bytes: number): void {
    if (this.#open.has(id)) {
      return this.close(CloseCode.SubscriberAlreadyExists, "The last operation with this id has not ended yet");
    }
    const refusal = this.#refuse(bytes);
    if (refusal !== null) return this.#sendErrors(id, [refusal]);
    this.#operationBytes += bytes;
    this.#lastInternalId += 1;
    const internalId = String(this.#lastInternalId);
    const operation = new SocketOperation({ id, internalId }, payload, this, this.#options);
    this.#operations.set(internalId, operation);
    this.#open.set(id, operation);
    void this.#handOver({ type: MessageType.Subscribe, id: internalId, payload: { query: "" } }).finally(() => {
      this.#operations.delete(internalId);
      this.#operationBytes -= bytes;
      this.#forget(operation);
    });
  }

  /** Why the socket may not have one more operation, of so many bytes; null when it may. */
  #refuse(bytes: number): GatewayError | null {
    if (this.#isExpired) return new UnauthenticatedError("The token has expired, or is not let in any more.");
    const { maxSocketOperations, maxSocketBufferBytes } = this.#options;
    const { size } = this.#operations;
    if (size > 0 && this.#operationBytes + bytes > maxSocketBufferBytes) {
      return new RateLimitedError(
        `Expected operations of at most ${maxSocketBufferBytes} bytes at once on a socket: end one before the next.`,
      );
    }
    if (size < maxSocketOperations) return null;
    return new RateLimitedError(
      `Expected at most ${maxSocketOperations} operations at once on a socket: end one before the next.`,
    );
  }

  /** Settles, and never rejects, when graphql-ws has finished with a message: for a `subscribe`, with its operation. */
  async #handOver(message: ClientMessage): Promise<void> {
    try {
      await this.#toProtocol(JSON.stringify(message));
    } catch (thrown) {
      this.#report(thrown);
      this.close(CloseCode.InternalServerError, "Internal server error");
    }
  }

  /** Sends a message of graphql-ws, that of an operation under the client's id and only while it is not over. */
  #fromProtocol(text: string): void {
    const message = JSON.parse(text) as { readonly type: MessageType; readonly id?: string };
    if (message.id === undefined) return this.writer.send(text);
    const operation = this.#operations.get(message.id);
    if (operation === undefined || operation.isOver()) return;
    this.writer.send(JSON.stringify({ ...message, id: operation.id }));
    if (message.type === MessageType.Next) return;
    this.#forget(operation);
    operation.close();
  }

  #sendErrors(id: string, errors: readonly unknown[]): void {
    const payload = errors.map((error) => this.#options.pipeline.formatError(error));
    this.writer.send(JSON.stringify({ id, type: MessageType.Error, payload }));
  }

  /** From now on the client may use the id again. */
  #forget(operation: SocketOperation): void {
    if (this.#open.get(operation.id) !== operation) return;
    this.#open.delete(operation.id);
    this.#guard.operationEnded();
  }

  #leave(): void {
    this.#guard.stop();
    for (const operation of this.#open.values()) operation.abort();
    this.#open.clear();
  }

  #planPing(): void {
    this.#nextPing = this.#options.pingClock.setTimer(PING_INTERVAL_MS, () => {
      if (!this.#hasHeard) return this.#webSocket.terminate();
      this.#hasHeard = false;
      if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
      this.#planPing();
    });
  }

  #report(thrown: unknown): void {
    this.#options.logger.error({ error: toError(thrown).message }, "A WebSocket was not served as it should be.");
  }
}

/** As much of a text as the reason of a close may hold. @see RFC 6455, 5.5 */
function toReason(text: string): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MAX_REASON_BYTES));
  return text.slice(0, read);
}

/** What a client may send, or null. */
function parseClientMessage(text: string): ClientMessage | null {
  let message: Message;
  try {
    message = parseMessage(text);
  } catch {
    return null;
  }
  switch (message.type) {
    case MessageType.ConnectionInit:
    case MessageType.Pong:
      return message;
    case MessageType.Ping:
      return isTooDeep(message.payload) ? null : message;
    case MessageType.Subscribe:
    case MessageType.Complete:
      return message.id.length > MAX_ID_LENGTH ? null : message;
    // Only a server may say these.
    case MessageType.ConnectionAck:
    case MessageType.Next:
    case MessageType.Error:
      return null;
  }
}
