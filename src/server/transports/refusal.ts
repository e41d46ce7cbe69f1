/**
 * The answer to an HTTP request that is refused: the JSON form of a GraphQL answer, in the media type that its client reads.
 */

import { STATUS_CODES, type IncomingHttpHeaders } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { GraphQLError, GraphQLFormattedError } from "graphql";
import { LRUCache } from "lru-cache";
import Negotiator from "negotiator";
import type { RateLimitedError } from "../../errors.js";
import { codeOf } from "../operation/format-error.js";
import { clip } from "../../options/refusal.js";
import { SECURITY_HEADERS } from "./security-headers.js";

/** The body of a refusal. */
export interface Refusal {
  readonly errors: readonly { readonly message: string; readonly extensions: Readonly<Record<string, unknown>> }[];
}

/** A refusal that is still to be sent. */
export interface HttpRefusal {
  readonly status: number;
  readonly message: string;
  /** Of its error. @default the code BAD_REQUEST */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** The refusal of a request whose address has spent its share. */
export function tooManyRequests(error: RateLimitedError): HttpRefusal {
  return { status: 429, message: error.message, extensions: error.toExtensions() };
}

export const STOPPING = "The gateway is shutting down.";

export const JSON_TYPE = "application/json; charset=utf-8";
const ANSWER_TYPES = [JSON_TYPE, "application/graphql-response+json; charset=utf-8"];

/** Clients send the same few headers; the empty text stands for none that they take. */
const typesByAccept = new LRUCache<string, string>({
  max: 100,
  memoMethod: (accept) => new Negotiator({ headers: { accept } }).mediaType(ANSWER_TYPES) ?? "",
});

/**
 * The media type of a GraphQL answer that the client prefers; undefined where it takes none. Clients read the errors of an
 * answer that is not 200 in `application/graphql-response+json` only: those of `application/json` may be a proxy's.
 */
export function answerType(accept: string | undefined): string | undefined {
  return typesByAccept.memo(accept ?? "*/*") || undefined;
}

/** The media type of a refusal: JSON also for a client that takes none. */
export function refusalType(accept: string | undefined): string {
  return answerType(accept) ?? JSON_TYPE;
}

/** Answers with errors alone, in a type that the client takes, or in JSON. */
export function sendErrors(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  body: { readonly errors: readonly unknown[] },
): FastifyReply {
  const retryAfter = retryAfterOf(status, body.errors[0]);
  // A page of another origin that is let in may read no header that is not named.
  if (retryAfter !== undefined) {
    reply.headers({ "retry-after": retryAfter, "access-control-expose-headers": "Retry-After" });
  }
  return reply.status(status).header("cache-control", "no-store").type(refusalType(request.headers.accept)).send(body);
}

/** The seconds of `Retry-After`, which goes with the status 429 or 503 where it is known when to come again. */
function retryAfterOf(status: number, error: unknown): string | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const { retryAfterMs } = Object((error as Partial<GraphQLFormattedError>).extensions) as { retryAfterMs?: number };
  return retryAfterMs === undefined ? undefined : String(Math.ceil(retryAfterMs / 1_000));
}

/** The status of an operation without data: what its error asks for, else whose fault it is. */
export function statusOf(error: GraphQLError | undefined): number {
  const { status } = Object(error?.extensions["http"]) as { readonly status?: number };
  return status ?? (codeOf(error) === "INTERNAL_SERVER_ERROR" ? 500 : 400);
}

/** What a client is to show. @see RFC 6750, section 3 */
function challengeOf({ authorization }: IncomingHttpHeaders): string {
  return authorization === undefined ? "Bearer" : 'Bearer error="invalid_token"';
}

/** Answers an operation that is not executed. */
export function sendUnexecuted(
  request: FastifyRequest,
  reply: FastifyReply,
  errors: readonly GraphQLError[],
  formatError: (error: GraphQLError) => GraphQLFormattedError,
): FastifyReply {
  const formatted = errors.map(formatError);
  const status = statusOf(errors[0]);
  if (status === 405) reply.header("allow", "POST");
  if (status === 401) reply.header("www-authenticate", challengeOf(request.headers));
  return sendErrors(request, reply, status, { errors: formatted });
}

/** Answers with a refusal. */
export function sendRefusal(request: FastifyRequest, reply: FastifyReply, refused: HttpRefusal): FastifyReply {
  return sendErrors(request, reply, refused.status, refusal(refused));
}

/** The refusal that goes with an HTTP status, for what is not read any further. */
export function refusalOf(status: number, maxRequestBytes: number): HttpRefusal {
  return { status, message: messageOf(status, maxRequestBytes) };
}

function messageOf(status: number, maxRequestBytes: number): string {
  switch (status) {
    case 408:
      return "Expected the whole request in time.";
    case 413:
      return `Expected a request of at most ${maxRequestBytes} bytes.`;
    case 415:
      return "Expected the content type application/json.";
    case 431:
      return "Expected fewer or shorter headers.";
    case 503:
      return STOPPING;
    default:
      return "Expected a JSON body of the form { query, variables, operationName }.";
  }
}

/** Why a body is not read whatever its media type, or null. */
export function refuseBody(headers: IncomingHttpHeaders): HttpRefusal | null {
  const encoding = headers["content-encoding"]?.trim() ?? "";
  if (encoding !== "" && encoding.toLowerCase() !== "identity") {
    return { status: 415, message: `Expected a body without Content-Encoding, got "${clip(encoding)}".` };
  }
  const [, charset = "utf-8"] = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(headers["content-type"] ?? "") ?? [];
  if (["utf-8", "utf8"].includes(charset.toLowerCase())) return null;
  return { status: 415, message: `Expected a body in the charset utf-8, got "${clip(charset)}".` };
}

export function refusal({ message, extensions = { code: "BAD_REQUEST" } }: Omit<HttpRefusal, "status">): Refusal {
  return { errors: [{ message, extensions }] };
}

/**
 * A whole answer, for a connection that has no request to answer any more. It is the last one there.
 *
 * @param accept - that header of the request, where one was read.
 * @param headers - whole lines.
 */
export function toBytes(refused: HttpRefusal, accept: string | undefined, headers: readonly string[] = []): string {
  const { status } = refused;
  const answer = refusal(refused);
  const body = JSON.stringify(answer);
  const retryAfter = retryAfterOf(status, answer.errors[0]);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "Connection: close",
    `Content-Type: ${refusalType(accept)}`,
    "Cache-Control: no-store",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(retryAfter === undefined ? [] : [`Retry-After: ${retryAfter}`]),
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
    ...headers,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
