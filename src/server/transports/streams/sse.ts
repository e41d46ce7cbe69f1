/**
 * The SSE transport: GraphQL over server-sent events in distinct connections mode, one operation per request, by GET and POST.
 *
 * The protocol is graphql-sse's, its server is not used: its queue does not wait for the client, its heartbeats are not the
 * clock's, it says `complete` when a stream is cut short, and it would serialize a result for each client.
 *
 * @see https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
 */

import type { FastifyInstance, FastifyReply } from "fastify";
import Negotiator from "negotiator";
import type { Observers } from "../../../observe.js";
import type { AddressOf } from "../../limits/client-address.js";
import type { Pipeline } from "../../operation/pipeline.js";
import { clientOf, readOperation } from "../operation-request.js";
import { refusePage, type AllowsOrigin } from "../origins.js";
import { sendRefusal, sendUnexecuted, statusOf, type HttpRefusal } from "../refusal.js";
import type { StreamedAnswers, Wire } from "./streamed-answers.js";

export const STREAM_PATH = "/graphql/stream";
const EVENT_STREAM = "text/event-stream";

export interface SseTransportOptions {
  readonly pipeline: Pipeline;
  readonly answers: StreamedAnswers;
  readonly allowsOrigin: AllowsOrigin;
  readonly addressOf: AddressOf;
  readonly observers: Observers;
}

const NO_EVENTS: HttpRefusal = { status: 406, message: "Expected a request that accepts text/event-stream." };
/** Who does not show who it is, what cannot be caused by a GET, and who has spent its share: refused before the stream begins. */
const UNSTREAMED: ReadonlySet<number> = new Set([401, 405, 429]);

const COMMENT = ":\n\n";
const COMPLETION = "event: complete\ndata:\n\n";

const wire: Wire = {
  contentType: `${EVENT_STREAM}; charset=utf-8`,
  opening: COMMENT,
  event: (json) => `event: next\ndata: ${json}\n\n`,
  heartbeat: COMMENT,
  heartbeatMs: 12_000,
  completion: COMPLETION,
  // There is no word for it but `complete`, which would be a lie. A connection that ends without it is tried again.
  breakOff: () => "",
  fail: (error) => `event: next\ndata: ${JSON.stringify({ errors: [error] })}\n\n${COMPLETION}`,
};

/** Opens the transport. */
export function registerSseTransport(app: FastifyInstance, options: SseTransportOptions): void {
  const { pipeline, answers } = options;
  app.route({
    url: STREAM_PATH,
    method: ["GET", "POST"],
    // A HEAD would open a stream without a reader.
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const refuse = (refusal: HttpRefusal): FastifyReply => sendRefusal(request, reply, refusal);
      const foreign = refusePage(request.headers, options.allowsOrigin, true);
      if (foreign !== null) return refuse(foreign);
      if (new Negotiator(request.raw).mediaType([EVENT_STREAM]) === undefined) return refuse(NO_EVENTS);
      const { operation, refusal } = readOperation(request);
      if (refusal !== undefined) return refuse(refusal);
      const preparation = await pipeline.prepare(operation, clientOf(request, reply, "sse", options));
      if (preparation.kind !== "ready" && UNSTREAMED.has(statusOf(preparation.errors[0]))) {
        return sendUnexecuted(request, reply, preparation.errors, (error) => pipeline.formatError(error));
      }
      return answers.send(reply, wire, preparation);
    },
  });
}
