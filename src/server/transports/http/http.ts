/**
 * The HTTP transport, on Fastify: GraphQL, its streams, the pages and the probes. The WebSocket transport shares its port.
 *
 * It refuses what is no GraphQL request before the pipeline sees it, in the same JSON form, and never says more than that.
 */

import fastify, { type FastifyError, type FastifyInstance } from "fastify";
import { refusalOf, sendErrors, sendRefusal } from "../refusal.js";
import { SECURITY_HEADERS } from "../security-headers.js";
import { registerSseTransport, type SseTransportOptions } from "../streams/sse.js";
import { StreamedAnswers, type StreamedAnswersOptions } from "../streams/streamed-answers.js";
import type { Apollo, ApolloOptions } from "./apollo.js";
import type { ApolloPlugin } from "./apollo-plugin.js";
import { registerBoard } from "./board.js";
import { closeUnusedConnections, refuseBelowRequests, refuseExpectations } from "./connections.js";
import { registerGraphQL, type GraphQLRouteOptions } from "./graphql-route.js";
import { GRAPHIQL_PATH, registerGraphiQL } from "./graphiql.js";
import { addHooks, type HookOptions } from "./hooks.js";
import { HttpOrWebSocketMessage } from "./incoming-message.js";
import { createJsonAnswer, GRAPHQL_PATH } from "./json-answers.js";
import { registerProbes, type ProbeOptions } from "./probes.js";

/** Node looks for requests that take too long so often; its own 30 seconds would come on top of the timeout. */
const REQUEST_CHECK_MS = 1_000;

/** What the HTTP transport is made of. */
export interface HttpTransportOptions
  extends
    HookOptions,
    ProbeOptions,
    StreamedAnswersOptions,
    Omit<GraphQLRouteOptions, "answer" | "answers">,
    Omit<SseTransportOptions, "answers">,
    Omit<ApolloOptions, "plugins"> {
  readonly apolloPlugins: readonly ApolloPlugin[];
  readonly hasBoard: boolean;
  readonly requestTimeoutMs: number;
}

/** A Fastify app that is ready to listen, the Apollo server in it where it has plugins, and the answers that only a stop of them ends. */
export interface HttpTransport {
  readonly app: FastifyInstance;
  readonly apollo: Apollo | undefined;
  readonly answers: StreamedAnswers;
}

/** Builds the transport and starts Apollo for its plugins; does not listen. */
export async function createHttpTransport(options: HttpTransportOptions): Promise<HttpTransport> {
  const { pipeline, maxRequestBytes, isDraining, apolloPlugins: plugins } = options;
  const apollo =
    plugins.length === 0 ? undefined : await (await import("./apollo.js")).startApollo({ ...options, plugins });
  const answer = apollo?.answer ?? createJsonAnswer(pipeline);
  const app = fastify({
    logger: false,
    bodyLimit: maxRequestBytes,
    // A body that trickles in would hold its connection, and a stop, for ever. The answer may take longer.
    requestTimeout: options.requestTimeoutMs,
    http: {
      IncomingMessage: HttpOrWebSocketMessage,
      headersTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(options.requestTimeoutMs, REQUEST_CHECK_MS),
      // Refused by a hook, with a word.
      requireHostHeader: false,
    },
    clientErrorHandler: (error, socket) => refuseBelowRequests(error, socket, maxRequestBytes),
    frameworkErrors: ({ statusCode = 400 }, request, reply) => {
      // No hook has run.
      void reply.headers(SECURITY_HEADERS);
      void sendRefusal(request, reply, { status: statusCode, message: "Expected a URL that can be decoded." });
    },
    // Else each start would load and make what compiles schemas, for routes that have none.
    schemaController: { compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas } },
    forceCloseConnections: "idle",
    // The probes answer to the last; a hook refuses the rest.
    return503OnClosing: false,
  });
  // Else it would be read as a text, and be a body that is not JSON.
  app.removeContentTypeParser("text/plain");
  await addHooks(app, options);
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) return sendErrors(request, reply, 500, { errors: [pipeline.formatError(error)] });
    return sendRefusal(request, reply, refusalOf(status, maxRequestBytes));
  });
  closeUnusedConnections(app, isDraining);
  refuseExpectations(app);
  const answers = new StreamedAnswers(options);
  registerGraphQL(app, { ...options, answers, answer });
  registerSseTransport(app, { ...options, answers });
  registerProbes(app, options);
  if (options.hasBoard) registerBoard(app);
  if (options.hasExplorer) {
    registerGraphiQL(app, GRAPHQL_PATH, options.example);
    app.get("/", async (_request, reply) => reply.redirect(GRAPHIQL_PATH));
  }
  return { app, apollo, answers };
}

function refuseSchemas(): never {
  throw new Error("No route has a schema.");
}
