/**
 * The metrics on a port of their own: GET /metrics, and nothing else. It asks no one who they are, so it is not among the
 * transports of clients; it answers to the last, also while the gateway drains.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { toListenError } from "../errors.js";
import { createRefuseHost, isLoopback } from "./transports/hosts.js";
import { pathOf } from "./transports/request-target.js";
import { SECURITY_HEADERS } from "./transports/security-headers.js";

/** What is served, and where. */
export interface MetricsServerOptions {
  readonly host: string;
  readonly metricsPort: number;
  readonly allowedHosts: readonly string[] | undefined;
  readonly contentType: string;
  /** The text of the metrics. */
  readonly text: () => Promise<string>;
}

/** A server that listens. */
export interface MetricsServer {
  /** For example `http://127.0.0.1:9464/metrics`. */
  readonly url: string;
  close(): Promise<void>;
}

const METRICS_PATH = "/metrics";
/** A scraper sends no body, and a short head, and reads what it has asked for. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Each text of the metrics is made in the event loop that clients are served in. */
const MAX_CONNECTIONS = 20;

/**
 * Listens.
 *
 * @throws ConfigurationError - when the port is in use or may not be used.
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { host, metricsPort, allowedHosts } = options;
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS });
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = 1;
  server.timeout = REQUEST_TIMEOUT_MS;
  let present: Promise<string> | undefined;
  /** One text for all who ask while it is made. */
  const shareText = async (): Promise<string> => (present ??= options.text().finally(() => (present = undefined)));
  const refuseHost = createRefuseHost({ host, allowedHosts, address: () => addressOf(server).address });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    // On another address a scraper asks by the address of its target, such as that of a pod, which no list of names has.
    const refused = refuseHost(request, !isLoopback(addressOf(server).address));
    if (refused !== null) return send(response, refused.status, "text/plain", refused.message);
    if (pathOf(request.url ?? "") !== METRICS_PATH) {
      return send(response, 404, "text/plain", `There is nothing here; the metrics are at ${METRICS_PATH}.\n`);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return send(response, 405, "text/plain", "Expected one of the methods GET, HEAD.");
    }
    shareText().then(
      (text) => send(response, 200, options.contentType, text),
      () => send(response, 500, "text/plain", "The metrics cannot be read."),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (thrown) => reject(toListenError(thrown, host, metricsPort)));
    server.listen({ host, port: metricsPort }, resolve);
  });
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${addressOf(server).port}${METRICS_PATH}`,
    async close() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

/** Where the server listens. */
function addressOf(server: Server): AddressInfo {
  // The cast: it listens on no pipe.
  return server.address() as AddressInfo;
}

function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  const headers = { "content-type": contentType, "cache-control": "no-store" };
  response.writeHead(status, { ...SECURITY_HEADERS, ...headers }).end(text);
}
