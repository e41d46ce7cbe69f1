/**
 * Who is let in by a configuration: the holders of its tokens, callers of its issuers, and callers that show nothing where they
 * are let in. It may change: callers that were let in before are then judged again by what was verified of them.
 */

import { LRUCache } from "lru-cache";
import { UnauthenticatedError } from "../../errors.js";
import { sha256 } from "../../sha256.js";
import type { Access } from "../access.js";
import type { AccessConfig, AccessSource } from "../config/access-config.js";
import { readBearer } from "./bearer.js";
import { issuerNameOf, type Issuer } from "./issuer.js";
import type { KeyFetching, KeyWatching } from "./issuer-keys.js";
import type { Credentials, Principal } from "../principal.js";
import { Rules } from "./rules.js";
import { findHolder } from "./static-tokens.js";

/** Verified tokens that are remembered, and the characters of their headers; what was read of them comes on top. */
const MAX_VERIFIED = 10_000;
const MAX_VERIFIED_LENGTH = 32_000_000;

/** A token of an issuer that was verified. */
interface VerifiedCaller {
  /** The header that it came with, as clients write it. */
  readonly authorization: string;
  readonly principal: Principal;
}

/** How a caller was let in. */
interface Admission {
  readonly rules: Rules;
  /** The principal by other rules. @throws UnauthenticatedError - when they do not let it in. */
  readonly by: (rules: Rules) => Principal;
}

/** The access of one gateway. */
export class ConfiguredAccess implements Access {
  readonly #source: AccessSource;
  readonly #watching: KeyWatching;
  readonly #listeners = new Set<() => void>();
  readonly #admissions = new WeakMap<Principal, Admission>();
  /** By `endOf` their header: what comes with each request is verified once. */
  readonly #verified = new LRUCache<string, VerifiedCaller>({ max: MAX_VERIFIED, maxSize: MAX_VERIFIED_LENGTH });
  #config: AccessConfig;
  #rules: Rules;
  #unwatch: (() => void) | undefined;

  constructor(source: AccessSource, fetching: KeyFetching) {
    this.#source = source;
    // Rules by the same configuration: callers are judged again, and tokens verified.
    this.#watching = { ...fetching, onKeysGone: () => this.#change(this.#config) };
    this.#config = source.config;
    this.#rules = new Rules(source.config, this.#watching);
  }

  open(): void {
    this.#rules.takeOver();
    this.#unwatch = this.#source.watch((config) => this.#change(config));
  }

  /** At once but for the first time that a token of an issuer comes. */
  readonly authenticate = ({ authorization }: Credentials): Principal | Promise<Principal> => {
    const known = authorization === undefined ? undefined : this.#verifiedCallerOf(authorization);
    if (known !== undefined) return this.#refuseExpired(known);
    const token = readBearer(authorization);
    if (token === undefined) return this.#admitAnonymous();
    const digest = sha256(token);
    const holder = findHolder(this.#rules.holders, digest);
    if (holder === undefined) return this.#admitByIssuer(token);
    const principal = this.#remember(this.#rules, holder.principal, (rules) => holderOf(rules, digest));
    return this.#refuseExpired(principal);
  };

  readonly renew = (principal: Principal): Principal | undefined => {
    const admission = this.#admissions.get(principal);
    const rules = this.#rules;
    if (admission?.rules === rules) return principal;
    try {
      const renewed = admission?.by(rules);
      if (admission === undefined || renewed?.caller !== principal.caller) return undefined;
      return this.#refuseExpired(this.#remember(rules, renewed, admission.by));
    } catch {
      return undefined;
    }
  };

  onChange(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  close(): void {
    this.#unwatch?.();
    this.#rules.close();
  }

  #change(config: AccessConfig): void {
    const before = this.#rules;
    this.#config = config;
    this.#rules = new Rules(config, this.#watching, before);
    this.#rules.takeOver(before);
    this.#verified.clear();
    for (const listener of this.#listeners) listener();
  }

  #admitAnonymous(): Principal {
    return this.#remember(this.#rules, anonymousOf(this.#rules), anonymousOf);
  }

  async #admitByIssuer(token: string): Promise<Principal> {
    // In one spelling of the header, or who has one token could fill the memory with it.
    const authorization = `Bearer ${token}`;
    const known = this.#verifiedCallerOf(authorization);
    if (known !== undefined) return this.#refuseExpired(known);
    const rules = this.#rules;
    if (rules.issuers.size === 0) throw new UnauthenticatedError("The token is none that this gateway knows.");
    const name = await issuerNameOf(token);
    const verified = await issuerOf(rules, name).verify(token, this.#watching.clock.now());
    const by = (rules: Rules): Principal => issuerOf(rules, name).principalOf(verified);
    // They may have changed while the keys were fetched.
    const principal = this.#remember(this.#rules, by(this.#rules), by);
    this.#verified.set(endOf(authorization), { authorization, principal }, { size: authorization.length });
    return this.#refuseExpired(principal);
  }

  #verifiedCallerOf(authorization: string): Principal | undefined {
    const known = this.#verified.get(endOf(authorization));
    return known?.authorization === authorization ? known.principal : undefined;
  }

  #remember(rules: Rules, principal: Principal, by: Admission["by"]): Principal {
    if (this.#admissions.get(principal)?.rules !== rules) this.#admissions.set(principal, { rules, by });
    return principal;
  }

  #refuseExpired(principal: Principal): Principal {
    const { expiresAt = Infinity } = principal;
    if (this.#watching.clock.now() >= expiresAt) throw new UnauthenticatedError("The token has expired.");
    return principal;
  }
}

/** Of a token a part of its signature. V8 hashes a whole text to find it, which takes some ten times as long as to compare two. */
function endOf(authorization: string): string {
  return authorization.slice(-12);
}

function anonymousOf({ anonymous }: Rules): Principal {
  if (anonymous !== undefined) return anonymous;
  throw new UnauthenticatedError(
    "Expected a token: `Authorization: Bearer …`, on a WebSocket `authorization` in connectionParams.",
  );
}

function holderOf({ holders }: Rules, digest: string): Principal {
  const holder = findHolder(holders, digest);
  if (holder !== undefined) return holder.principal;
  throw new UnauthenticatedError("The token is none that this gateway knows.");
}

function issuerOf({ issuers }: Rules, name: unknown): Issuer {
  const issuer = issuers.get(name);
  if (issuer !== undefined) return issuer;
  throw new UnauthenticatedError("The token is of an issuer that is not let in.");
}
