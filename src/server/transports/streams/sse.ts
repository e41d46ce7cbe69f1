/**
 * The SSE transport: GraphQL over server-sent events in distinct connections mode, one operation per request, by GET and POST.
 *
 * graphql-sse reads the request. The streaming is the house's own: the queue of graphql-sse does not wait for the client,
 * its heartbeats are not the clock's, and it says `complete` when a stream is cut short. It would also serialize a result
 * for each client; an event is made of the text that all share.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { OperationTypeNode } from "graphql";
import { createHandler, print, type Request, type RequestParams } from "graphql-sse";
import Negotiator from "negotiator";
import { clientSignal } from "../client-signal.js";
import { prepare, run, type ExecutionOptions } from "../../operation/pipeline.js";
import { insertNamedDocument } from "../named-document.js";
import { refusePage, type AllowsOrigin } from "../origins.js";
import { refusalOf, sendRefusal, type HttpRefusal } from "../refusal.js";
import { searchParametersOf } from "../request-target.js";
import type { StreamedAnswers, Wire } from "./streamed-answers.js";

export const STREAM_PATH = "/graphql/stream";
const EVENT_STREAM = "text/event-stream";

/** What the SSE transport is made of. */
export interface SseTransportOptions extends ExecutionOptions {
  readonly answers: StreamedAnswers;
  readonly allowsOrigin: AllowsOrigin;
  readonly maxRequestBytes: number;
}

/** Where graphql-sse leaves what it has read. */
interface Reading {
  params?: RequestParams;
}

const NO_EVENTS: HttpRefusal = { status: 406, message: "Expected a request that accepts text/event-stream." };
const NOT_POSTED: HttpRefusal = { status: 405, message: "Expected a mutation to be posted." };

const COMMENT = ":\n\n";
const COMPLETION = print({ event: "complete", data: null });

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
  const { answers, maxRequestBytes } = options;
  const read = createHandler<FastifyRequest, Reading>({
    // No token: never the mode in which one connection carries several operations.
    authenticate: () => null,
    onSubscribe: ({ context }, params) => {
      context.params = params;
      return [null, { status: 200, statusText: "OK" }];
    },
  });
  app.route({
    url: STREAM_PATH,
    method: ["GET", "POST"],
    // A HEAD would open a stream that nobody reads.
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const refuse = (refusal: HttpRefusal): FastifyReply => sendRefusal(request, reply, refusal);
      const foreign = refusePage(request.headers, options.allowsOrigin, true);
      if (foreign !== null) return refuse(foreign);
      if (new Negotiator(request.raw).mediaType([EVENT_STREAM]) === undefined) return refuse(NO_EVENTS);
      const unresolved = insertNamedDocument(request, options.persisted);
      if (unresolved !== null) return answers.send(reply, wire, async () => ({ errors: [unresolved] }));
      const context: Reading = {};
      const [, { status }] = await read(toSseRequest(request, context));
      if (context.params === undefined) {
        return refuse(request.method === "GET" ? refusalOfUrl(request.url) : refusalOf(status, maxRequestBytes));
      }
      const preparation = prepare(context.params, options, () => ({
        headers: request.headers,
        signal: clientSignal(reply),
      }));
      // Any page can cause a GET.
      if (request.method === "GET" && preparation.operation === OperationTypeNode.MUTATION) {
        reply.header("allow", "POST");
        return refuse(NOT_POSTED);
      }
      return answers.send(reply, wire, async () => run(preparation, options));
    },
  });
}

/** What is wrong with the parameters of a URL that graphql-sse does not take. */
function refusalOfUrl(url: string): HttpRefusal {
  const parameters = searchParametersOf(url);
  if (!parameters.has("query")) return { status: 400, message: "Expected the parameter `query`, which is a document." };
  const name = isJsonObject(parameters.get("variables")) ? "extensions" : "variables";
  return { status: 400, message: `Expected the parameter \`${name}\` to be a JSON object.` };
}

/** Whether a parameter that may be left out is one. */
function isJsonObject(text: string | null): boolean {
  try {
    const value: unknown = JSON.parse(text ?? "null");
    return typeof value === "object" && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** The request as graphql-sse reads it, with the body that Fastify has parsed within its limit. */
function toSseRequest(request: FastifyRequest, context: Reading): Request<FastifyRequest, Reading> {
  return {
    method: request.method,
    url: request.url,
    headers: {
      get(name) {
        // It knows no other spelling of what the negotiation has found to be meant.
        if (name === "accept") return EVENT_STREAM;
        // Nor does it know capitals.
        if (name === "content-type") return request.headers[name]?.toLowerCase();
        const value = request.headers[name];
        return Array.isArray(value) ? value.join(", ") : value;
      },
    },
    body: typeof request.body === "object" ? (request.body as Record<string, unknown> | null) : null,
    raw: request,
    context,
  };
}
