/** Who holds the token of `--as`: by `createAccess`, as the gateway asks it, and which grants of the file are the caller's. */

import type { Access } from "../../access/access.js";
import type { AccessConfig } from "../../access/config/access-config.js";
import { toClaimGrants, toGrants } from "../../access/config/to-grants.js";
import { claimAt, includesText, isNonEmptyText, type Claims } from "../../access/grants/claims.js";
import { toPatterns } from "../../access/grants/project-pattern.js";
import { ANONYMOUS, type Grant, type Principal } from "../../access/principal.js";
import { systemClock, type Clock } from "../../clock.js";
import { ConfigurationError, toError, UnauthenticatedError } from "../../errors.js";
import { silentLogger } from "../../log.js";
import { createAccess } from "../../server/gateway-access.js";
import { readOpen, readText } from "../command.js";
import type { Rules } from "./access.js";
import { failed, ok, warning, type Finding } from "./check.js";
import { grantsOf, type PlacedGrant } from "./grants.js";

/** A grant of the file, and what it came to for the caller. */
export interface Considered {
  readonly place: string;
  /** Undefined where it is not the caller's. */
  readonly grant: Grant | undefined;
  /** Why it is not. */
  readonly reason: string | undefined;
}

export interface Caller {
  readonly principal: Principal;
  /** Empty where no caller is asked who it is. */
  readonly considered: readonly Considered[];
}

/** Standard input. */
const STDIN = "-";
/** Of a token: no head of a request holds more. */
const MAX_TOKEN_BYTES = 65_536;

/** @param given - the token, or why there is none, as `readToken` gives it; undefined for a caller that shows none. */
export async function checkCaller(
  { file }: Rules,
  given: GivenToken | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<Finding<Caller>> {
  const token = given?.();
  const access: Access = createAccess({ access: file }, { clock, networkClock: systemClock, logger: silentLogger });
  // A fetch of keys that is given up is a refusal.
  signal.addEventListener("abort", () => access.close(), { once: true });
  let principal: Principal;
  try {
    principal = await access.authenticate({
      authorization: token && `Bearer ${token}`,
      headers: {},
      address: "127.0.0.1",
      transport: "http",
    });
  } catch (thrown) {
    if (!(thrown instanceof UnauthenticatedError)) throw thrown;
    const cure =
      thrown.retryAfterMs === undefined
        ? "Get a fresh token of an issuer, or of the list of tokens, that the access file has."
        : "Mend what the line of `keys` says.";
    return { checks: [failed("caller", `The caller is UNAUTHENTICATED: ${thrown.message}`, cure)] };
  } finally {
    access.close();
  }
  if (file === undefined) {
    const message = "No caller is asked who it is: each may do all that the gateway does.";
    return { checks: [ok("caller", message)], value: { principal, considered: [] } };
  }
  const considered = considerAll(file.config, principal.caller, token);
  const value = { principal, considered };
  const details = considered.map(
    ({ place, reason }) => `${place} is ${reason === undefined ? "the caller's." : `not: ${reason}`}`,
  );
  const message = `The caller is ${principal.caller}, with ${principal.grants.length} of ${considered.length} grants.`;
  if (principal.grants.length > 0) return { checks: [ok("caller", message, details)], value };
  const cure = "Give its grants in the access file what the token has, or the token what they ask for.";
  return { checks: [warning("caller", message, cure, details)], value };
}

/** @throws ConfigurationError - when there is none. */
export type GivenToken = () => string;

/**
 * Reads a token at once. To be called before any check begins: what is typed, or comes from another command, holds the process
 * up, and the times and deadlines of the checks with it.
 *
 * @param path - of a file with a token, `-` for standard input.
 */
export function readToken(path: string): GivenToken {
  const refuse = (message: string): GivenToken => {
    return () => {
      throw new ConfigurationError(message);
    };
  };
  const place = path === STDIN ? "on standard input" : `in ${path}`;
  let text: string;
  try {
    text = path === STDIN ? readOpen(0, MAX_TOKEN_BYTES + 1) : readText(path, undefined, MAX_TOKEN_BYTES);
  } catch (thrown) {
    return refuse(
      thrown instanceof ConfigurationError
        ? thrown.message
        : `--as: standard input cannot be read (${(toError(thrown) as NodeJS.ErrnoException).code}).`,
    );
  }
  if (text.length > MAX_TOKEN_BYTES) return refuse(`--as: expected a token ${place}, got more than 64 KiB.`);
  const token = text.trim().replace(/^bearer\s+/i, "");
  return token === "" ? refuse(`--as: expected a token ${place}, got nothing.`) : () => token;
}

/** The grants that are written for such a caller, whether they match or not. */
function considerAll(config: AccessConfig, caller: string, token: string | undefined): readonly Considered[] {
  const { issuers = [], tokens = [] } = config;
  if (caller === ANONYMOUS) return considerPlain(config, "anonymous.");
  const index = tokens.findIndex(({ name }) => caller === `token:${name}`);
  if (index >= 0) return considerPlain(config, `tokens[${index}].`);
  // The name of an issuer has no space.
  const issuer = issuers.findIndex(({ issuer }) => caller.startsWith(`${issuer} `));
  const claims = claimsOf(token ?? "");
  return placed(config, `issuers[${issuer}].`).map(({ place, grant }) => {
    const [given] = toClaimGrants([grant], claims, undefined);
    return { place, grant: given, reason: given === undefined ? whyNot(grant, claims) : undefined };
  });
}

function placed(config: AccessConfig, prefix: string): PlacedGrant[] {
  return grantsOf(config).filter(({ place }) => place.startsWith(prefix));
}

function considerPlain(config: AccessConfig, prefix: string): Considered[] {
  return placed(config, prefix).map(({ place, grant }) => {
    const [given] = toGrants([grant], undefined);
    return { place, grant: given, reason: undefined };
  });
}

/** Of a token that has been verified. */
function claimsOf(token: string): Claims {
  const [, payload = ""] = token.split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Claims;
}

/** The first thing that a grant asks of the claims and does not find. */
function whyNot({ when = {}, own, projects }: PlacedGrant["grant"], claims: Claims): string {
  for (const [pointer, text] of Object.entries(when)) {
    const claim = claimAt(claims, pointer);
    if (includesText(claim, text)) continue;
    return claim === undefined
      ? `the token has no claim at ${pointer}.`
      : `the claim at ${pointer} is not, and has not in it, ${JSON.stringify(text)}.`;
  }
  if (own !== undefined && !isNonEmptyText(claimAt(claims, own.equals))) {
    return `the token has no text at ${own.equals}, which would be the owner.`;
  }
  const pattern = projects.find((text) => toPatterns(text, claims) === null);
  return `the token has no text, nor a list of texts, for the claim in ${String(pattern)}.`;
}
