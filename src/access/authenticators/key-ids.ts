/** What a public key is, however it is written: by that a token is known to be signed by a key that its issuer still has. Pure. */

import { createPublicKey, KeyObject, type JsonWebKey } from "node:crypto";
import type { CryptoKey } from "jose";

/** The id of a key that has verified a token. */
export function keyIdOf(key: CryptoKey): string {
  return toId(KeyObject.from(key));
}

/** Those of a set. A member that is no key, by which no token is verified, has none. */
export function keyIdsOf(keys: readonly object[]): ReadonlySet<string> {
  return new Set(keys.flatMap((key) => idOfJwk(key) ?? []));
}

function idOfJwk(key: object): string | null {
  try {
    return toId(createPublicKey({ key: key as JsonWebKey, format: "jwk" }));
  } catch {
    return null;
  }
}

function toId(key: KeyObject): string {
  return key.export({ type: "spki", format: "der" }).toString("base64");
}
