/**
 * Apollo Server as the transport of JSON over HTTP, where plugins of it want to see the operations. Loaded for them alone: of
 * what Apollo does, the pipeline has done the rest ahead of it.
 *
 * Its document store is the pipeline's, so that it parses and validates nothing again; and it executes as a router of Apollo
 * does, by an executor that is not its own.
 */

import { Readable } from "node:stream";
import { ApolloServer, HeaderMap, type ApolloServerPlugin, type HTTPGraphQLRequest } from "@apollo/server";
import type { FastifyRequest } from "fastify";
import { GraphQLError, parse, type DocumentNode, type ExecutionResult, type GraphQLSchema } from "graphql";
import type { Logger } from "../../../log.js";
import { REQUEST_ID_HEADER } from "../../operation/observed-request.js";
import type { OperationRequest, Pipeline } from "../../operation/pipeline.js";
import { statusOf } from "../refusal.js";
import { toApolloLogger, withoutDefaults } from "./apollo-defaults.js";
import type { ApolloContext, ApolloPlugin } from "./apollo-plugin.js";
import type { Answer } from "./json-answers.js";

/** What Apollo is made of. */
export interface ApolloOptions {
  readonly pipeline: Pipeline;
  readonly schema: GraphQLSchema;
  readonly logger: Logger;
  readonly plugins: readonly ApolloPlugin[];
}

/** A started Apollo. */
export interface Apollo {
  readonly answer: Answer;
  stop(): Promise<void>;
}

/** What plugins see as `contextValue`, with what Apollo executes by. */
interface OperationContext extends ApolloContext {
  readonly execute: () => Promise<ExecutionResult>;
}

/** For a document that is too large to be kept: Apollo would parse and validate it again. */
const STAND_IN: DocumentNode = parse("{ __typename }");
/** What it chooses the form of an answer by, and knows a body by. */
const READ_HEADERS = ["accept", "content-type"] as const;
/** Characters of a SHA-256 in hexadecimal: how the keys of Apollo's document store end. */
const HASH_LENGTH = 64;

/** Starts Apollo with these plugins. */
export async function startApollo({ pipeline, schema, logger, plugins }: ApolloOptions): Promise<Apollo> {
  const server = new ApolloServer<OperationContext>({
    gateway: {
      load: async () => ({
        // The cast: it is the context that was made for the request.
        executor: async ({ context }) => withStatus(await (context as OperationContext).execute()),
      }),
      onSchemaLoadOrUpdate: (learn) => {
        learn({ apiSchema: schema, coreSupergraphSdl: "" });
        return () => undefined;
      },
      stop: async () => undefined,
    },
    // The cast: the option is typed by what plugins have in common, so that a program without types of Apollo compiles.
    plugins: withoutDefaults(plugins as readonly ApolloServerPlugin<OperationContext>[]),
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
    logger: toApolloLogger(logger),
  });
  await server.start();
  return { answer: createApolloAnswer(server, pipeline), stop: async () => server.stop() };
}

function createApolloAnswer(server: ApolloServer<OperationContext>, pipeline: Pipeline): Answer {
  return async ({ request, reply, operation, ready }) => {
    const headers = new HeaderMap();
    for (const name of READ_HEADERS) {
      const value = request.headers[name];
      if (value !== undefined) headers.set(name, value);
    }
    let isExecuted = false;
    const execute = async (): Promise<ExecutionResult> => {
      isExecuted = true;
      // The cast: a subscription, which alone gives more than one result, was refused.
      return (await pipeline.run(ready)) as ExecutionResult;
    };
    const { caller } = ready;
    const requestId = String(reply.getHeader(REQUEST_ID_HEADER));
    const answer = await server.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: request.method, headers, ...toApollo(request, operation) },
      context: async () => ({ caller, requestId, execute }),
    });
    // A plugin has refused it, or answered by itself.
    if (!isExecuted) pipeline.discard(ready);
    const { status = 200, body } = answer;
    void reply.status(status).headers(Object.fromEntries(answer.headers)).header("cache-control", "no-store");
    return reply.send(body.kind === "complete" ? body.string : Readable.from(body.asyncIterator));
  };
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

/** The result with the status of its answer where Apollo looks for it: in its error, where there is no data. */
function withStatus(result: ExecutionResult): ExecutionResult {
  const [first, ...others] = result.errors ?? [];
  if (result.data !== undefined || first === undefined) return result;
  const http = { status: statusOf(first) };
  const extensions = { ...first.extensions, http };
  const { nodes = null, path = null, originalError = null } = first;
  const error = new GraphQLError(first.message, { nodes, path, originalError, extensions });
  return { ...result, errors: [error, ...others] };
}
