/**
 * Apollo Server as the transport of JSON over HTTP: it refuses what is no request and writes the answer. The pipeline has run
 * ahead of it, and hands it what was prepared as its context.
 *
 * Apollo would parse, validate, cache and execute by itself. Its document store answers with a stand-in for every document, so
 * that it does none of these, and what was prepared is answered by the hook `responseForOperation`. An operation that is
 * refused is answered there too, which leaves Apollo the status line and the content type of the refusal.
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
} from "@apollo/server/plugin/disabled";
import type { FastifyReply, FastifyRequest } from "fastify";
import {
  GraphQLError,
  OperationTypeNode,
  parse,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
} from "graphql";
import type { Logger } from "../../../log.js";
import type { FormatError } from "../../operation/format-error.js";
import type { OperationRequest, Pipeline, Preparation } from "../../operation/pipeline.js";
import { answerType, JSON_TYPE, statusOf } from "../refusal.js";
import { searchParametersOf } from "../request-target.js";
import { STREAM_PATH } from "../streams/sse.js";

export const GRAPHQL_PATH = "/graphql";

/** What Apollo is made of. */
export interface ApolloOptions {
  readonly schema: GraphQLSchema;
  readonly pipeline: Pipeline;
  readonly formatError: FormatError;
  readonly logger: Logger;
  /** Those of the explorers. */
  readonly plugins: readonly ApolloServerPlugin<PreparedContext>[];
}

/** What Apollo knows of an operation. */
export interface PreparedContext {
  /** Undefined for a request that Apollo refuses, since it has not the form of one. */
  readonly preparation: Preparation | undefined;
}

const STAND_IN: DocumentNode = parse("{ __typename }");

/** Builds the server; does not start it. */
export function createApollo(options: ApolloOptions): ApolloServer<PreparedContext> {
  const { schema, pipeline, formatError, logger, plugins } = options;
  return new ApolloServer<PreparedContext>({
    schema,
    plugins: [
      // The default plugin hooks every field of every answer for cache hints that this schema does not have.
      ApolloServerPluginCacheControlDisabled(),
      // On by itself in a subgraph: a client that sends a header would get the duration of each field.
      ApolloServerPluginInlineTraceDisabled(),
      // The page is shown before Apollo is asked.
      ApolloServerPluginLandingPageDisabled(),
      ...plugins,
      answerByPipeline(pipeline),
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
  apollo: ApolloServer<PreparedContext>,
  { request, reply, operation, preparation }: PreparedRequest,
): Promise<FastifyReply> {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined) headers.set(name, String(value));
  const answer = await apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: { method: request.method, headers, ...toApollo(request, operation) },
    context: async () => ({ preparation }),
  });
  const { status = 200, body } = answer;
  void reply.status(status).headers(Object.fromEntries(answer.headers)).header("cache-control", "no-store");
  return reply.send(body.kind === "complete" ? body.string : Readable.from(body.asyncIterator));
}

/** A request, and what it came to in the pipeline. */
export interface PreparedRequest extends PreparedContext {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** With its document in the place of its name; undefined where the request has not the form of one. */
  readonly operation: OperationRequest | undefined;
}

/** The request as Apollo reads it. What has not the form of an operation is left as it is, for Apollo to refuse. */
function toApollo(
  { method, url, body }: FastifyRequest,
  operation: OperationRequest | undefined,
): Pick<HTTPGraphQLRequest, "search" | "body"> {
  if (operation === undefined) return { search: String(searchParametersOf(url)), body };
  const { query, operationName, variables } = operation;
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
        async responseForOperation({ request: { http }, contextValue: { preparation } }) {
          if (preparation === undefined)
            throw new Error("Apollo took a request that has not the form of an operation.");
          const type = answerType(http?.headers.get("accept"));
          const refusal = preparation.kind === "ready" ? refuseKind(preparation.operation, http?.method, type) : null;
          // The cast: a subscription, which alone gives more than one result, was refused.
          const outcome = refusal === null ? await pipeline.run(preparation) : { errors: [refusal] };
          return toResponse(outcome as ExecutionResult, type ?? JSON_TYPE, pipeline);
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

/** @param type - given to Apollo, which knows only what a client takes and not what it is sent nevertheless. */
function toResponse(result: ExecutionResult, type: string, pipeline: Pipeline): GraphQLResponse {
  const singleResult = pipeline.format(result);
  const http: HTTPGraphQLHead = { headers: new HeaderMap([["content-type", type]]) };
  // Where there is data, errors belong to fields. Else the status is what the error asks for, or says whose fault it is.
  if (result.data === undefined) {
    const isDefect = singleResult.errors?.[0]?.extensions?.["code"] === "INTERNAL_SERVER_ERROR";
    http.status = statusOf(result.errors?.[0]) ?? (isDefect ? 500 : 400);
  }
  if (http.status === 405) http.headers.set("allow", "POST");
  return { http, body: { kind: "single", singleResult } };
}
