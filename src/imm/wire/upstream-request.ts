/**
 * The HTTP requests under the vendor's calls, which its client does not hand out: for `openapi-client`.
 *
 * Each call has a number, which its request carries in a header of ours, and Node announces every request that starts. It is
 * destroyed when the call is given up, however far it has come, and when its answer is a refusal longer than the bound: the
 * vendor's client reads those by itself, to their end. Other requests are let be.
 *
 * @see the built-in channels of `node:diagnostics_channel`
 */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { randomUUID } from "node:crypto";
import type { ClientRequest, IncomingMessage } from "node:http";

/** A refusal of IMM is a few hundred bytes. */
export const MAX_REFUSAL_BYTES = 1_024 * 1_024;

/** A call of the vendor's client that is under way. */
export interface PresentCall {
  /** Aborted when the call is given up. */
  readonly signal: AbortSignal | undefined;
  /** Called with the HTTP status of its answer, before the vendor's client learns of it. */
  readonly onStatus: (httpStatus: number) => void;
  /** Called when its answer is cut, before the vendor's client learns of it. */
  readonly onCut: () => void;
}

const REQUEST_START = "http.client.request.start";
/** Of no meaning to IMM, and not signed. Node could follow calls without it, at the price of slower promises everywhere. */
const CALL_HEADER = "x-gateway-call";

/** Those under way, by number. */
const presentCalls = new Map<string, PresentCall>();
/** Another copy of this module, in the same process, has another one. */
const prefix = randomUUID().slice(0, 8);
let lastNumber = 0;

/**
 * Makes a call of the vendor's client. Node keeps nothing of ours while none is under way.
 *
 * @param make - is given the headers that its request has to carry.
 */
export async function makeCall<T>(
  call: PresentCall,
  make: (headers: Record<string, string>) => Promise<T>,
): Promise<T> {
  if (presentCalls.size === 0) subscribe(REQUEST_START, onRequestStart);
  lastNumber += 1;
  const number = `${prefix}-${lastNumber}`;
  presentCalls.set(number, call);
  try {
    return await make({ [CALL_HEADER]: number });
  } finally {
    presentCalls.delete(number);
    if (presentCalls.size === 0) unsubscribe(REQUEST_START, onRequestStart);
  }
}

function onRequestStart(message: unknown): void {
  const { request } = message as { readonly request: ClientRequest };
  const call = presentCalls.get(String(request.getHeader(CALL_HEADER)));
  if (call === undefined) return;
  destroyOnAbort(request, call.signal);
  request.once("response", (response: IncomingMessage) => {
    const { statusCode = 0 } = response;
    call.onStatus(statusCode);
    if (statusCode >= 400) boundBytes(response, call.onCut);
  });
}

function destroyOnAbort(request: ClientRequest, signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  // Harmless once its answer was read to the end: the connection then is the agent's.
  const destroy = (): void => void request.destroy();
  if (signal.aborted) destroy();
  signal.addEventListener("abort", destroy, { once: true });
  request.once("close", () => signal.removeEventListener("abort", destroy));
}

/** Counts what comes over the connection: to listen to the answer itself would take its data from who reads it. */
function boundBytes(response: IncomingMessage, onCut: () => void): void {
  const { socket } = response;
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= MAX_REFUSAL_BYTES) return;
    onCut();
    socket.destroy();
  };
  socket.on("data", count);
  response.once("close", () => socket.off("data", count));
}
