/** Tokens of which only the SHA-256 is known here. Pure. */

import { timingSafeEqual } from "node:crypto";
import type { TokenConfig } from "../config/access-config.js";
import { toGrants } from "../config/to-grants.js";
import type { CallAllowance, Principal } from "../principal.js";

/** Who holds a token. */
export interface TokenHolder {
  readonly digest: Buffer;
  readonly principal: Principal;
}

/** The holders of tokens. @param allowance - of the grants that have none of their own. */
export function toTokenHolders(
  tokens: readonly TokenConfig[],
  allowance: CallAllowance | undefined,
): readonly TokenHolder[] {
  return tokens.map(({ name, sha256, expiresAt, grants }) => ({
    digest: Buffer.from(sha256, "hex"),
    principal: {
      caller: `token:${name}`,
      expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt).getTime(),
      grants: toGrants(grants, allowance),
    },
  }));
}

/** Who holds the token with this digest, in hexadecimal. Takes the same time whether there is one or not. */
export function findHolder(holders: readonly TokenHolder[], sha256: string): TokenHolder | undefined {
  if (holders.length === 0) return undefined;
  const digest = Buffer.from(sha256, "hex");
  let found: TokenHolder | undefined;
  for (const holder of holders) {
    if (timingSafeEqual(holder.digest, digest)) found = holder;
  }
  return found;
}
