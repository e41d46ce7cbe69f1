/** A configuration, ready to be asked: the holders of its tokens, its issuers with their keys, and callers that show nothing. */

import type { AccessConfig } from "../config/access-config.js";
import { toGrants } from "../config/to-grants.js";
import { Issuer } from "./issuer.js";
import { createIssuerKeys, type IssuerKeys, type KeyWatching } from "./issuer-keys.js";
import { ANONYMOUS, type Principal } from "../principal.js";
import { toTokenHolders, type TokenHolder } from "./static-tokens.js";

/** The rules of a time. */
export class Rules {
  readonly holders: readonly TokenHolder[];
  /** By what tokens have in `iss`. */
  readonly issuers: ReadonlyMap<unknown, Issuer>;
  /** Undefined where a token is asked of everybody. */
  readonly anonymous: Principal | undefined;
  /** By what configures them. */
  readonly #keys = new Map<string, IssuerKeys>();

  /** @param before - the rules that these take the place of: keys that are configured alike are taken over. */
  constructor(config: AccessConfig, watching: KeyWatching, before?: Rules) {
    const { issuers = [], tokens = [], anonymous, allowance } = config;
    this.holders = toTokenHolders(tokens, allowance);
    this.anonymous = anonymous && { caller: ANONYMOUS, grants: toGrants(anonymous.grants, allowance) };
    this.issuers = new Map(
      issuers.map((issuer) => {
        const id = JSON.stringify([issuer.issuer, issuer.jwks]);
        const kept = before === undefined ? undefined : before.#keys.get(id);
        const keys = kept ?? createIssuerKeys(issuer.issuer, issuer.jwks, watching);
        this.#keys.set(id, keys);
        return [issuer.issuer, new Issuer(issuer, keys, allowance)];
      }),
    );
  }

  /** Begins to fetch the keys that the rules before did not have, and no longer those that these do not have. */
  takeOver(before?: Rules): void {
    const had = new Set(before === undefined ? [] : before.#keys.values());
    for (const keys of this.#keys.values()) if (!had.delete(keys)) keys.open();
    for (const keys of had) keys.close();
  }

  close(): void {
    for (const keys of this.#keys.values()) keys.close();
  }
}
