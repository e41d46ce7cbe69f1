/**
 * The WebSocket transport: the graphql-transport-ws protocol on the path and port of HTTP.
 *
 * It lets handshakes in; a `SocketConnection` keeps the protocol, and a `SocketOperation` executes. Messages of one socket are
 * taken one in each turn of the event loop, so that a client that sends thousands at once holds up no other.
 */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { handleProtocols } from "graphql-ws";
import { WebSocketServer, type WebSocket } from "ws";
import type { AddressLimits } from "../../limits/address-limits.js";
import { requestIdOf } from "../../operation/observed-request.js";
import type { AddressOf } from "../../limits/client-address.js";
import type { RefuseHost } from "../hosts.js";
import { FOREIGN_PAGE, type AllowsOrigin } from "../origins.js";
import { STOPPING, tooManyRequests, toBytes, type HttpRefusal } from "../refusal.js";
import { pathOf } from "../request-target.js";
import { Heartbeat } from "./heartbeat.js";
import { SocketConnection, type OpenedSocket, type SocketConnectionOptions } from "./socket-connection.js";

/** What the WebSocket transport is made of. */
export interface WebSocketTransportOptions extends SocketConnectionOptions {
  readonly server: Server;
  readonly path: string;
  readonly allowsOrigin: AllowsOrigin;
  readonly refuseHost: RefuseHost;
  readonly addressOf: AddressOf;
  readonly addressLimits: AddressLimits;
  readonly maxRequestBytes: number;
  readonly isDraining: () => boolean;
}

/** An open transport. */
export interface WebSocketTransport {
  /** How many are open at this moment. */
  readonly sockets: number;
  /** Closes every socket with 1001. Sockets that do not answer within `timeoutMs` are cut. */
  close(timeoutMs: number): Promise<void>;
}

const GOING_AWAY = 1_001;
/** Sent to a client that asks for another one. */
const VERSIONS = ["Sec-WebSocket-Version: 13, 8"];

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
  sockets.on("wsClientError", (error, socket, request) => {
    refuse(request, socket, { status: 400, message: `Expected a WebSocket handshake: ${error.message}.` }, VERSIONS);
  });
  const connections = new Heartbeat<SocketConnection>(options.pingClock);
  const open = (opened: OpenedSocket): void => {
    const connection = new SocketConnection(opened, options);
    const leave = options.addressLimits.openSocket(opened.handshake.address);
    connections.add(connection);
    opened.webSocket.on("close", () => {
      connections.delete(connection);
      leave();
    });
  };
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const address = options.addressOf(request);
    const refusal = refusalOf(request, address, options);
    if (refusal !== null) {
      refuse(request, socket, refusal);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => open(toOpenedSocket(webSocket, request, address)));
  };
  server.on("upgrade", onUpgrade);
  return {
    get sockets() {
      return connections.members.size;
    },
    async close(timeoutMs) {
      for (const connection of connections.members) connection.close(GOING_AWAY, "Going away", timeoutMs);
      await new Promise((resolve) => sockets.close(resolve));
      server.off("upgrade", onUpgrade);
    },
  };
}

/** What is held of a handshake; what closes over its request would hold all of it for as long as the socket is open. */
function toOpenedSocket(webSocket: WebSocket, request: IncomingMessage, address: string): OpenedSocket {
  const { headers, socket } = request;
  return {
    webSocket,
    connection: socket,
    handshake: { authorization: headers.authorization, headers, address, requestId: requestIdOf(headers) },
  };
}

/** @param headers - whole lines. */
function refuse(request: IncomingMessage, socket: Duplex, refusal: HttpRefusal, headers: readonly string[] = []): void {
  // Node has taken its listeners off, and ws has put none on.
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  socket.end(toBytes(refusal, request.headers.accept, headers));
}

/** Why a handshake is refused, or null when it may go on. */
function refusalOf(request: IncomingMessage, address: string, options: WebSocketTransportOptions): HttpRefusal | null {
  const refusedHost = options.refuseHost(request, false);
  if (refusedHost !== null) return refusedHost;
  if (pathOf(request.url ?? "") !== options.path)
    return { status: 404, message: `There is no WebSocket here; it is at ${options.path}.` };
  if (options.isDraining()) return { status: 503, message: STOPPING };
  const { addressLimits } = options;
  const tooMany = addressLimits.refuseRequest(address) ?? addressLimits.refuseSocket(address);
  if (tooMany !== null) return tooManyRequests(tooMany);
  return options.allowsOrigin(request.headers.origin, request.headers.host) ? null : FOREIGN_PAGE;
}
