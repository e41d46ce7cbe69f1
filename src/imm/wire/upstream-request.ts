/**
 * The HTTP requests under the vendor's calls, which its client does not hand out: for `openapi-client`.
 *
 * A call runs in an asynchronous context of its own, and Node announces every request that starts: the one that starts in
 * that context is the call's. It is destroyed when the call is given up, however far it has come, and when its answer is
 * a refusal longer than the bound: the vendor's client reads those by itself, to their end. Other requests are let be.
 *
 * @see the built-in channels of `node:diagnostics_channel`
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";

/** A refusal of IMM is a few hundred bytes. */
export const MAX_REFUSAL_BYTES = 1_024 * 1_024;

/** A call of the vendor's client that is under way. */
export interface PresentCall {
  /** The header by which its request is known among those that fetch credentials for it. */
  readonly action: string;
  /** Aborted when the call is given up. */
  readonly signal: AbortSignal | undefined;
  /** Called with the HTTP status of its answer, before the vendor's client learns of it. */
  readonly onStatus: (httpStatus: number) => void;
  /** Called when its answer is cut, before the vendor's client learns of it. */
  readonly onCut: () => void;
}

const REQUEST_START = "http.client.request.start";

const presentCalls = new AsyncLocalStorage<PresentCall>();
let callsUnderWay = 0;

/** Makes a call of the vendor's client. Node keeps nothing of ours, and follows no contexts, while none is under way. */
export async function makeCall<T>(call: PresentCall, make: () => Promise<T>): Promise<T> {
  if (callsUnderWay === 0) subscribe(REQUEST_START, onRequestStart);
  callsUnderWay += 1;
  try {
    return await presentCalls.run(call, make);
  } finally {
    callsUnderWay -= 1;
    if (callsUnderWay === 0) {
      unsubscribe(REQUEST_START, onRequestStart);
      presentCalls.disable();
    }
  }
}

function onRequestStart(message: unknown): void {
  const call = presentCalls.getStore();
  const { request } = message as { readonly request: ClientRequest };
  if (call === undefined || request.getHeader("x-acs-action") !== call.action) return;
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
