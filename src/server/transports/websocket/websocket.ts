/**
 * The WebSocket transport: the graphql-transport-ws protocol on the path and port of HTTP.
 *
 * It lets handshakes in and joins each socket to graphql-ws's `makeServer`, which keeps the protocol; a
 * `SocketConnection` stands between the two, and a `SocketOperation` executes. Messages of one socket are taken one in
 * each turn of the event loop, so that a client that sends thousands at once holds up no other.
 */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { parse, type ExecutionArgs, type GraphQLSchema } from "graphql";
import { handleProtocols, makeServer } from "graphql-ws";
import { WebSocketServer } from "ws";
import type { AddressLimits } from "../../limits/address-limits.js";
import type { AddressOf } from "../../limits/client-address.js";
import type { RefuseHost } from "../hosts.js";
import { FOREIGN_PAGE, type AllowsOrigin } from "../origins.js";
import { STOPPING, tooManyRequests, toBytes, type HttpRefusal } from "../refusal.js";
import { pathOf } from "../request-target.js";
import { SocketConnection, type ProtocolServer, type SocketConnectionOptions } from "./socket-connection.js";
import type { SocketOperation } from "./socket-operation.js";

/** What the WebSocket transport is made of. */
export interface WebSocketTransportOptions extends SocketConnectionOptions {
  readonly schema: GraphQLSchema;
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
  const protocol = createProtocol(options);
  const connections = new Set<SocketConnection>();
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const address = options.addressOf(request);
    const refusal = refusalOf(request, address, options);
    if (refusal !== null) {
      refuse(request, socket, refusal);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new SocketConnection(webSocket, request, address, options);
      const leave = options.addressLimits.openSocket(address);
      connections.add(connection);
      webSocket.once("close", () => {
        connections.delete(connection);
        leave();
      });
      connection.open(protocol);
    });
  };
  server.on("upgrade", onUpgrade);
  return {
    get sockets() {
      return connections.size;
    },
    async close(timeoutMs) {
      for (const connection of connections) connection.close(GOING_AWAY, "Going away", timeoutMs);
      await new Promise((resolve) => sockets.close(resolve));
      server.off("upgrade", onUpgrade);
    },
  };
}

/**
 * graphql-ws. It hands each operation to `execute` and reads it to its end; it wants a document to distinguish queries from
 * subscriptions, which makes no difference here.
 */
function createProtocol({ schema }: WebSocketTransportOptions): ProtocolServer {
  const document = parse("{ __typename }");
  return makeServer<undefined, SocketConnection>({
    onConnect: async ({ extra }) => extra.authenticate(),
    onSubscribe: ({ extra }, id): ExecutionArgs => ({ schema, document, contextValue: extra.operation(id) }),
    execute: ({ contextValue }) => contextValue as SocketOperation,
  });
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
