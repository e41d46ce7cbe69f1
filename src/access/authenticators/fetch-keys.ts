/**
 * Fetches the public keys of an issuer, within bounds. By Node's HTTP client: its global `fetch`, used once, makes every later request to
 * the gateway's server 2 to 3 % dearer.
 */

import type { IncomingMessage } from "node:http";
import { pipeline, type Readable } from "node:stream";
import type { JSONWebKeySet, JWK } from "jose";

const MAX_BYTES = 512 * 1_024;
const MAX_KEYS = 200;
const TYPES = new Set<unknown>(["RSA", "EC", "OKP"]);

/** Why keys cannot be had, in words that hold nothing of what was answered. */
export class KeysUnavailable extends Error {}

/**
 * The public keys behind a URL. What else a set holds is left out, secrets and private keys above all.
 *
 * @throws KeysUnavailable
 */
export async function fetchKeys(url: string, signal: AbortSignal): Promise<JSONWebKeySet> {
  const keys = membersOf(await fetchJson(url, signal))
    .filter(isPublicKey)
    .slice(0, MAX_KEYS);
  if (keys.length === 0) throw new KeysUnavailable("the answer has no public keys");
  return { keys };
}

async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  let status = 0;
  let text: string | null = null;
  try {
    const response = await get(new URL(url), signal);
    status = response.statusCode ?? 0;
    if (isSuccess(status)) text = await readText(await decode(response));
    else response.destroy();
  } catch {
    throw new KeysUnavailable(signal.aborted ? "there was no answer in time" : "there was no answer");
  }
  if (!isSuccess(status)) throw new KeysUnavailable(`the answer has the status ${status}`);
  if (text === null) throw new KeysUnavailable(`the answer has more than ${MAX_BYTES} bytes`);
  try {
    return JSON.parse(text);
  } catch {
    throw new KeysUnavailable("the answer is no JSON");
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}

/** Follows no redirect: it could lead to where anybody may answer. */
async function get(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  const { get } = await (url.protocol === "https:" ? import("node:https") : import("node:http"));
  const headers = { accept: "application/json", "accept-encoding": "identity", "user-agent": "imm-graphql" };
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, headers, signal }, resolve);
    request.on("error", reject);
    // Also where the answer is one that this client has no use for, such as an upgrade.
    request.on("close", () => reject(new Error("The connection was closed.")));
  });
}

/** The body as it was before it was compressed: files of some stores are sent so to everybody. The bound is on what comes out. */
async function decode(response: IncomingMessage): Promise<Readable> {
  const encoding = response.headers["content-encoding"]?.toLowerCase();
  if (encoding !== "gzip" && encoding !== "deflate" && encoding !== "br") return response;
  const { createBrotliDecompress, createUnzip } = await import("node:zlib");
  // Its errors come out of what is read.
  return pipeline(response, encoding === "br" ? createBrotliDecompress() : createUnzip(), () => undefined);
}

/** The body; null where it is too long, and is not read any further. */
async function readText(body: AsyncIterable<Buffer>): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function membersOf(answer: unknown): readonly unknown[] {
  const keys: unknown = Object(answer).keys;
  return Array.isArray(keys) ? keys : [];
}

function isPublicKey(key: unknown): key is JWK {
  return typeof key === "object" && key !== null && TYPES.has(Reflect.get(key, "kty")) && !("d" in key);
}
