/**
 * Apollo Server as the transport of JSON over HTTP, where plugins of it want to see the operations. Loaded for them alone: of
 * what Apollo does, the pipeline has done the rest ahead of it.
 *
 * It is given the document of each operation, so that it parses and validates nothing again; and it executes as a router of
 * Apollo does, by an executor that is not its own.
 */

import { Readable } from "node:stream";
import { ApolloServer, HeaderMap, type ApolloServerPlugin, type HTTPGraphQLRequest } from "@apollo/server";
import type { FastifyRequest } from "fastify";
import { GraphQLError, type DocumentNode, type ExecutionResult, type GraphQLSchema } from "graphql";
import type { Logger } from "../../../log.js";
import { REQUEST_ID_HEADER } from "../../operation/observed-request.js";
import { OK } from "../../operation/operation-journal.js";
import type { OperationRequest, Pipeline, ReadyOperation } from "../../operation/pipeline.js";
import { statusOf } from "../refusal.js";
import { toApolloLogger, withoutDefaults } from "./apollo-defaults.js";
import type { ApolloContext, ApolloPlugin } from "./apollo-plugin.js";
import { sendText, type Answer } from "./json-answers.js";

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

/** Where Apollo finds what the pipeline prepared; no plugin sees it. */
const PREPARED = Symbol("prepared");

/** What plugins see as `contextValue`. */
interface OperationContext extends ApolloContext {
  readonly [PREPARED]: Prepared;
}

/** One operation, and what comes of it. */
interface Prepared {
  readonly ready: ReadyOperation;
  isExecuted: boolean;
  /** Of its answer, once Apollo has one. */
  code: string;
}

/** What it chooses the form of an answer by, and knows a body by. */
const READ_HEADERS = ["accept", "content-type"] as const;

/** Starts Apollo with these plugins. */
export async function startApollo({ pipeline, schema, logger, plugins }: ApolloOptions): Promise<Apollo> {
  const server = new ApolloServer<OperationContext>({
    gateway: {
      load: async () => ({
        // The cast: it is the context that was made for the request.
        executor: async ({ context }) => execute((context as OperationContext)[PREPARED], pipeline),
      }),
      onSchemaLoadOrUpdate: (learn) => {
        learn({ apiSchema: schema, coreSupergraphSdl: "" });
        return () => undefined;
      },
      stop: async () => undefined,
    },
    // The cast: the option is typed by what plugins have in common, so that a program without types of Apollo compiles.
    plugins: [ofPipeline(logger), ...withoutDefaults(plugins as readonly ApolloServerPlugin<OperationContext>[])],
    formatError: (_formatted, error) => pipeline.formatError(error),
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    // By names of headers alone, it would refuse pages that are let in. The rule for all of HTTP is in `origins.ts`.
    csrfPrevention: false,
    persistedQueries: false,
    documentStore: null,
    logger: toApolloLogger(logger),
  });
  await server.start();
  return { answer: createApolloAnswer(server, pipeline), stop: async () => server.stop() };
}

/** What the pipeline has of its own to say and to learn, ahead of the plugins. */
function ofPipeline(logger: Logger): ApolloServerPlugin<OperationContext> {
  return {
    unexpectedErrorProcessingRequest: async ({ error: { name, message, stack } }) =>
      logger.error({ error: { name, message, stack } }, "A plugin of Apollo Server has failed."),
    requestDidStart: async () => ({
      didResolveSource: async (request) => {
        // The cast: where there is one already, Apollo asks for none.
        (request as { document?: DocumentNode }).document = request.contextValue[PREPARED].ready.args.document;
      },
      willSendResponse: async ({ contextValue: { [PREPARED]: prepared }, response: { body } }) => {
        const errors = body.kind === "single" ? body.singleResult.errors : undefined;
        prepared.code = errors === undefined ? OK : String(errors[0]?.extensions?.["code"]);
      },
    }),
  };
}

async function execute(prepared: Prepared, pipeline: Pipeline): Promise<ExecutionResult> {
  prepared.isExecuted = true;
  // The cast: a subscription, which alone gives more than one result, was refused.
  return withStatus((await pipeline.run(prepared.ready)) as ExecutionResult);
}

function createApolloAnswer(server: ApolloServer<OperationContext>, pipeline: Pipeline): Answer {
  return async ({ request, reply, operation, ready }) => {
    const headers = new HeaderMap();
    for (const name of READ_HEADERS) {
      const value = request.headers[name];
      if (value !== undefined) headers.set(name, value);
    }
    const prepared: Prepared = { ready, isExecuted: false, code: "INTERNAL_SERVER_ERROR" };
    const { caller } = ready;
    const requestId = String(reply.getHeader(REQUEST_ID_HEADER));
    const answer = await server.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: request.method, headers, ...toApollo(request, operation) },
      context: async () => ({ caller, requestId, [PREPARED]: prepared }),
    });
    // A plugin has refused it, or answered by itself.
    if (!prepared.isExecuted) pipeline.discard(ready, prepared.code);
    const { status = 200, body } = answer;
    void reply.status(status).headers(Object.fromEntries(answer.headers)).header("cache-control", "no-store");
    return body.kind === "complete" ? sendText(reply, body.string) : reply.send(Readable.from(body.asyncIterator));
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
