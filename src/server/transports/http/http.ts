/**
 * The HTTP transport: GraphQL over GET and POST, and a health check, on Fastify. The other transports share its port, and those of
 * SSE and multipart its app.
 *
 * It refuses what is no GraphQL request before the pipeline sees it, in the same JSON form, and never says more than that. What is
 * done for each request waits for nothing: a hook that waits costs as much as what it does.
 */

import cors from "@fastify/cors";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { GraphQLError, GraphQLSchema } from "graphql";
import type { WhenExpired } from "../../../access/expiry.js";
import { letOthersRun, type Clock } from "../../../clock.js";
import type { Logger } from "../../../log.js";
import type { Observers } from "../../../observe.js";
import type { Apollo } from "./apollo.js";
import type { ApolloPlugin } from "./apollo-plugin.js";
import { registerBoard } from "./board.js";
import { closeUnusedConnections, refuseBelowRequests, refuseExpectations } from "./connections.js";
import type { ExampleOperations } from "./example-operations.js";
import { GRAPHIQL_PATH, registerGraphiQL } from "./graphiql.js";
import { createJsonAnswer, GRAPHQL_PATH, refuseByJson } from "./json-answers.js";
import { prefersPage } from "./pages.js";
import type { Sandbox } from "./sandbox.js";
import type { RefuseHost } from "../hosts.js";
import { HttpOrWebSocketMessage } from "./incoming-message.js";
import type { AddressLimits } from "../../limits/address-limits.js";
import type { AddressOf } from "../../limits/client-address.js";
import type { Pipeline } from "../../operation/pipeline.js";
import { clientOf, readOperation } from "../operation-request.js";
import { isForMultipart, multipart } from "../streams/multipart.js";
import { FOREIGN_PAGE, refusePage, type AllowsOrigin, type ListsOrigin } from "../origins.js";
import {
  refusalOf,
  refuseBody,
  sendErrors,
  sendRefusal,
  sendUnexecuted,
  tooManyRequests,
  type HttpRefusal,
} from "../refusal.js";
import { pathOf } from "../request-target.js";
import { SECURITY_HEADERS } from "../security-headers.js";
import { registerSseTransport } from "../streams/sse.js";
import { StreamedAnswers } from "../streams/streamed-answers.js";

/** Whether the process is there. */
const HEALTH_PATH = "/healthz";
/** Whether new work should come here. */
const READY_PATH = "/readyz";
const PROBE_PATHS: ReadonlySet<string> = new Set([HEALTH_PATH, READY_PATH]);
/** Node looks for requests that take too long so often; its own 30 seconds would come on top of the timeout. */
const REQUEST_CHECK_MS = 1_000;

/** For pages of other origins. Not strict: a client that is no page may ask for what there is too. */
const PREFLIGHT = { methods: ["GET", "POST"], maxAge: 600, strictPreflight: false };

/** Characters of an answer. */
const LARGE_LENGTH = 1_000_000;

/** What a probe is answered where no new work should come here. */
export interface Unreadiness {
  readonly status: "draining" | "imm_unavailable" | "credentials_refused" | "redis_unseen";
  readonly reason: string;
}

/** What a probe is answered besides, where new work may come. */
export interface Remarks {
  readonly redis?: "away";
}

/** What the HTTP transport is made of. */
export interface HttpTransportOptions {
  readonly pipeline: Pipeline;
  /** What the pipeline executes. */
  readonly schema: GraphQLSchema;
  readonly apolloPlugins: readonly ApolloPlugin[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly whenExpired: WhenExpired;
  readonly allowsOrigin: AllowsOrigin;
  readonly listsOrigin: ListsOrigin;
  readonly refuseHost: RefuseHost;
  readonly addressOf: AddressOf;
  readonly addressLimits: AddressLimits;
  readonly observers: Observers;
  readonly hasExplorer: boolean;
  readonly hasBoard: boolean;
  readonly example: ExampleOperations;
  readonly maxRequestBytes: number;
  readonly requestTimeoutMs: number;
  /** Why no new work should come here; null where it may. */
  readonly unreadiness: () => Unreadiness | null;
  readonly remarks: () => Remarks;
  /** Whether new work is refused. */
  readonly isDraining: () => boolean;
}

/** A Fastify app that is ready to listen, the Apollo server in it where it has plugins, and the answers that only a stop of them ends. */
export interface HttpTransport {
  readonly app: FastifyInstance;
  readonly apollo: Apollo | undefined;
  readonly answers: StreamedAnswers;
}

/** Builds the transport and starts Apollo for its plugins; does not listen. */
export async function createHttpTransport(options: HttpTransportOptions): Promise<HttpTransport> {
  const { pipeline, maxRequestBytes, isDraining, addressOf, apolloPlugins: plugins } = options;
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
      // Refused by the hook below, with a word.
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
    // The probes answer to the last; the hook below refuses the rest.
    return503OnClosing: false,
  });
  // Else it would be read as a text, and be a body that is not JSON.
  app.removeContentTypeParser("text/plain");
  const methods = collectMethods(app);
  const refuseUnread = (request: FastifyRequest, reply: FastifyReply): HttpRefusal | null => {
    if (isProbe(request)) {
      reply.header("cache-control", "no-store");
      return null;
    }
    if (isDraining()) return refusalOf(503, maxRequestBytes);
    const tooMany = options.addressLimits.refuseRequest(addressOf(request.raw));
    if (tooMany !== null) return tooManyRequests(tooMany);
    if (request.method === "OPTIONS") return FOREIGN_PAGE;
    if (!request.is404) return request.method === "POST" ? refuseBody(request.headers) : null;
    // Here and not in the handler for it, which would want to read a body first.
    const allowed = methods.get(pathOf(request.url))?.join(", ");
    if (allowed === undefined) return { status: 404, message: `There is nothing here; GraphQL is at ${GRAPHQL_PATH}.` };
    reply.header("allow", allowed);
    return { status: 405, message: `Expected one of the methods ${allowed}.` };
  };
  app.addHook("onRequest", (request, reply, goOn) => {
    void reply.headers(SECURITY_HEADERS);
    const refused = options.refuseHost(request.raw, isProbe(request));
    if (refused !== null) return void sendRefusal(request, reply, refused);
    const allowed = request.method === "OPTIONS" ? methods.get(pathOf(request.url)) : undefined;
    if (allowed !== undefined) reply.header("allow", allowed.join(", "));
    return goOn();
  });
  // Ahead of the other refusals, so that pages which are let in may read them. Those of the gateway's own origin may anyhow.
  await app.register(cors, { origin: (origin, letIn) => letIn(null, options.listsOrigin(origin)), ...PREFLIGHT });
  app.addHook("onRequest", (request, reply, goOn) => {
    const refused = refuseUnread(request, reply);
    return refused === null ? goOn() : void sendRefusal(request, reply, refused);
  });
  app.addHook("onSend", (_request, reply, payload, goOn) => {
    // A connection that stays open after its last answer would hold the stop up until the deadline.
    if (isDraining()) reply.header("connection", "close");
    // Making the text of a large answer has taken long enough: its bytes are made in another turn.
    if (typeof payload === "string" && payload.length > LARGE_LENGTH) void letOthersRun().then(() => goOn());
    else goOn();
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) return sendErrors(request, reply, 500, { errors: [pipeline.formatError(error)] });
    return sendRefusal(request, reply, refusalOf(status, maxRequestBytes));
  });
  closeUnusedConnections(app, isDraining);
  refuseExpectations(app);
  const answers = new StreamedAnswers(options);
  let sandbox: Promise<Sandbox> | undefined;
  app.route({
    url: GRAPHQL_PATH,
    method: ["GET", "POST"],
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      // It executes nothing, so any page may lead here.
      if (options.hasExplorer && prefersPage(request)) {
        sandbox ??= import("./sandbox.js").then(async (pages) => pages.Sandbox.render(options.example, options.logger));
        return (await sandbox).send(request, reply);
      }
      const foreign = refusePage(request.headers, options.allowsOrigin, false);
      if (foreign !== null) return sendRefusal(request, reply, foreign);
      const { operation: given, refusal } = readOperation(request);
      if (refusal !== undefined) return sendRefusal(request, reply, refusal);
      const preparation = await pipeline.prepare(given, clientOf(request, reply, "http", options));
      const refuse = (errors: readonly GraphQLError[]): FastifyReply =>
        sendUnexecuted(request, reply, errors, (error) => pipeline.formatError(error));
      if (preparation.kind !== "ready") return refuse(preparation.errors);
      if (isForMultipart(preparation, request)) return answers.send(reply, multipart, preparation);
      const unfit = refuseByJson(preparation, request);
      if (unfit !== null) {
        pipeline.discard(preparation);
        return refuse([unfit]);
      }
      const operation = { ...given, query: preparation.text };
      return answer({ request, reply, operation, ready: preparation });
    },
  });
  registerSseTransport(app, { ...options, answers });
  app.get(HEALTH_PATH, async () => ({ status: "ok" }));
  app.get(READY_PATH, async (_request, reply) => {
    const unready = options.unreadiness();
    return unready === null ? { status: "ok", ...options.remarks() } : reply.status(503).send(unready);
  });
  if (options.hasBoard) registerBoard(app);
  if (options.hasExplorer) {
    registerGraphiQL(app, GRAPHQL_PATH, options.example);
    app.get("/", async (_request, reply) => reply.redirect(GRAPHIQL_PATH));
  }
  return { app, apollo, answers };
}

function isProbe({ url, is404 }: FastifyRequest): boolean {
  return url !== GRAPHQL_PATH && !is404 && PROBE_PATHS.has(pathOf(url));
}

/** Which methods each path takes, of the routes that are added from now on. */
function collectMethods(app: FastifyInstance): ReadonlyMap<string, readonly string[]> {
  const methods = new Map<string, readonly string[]>();
  app.addHook("onRoute", ({ url, method }) => {
    // That of CORS, for preflights of every path.
    if (url !== "*") methods.set(url, [...(methods.get(url) ?? []), ...[method].flat()]);
  });
  return methods;
}

function refuseSchemas(): never {
  throw new Error("No route has a schema.");
}
