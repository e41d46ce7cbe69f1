/**
 * The answers of JSON over HTTP: one value a request, in the media type that its client takes, with the status that goes with
 * it. What cannot be answered so is refused before it is executed.
 */

import type { FastifyReply, FastifyRequest } from "fastify";
import { GraphQLError, OperationTypeNode, type ExecutionResult } from "graphql";
import { awaitOwnTurn } from "../../../clock.js";
import type { OperationRequest, Pipeline, ReadyOperation } from "../../operation/pipeline.js";
import { answerType, refusalType, statusOf } from "../refusal.js";
import { STREAM_PATH } from "../streams/sse.js";

export const GRAPHQL_PATH = "/graphql";

/** A request, and what it came to in the pipeline. */
export interface ReadyRequest {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly ready: ReadyOperation;
  /** What was sent, with its document in the place of its name. */
  readonly operation: OperationRequest;
}

/** Executes what was prepared, and answers. */
export type Answer = (ready: ReadyRequest) => Promise<FastifyReply>;

/** Answers by the pipeline alone. */
export function createJsonAnswer(pipeline: Pipeline): Answer {
  return async ({ request, reply, ready }) => {
    // The cast: a subscription, which alone gives more than one result, was refused.
    const result = (await pipeline.run(ready)) as ExecutionResult;
    // Where there is data, errors belong to fields.
    if (result.data === undefined) void reply.status(statusOf(result.errors?.[0]));
    void reply.header("cache-control", "no-store").header("content-type", refusalType(request.headers.accept));
    return sendText(reply, `${JSON.stringify(pipeline.format(result))}\n`);
  };
}

/** Characters of an answer. */
const LARGE_LENGTH = 1_000_000;

/** Making the text of a large answer has taken long enough: its bytes are made in another turn. */
export function sendText(reply: FastifyReply, text: string): FastifyReply | Promise<FastifyReply> {
  return text.length > LARGE_LENGTH ? awaitOwnTurn().then(() => reply.send(text)) : reply.send(text);
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
