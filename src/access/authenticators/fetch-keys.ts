/** Fetches the public keys of an issuer, within bounds. */

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
  let response: Response;
  let text: string | null;
  try {
    // A redirect could lead to where anybody may answer.
    response = await fetch(url, { headers: { accept: "application/json" }, redirect: "error", signal });
    text = response.ok ? await readText(response) : "";
  } catch {
    throw new KeysUnavailable(signal.aborted ? "there was no answer in time" : "there was no answer");
  }
  if (!response.ok) {
    await response.body?.cancel().catch(() => undefined);
    throw new KeysUnavailable(`the answer has the status ${response.status}`);
  }
  if (text === null) throw new KeysUnavailable(`the answer has more than ${MAX_BYTES} bytes`);
  try {
    return JSON.parse(text);
  } catch {
    throw new KeysUnavailable("the answer is no JSON");
  }
}

/** The body; null where it is too long, and is not read any further. */
async function readText({ body }: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
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
