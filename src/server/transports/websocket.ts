/**
 * The WebSocket door: the graphql-transport-ws protocol on the path and port of the HTTP door.
 *
 * Apollo's limits and error formatting do not reach WebSocket operations; `execution.ts` applies the same ones. The door
 * never polls and keeps nothing between operations; each operation has its own context.
 */

import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { GraphQLError, type ExecutionArgs } from "graphql";
import { CloseCode } from "graphql-ws";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";
import type { Clock } from "../../clock.js";
import type { Logger } from "../../log.js";
import { executeQuery, prepare, type ExecutionOptions, type ReadyArguments } from "../operation/pipeline.js";
import type { FormatError } from "../operation/format-error.js";
import type { AllowsHost, AllowsOrigin } from "./origins.js";
import { ResultStream } from "../subscription/result-stream.js";
import type { SerializedResults } from "../subscription/serialized-results.js";
import { SocketDelivery, type Receiver } from "./socket-delivery.js";

/** What the WebSocket door is made of. */
export interface WebSocketDoorOptions extends ExecutionOptions {
  readonly server: Server;
  readonly path: string;
  readonly formatError: FormatError;
  readonly serialized: SerializedResults;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly allowsOrigin: AllowsOrigin;
  readonly allowsHost: AllowsHost;
  readonly maxRequestBytes: number;
  readonly isDraining: () => boolean;
}

/** An open door. */
export interface WebSocketDoor {
  /** Closes every socket with 1001. Sockets that do not answer within `timeoutMs` are cut. */
  close(timeoutMs: number): Promise<void>;
}

const ID_IN_USE = "The last operation with this id has not ended yet.";

/** Opens the door on a server that may or may not listen yet. */
export function openWebSocketDoor(options: WebSocketDoorOptions): WebSocketDoor {
  const { server, formatError, serialized, logger, clock } = options;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: options.maxRequestBytes });
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const refusal = refusalOf(request, options);
    if (refusal !== null) {
      // Node has taken its listeners off, and ws has put none on: an error of this socket is nobody's but ours.
      socket.on("error", () => socket.destroy());
      socket.once("finish", () => socket.destroy());
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => sockets.emit("connection", webSocket, request));
  };
  server.on("upgrade", onUpgrade);

  const operations = new OpenOperations();
  const receivers = new WeakMap<ExecutionArgs, Receiver>();
  const protocol = useServer(
    {
      // Close reasons do not describe the gateway's insides, in development either.
      isProd: true,
      onSubscribe: (socket, id, payload) => {
        // The library knows operations by their ids alone: it would take the one that is still ending for the new one, and
        // leave it running for good.
        if (operations.has(socket, id)) {
          operations.end(socket, id);
          socket.extra.socket.close(CloseCode.SubscriberAlreadyExists, ID_IN_USE);
          return [new GraphQLError(ID_IN_USE)];
        }
        const named = options.persisted.resolve(payload);
        if (named.kind === "refused") return [named.error];
        const request = named.kind === "named" ? { ...payload, query: named.text } : payload;
        const preparation = prepare(request, options, () => ({
          headers: socket.extra.request.headers,
          signal: operations.begin(socket, id),
        }));
        if (preparation.kind === "refused") return preparation.errors;
        const { socket: webSocket, request: handshake } = socket.extra;
        receivers.set(preparation.args, { webSocket, connection: handshake.socket, id });
        return preparation.args;
      },
      execute: async (args) => executeQuery(args as ReadyArguments),
      subscribe: async (args) => {
        const outcome = await options.subscribe(args);
        if (!(outcome instanceof ResultStream)) return outcome;
        // The casts: these are the arguments that `onSubscribe` has returned.
        const { signal } = (args as ReadyArguments).contextValue;
        if (signal.aborted) outcome.close();
        else signal.addEventListener("abort", () => outcome.close());
        return new SocketDelivery(outcome, receivers.get(args) as Receiver, serialized);
      },
      onComplete: (socket, id) => operations.end(socket, id),
      onDisconnect: (socket) => operations.endAll(socket),
      onError: (_context, _id, _payload, errors) => errors.map(formatError),
      onNext: (_context, _id, _payload, _args, { data = null, errors, extensions }) =>
        errors && { data, errors: errors.map(formatError), ...(extensions && { extensions }) },
    },
    sockets,
  );
  sockets.on("connection", (webSocket) => {
    // The protocol's own listener prints to the console; ws has closed the socket with the right code by then.
    webSocket.removeAllListeners("error");
    webSocket.on("error", (error) => logger.debug({ error: error.message }, "A WebSocket broke the protocol."));
  });

  return {
    async close(timeoutMs) {
      const timer = clock.setTimer(timeoutMs, () => {
        for (const webSocket of sockets.clients) webSocket.terminate();
      });
      await protocol.dispose();
      timer.cancel();
      server.off("upgrade", onUpgrade);
    },
  };
}

/** The operations of each socket, so that one which waits learns that its client has gone or has lost interest. */
class OpenOperations {
  readonly #bySocket = new WeakMap<object, Map<string, AbortController>>();

  begin(socket: object, id: string): AbortSignal {
    const ofSocket = this.#bySocket.get(socket) ?? new Map<string, AbortController>();
    this.#bySocket.set(socket, ofSocket);
    const controller = new AbortController();
    ofSocket.set(id, controller);
    return controller.signal;
  }

  has(socket: object, id: string): boolean {
    return this.#bySocket.get(socket)?.has(id) === true;
  }

  end(socket: object, id: string): void {
    const ofSocket = this.#bySocket.get(socket);
    ofSocket?.get(id)?.abort();
    ofSocket?.delete(id);
  }

  endAll(socket: object): void {
    for (const controller of this.#bySocket.get(socket)?.values() ?? []) controller.abort();
    this.#bySocket.delete(socket);
  }
}

/** The status line with which a handshake is refused, or null when it may go on. */
function refusalOf(request: IncomingMessage, options: WebSocketDoorOptions): string | null {
  const path = (request.url ?? "").split("?", 1)[0];
  if (path !== options.path) return "404 Not Found";
  if (options.isDraining()) return "503 Service Unavailable";
  if (!options.allowsHost(request.headers.host)) return "403 Forbidden";
  if (!options.allowsOrigin(request.headers.origin, request.headers.host)) return "403 Forbidden";
  return null;
}
