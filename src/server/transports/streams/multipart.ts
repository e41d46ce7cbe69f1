/**
 * The multipart transport: Apollo's protocol for subscriptions over HTTP, on the path of the HTTP transport. Apollo Client speaks it
 * by itself where no WebSocket is set up.
 *
 * @see https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
 */

import type { FastifyRequest } from "fastify";
import { OperationTypeNode, type GraphQLFormattedError } from "graphql";
import type { ReadyOperation } from "../../operation/pipeline.js";
import type { Wire } from "./streamed-answers.js";

const BOUNDARY = "\r\n--graphql";

/** How the protocol writes. */
export const multipart: Wire = {
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

/** Whether an operation is for this transport; everything else is Apollo's to answer. */
export function isForMultipart({ operation }: ReadyOperation, { method, headers }: FastifyRequest): boolean {
  return operation === OperationTypeNode.SUBSCRIPTION && method === "POST" && asksForParts(headers.accept);
}

function asksForParts(accept = ""): boolean {
  return accept.split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((piece) => piece.trim().toLowerCase());
    return type === "multipart/mixed" && parameters.some((pair) => /^subscriptionspec="?1\.0"?$/.test(pair));
  });
}
