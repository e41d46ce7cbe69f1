/**
 * Apollo Server as the transport of JSON over HTTP: it reads the request and writes the answer. What stands between is the
 * pipeline, as for every transport; who may ask is decided before.
 *
 * Apollo would parse, validate, cache and execute by itself. Its document store answers with a stand-in for every document, so
 * that it does none of these, and the pipeline answers by the hook `responseForOperation`. Refusing in there and not ahead of
 * Apollo leaves it the status line and the content type of a refusal.
 */

import { Readable } from "node:stream";
import {
  ApolloServer,
  HeaderMap,
  type ApolloServerPlugin,
  type GraphQLResponse,
  type HTTPGraphQLHead,
} from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  GraphQLError,
  OperationTypeNode,
  parse,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLFormattedError,
} from "graphql";
import type { Logger } from "../../../log.js";
import type { FormatError } from "../../operation/format-error.js";
import { formatResult, prepare, run, type Caller, type ExecutionOptions } from "../../operation/pipeline.js";
import { clientSignal } from "../client-signal.js";
import { answerType, JSON_TYPE } from "../refusal.js";
import { searchParametersOf } from "../request-target.js";
import { STREAM_PATH } from "../streams/sse.js";

export const GRAPHQL_PATH = "/graphql";

/** What Apollo is made of. */
export interface ApolloOptions extends ExecutionOptions {
  readonly formatError: FormatError;
  readonly logger: Logger;
  /** Those of the explorers. */
  readonly plugins: readonly ApolloServerPlugin<Caller>[];
}

const STAND_IN: DocumentNode = parse("{ __typename }");

/** Builds the server; does not start it. */
export function createApollo(options: ApolloOptions): ApolloServer<Caller> {
  const { schema, formatError, logger, plugins } = options;
  return new ApolloServer<Caller>({
    schema,
    plugins: [
      // The default plugin hooks every field of every answer for cache hints that this schema does not have.
      ApolloServerPluginCacheControlDisabled(),
      // On by itself in a subgraph: whoever sent a header would be told how long each field took.
      ApolloServerPluginInlineTraceDisabled(),
      // The page is shown before Apollo is asked.
      ApolloServerPluginLandingPageDisabled(),
      ...plugins,
      answerByPipeline(options),
    ],
    formatError: (_formatted, error) => formatError(error),
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    // By names of headers alone, it would refuse pages that are let in. The rule for all of HTTP is in `origins.ts`.
    csrfPrevention: false,
    persistedQueries: false,
    documentStore: {
      get: async () => STAND_IN,
      set: async () => undefined,
      delete: async () => undefined,
    },
    logger: {
      debug: (message) => logger.debug({}, String(message)),
      info: (message) => logger.info({}, String(message)),
      warn: (message) => logger.warn({}, String(message)),
      error: (message) => logger.error({}, String(message)),
    },
  });
}

/** Lets Apollo answer a request of JSON over HTTP. */
export async function answerByApollo(
  apollo: ApolloServer<Caller>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined) headers.set(name, String(value));
  const answer = await apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: {
      method: request.method,
      headers,
      search: String(searchParametersOf(request.url)),
      body: request.body,
    },
    context: async () => ({ headers: request.headers, signal: clientSignal(reply) }),
  });
  const { status = 200, body } = answer;
  void reply.status(status).headers(Object.fromEntries(answer.headers)).header("cache-control", "no-store");
  return reply.send(body.kind === "complete" ? body.string : Readable.from(body.asyncIterator));
}

function answerByPipeline(
  options: ExecutionOptions & { readonly formatError: FormatError },
): ApolloServerPlugin<Caller> {
  return {
    async requestDidStart() {
      return {
        async responseForOperation({ request, contextValue }) {
          const { query = "", operationName, variables, http } = request;
          const preparation = prepare({ query, operationName, variables }, options, () => contextValue);
          const type = answerType(http?.headers.get("accept"));
          const refusal = preparation.kind === "ready" ? refuseKind(preparation.operation, http?.method, type) : null;
          // The cast: a subscription, which alone gives more than one result, was refused.
          const outcome = refusal === null ? await run(preparation, options) : { errors: [refusal] };
          return toResponse(outcome as ExecutionResult, type ?? JSON_TYPE, options.formatError);
        },
      };
    },
  };
}

/**
 * Why an operation of this kind cannot be answered here, or null.
 *
 * @param type - what its answer would be of; undefined where the client takes none.
 */
function refuseKind(
  operation: OperationTypeNode | undefined,
  method: string | undefined,
  type: string | undefined,
): GraphQLError | null {
  const isGet = method === "GET";
  if (operation === OperationTypeNode.SUBSCRIPTION) {
    return refusal(
      isGet ? 405 : 400,
      `Subscriptions are served over WebSocket (graphql-transport-ws) at ${GRAPHQL_PATH}, over SSE at ${STREAM_PATH}, ` +
        `and by POST of ${GRAPHQL_PATH} to clients that accept multipart/mixed;subscriptionSpec=1.0.`,
    );
  }
  if (isGet && operation !== OperationTypeNode.QUERY) {
    return refusal(405, `GET requests only support query operations, not ${operation} operations`);
  }
  // Before it is executed: a mutation would start a task whose client does not read the answer.
  if (type === undefined) {
    return refusal(406, "Expected a request that accepts application/json or application/graphql-response+json.");
  }
  return null;
}

function refusal(status: number, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: "BAD_REQUEST", http: { status } } });
}

/** @param type - given to Apollo, which knows only what a client takes and not what it is told nevertheless. */
function toResponse(result: ExecutionResult, type: string, formatError: FormatError): GraphQLResponse {
  const singleResult = formatResult(result, formatError);
  const http: HTTPGraphQLHead = { headers: new HeaderMap([["content-type", type]]) };
  // Where there is data, errors belong to fields.
  if (result.data === undefined) http.status = statusOf(result.errors?.[0], singleResult.errors?.[0]);
  if (http.status === 405) http.headers.set("allow", "POST");
  return { http, body: { kind: "single", singleResult } };
}

/** The status of an answer without data: what its error asks for, else whose fault it is. */
function statusOf(error: GraphQLError | undefined, formatted: GraphQLFormattedError | undefined): number {
  const { status } = Object(error?.extensions["http"]) as { readonly status?: number };
  return status ?? (formatted?.extensions?.["code"] === "INTERNAL_SERVER_ERROR" ? 500 : 400);
}
