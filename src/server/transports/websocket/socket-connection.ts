/**
 * One WebSocket that speaks graphql-transport-ws: what a client sends, and the bounds on what it may cause.
 *
 * A client's id is free as soon as its `complete` or the last message of its operation is there. Messages that the protocol does
 * not allow close the socket. What the first one says of the caller is verified once. Pings are answered here, and a client
 * that does not answer ours is cut off.
 *
 * @see https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
 */

import type { Socket } from "node:net";
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL, MessageType, parseMessage, type Message } from "graphql-ws";
import type { RawData, WebSocket } from "ws";
import type { Clock, Timer } from "../../../clock.js";
import type { WhenExpired } from "../../../access/expiry.js";
import type { Principal } from "../../../access/principal.js";
import { RateLimitedError, toError, type GatewayError, UnauthenticatedError } from "../../../errors.js";
import { isTooDeep } from "../../../json.js";
import type { Logger } from "../../../log.js";
import { Mailbox } from "../../../mailbox.js";
import type { CallerLimits } from "../../limits/caller-limits.js";
import type { Beating } from "./heartbeat.js";
import { readConnectionParams } from "./socket-credentials.js";
import { SocketGuard, type GuardedSocket, type SocketGuardOptions } from "./socket-guard.js";
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
  /** For pings, and the first message. */
  readonly pingClock: Clock;
  readonly callerLimits: CallerLimits;
  readonly whenExpired: WhenExpired;
  readonly maxSocketOperations: number;
  readonly maxSocketBufferBytes: number;
}

const MAX_REASON_BYTES = 123;
/** How long a client may take to answer the close frame before its connection is cut. */
const CLOSE_TIMEOUT_MS = 2_000;
/** How long a client may take to say the first word. */
const GREETING_TIMEOUT_MS = 3_000;
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

/** Sends the answer to a ping. */
type SendPong = (onTaken: () => void) => void;

type ClientMessage = Message<
  MessageType.ConnectionInit | MessageType.Ping | MessageType.Pong | MessageType.Subscribe | MessageType.Complete
>;

/** What a socket was opened with, and the connection under it. Nothing else of its request is held. */
export interface OpenedSocket {
  readonly webSocket: WebSocket;
  readonly connection: Socket;
  readonly handshake: Handshake;
}

/** One socket, from its handshake to its end. */
export class SocketConnection implements OperationSocket, GuardedSocket, Beating {
  readonly handshake: Handshake;
  principal: Principal | undefined;
  readonly writer: SocketWriter;
  readonly #webSocket: WebSocket;
  readonly #options: SocketConnectionOptions;
  readonly #guard: SocketGuard;
  /** By the client's id: those that are not over. */
  readonly #open = new Map<string, SocketOperation>();
  /** Of how many something still runs, those that were aborted too; and the bytes that they came in. */
  #operations = 0;
  #operationBytes = 0;
  #phase: "silent" | "greeting" | "acknowledged" = "silent";
  /** When the client must have greeted; then when it is pinged next. */
  #dueTick: number;
  #hasHeard = true;
  /** Answers to the client's pings. Made for the first one: few clients send any. */
  #pongs: Mailbox<"message" | "frame", SendPong> | undefined;
  #expiry: Timer | undefined;
  #isExpired = false;
  #leaveCaller: (() => void) | undefined;
  #cutoff: Timer | undefined;

  constructor({ webSocket, connection, handshake }: OpenedSocket, options: SocketConnectionOptions) {
    this.handshake = handshake;
    this.#webSocket = webSocket;
    this.#options = options;
    this.writer = new SocketWriter({
      webSocket,
      connection,
      maxBufferBytes: options.maxSocketBufferBytes,
      onOverflow: () => this.close(TRY_AGAIN_LATER, "The client does not read what it is sent"),
    });
    this.#guard = new SocketGuard(options, this);
    this.#dueTick = options.pingClock.tick() + GREETING_TIMEOUT_MS;
    webSocket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    webSocket.on("ping", (data) => {
      this.#hasHeard = true;
      if (this.#guard.admitMessage()) this.#answerPing("frame", (onTaken) => this.writer.sendPong(data, onTaken));
    });
    webSocket.on("pong", () => {
      this.#hasHeard = true;
    });
    // ws closes the socket with the right code by itself.
    webSocket.on("error", (error) => options.logger.debug({ error: error.message }, "A WebSocket broke the protocol."));
    webSocket.on("close", () => this.#closed());
    if (webSocket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) {
      this.close(CloseCode.SubprotocolNotAcceptable, "Subprotocol not acceptable");
    }
  }

  /** Pings the client when that is due, and cuts it off when it has sent nothing since the last ping. */
  beat(): void {
    const tick = this.#options.pingClock.tick();
    if (tick < this.#dueTick) return;
    if (this.#phase === "silent") {
      this.close(CloseCode.ConnectionInitialisationTimeout, "Connection initialisation timeout");
    }
    if (!this.#hasHeard) return this.#webSocket.terminate();
    this.#hasHeard = false;
    this.#dueTick = tick + PING_INTERVAL_MS;
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  /** Whether an operation is open. */
  isBusy(): boolean {
    return this.#open.size > 0;
  }

  /** Aborts what runs and closes the socket. One that does not answer within `timeoutMs` is cut. */
  close(code?: number, reason?: string, timeoutMs = CLOSE_TIMEOUT_MS): void {
    this.#leave();
    if (this.#webSocket.readyState === this.#webSocket.CLOSED) return;
    this.writer.flush();
    this.#webSocket.close(code, reason);
    this.#cutoff?.cancel();
    this.#cutoff = this.#options.clock.setTimer(timeoutMs, () => this.#webSocket.terminate());
  }

  complete(operation: SocketOperation): void {
    if (operation.isOver()) return;
    this.#forget(operation);
    this.writer.send(JSON.stringify({ id: operation.id, type: MessageType.Complete }));
    operation.close();
  }

  fail(operation: SocketOperation, errors: readonly unknown[]): void {
    if (operation.isOver()) return;
    this.#forget(operation);
    operation.close();
    this.#sendErrors(operation.id, errors);
  }

  settled(operation: SocketOperation): void {
    this.#operations -= 1;
    this.#operationBytes -= operation.bytes;
    this.#forget(operation);
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
        return void this.#greet(message.payload);
      case MessageType.Ping: {
        const { payload } = message;
        return this.#answerPing("message", (onTaken) =>
          this.writer.send(JSON.stringify({ type: MessageType.Pong, payload }), onTaken),
        );
      }
      case MessageType.Pong:
        return;
      case MessageType.Subscribe:
        return this.#begin(message, text.length);
      case MessageType.Complete: {
        const operation = this.#open.get(message.id);
        if (operation === undefined) return;
        this.#forget(operation);
        operation.abort();
      }
    }
  }

  /** Lets the client in, if it shows who it is. */
  async #greet(payload: unknown): Promise<void> {
    if (this.#phase !== "silent") {
      return this.close(CloseCode.TooManyInitialisationRequests, "Too many initialisation requests");
    }
    this.#phase = "greeting";
    try {
      if (!(await this.#authenticate(payload))) return;
      this.#phase = "acknowledged";
      this.writer.send(JSON.stringify({ type: MessageType.ConnectionAck }));
    } catch (thrown) {
      const { message } = toError(thrown);
      this.#options.logger.error({ error: message }, "A WebSocket was not served as it should be.");
      this.close(CloseCode.InternalServerError, "Internal server error");
    }
  }

  /** Names the caller. False, and the socket closes, when it does not show who it is. */
  async #authenticate(payload: unknown): Promise<boolean> {
    try {
      const authorization = readConnectionParams(payload) ?? this.handshake.authorization;
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

  /** @param bytes - of the message: as many count for as long as the operation runs. */
  #begin({ id, payload }: Message<MessageType.Subscribe>, bytes: number): void {
    if (this.#phase !== "acknowledged") return this.close(CloseCode.Unauthorized, "Unauthorized");
    if (this.#open.has(id)) {
      return this.close(CloseCode.SubscriberAlreadyExists, "The last operation with this id has not ended yet");
    }
    const refusal = this.#refuse(bytes);
    if (refusal !== null) return this.#sendErrors(id, [refusal]);
    this.#operations += 1;
    this.#operationBytes += bytes;
    const operation = new SocketOperation(id, bytes, this, this.#options);
    this.#open.set(id, operation);
    void operation.run(payload);
  }

  /** Why the socket may not have one more operation, of so many bytes; null when it may. */
  #refuse(bytes: number): GatewayError | null {
    if (this.#isExpired) return new UnauthenticatedError("The token has expired, or is not let in any more.");
    const { maxSocketOperations, maxSocketBufferBytes } = this.#options;
    if (this.#operations > 0 && this.#operationBytes + bytes > maxSocketBufferBytes) {
      return new RateLimitedError(
        `Expected operations of at most ${maxSocketBufferBytes} bytes at once on a socket: end one before the next.`,
      );
    }
    if (this.#operations < maxSocketOperations) return null;
    return new RateLimitedError(
      `Expected at most ${maxSocketOperations} operations at once on a socket: end one before the next.`,
    );
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

  /** Of each kind the newest waits until the client reads. */
  #answerPing(kind: "message" | "frame", send: SendPong): void {
    if (this.#pongs === undefined) {
      this.#pongs = new Mailbox();
      this.#pongs.readEach((sendOne, onTaken) => sendOne(onTaken));
    }
    this.#pongs.put(kind, send);
  }

  #leave(): void {
    this.#guard.stop();
    for (const operation of this.#open.values()) operation.abort();
    this.#open.clear();
  }

  #closed(): void {
    this.#leave();
    this.#expiry?.cancel();
    this.#cutoff?.cancel();
    this.#leaveCaller?.();
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
