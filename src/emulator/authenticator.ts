/**
 * Decides whether a request comes from the account the emulator plays: access key, STS token, date, nonce, signature.
 * Called by `imm-http-server.ts` once per request; remembers nothing but the nonces it has seen.
 */

import type { Clock } from "../clock.js";
import { Refusal } from "./refusal.js";
import {
  type Authorization,
  canonicalRequest,
  parseAuthorization,
  sha256Hex,
  type SignableRequest,
  stringToSign,
  verifySignature,
} from "./signature.js";

const NONCE_LIFE_MS = 15 * 60_000; // 15 minutes

/** Above this many, the oldest nonce is forgotten early: 15 minutes at 200 requests a second fit. */
const MAX_NONCES = 200_000;

/** The one account that the emulator accepts, and how strictly. */
export interface Account {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** When set, every request must carry this STS token. */
  readonly securityToken: string | undefined;
  /** How far a request's date may be off, before or after. */
  readonly maxClockSkewMs: number;
}

export class Authenticator {
  readonly #account: Account;
  readonly #clock: Clock;
  /** When each nonce was seen; a Map keeps them in that order, so the oldest is always first. */
  readonly #nonces = new Map<string, number>();

  constructor(account: Account, clock: Clock) {
    this.#account = account;
    this.#clock = clock;
  }

  /**
   * Returns when the request is genuine, fresh and not a replay.
   *
   * A nonce counts as used only once its signature was right, so that no caller can spend the nonces of others.
   *
   * @throws Refusal - with the code of the first check that fails
   */
  authenticate(request: SignableRequest): void {
    const { headers } = request;
    const authorization = parseAuthorization(requireHeader(headers, "authorization", "IncompleteSignature"));
    if (authorization === null) {
      throw new Refusal(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.");
    }
    if (authorization.accessKeyId !== this.#account.accessKeyId) {
      throw new Refusal(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.");
    }
    this.#checkSecurityToken(headers["x-acs-security-token"]);
    this.#checkDate(requireHeader(headers, "x-acs-date"));
    const nonce = requireHeader(headers, "x-acs-signature-nonce");
    this.#checkNonce(nonce);
    this.#checkSignature(request, authorization);
    this.#nonces.set(nonce, this.#clock.now());
  }

  #checkSecurityToken(token: string | undefined): void {
    const { securityToken } = this.#account;
    if (securityToken === undefined || token === securityToken) return;
    if (token === undefined || token === "") {
      throw new Refusal(400, "MissingSecurityToken", "SecurityToken is mandatory for this action.");
    }
    throw new Refusal(
      400,
      "InvalidSecurityToken.MismatchWithAccessKey",
      "Specified SecurityToken mismatch with the AccessKey.",
    );
  }

  #checkDate(text: string): void {
    const date = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(date)) {
      throw new Refusal(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.");
    }
    if (Math.abs(this.#clock.now() - date) > this.#account.maxClockSkewMs) {
      throw new Refusal(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.");
    }
  }

  #checkNonce(nonce: string): void {
    const now = this.#clock.now();
    for (const [oldest, seenAt] of this.#nonces) {
      if (seenAt + NONCE_LIFE_MS > now && this.#nonces.size <= MAX_NONCES) break;
      this.#nonces.delete(oldest);
    }
    if (this.#nonces.has(nonce)) {
      throw new Refusal(400, "SignatureNonceUsed", "Specified signature nonce was used already.");
    }
  }

  #checkSignature(request: SignableRequest, authorization: Authorization): void {
    if (requireHeader(request.headers, "x-acs-content-sha256") !== sha256Hex(request.body)) {
      throw new Refusal(400, "SignatureDoesNotMatch", "x-acs-content-sha256 is not the SHA-256 of the body.");
    }
    if (verifySignature(request, authorization, this.#account.accessKeySecret)) return;
    throw new Refusal(400, "SignatureDoesNotMatch", mismatchMessage(request, authorization));
  }
}

function requireHeader(headers: Readonly<Record<string, string>>, name: string, code = "MissingParameter"): string {
  const value = headers[name];
  if (value === undefined || value === "") throw new Refusal(400, code, `The header ${name} is mandatory.`);
  return value;
}

/**
 * Like the real service, shows what the server signed, query parameters included, so that tests can prove that no
 * vendor message reaches a client. The secret is not part of that text, and the STS token is masked.
 */
function mismatchMessage(request: SignableRequest, authorization: Authorization): string {
  const token = request.headers["x-acs-security-token"];
  const headers = token === undefined ? request.headers : { ...request.headers, "x-acs-security-token": "***" };
  const shown = canonicalRequest({ ...request, headers }, authorization.signedHeaders);
  const signed = stringToSign(canonicalRequest(request, authorization.signedHeaders));
  return (
    "Specified signature does not match our calculation. " +
    `Server string to sign is [${signed}], server canonical request is [${shown}].`
  );
}
