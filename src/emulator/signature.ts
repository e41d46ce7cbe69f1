/**
 * The signature ACS3-HMAC-SHA256, written from its description and independent of the vendor's code. Pure: it reads
 * no clock and keeps no state. `authenticator.ts` decides with it; tests sign with it.
 *
 * @see the V3 request signature page of Alibaba Cloud; the test vectors were made with `@alicloud/openapi-core`.
 */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** The only algorithm the emulator accepts, as named in `Authorization` and in the string to sign. */
const SIGNATURE_ALGORITHM = "ACS3-HMAC-SHA256";

export interface SignableRequest {
  readonly method: string;
  readonly path: string;
  /** Decoded names and values. The URL's own escaping differs between clients and is not what is signed. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Header values by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export interface Authorization {
  readonly accessKeyId: string;
  /** Lower-case names, in the order in which they were signed. */
  readonly signedHeaders: readonly string[];
  /** Hexadecimal. */
  readonly signature: string;
}

/** The lower-case hexadecimal SHA-256 of `content`. */
export function sha256Hex(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The names of the headers that a signature must cover, sorted: `host`, `content-type` and every `x-acs-*`. */
export function headersToSign(headers: Readonly<Record<string, string>>): string[] {
  return Object.keys(headers)
    .filter((name) => name === "host" || name === "content-type" || name.startsWith("x-acs-"))
    .toSorted();
}

/** The text whose hash is signed. Its header block ends with an empty line. */
export function canonicalRequest(request: SignableRequest, signedHeaders: readonly string[]): string {
  const query = request.query
    .toSorted(([left], [right]) => Number(left > right) - Number(left < right))
    .map(([name, value]) => `${name}=${escapeRfc3986(value)}`)
    .join("&");
  const headers = signedHeaders.map((name) => `${name}:${(request.headers[name] ?? "").trim()}\n`).join("");
  const parts = [request.method, request.path, query, headers, signedHeaders.join(";"), sha256Hex(request.body)];
  return parts.join("\n");
}

/** The two lines that are signed: the algorithm and the hash of the canonical request. */
export function stringToSign(canonical: string): string {
  return `${SIGNATURE_ALGORITHM}\n${sha256Hex(canonical)}`;
}

/**
 * The hexadecimal signature of `request`.
 *
 * @param signedHeaders defaults to `headersToSign`; a verifier passes what the client says it signed.
 */
export function computeSignature(
  request: SignableRequest & { readonly accessKeySecret: string },
  signedHeaders: readonly string[] = headersToSign(request.headers),
): string {
  const text = stringToSign(canonicalRequest(request, signedHeaders));
  return createHmac("sha256", request.accessKeySecret).update(text).digest("hex");
}

/** The parts of an `Authorization` header, or null when it is not of this algorithm and form. */
export function parseAuthorization(header: string): Authorization | null {
  const form = /^ACS3-HMAC-SHA256 +Credential=([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]+)$/i;
  const [, accessKeyId, signedHeaders, signature] = form.exec(header) ?? [];
  if (accessKeyId === undefined || signedHeaders === undefined || signature === undefined) return null;
  return { accessKeyId, signedHeaders: signedHeaders.toLowerCase().split(";"), signature: signature.toLowerCase() };
}

/**
 * Whether `authorization` signs `request` with this secret and covers every header that must be signed. The time the
 * comparison takes says nothing about the right signature.
 */
export function verifySignature(
  request: SignableRequest,
  authorization: Authorization,
  accessKeySecret: string,
): boolean {
  const { signedHeaders, signature } = authorization;
  if (!headersToSign(request.headers).every((name) => signedHeaders.includes(name))) return false;
  const expected = Buffer.from(computeSignature({ ...request, accessKeySecret }, signedHeaders));
  const given = Buffer.from(signature);
  return expected.length === given.length && timingSafeEqual(expected, given);
}

/** `encodeURIComponent`, and the five characters it leaves as they are. */
function escapeRfc3986(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
