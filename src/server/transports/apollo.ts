/**
 * Apollo Server as the transport of JSON over HTTP: it reads the request, negotiates the content type, prevents CSRF, shows
 * the landing page and writes the answer. What stands between is the pipeline, as for every transport.
 *
 * Apollo would parse, validate, cache and execute by itself. Its document store answers with a stand-in for every document, so
 * that it does none of these, and the pipeline answers by the hook `responseForOperation`. Refusing in there and not ahead of
 * Apollo leaves it the status line and the content type of a refusal.
 */

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
} from "@apollo/server/plugin/disabled";
import {
  GraphQLError,
  OperationTypeNode,
  parse,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLFormattedError,
} from "graphql";
import type { Logger } from "../../log.js";
import type { FormatError } from "../operation/format-error.js";
import { formatResult, prepare, run, type Caller, type ExecutionOptions } from "../operation/pipeline.js";
import type { ExampleOperations } from "./example-operations.js";
import { createLandingPage } from "./explorer.js";
import { STREAM_PATH } from "./sse.js";

export const GRAPHQL_PATH = "/graphql";

/** What Apollo is made of. */
export interface ApolloOptions extends ExecutionOptions {
  readonly formatError: FormatError;
  readonly logger: Logger;
  readonly hasExplorer: boolean;
  readonly example: ExampleOperations;
}

const STAND_IN: DocumentNode = parse("{ __typename }");

/** Builds the server; does not start it. */
export function createApollo(options: ApolloOptions): ApolloServer<Caller> {
  const { schema, formatError, logger, hasExplorer, example } = options;
  return new ApolloServer<Caller>({
    schema,
    plugins: [
      // The default plugin hooks every field of every answer for cache hints that this schema does not have.
      ApolloServerPluginCacheControlDisabled(),
      // On by itself in a subgraph: whoever sent a header would be told how long each field took.
      ApolloServerPluginInlineTraceDisabled(),
      createLandingPage(hasExplorer, example),
      answerByPipeline(options),
    ],
    formatError: (_formatted, error) => formatError(error),
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
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

function answerByPipeline(
  options: ExecutionOptions & { readonly formatError: FormatError },
): ApolloServerPlugin<Caller> {
  return {
    async requestDidStart() {
      return {
        async responseForOperation({ request, contextValue }) {
          const { query = "", operationName, variables, http } = request;
          const preparation = prepare({ query, operationName, variables }, options, () => contextValue);
          const refusal = preparation.kind === "ready" ? refuseKind(preparation.operation, http?.method) : null;
          // The cast: a subscription, which alone gives more than one result, was refused.
          const outcome = refusal === null ? await run(preparation, options) : { errors: [refusal] };
          return toResponse(outcome as ExecutionResult, options.formatError);
        },
      };
    },
  };
}

/** Why an operation of this kind cannot be answered here, or null. */
function refuseKind(operation: OperationTypeNode | undefined, method: string | undefined): GraphQLError | null {
  if (method === "GET" && operation !== OperationTypeNode.QUERY) {
    return new GraphQLError(`GET requests only support query operations, not ${operation} operations`, {
      extensions: { code: "BAD_REQUEST", http: { status: 405 } },
    });
  }
  if (operation !== OperationTypeNode.SUBSCRIPTION) return null;
  return new GraphQLError(
    `Subscriptions are served over WebSocket (graphql-transport-ws) at ${GRAPHQL_PATH}, over SSE at ${STREAM_PATH}, ` +
      `and by POST of ${GRAPHQL_PATH} to clients that accept multipart/mixed;subscriptionSpec=1.0.`,
    { extensions: { code: "BAD_REQUEST", http: { status: 400 } } },
  );
}

function toResponse(result: ExecutionResult, formatError: FormatError): GraphQLResponse {
  const singleResult = formatResult(result, formatError);
  const http: HTTPGraphQLHead = { headers: new HeaderMap() };
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
