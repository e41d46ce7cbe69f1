/**
 * Reads an HTTP request whole and takes it apart for the checks that follow. Called by `imm-http-server.ts` alone.
 */

import type { IncomingMessage } from "node:http";
import type { SentParameters } from "./parameters.js";
import { parseAuthorization, type SignableRequest } from "./signature.js";

/** The largest body that is kept. IMM's own limit is not documented; its parameters travel in the query. */
const MAX_BODY_BYTES = 1_048_576; // 1 MiB

export interface ReceivedRequest extends SignableRequest {
  readonly body: Buffer;
  /** Whether the body was over the limit and is therefore missing. */
  readonly isTooLarge: boolean;
  readonly action: string;
  readonly version: string;
  readonly sent: SentParameters;
  readonly accessKeyId: string | null;
}

/** The request once it is complete, or null when the client left before. */
export async function readRequest(request: IncomingMessage): Promise<ReceivedRequest | null> {
  const body = await readBody(request);
  if (body === null) return null;
  const url = request.url ?? "/";
  const [path = "/"] = url.split("?", 1);
  const query = [...new URLSearchParams(url.slice(path.length + 1))];
  const headers = flatten(request.headers);
  const form = headers["content-type"]?.startsWith("application/x-www-form-urlencoded")
    ? new URLSearchParams(body.content.toString())
    : [];
  return {
    method: request.method ?? "",
    path,
    query,
    headers,
    body: body.content,
    isTooLarge: body.isTooLarge,
    action: headers["x-acs-action"] ?? "",
    version: headers["x-acs-version"] ?? "",
    sent: { query: new Map(query), form: new Map(form) },
    accessKeyId: parseAuthorization(headers["authorization"] ?? "")?.accessKeyId ?? null,
  };
}

/** Reads to the end even beyond the limit, because a client that is still sending would not see the refusal. */
async function readBody(request: IncomingMessage): Promise<{ content: Buffer; isTooLarge: boolean } | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    }
  } catch {
    return null;
  }
  const isTooLarge = bytes > MAX_BODY_BYTES;
  return { content: isTooLarge ? Buffer.alloc(0) : Buffer.concat(chunks), isTooLarge };
}

function flatten(headers: IncomingMessage["headers"]): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value = ""]) => [name, [value].flat().join(",")]);
  return Object.fromEntries(entries) as Record<string, string>;
}
