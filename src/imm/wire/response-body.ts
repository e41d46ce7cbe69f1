/**
 * The body of an answer of IMM: read as a stream, bounded before it is believed. Called by `openapi-client`.
 *
 * A body that is longer than the bound is not read further, and its connection is closed; one that was read to its end
 * leaves the connection to the next call. Refusals are the vendor's client to read: see `upstream-request`.
 */

import { Readable } from "node:stream";
import { UpstreamInvalidResponseError } from "../../errors.js";
import { parseExact } from "../../json.js";

/** A page of a hundred tasks with long definitions is a few hundred kilobytes. */
export const MAX_BODY_BYTES = 16 * 1_024 * 1_024;

const FIRST_BUFFER_BYTES = 65_536; // 64 KiB

/**
 * The JSON value of a body, with IMM's digits.
 *
 * @param body - what the vendor's `callApi` gave: a stream, or what a client of the user's own has parsed by itself.
 * @throws UpstreamInvalidResponseError - when the body is longer than `MAX_BODY_BYTES`.
 * @throws SyntaxError - when it is not JSON.
 */
export async function readJsonBody(body: unknown): Promise<unknown> {
  return body instanceof Readable ? parseExact(await readText(body)) : body;
}

async function readText(stream: Readable): Promise<string> {
  // One buffer that grows: a list of chunks costs a hundred bytes for each, however small it is.
  let buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES);
  let length = 0;
  // To leave this loop early destroys the stream, and with it the connection.
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const end = length + chunk.length;
    if (end > MAX_BODY_BYTES) {
      throw new UpstreamInvalidResponseError(`IMM's answer is longer than ${MAX_BODY_BYTES} bytes.`);
    }
    if (end > buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(MAX_BODY_BYTES, Math.max(end, buffer.length * 2)));
      buffer.copy(larger, 0, 0, length);
      buffer = larger;
    }
    chunk.copy(buffer, length);
    length = end;
  }
  return buffer.toString("utf8", 0, length);
}
