/** A bare WebSocket that speaks graphql-transport-ws by hand, and may do so wrongly. */

import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { eventually } from "./eventually.js";
import { disposeAfterTest } from "./start-gateway.js";

/** A message as it came. */
export interface ReceivedMessage {
  readonly id?: string;
  readonly type: string;
  readonly payload?: unknown;
}

/** Of the handshake. */
type Headers = Readonly<Record<string, string>>;

/** One socket, until the test ends. */
export class RawSocket {
  /** All messages but the greeting, in order. */
  readonly received: ReceivedMessage[] = [];
  /** The code that it was closed with. */
  readonly closed: Promise<number>;
  readonly webSocket: WebSocket;

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    this.closed = new Promise((resolve) => webSocket.once("close", resolve));
    webSocket.on("error", () => undefined);
    disposeAfterTest(() => webSocket.terminate());
  }

  /** Opens a socket to the gateway at `url`, greeted, with these parameters if any, and ready for operations. */
  static async open(url: string, connectionParams?: object, headers: Headers = {}): Promise<RawSocket> {
    const socket = await RawSocket.openSilently(url, headers);
    const greeted = new Promise((resolve) => socket.webSocket.once("message", resolve));
    socket.send({ type: "connection_init", payload: connectionParams });
    await greeted;
    socket.webSocket.on("message", (data: Buffer) => socket.received.push(JSON.parse(data.toString())));
    return socket;
  }

  /** Opens one that has not greeted. */
  static async openSilently(url: string, headers: Headers = {}): Promise<RawSocket> {
    const address = `${url.replace("http", "ws")}/graphql`;
    const socket = new RawSocket(new WebSocket(address, "graphql-transport-ws", { headers }));
    await new Promise((resolve) => socket.webSocket.once("open", resolve));
    return socket;
  }

  /** The connection under it. */
  get connection(): Socket {
    return Reflect.get(this.webSocket, "_socket") as Socket;
  }

  /** Sends messages, which arrive together. */
  send(...messages: readonly object[]): void {
    this.connection.cork();
    for (const message of messages) this.webSocket.send(JSON.stringify(message));
    this.connection.uncork();
  }

  /** What came for one operation. */
  of(id: string): readonly ReceivedMessage[] {
    return this.received.filter((message) => message.id === id);
  }

  /** Waits for the `complete` or `error` of an operation, and answers all that came for it. */
  async rest(id: string): Promise<readonly ReceivedMessage[]> {
    await eventually(() => this.of(id).some(({ type }) => type === "complete" || type === "error"));
    return this.of(id);
  }
}

/** The message that begins an operation. */
export function subscribeMessage(id: string, query: string, variables?: object): object {
  return { id, type: "subscribe", payload: { query, ...(variables !== undefined && { variables }) } };
}

/** The message that ends one. */
export function completeMessage(id: string): object {
  return { id, type: "complete" };
}
