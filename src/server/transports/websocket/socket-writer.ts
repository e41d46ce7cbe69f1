/**
 * What one WebSocket writes, with bounds on what waits until its client reads.
 *
 * Subscriptions write while there is room and go on when the socket has drained; everything else is written at once, and
 * a client that lets more wait than it may has its socket closed. All that is sent in one turn of the event loop leaves as
 * one string: ws would make two pieces of each message, which costs the system and the heap more than all else of it.
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
  /** What this turn of the event loop has written, and what is to be called when the connection has let go of it. */
  #frames = "";
  #onTaken: (() => void)[] = [];

  constructor({ webSocket, connection, maxBufferBytes, onOverflow }: SocketWriterOptions) {
    this.#webSocket = webSocket;
    this.#connection = connection;
    this.#maxBufferBytes = maxBufferBytes;
    this.#onOverflow = onOverflow;
    connection.on("drain", () => this.#goOn());
  }

  /** Whether subscriptions may write. If not, what is postponed goes on when there is room, unless the connection closes. */
  get hasRoom(): boolean {
    if (this.#waiting <= this.#maxBufferBytes / 4) return true;
    return this.#frames === "" && !this.#connection.writableNeedDrain;
  }

  get #waiting(): number {
    return this.#connection.writableLength + this.#frames.length;
  }

  /**
   * Writes a message, unless the socket is closing or more waits than may.
   *
   * @param onTaken - called when the connection has let go of it.
   */
  send(text: string, onTaken?: () => void): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    const frame = toFrame(toByteText(text));
    const waiting = this.#waiting;
    this.#longest = waiting === 0 ? frame.length : Math.max(this.#longest, frame.length);
    if (waiting + frame.length - this.#longest > this.#maxBufferBytes) {
      this.#onOverflow();
      return;
    }
    if (this.#frames === "") flushLater(this);
    this.#frames += frame;
    if (onTaken !== undefined) this.#onTaken.push(onTaken);
  }

  /** Writes what has been sent in this turn. Called by itself when the turn ends, so only before a close is it called for. */
  flush(): void {
    const [frames, listeners] = [this.#frames, this.#onTaken];
    if (frames === "") return;
    this.#frames = "";
    this.#onTaken = [];
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    this.#connection.write(frames, "latin1", () => {
      for (const onTaken of listeners) onTaken();
    });
    this.#goOn();
  }

  /** Answers a ping of the WebSocket protocol itself. */
  sendPong(data: Buffer, onTaken: () => void): void {
    if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.pong(data, false, onTaken);
  }

  #goOn(): void {
    while (!this.postponed.isEmpty && this.hasRoom) this.postponed.read((goOn) => goOn());
  }
}

/** Those that have something to write at the end of this turn of the event loop. */
let writers: SocketWriter[] = [];

/** One microtask for all of them: each would cost as much as a message. */
function flushLater(writer: SocketWriter): void {
  if (writers.push(writer) === 1) queueMicrotask(flushAll);
}

function flushAll(): void {
  const flushed = writers;
  writers = [];
  for (const writer of flushed) writer.flush();
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
