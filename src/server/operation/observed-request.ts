/**
 * By what a request is known from outside: its id, which a proxy or a client may have given it, and its span. The transports
 * make one for each request of HTTP and one for each handshake.
 */

import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Observers, RequestSpan } from "../../observe.js";

/** The header of it, in requests and in answers. */
export const REQUEST_ID_HEADER = "x-request-id";

/** What proxies and clients make: UUIDs, digests, paths of trace ids. Anything else is not repeated in a log. */
const REQUEST_ID = /^[\w.:/+=@-]{1,128}$/;

/** A request that carries an operation. */
export interface ObservedRequest {
  readonly id: string;
  /** Undefined where it is not traced. */
  readonly span: RequestSpan | undefined;
}

/** The id that the request has, where it has one of a known form, or a new one. */
export function requestIdOf({ [REQUEST_ID_HEADER]: given }: IncomingHttpHeaders): string {
  return typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
}

/** @param id - that of its handshake. @default its own */
export function observeRequest(
  transport: string,
  headers: IncomingHttpHeaders,
  { tracing }: Pick<Observers, "tracing">,
  id = requestIdOf(headers),
): ObservedRequest {
  return { id, span: tracing?.request(transport, id, headers) };
}
