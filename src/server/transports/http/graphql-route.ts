/** GraphQL over GET and POST: an operation from the request to its answer, and Sandbox for a browser that comes without one. */

import type { FastifyInstance, FastifyReply } from "fastify";
import type { GraphQLError } from "graphql";
import type { Logger } from "../../../log.js";
import type { Observers } from "../../../observe.js";
import type { AddressOf } from "../../limits/client-address.js";
import type { Pipeline } from "../../operation/pipeline.js";
import { clientOf, readOperation } from "../operation-request.js";
import { refusePage, type AllowsOrigin } from "../origins.js";
import { sendRefusal, sendUnexecuted } from "../refusal.js";
import { isForMultipart, multipart } from "../streams/multipart.js";
import type { StreamedAnswers } from "../streams/streamed-answers.js";
import type { ExampleOperations } from "./example-operations.js";
import { GRAPHQL_PATH, refuseByJson, type Answer } from "./json-answers.js";
import { prefersPage } from "./pages.js";
import type { Sandbox } from "./sandbox.js";

export interface GraphQLRouteOptions {
  readonly pipeline: Pipeline;
  /** Answers by one JSON value. */
  readonly answer: Answer;
  /** Answers by several, a part each. */
  readonly answers: StreamedAnswers;
  readonly allowsOrigin: AllowsOrigin;
  readonly addressOf: AddressOf;
  readonly observers: Observers;
  readonly hasExplorer: boolean;
  readonly example: ExampleOperations;
  readonly logger: Logger;
}

export function registerGraphQL(app: FastifyInstance, options: GraphQLRouteOptions): void {
  const { pipeline, answer, answers, example, logger } = options;
  let sandbox: Promise<Sandbox> | undefined;
  app.route({
    url: GRAPHQL_PATH,
    method: ["GET", "POST"],
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      // It executes nothing, so any page may lead here.
      if (options.hasExplorer && prefersPage(request)) {
        sandbox ??= renderSandbox(example, logger).catch((thrown: unknown) => {
          sandbox = undefined;
          throw thrown;
        });
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
}

async function renderSandbox(example: ExampleOperations, logger: Logger): Promise<Sandbox> {
  const { Sandbox } = await import("./sandbox.js");
  return Sandbox.render(example, logger);
}
