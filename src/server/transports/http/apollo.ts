/**
 * Apollo Server as the transport of JSON over HTTP: it chooses the media type and writes the answer. The pipeline has run ahead of it, and hands it what was prepared as its context.
 *
 * Apollo would parse, validate, cache and execute by itself. Its document store is the pipeline's, so that it does none of the
 * first three, the hook `responseForOperation` executes what was prepared, and it has no schema.
 */

import { Readable } from "node:stream";
import {
  ApolloServer,
  HeaderMap,
  type ApolloServerPlugin,
  type GraphQLResponse,
  type HTTPGraphQLHead,
  type HTTPGraphQLRequest,
} from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from "@apollo/server/plugin/disabled";
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  GraphQLBoolean,
  GraphQLError,
  GraphQLObjectType,
  GraphQLSchema,
  OperationTypeNode,
  parse,
  type DocumentNode,
  type ExecutionResult,
} from "graphql";
import type { Logger } from "../../../log.js";
import type { OperationRequest, Pipeline, ReadyOperation } from "../../operation/pipeline.js";
import { answerType, statusOf } from "../refusal.js";
import { STREAM_PATH } from "../streams/sse.js";

export const GRAPHQL_PATH = "/graphql";

/** What Apollo is made of. */
export interface ApolloOptions {
  readonly pipeline: Pipeline;
  readonly logger: Logger;
  /** Those of the explorers. */
  readonly plugins: readonly ApolloServerPlugin<PreparedContext>[];
}

/** What Apollo knows of an operation. */
export interface PreparedContext {
  readonly ready: ReadyOperation;
}

/** For a document that is too large to be kept: Apollo would parse and validate it again. */
const STAND_IN: DocumentNode = parse("{ __typename }");
/** In the place of the schema, which Apollo would print and hash at each start and never use: it validates and executes nothing. */
const NO_SCHEMA = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { unused: { type: GraphQLBoolean } } }),
});
/** What it chooses the form of an answer by, and knows a body by. */
const READ_HEADERS = ["accept", "content-type"] as const;
/** Characters of a SHA-256 in hexadecimal: how the keys of Apollo's document store end. */
const HASH_LENGTH = 64;

/** Builds the server; does not start it. */
export function createApollo(options: ApolloOptions): ApolloServer<PreparedContext> {
  const { pipeline, logger, plugins } = options;
  return new ApolloServer<PreparedContext>({
    schema: NO_SCHEMA,
    plugins: [
      // The default plugin hooks every field of every answer for cache hints that this schema does not have.
      ApolloServerPluginCacheControlDisabled(),
      // On by itself in a subgraph: a client that sends a header would get the duration of each field.
      ApolloServerPluginInlineTraceDisabled(),
      // The page is shown before Apollo is asked.
      ApolloServerPluginLandingPageDisabled(),
      // On by APOLLO_KEY and its like: the gateway reads no environment, and sends nothing to others.
      ApolloServerPluginUsageReportingDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ...plugins,
      answerByPipeline(pipeline),
    ],
    formatError: (_formatted, error) => pipeline.formatError(error),
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    // By names of headers alone, it would refuse pages that are let in. The rule for all of HTTP is in `origins.ts`.
    csrfPrevention: false,
    persistedQueries: false,
    documentStore: {
      get: async (key) => pipeline.documentOf(key.slice(-HASH_LENGTH)) ?? STAND_IN,
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

/** A request, and what it came to in the pipeline. */
export interface ReadyRequest extends PreparedContext {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** With its document in the place of its name. */
  readonly operation: OperationRequest;
}

/** Lets Apollo answer a request of JSON over HTTP. */
export async function answerByApollo(
  apollo: ApolloServer<PreparedContext>,
  { request, reply, operation, ready }: ReadyRequest,
): Promise<FastifyReply> {
  const headers = new HeaderMap();
  for (const name of READ_HEADERS) {
    const value = request.headers[name];
    if (value !== undefined) headers.set(name, value);
  }
  const answer = await apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: { method: request.method, headers, ...toApollo(request, operation) },
    context: async () => ({ ready }),
  });
  const { status = 200, body } = answer;
  void reply.status(status).headers(Object.fromEntries(answer.headers)).header("cache-control", "no-store");
  return reply.send(body.kind === "complete" ? body.string : Readable.from(body.asyncIterator));
}

/** The request as Apollo reads it. */
function toApollo(
  { method, body }: FastifyRequest,
  { query, operationName, variables }: OperationRequest,
): Pick<HTTPGraphQLRequest, "search" | "body"> {
  const isGet = method === "GET";
  const given = Object.entries({
    query,
    operationName,
    variables: isGet ? variables && JSON.stringify(variables) : variables,
  });
  const present = Object.fromEntries(given.filter(([, value]) => value !== null && value !== undefined));
  return isGet
    ? { search: String(new URLSearchParams(present as Record<string, string>)), body }
    : { search: "", body: present };
}

function answerByPipeline(pipeline: Pipeline): ApolloServerPlugin<PreparedContext> {
  return {
    async requestDidStart() {
      return {
        async responseForOperation({ contextValue: { ready } }) {
          // The cast: a subscription, which alone gives more than one result, was refused.
          return toResponse((await pipeline.run(ready)) as ExecutionResult, pipeline);
        },
      };
    },
  };
}

/** Why what was prepared cannot be answered by one JSON value, or null. */
export function refuseByJson({ operation }: ReadyOperation, { method, headers }: FastifyRequest): GraphQLError | null {
  if (operation === OperationTypeNode.SUBSCRIPTION) {
    return refusal(
      method === "GET" ? 405 : 400,
      `Subscriptions are served over WebSocket (graphql-transport-ws) at ${GRAPHQL_PATH}, over SSE at ${STREAM_PATH}, ` +
        `and by POST of ${GRAPHQL_PATH} to clients that accept multipart/mixed;subscriptionSpec=1.0.`,
    );
  }
  // Before it is executed: a mutation would start a task whose client does not read the answer.
  if (answerType(headers.accept) !== undefined) return null;
  return refusal(406, "Expected a request that accepts application/json or application/graphql-response+json.");
}

function refusal(status: number, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: "BAD_REQUEST", http: { status } } });
}

function toResponse(result: ExecutionResult, pipeline: Pipeline): GraphQLResponse {
  const singleResult = pipeline.format(result);
  const http: HTTPGraphQLHead = { headers: new HeaderMap() };
  // Where there is data, errors belong to fields.
  if (result.data === undefined) http.status = statusOf(result.errors?.[0], singleResult.errors?.[0]);
  return { http, body: { kind: "single", singleResult } };
}
