/**
 * What one WebSocket writes, with bounds on what waits until its client reads.
 *
 * Subscriptions write while there is room and go on when the socket has drained; everything else is written at once, and
 * a client that lets more wait than it may has its socket closed. Of replies to pings only the newest waits. All that is
 * written in one turn of the event loop leaves in one write.
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
    return this.#webSocket.bufferedAmount <= this.#maxBufferBytes / 4 || !this.#connection.writableNeedDrain;
  }

  /**
   * Writes a message, unless the socket is closing or more waits than may.
   *
   * @param onTaken - called when the connection has let go of it.
   */
  send(text: string, onTaken?: () => void): void {
    const webSocket = this.#webSocket;
    if (webSocket.readyState !== WebSocket.OPEN) return;
    const waiting = webSocket.bufferedAmount;
    this.#longest = waiting === 0 ? text.length : Math.max(this.#longest, text.length);
    if (waiting + text.length - this.#longest > this.#maxBufferBytes) {
      this.#onOverflow();
      return;
    }
    this.#cork();
    webSocket.send(text, onTaken);
  }

  /** Answers a ping of the WebSocket protocol itself. */
  sendPong(data: Buffer, onTaken: () => void): void {
    if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.pong(data, false, onTaken);
  }

  /** Subscriptions of one socket get a change in the same turn: one write for all of them. */
  #cork(): void {
    const connection = this.#connection;
    if (connection.writableCorked > 0) return;
    connection.cork();
    queueMicrotask(() => connection.uncork());
  }
}
