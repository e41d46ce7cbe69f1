/** What becomes of a connection below its requests: one that has not begun one, and one whose bytes are none that can be taken. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { refusal, refusalOf, refusalType, toBytes, type HttpRefusal } from "../refusal.js";
import { SECURITY_HEADERS } from "../security-headers.js";

/**
 * Browsers, and clients that lost a stream, open connections in advance. Node takes one that has not carried a request
 * for busy, and a stop would wait for it until the deadline.
 */
export function closeUnusedConnections(app: FastifyInstance, isDraining: () => boolean): void {
  const { server } = app;
  const unused = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    if (isDraining()) {
      socket.destroy();
      return;
    }
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  for (const event of ["request", "upgrade"]) {
    server.on(event, ({ socket }: IncomingMessage) => unused.delete(socket));
  }
  app.addHook("preClose", async () => {
    for (const socket of unused) socket.destroy();
  });
}

/** Answers what expects more of the gateway than that it reads the body; by itself Node would without a word. */
export function refuseExpectations({ server }: FastifyInstance): void {
  server.on("checkExpectation", ({ headers: { accept } }: IncomingMessage, response: ServerResponse) => {
    const body = JSON.stringify(refusal({ message: "Expected no expectation but 100-continue." }));
    const headers = { "content-type": refusalType(accept), "content-length": body.length, "cache-control": "no-store" };
    response.writeHead(417, { ...SECURITY_HEADERS, ...headers }).end(body);
  });
}

/** By the code of the parser's error, what is wrong with a request other than its form. */
const STATUSES: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/** Answers what is no request, or comes too slowly, and closes the connection. */
export function refuseBelowRequests(error: Error, socket: Socket, maxRequestBytes: number): void {
  const { code = "" } = error as NodeJS.ErrnoException;
  // The client has gone.
  if (code === "ECONNRESET" || socket.destroyed) return;
  const status = STATUSES[code];
  const refused: HttpRefusal =
    status === undefined
      ? { status: 400, message: "Expected a request of HTTP/1.1." }
      : refusalOf(status, maxRequestBytes);
  if (socket.writable) socket.write(toBytes(refused, undefined));
  socket.destroy(error);
}
