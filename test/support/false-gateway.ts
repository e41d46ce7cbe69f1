/** A server that speaks as a gateway does over WebSocket, up to what a test has it answer. */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { disposeAfterTest } from "./dispose-after-test.js";

export interface FalseGateway {
  readonly url: string;
  /** How many connections there have been. */
  readonly connections: number;
}

/** @param answerTo - the messages that follow a subscription of this id, each sent as it is. */
export async function startFalseGateway(answerTo: (id: string) => readonly string[]): Promise<FalseGateway> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "graphql-transport-ws" });
  let connections = 0;
  server.on("connection", (socket) => {
    connections += 1;
    socket.on("message", (data: Buffer) => {
      const { type, id } = JSON.parse(data.toString()) as { readonly type: string; readonly id: string };
      if (type === "connection_init") socket.send(JSON.stringify({ type: "connection_ack" }));
      if (type === "subscribe") for (const message of answerTo(id)) socket.send(message);
    });
  });
  await once(server, "listening");
  disposeAfterTest(async () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return connections;
    },
  };
}
