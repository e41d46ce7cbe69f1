/**
 * The HTTP transport: GraphQL over GET and POST, and a health check, on Fastify. The other transports share its port, and those of
 * SSE and multipart its app.
 *
 * It refuses what is no GraphQL request before Apollo sees it, in the same JSON form, and never says more than that.
 */

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { ApolloServer } from "@apollo/server";
import { fastifyApolloHandler } from "@as-integrations/fastify";
import cors from "@fastify/cors";
import fastify, { type FastifyError, type FastifyInstance } from "fastify";
import type { GraphQLError } from "graphql";
import { letOthersRun, type Clock } from "../../clock.js";
import type { Logger } from "../../log.js";
import { createApollo, GRAPHQL_PATH } from "./apollo.js";
import { clientSignal } from "./client-signal.js";
import type { ExampleOperations } from "./example-operations.js";
import { GRAPHIQL_PATH, registerGraphiQL } from "./explorer.js";
import type { Caller, ExecutionOptions } from "../operation/pipeline.js";
import type { FormatError } from "../operation/format-error.js";
import { createMultipartTransport } from "./multipart.js";
import { insertNamedDocument } from "./named-document.js";
import type { AllowsHost, AllowsOrigin } from "./origins.js";
import { refusal, toRefusal } from "./refusal.js";
import type { SerializedResults } from "../subscription/serialized-results.js";
import { registerSseTransport } from "./sse.js";
import { StreamedAnswers } from "./streamed-answers.js";

/** Whether the process is there. */
const HEALTH_PATH = "/healthz";
/** Whether new work should come here. */
const READY_PATH = "/readyz";
const PROBE_PATHS: ReadonlySet<string | undefined> = new Set([HEALTH_PATH, READY_PATH]);
/** Node looks for requests that take too long so often; its own 30 seconds would come on top of the timeout. */
const REQUEST_CHECK_MS = 1_000;

/** Characters of an answer. */
const LARGE_LENGTH = 1_000_000;

/** What the HTTP transport is made of. */
export interface HttpTransportOptions extends ExecutionOptions {
  readonly formatError: FormatError;
  readonly serialized: SerializedResults;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly allowsOrigin: AllowsOrigin;
  readonly allowsHost: AllowsHost;
  readonly hasExplorer: boolean;
  readonly example: ExampleOperations;
  readonly maxRequestBytes: number;
  readonly requestTimeoutMs: number;
  /** Whether new work should come here. */
  readonly isReady: () => boolean;
  /** Whether new work is refused. */
  readonly isDraining: () => boolean;
}

/** A Fastify app that is ready to listen, the Apollo server in it, and the answers that only a stop of them ends. */
export interface HttpTransport {
  readonly app: FastifyInstance;
  readonly apollo: ApolloServer<Caller>;
  readonly answers: StreamedAnswers;
}

/** Builds the transport and starts Apollo; does not listen. */
export async function createHttpTransport(options: HttpTransportOptions): Promise<HttpTransport> {
  const apollo = createApollo(options);
  await apollo.start();
  const app = fastify({
    logger: false,
    bodyLimit: options.maxRequestBytes,
    // A body that trickles in would hold its connection, and a stop, for ever. The answer may take longer.
    requestTimeout: options.requestTimeoutMs,
    http: {
      headersTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(options.requestTimeoutMs, REQUEST_CHECK_MS),
    },
    forceCloseConnections: "idle",
    // The probes answer to the last; the hook below refuses the rest.
    return503OnClosing: false,
  });
  app.addHook("onRequest", async (request, reply) => {
    if (PROBE_PATHS.has(request.routeOptions.url)) return;
    if (!options.allowsHost(request.headers.host)) {
      await reply.status(403).send(toRefusal(403, options.maxRequestBytes));
      return;
    }
    if (options.isDraining()) await reply.status(503).send(toRefusal(503, options.maxRequestBytes));
  });
  app.addHook("onSend", async (_request, reply, payload) => {
    // Making the text of a large answer has taken long enough: its bytes are made in another turn.
    if (typeof payload === "string" && payload.length > LARGE_LENGTH) await letOthersRun();
    // A connection that stays open after its last answer would hold the stop up until the deadline.
    if (options.isDraining()) reply.header("connection", "close");
  });
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) return reply.status(500).send({ errors: [options.formatError(error)] });
    return reply.status(status).send(toRefusal(status, options.maxRequestBytes));
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.status(404).send(refusal(`There is nothing here; GraphQL is at ${GRAPHQL_PATH}.`)),
  );
  closeUnusedConnections(app, options.isDraining);
  await app.register(cors, {
    delegator: (request, callback) => {
      const { origin, host } = request.headers;
      callback(null, { origin: options.allowsOrigin(origin, host), methods: ["GET", "POST"], maxAge: 600 });
    },
  });
  const answers = new StreamedAnswers(options);
  const answerInParts = createMultipartTransport({ ...options, answers });
  const answerByApollo = fastifyApolloHandler(apollo, {
    context: async ({ headers }, reply) => ({ headers, signal: clientSignal(reply) }),
  });
  app.route({
    url: GRAPHQL_PATH,
    method: ["GET", "POST"],
    preHandler: async (request, reply) => {
      const unresolved = insertNamedDocument(request, options.persisted);
      if (unresolved === null) return;
      // What is refused today may be in tomorrow's manifest, and some refusals answer 200.
      reply.header("cache-control", "no-store").status(toStatus(unresolved));
      await reply.send({ errors: [options.formatError(unresolved)] });
    },
    handler: async (request, reply) =>
      (await answerInParts(request, reply)) ? reply : answerByApollo.call(app, request, reply),
  });
  registerSseTransport(app, { ...options, answers });
  app.get(HEALTH_PATH, async () => ({ status: "ok" }));
  app.get(READY_PATH, async (_request, reply) =>
    options.isReady() ? { status: "ok" } : reply.status(503).send({ status: "draining" }),
  );
  if (options.hasExplorer) {
    registerGraphiQL(app, GRAPHQL_PATH, options.example);
    app.get("/", async (_request, reply) => reply.redirect(GRAPHIQL_PATH));
  }
  return { app, apollo, answers };
}

/**
 * Browsers, and clients that lost a stream, open connections in advance. Node takes one that has not carried a request
 * for busy, and a stop would wait for it until the deadline.
 */
function closeUnusedConnections(app: FastifyInstance, isDraining: () => boolean): void {
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

/** The status that an error of the house asks for. */
function toStatus({ extensions }: GraphQLError): number {
  return (extensions["http"] as { readonly status: number }).status;
}
