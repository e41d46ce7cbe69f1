/**
 * The multipart transport: Apollo's protocol for subscriptions over HTTP, on the path of the HTTP transport. Apollo Client speaks it
 * by itself where no WebSocket is set up.
 *
 * @see https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
 */

import type { FastifyReply, FastifyRequest } from "fastify";
import { OperationTypeNode, type GraphQLFormattedError } from "graphql";
import type { Pipeline, Preparation } from "../../operation/pipeline.js";
import { sendErrors } from "../refusal.js";
import type { StreamedAnswers, Wire } from "./streamed-answers.js";

/** What the multipart transport is made of. */
export interface MultipartTransportOptions {
  readonly pipeline: Pipeline;
  readonly answers: StreamedAnswers;
}

/** Answers a subscription whose client asks for this transport. */
export type MultipartTransport = (
  preparation: Preparation,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>;

const BOUNDARY = "\r\n--graphql";

const wire: Wire = {
  contentType: 'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"',
  opening: BOUNDARY,
  event: (json) => part(`{"payload":${json}}`),
  heartbeat: part("{}"),
  // What Apollo's own router does.
  heartbeatMs: 5_000,
  completion: "--\r\n",
  // A `payload` of null says that the stream has failed, so that the end is not taken for a completion.
  breakOff: toLastPart,
  fail: toLastPart,
};

function toLastPart(error: GraphQLFormattedError): string {
  return `${part(JSON.stringify({ payload: null, errors: [error] }))}--\r\n`;
}

/** A part, and the boundary after it: clients read a part only when they see its end. */
function part(json: string): string {
  return `\r\nContent-Type: application/json\r\n\r\n${json}${BOUNDARY}`;
}

export function createMultipartTransport({ pipeline, answers }: MultipartTransportOptions): MultipartTransport {
  return async (preparation, request, reply) => {
    if (preparation.kind !== "ready") {
      return sendErrors(request, reply, 400, { errors: pipeline.formatErrors(preparation.errors) });
    }
    await answers.send(reply, wire, async () => pipeline.run(preparation));
    return reply;
  };
}

/** Whether an operation is for this transport; everything else is Apollo's to answer. */
export function isForMultipart({ operation }: Preparation, { method, headers }: FastifyRequest): boolean {
  return operation === OperationTypeNode.SUBSCRIPTION && method === "POST" && asksForParts(headers.accept);
}

function asksForParts(accept = ""): boolean {
  return accept.split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((piece) => piece.trim().toLowerCase());
    return type === "multipart/mixed" && parameters.some((pair) => /^subscriptionspec="?1\.0"?$/.test(pair));
  });
}
