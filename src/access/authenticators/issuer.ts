/** One issuer of JSON Web Tokens: verifies them by `jose`, and says who their callers are and what they were granted. */

import type { JWTVerifyOptions } from "jose";
import { UnauthenticatedError } from "../../errors.js";
import type { IssuerConfig } from "../config/access-config.js";
import { claimAt, isNonEmptyText, type Claims } from "../grants/claims.js";
import { toClaimGrants } from "../config/to-grants.js";
import type { IssuerKeys } from "./issuer-keys.js";
import { keyIdOf } from "./key-ids.js";
import type { CallAllowance, Principal } from "../principal.js";

const DEFAULT_TOLERANCE_MS = 30_000;
const DEFAULT_CALLER = "/sub";
/** The last instant of a `Date`. */
const MAX_INSTANT = 8.64e15;

/** What was read of a token whose signature fits. */
export interface VerifiedToken {
  readonly algorithm: string;
  /** Of the key that it is signed with. */
  readonly keyId: string;
  readonly claims: Claims;
}

/** What the token itself says of its issuer, unverified: by that a key is chosen, and nothing else. */
export async function issuerNameOf(token: string): Promise<unknown> {
  const { decodeJwt } = await import("jose");
  try {
    return decodeJwt(token).iss;
  } catch {
    throw new UnauthenticatedError("The token is none that this gateway knows.");
  }
}

/** By the code of jose's error, in words that hold nothing of the token. */
const REASONS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: "The token has expired.",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "The signature of the token does not fit.",
  ERR_JOSE_ALG_NOT_ALLOWED: "The token is signed by an algorithm that is not let in.",
  ERR_JWKS_NO_MATCHING_KEY: "The token is signed with a key that its issuer does not have.",
  "aud ERR_JWT_CLAIM_VALIDATION_FAILED": "The token is for another audience.",
  "nbf ERR_JWT_CLAIM_VALIDATION_FAILED": "The token is not valid yet.",
  "exp ERR_JWT_CLAIM_VALIDATION_FAILED": "The token does not say when it expires.",
};

/** One issuer, by one configuration. */
export class Issuer {
  readonly keys: IssuerKeys;
  readonly #config: IssuerConfig;
  readonly #allowance: CallAllowance | undefined;

  /** @param allowance - of the grants that have none of their own. */
  constructor(config: IssuerConfig, keys: IssuerKeys, allowance: CallAllowance | undefined) {
    this.#config = config;
    this.keys = keys;
    this.#allowance = allowance;
  }

  /** @throws UnauthenticatedError - with the reason in words. */
  async verify(token: string, now: number): Promise<VerifiedToken> {
    const { issuer, audiences, algorithms } = this.#config;
    const options = {
      issuer,
      audience: [...audiences],
      algorithms: [...algorithms],
      requiredClaims: ["exp"],
      clockTolerance: this.#toleranceMs / 1_000,
      currentDate: new Date(now),
    };
    try {
      return await verifyWithAnyKey(token, this.keys, options);
    } catch (thrown) {
      if (thrown instanceof UnauthenticatedError) throw thrown;
      const { code, claim } = Object(thrown) as { readonly code?: string; readonly claim?: string };
      const reason = REASONS[`${claim} ${code}`] ?? REASONS[code ?? ""];
      throw new UnauthenticatedError(reason ?? "The token cannot be verified.");
    }
  }

  /** Who holds a token that was verified. @throws UnauthenticatedError - when it does not fit the configuration. */
  principalOf({ algorithm, keyId, claims }: VerifiedToken): Principal {
    const { issuer, audiences, algorithms, caller = DEFAULT_CALLER, grants } = this.#config;
    const subject = claimAt(claims, caller);
    if (!isNonEmptyText(subject)) throw new UnauthenticatedError("The token does not say who its caller is.");
    // They may have changed since the token was verified.
    const isForUs = [claims["aud"]].flat().some((audience) => audiences.includes(String(audience)));
    if (!isForUs || !algorithms.includes(algorithm) || !this.keys.has(keyId)) {
      throw new UnauthenticatedError("The token is not let in any more.");
    }
    return {
      // The name of an issuer has no space.
      caller: `${issuer} ${subject}`,
      expiresAt: Math.min(Number(claims["exp"]) * 1_000 + this.#toleranceMs, MAX_INSTANT),
      grants: toClaimGrants(grants, claims, this.#allowance),
    };
  }

  get #toleranceMs(): number {
    return this.#config.clockToleranceMs ?? DEFAULT_TOLERANCE_MS;
  }
}

/** Where a token does not say which of several keys it was signed with, each is tried. */
async function verifyWithAnyKey(token: string, keys: IssuerKeys, options: JWTVerifyOptions): Promise<VerifiedToken> {
  const { jwtVerify, errors } = await import("jose");
  try {
    const { payload, protectedHeader, key } = await jwtVerify(
      token,
      async (header, jws) => keys.find(header, jws),
      options,
    );
    return { algorithm: protectedHeader.alg, keyId: keyIdOf(key), claims: payload };
  } catch (thrown) {
    if (!(thrown instanceof errors.JWKSMultipleMatchingKeys)) throw thrown;
    for await (const key of thrown) {
      try {
        const { payload, protectedHeader } = await jwtVerify(token, key, options);
        return { algorithm: protectedHeader.alg, keyId: keyIdOf(key), claims: payload };
      } catch (again) {
        if (!(again instanceof errors.JWSSignatureVerificationFailed)) throw again;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}
