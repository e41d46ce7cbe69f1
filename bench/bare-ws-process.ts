/**
 * The least that a server can do, to be measured beside the gateway: one of `ws` that knows no GraphQL. It answers a subscriber
 * with the last text that the benchmark gave it, and sends each later one to all of them.
 */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { handleProtocols } from "graphql-ws";
import { WebSocketServer, type WebSocket } from "ws";
import { answerMeasurements } from "./measured-process.js";

/** What the benchmark tells this process. */
export interface BareChange {
  /** Of a result, in JSON. */
  readonly text: string;
}

/** Each subscriber has a socket, and what every message to it begins with. */
const subscribers: (readonly [socket: WebSocket, prefix: string])[] = [];
let [, , text = ""] = process.argv;

const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1", path: "/graphql", handleProtocols });
sockets.on("connection", (socket) => {
  socket.on("message", (data: Buffer) => {
    const { type, id } = JSON.parse(data.toString()) as { readonly type: string; readonly id?: string };
    if (type === "connection_init") socket.send('{"type":"connection_ack"}');
    if (type !== "subscribe") return;
    const prefix = `{"id":"${id}","type":"next","payload":`;
    subscribers.push([socket, prefix]);
    socket.send(`${prefix}${text}}`);
  });
});
await once(sockets, "listening");
process.on("message", (message: BareChange | string) => {
  if (typeof message === "string") return;
  text = message.text;
  for (const [socket, prefix] of subscribers) socket.send(`${prefix}${text}}`);
});
answerMeasurements(`http://127.0.0.1:${(sockets.address() as AddressInfo).port}`);
