/**
 * The WebSocket transport: the graphql-transport-ws protocol on the path and port of HTTP.
 *
 * It lets handshakes in and joins each socket to graphql-ws's `makeServer`, which keeps the protocol; a
 * `SocketConnection` stands between the two, and a `SocketOperation` executes. Messages of one socket are taken one in
 * each turn of the event loop, so that a client that sends thousands at once holds up no other.
 */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { parse, type ExecutionArgs } from "graphql";
import { handleProtocols, makeServer } from "graphql-ws";
import { WebSocketServer } from "ws";
import type { AllowsHost, AllowsOrigin } from "./origins.js";
import { SocketConnection, type ProtocolServer, type SocketConnectionOptions } from "./socket-connection.js";
import type { SocketOperation } from "./socket-operation.js";

/** What the WebSocket transport is made of. */
export interface WebSocketTransportOptions extends SocketConnectionOptions {
  readonly server: Server;
  readonly path: string;
  readonly allowsOrigin: AllowsOrigin;
  readonly allowsHost: AllowsHost;
  readonly maxRequestBytes: number;
  readonly isDraining: () => boolean;
}

/** An open transport. */
export interface WebSocketTransport {
  /** Closes every socket with 1001. Sockets that do not answer within `timeoutMs` are cut. */
  close(timeoutMs: number): Promise<void>;
}

const GOING_AWAY = 1_001;

/** Opens the transport on a server that may or may not listen yet. */
export function openWebSocketTransport(options: WebSocketTransportOptions): WebSocketTransport {
  const { server } = options;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.maxRequestBytes,
    handleProtocols,
    // One message in each turn.
    allowSynchronousEvents: false,
    // They would be answered without a look at what waits.
    autoPong: false,
  });
  const protocol = createProtocol(options);
  const connections = new Set<SocketConnection>();
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const refusal = refusalOf(request, options);
    if (refusal !== null) {
      refuse(socket, refusal);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new SocketConnection(webSocket, request, options);
      connections.add(connection);
      webSocket.once("close", () => connections.delete(connection));
      connection.open(protocol);
    });
  };
  server.on("upgrade", onUpgrade);
  return {
    async close(timeoutMs) {
      for (const connection of connections) connection.close(GOING_AWAY, "Going away", timeoutMs);
      await new Promise((resolve) => sockets.close(resolve));
      server.off("upgrade", onUpgrade);
    },
  };
}

/**
 * graphql-ws. It hands each operation to `execute` and reads it to its end; it wants a document to tell queries from
 * subscriptions, which makes no difference here.
 */
function createProtocol({ schema }: WebSocketTransportOptions): ProtocolServer {
  const document = parse("{ __typename }");
  return makeServer<undefined, SocketConnection>({
    onSubscribe: ({ extra }, id): ExecutionArgs => ({ schema, document, contextValue: extra.operation(id) }),
    execute: ({ contextValue }) => contextValue as SocketOperation,
  });
}

function refuse(socket: Duplex, statusLine: string): void {
  // Node has taken its listeners off, and ws has put none on.
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${statusLine}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** The status line with which a handshake is refused, or null when it may go on. */
function refusalOf(request: IncomingMessage, options: WebSocketTransportOptions): string | null {
  const path = (request.url ?? "").split("?", 1)[0];
  if (path !== options.path) return "404 Not Found";
  if (options.isDraining()) return "503 Service Unavailable";
  if (!options.allowsHost(request.headers.host)) return "403 Forbidden";
  if (!options.allowsOrigin(request.headers.origin, request.headers.host)) return "403 Forbidden";
  return null;
}
