/** From grants as a configuration writes them, and the claims of a token, to what a principal was granted. Pure. */

import type { ClaimGrantConfig, GrantConfig, OwnConfig } from "./access-config.js";
import { claimAt, includesText, isNonEmptyText, type Claims } from "../grants/claims.js";
import type { CallAllowance, Grant, Ownership } from "../principal.js";
import { toPatterns } from "../grants/project-pattern.js";

/** The grants of a caller without claims. @param allowance - of the grants that have none of their own. */
export function toGrants(configs: readonly GrantConfig[], allowance: CallAllowance | undefined): readonly Grant[] {
  return configs.flatMap((config) => toGrant(config, {}, config.own, allowance) ?? []);
}

/**
 * The grants that match a caller's claims; they add up. One that needs a claim which is missing, empty or no text does not
 * match.
 */
export function toClaimGrants(
  configs: readonly ClaimGrantConfig[],
  claims: Claims,
  allowance: CallAllowance | undefined,
): readonly Grant[] {
  return configs.flatMap((config) => {
    const { own, when = {} } = config;
    const matches = Object.entries(when).every(([pointer, text]) => includesText(claimAt(claims, pointer), text));
    if (!matches) return [];
    if (own === undefined) return toGrant(config, claims, undefined, allowance) ?? [];
    const owner = claimAt(claims, own.equals);
    return isNonEmptyText(owner) ? (toGrant(config, claims, { ...own, equals: owner }, allowance) ?? []) : [];
  });
}

function toGrant(
  config: GrantConfig,
  claims: Claims,
  own: OwnConfig | undefined,
  allowance: CallAllowance | undefined,
): Grant | null {
  const patterns = config.projects.map((text) => toPatterns(text, claims));
  if (patterns.includes(null)) return null;
  return {
    projects: patterns.flatMap((list) => list ?? []),
    taskTypes: config.taskTypes,
    allow: config.allow,
    own: own && toOwnership(own),
    allowance: config.allowance ?? allowance,
  };
}

function toOwnership(own: OwnConfig): Ownership {
  const { equals } = own;
  return "tag" in own && own.tag !== undefined ? { tag: own.tag, equals } : { userData: userDataOf(own), equals };
}

function userDataOf(own: OwnConfig): string {
  return "userData" in own ? own.userData : "";
}
