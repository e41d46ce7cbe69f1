/**
 * The multipart transport: Apollo's protocol for subscriptions over HTTP, on the path of the HTTP transport. Apollo Client speaks it
 * by itself where no WebSocket is set up.
 *
 * It answers subscriptions of clients that ask for it; everything else is Apollo's to answer.
 *
 * @see https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
 */

import type { FastifyReply, FastifyRequest } from "fastify";
import { OperationTypeNode, type GraphQLFormattedError } from "graphql";
import { clientSignal } from "../client-signal.js";
import { prepare, run, type ExecutionOptions, type OperationRequest } from "../../operation/pipeline.js";
import type { FormatError } from "../../operation/format-error.js";
import { sendErrors } from "../refusal.js";
import type { StreamedAnswers, Wire } from "./streamed-answers.js";

/** What the multipart transport is made of. */
export interface MultipartTransportOptions extends ExecutionOptions {
  readonly answers: StreamedAnswers;
  readonly formatError: FormatError;
}

/** Answers a request that is for this transport. False when it is not; then nothing has been sent. */
export type MultipartTransport = (request: FastifyRequest, reply: FastifyReply) => Promise<boolean>;

const BOUNDARY = "\r\n--graphql";

const wire: Wire = {
  contentType: 'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"',
  opening: BOUNDARY,
  event: (json) => part(`{"payload":${json}}`),
  heartbeat: part("{}"),
  // What Apollo's own router does.
  heartbeatMs: 5_000,
  completion: "--\r\n",
  // A `payload` of null tells the client that the stream has failed, so that the end is not taken for a completion.
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

export function createMultipartTransport(options: MultipartTransportOptions): MultipartTransport {
  return async (request, reply) => {
    const { body } = request;
    if (!asksForParts(request.headers.accept) || !isOperationRequest(body)) return false;
    const preparation = prepare(body, options, () => ({
      headers: request.headers,
      signal: clientSignal(reply),
    }));
    if (preparation.operation !== OperationTypeNode.SUBSCRIPTION) return false;
    if (preparation.kind === "refused") {
      await sendErrors(request, reply, 400, { errors: preparation.errors.map(options.formatError) });
    } else {
      await options.answers.send(reply, wire, async () => run(preparation, options));
    }
    return true;
  };
}

function asksForParts(accept = ""): boolean {
  return accept.split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((piece) => piece.trim().toLowerCase());
    return type === "multipart/mixed" && parameters.some((pair) => /^subscriptionspec="?1\.0"?$/.test(pair));
  });
}

/** Whether a body, which is null or absent for a GET, is of the form that can be executed. */
function isOperationRequest(body: unknown): body is OperationRequest {
  if (typeof body !== "object" || body === null) return false;
  const { query, operationName, variables } = body as Partial<Record<string, unknown>>;
  return (
    typeof query === "string" &&
    (operationName === undefined || operationName === null || typeof operationName === "string") &&
    (variables === undefined || (typeof variables === "object" && !Array.isArray(variables)))
  );
}
