/**
 * What one WebSocket writes, with bounds on what waits until its client reads.
 *
 * Subscriptions write while there is room and go on when the socket has drained; everything else is written at once, and
 * a client that lets more wait than it may has its socket closed. All that is written in one turn of the event loop leaves
 * in one write. Text messages are framed here: one string for each costs the system and the heap less than ws's two pieces.
 */

import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { Mailbox } from "../../../mailbox.js";

/** What a writer is made of. */
export interface SocketWriterOptions {
  readonly webSocket: WebSocket;
  /** The connection under it. */
  readonly connection: Socket;
  /** What may wait beside the longest message that waits, in bytes. So one message of any length can be sent. */
  readonly maxBufferBytes: number;
  /** Called when more would wait than may; the message is not written. */
  readonly onOverflow: () => void;
}

/** Writes to one socket. */
export class SocketWriter {
  /** What is called when there is room again, each once, by whom it is for. */
  readonly postponed = new Mailbox<object, () => void>();
  readonly #webSocket: WebSocket;
  readonly #connection: Socket;
  readonly #maxBufferBytes: number;
  readonly #onOverflow: () => void;
  /** The longest message since nothing waited. */
  #longest = 0;

  constructor({ webSocket, connection, maxBufferBytes, onOverflow }: SocketWriterOptions) {
    this.#webSocket = webSocket;
    this.#connection = connection;
    this.#maxBufferBytes = maxBufferBytes;
    this.#onOverflow = onOverflow;
    connection.on("drain", () => {
      while (this.hasRoom && !this.postponed.isEmpty) this.postponed.read((goOn) => goOn());
    });
  }

  /** Whether subscriptions may write. If not, the connection will drain or close. */
  get hasRoom(): boolean {
    return this.#connection.writableLength <= this.#maxBufferBytes / 4 || !this.#connection.writableNeedDrain;
  }

  /**
   * Writes a message, unless the socket is closing or more waits than may.
   *
   * @param onTaken - called when the connection has let go of it.
   */
  send(text: string, onTaken?: () => void): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    const connection = this.#connection;
    const frame = toFrame(toByteText(text));
    const waiting = connection.writableLength;
    this.#longest = waiting === 0 ? frame.length : Math.max(this.#longest, frame.length);
    if (waiting + frame.length - this.#longest > this.#maxBufferBytes) {
      this.#onOverflow();
      return;
    }
    cork(connection);
    connection.write(frame, "latin1", onTaken);
  }

  /** Answers a ping of the WebSocket protocol itself. */
  sendPong(data: Buffer, onTaken: () => void): void {
    if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.pong(data, false, onTaken);
  }
}

/** The connections that have been written to in this turn of the event loop. */
let corked: Socket[] = [];

/** Subscriptions of one socket get a change in the same turn: one write for all of them. */
function cork(connection: Socket): void {
  if (connection.writableCorked > 0) return;
  connection.cork();
  // One for all: each would cost as much as the message.
  if (corked.push(connection) === 1) queueMicrotask(uncork);
}

function uncork(): void {
  const connections = corked;
  corked = [];
  for (const connection of connections) connection.uncork();
}

/** A text as UTF-8, with a character for each byte. Most have no others. */
function toByteText(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString("latin1");
}

/**
 * The frame of a text message, with a character for each byte.
 *
 * @see RFC 6455, 5.2: its last part and a text; a length of 7, 16 or 64 bits; no mask
 */
function toFrame(payload: string): string {
  const { length } = payload;
  if (length < 126) return `\x81${String.fromCharCode(length)}${payload}`;
  if (length < 65_536) return `\x81\x7e${String.fromCharCode(length >> 8, length & 255)}${payload}`;
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(length));
  return `\x81\x7f${size.toString("latin1")}${payload}`;
}
