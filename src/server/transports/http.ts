/**
 * The HTTP door: GraphQL over GET and POST, and a health check, on Fastify. The other doors share its port, and those of
 * SSE and multipart its app.
 *
 * It refuses what is no GraphQL request before Apollo sees it, in the same JSON form, and never says more than that.
 */

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { ApolloServer, type ApolloServerPlugin } from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
} from "@apollo/server/plugin/disabled";
import { fastifyApolloHandler } from "@as-integrations/fastify";
import cors from "@fastify/cors";
import fastify, { type FastifyError, type FastifyInstance } from "fastify";
import { GraphQLError, OperationTypeNode } from "graphql";
import type { Clock } from "../../clock.js";
import type { Logger } from "../../log.js";
import type { GatewayContext } from "../../schema/context.js";
import { reportCalls } from "../operation/call-report.js";
import { clientSignal } from "./client-signal.js";
import { createLandingPage, GRAPHIQL_PATH, registerGraphiQL, type ExampleOperations } from "./explorer.js";
import type { ExecutionOptions } from "../operation/pipeline.js";
import type { FormatError } from "../operation/format-error.js";
import { createMultipartDoor } from "./multipart.js";
import { insertNamedDocument } from "./named-document.js";
import { refuseOperation, type CostLimits } from "../operation/price.js";
import type { AllowsHost, AllowsOrigin } from "./origins.js";
import { refusal, toRefusal } from "./refusal.js";
import type { SerializedResults } from "../subscription/serialized-results.js";
import { registerSseDoor, STREAM_PATH } from "./sse.js";
import { StreamedAnswers } from "./streamed-answers.js";

export const GRAPHQL_PATH = "/graphql";
/** Whether the process is there. */
const HEALTH_PATH = "/healthz";
/** Whether new work should come here. */
const READY_PATH = "/readyz";
const PROBE_PATHS: ReadonlySet<string | undefined> = new Set([HEALTH_PATH, READY_PATH]);
/** Node looks for requests that take too long so often; its own 30 seconds would come on top of the timeout. */
const REQUEST_CHECK_MS = 1_000;

/** What the HTTP door is made of. */
export interface HttpDoorOptions extends ExecutionOptions {
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
export interface HttpDoor {
  readonly app: FastifyInstance;
  readonly apollo: ApolloServer<GatewayContext>;
  readonly answers: StreamedAnswers;
}

/** Builds the door and starts Apollo; does not listen. */
export async function createHttpDoor(options: HttpDoorOptions): Promise<HttpDoor> {
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
  app.addHook("onSend", async (_request, reply) => {
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
  const answerInParts = createMultipartDoor({ ...options, answers });
  const answerByApollo = fastifyApolloHandler(apollo, {
    context: async ({ headers }, reply) => options.createContext({ headers, signal: clientSignal(reply) }),
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
  registerSseDoor(app, { ...options, answers });
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

function createApollo(options: HttpDoorOptions): ApolloServer<GatewayContext> {
  const { schema, formatError, logger, hasExplorer, example, maxQueryTokens } = options;
  const plugins: ApolloServerPlugin<GatewayContext>[] = [
    // The default plugin hooks every field of every answer for cache hints that this schema does not have.
    ApolloServerPluginCacheControlDisabled(),
    // On by itself in a subgraph: whoever sent a header would be told how long each field took.
    ApolloServerPluginInlineTraceDisabled(),
    createLandingPage(hasExplorer, example),
    refuseSubscriptions,
    createCostGuard(options),
    reportCalls,
  ];
  return new ApolloServer<GatewayContext>({
    schema,
    plugins,
    formatError: (_formatted, error) => formatError(error),
    introspection: hasExplorer,
    hideSchemaDetailsFromClientErrors: !hasExplorer,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    persistedQueries: false,
    parseOptions: { maxTokens: maxQueryTokens },
    logger: {
      debug: (message) => logger.debug({}, String(message)),
      info: (message) => logger.info({}, String(message)),
      warn: (message) => logger.warn({}, String(message)),
      error: (message) => logger.error({}, String(message)),
    },
  });
}

/** The status that an error of the house asks for. */
function toStatus({ extensions }: GraphQLError): number {
  return (extensions["http"] as { readonly status: number }).status;
}

/** Applies here the limits that `execution.ts` applies at the other doors. */
function createCostGuard(limits: CostLimits): ApolloServerPlugin<GatewayContext> {
  return {
    async requestDidStart() {
      return {
        async didResolveOperation({ schema, document, operationName, request: { variables } }) {
          const refusal = refuseOperation({ schema, document, operationName, variables }, limits);
          if (refusal !== null) throw refusal;
        },
      };
    },
  };
}

/** Left alone, a subscription that is posted would be executed as if it were a query. */
const refuseSubscriptions: ApolloServerPlugin<GatewayContext> = {
  async requestDidStart() {
    return {
      async didResolveOperation({ operation }) {
        if (operation?.operation !== OperationTypeNode.SUBSCRIPTION) return;
        throw new GraphQLError(
          `Subscriptions are served over WebSocket (graphql-transport-ws) at ${GRAPHQL_PATH}, over SSE at ${STREAM_PATH}, ` +
            `and by POST of ${GRAPHQL_PATH} to clients that accept multipart/mixed;subscriptionSpec=1.0.`,
          { extensions: { code: "BAD_REQUEST", http: { status: 400 } } },
        );
      },
    };
  },
};
