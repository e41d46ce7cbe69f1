/** Who is let in by a function that the program has given. It is asked for every request, and once for a socket. */

import type { Clock } from "../../clock.js";
import { UnauthenticatedError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { Access } from "../access.js";
import { parseIdentity, type Identity } from "../config/access-config.js";
import { toGrants } from "../config/to-grants.js";
import type { Credentials, Principal } from "../principal.js";

/**
 * Names a caller by what its client sent. Null, undefined, and whatever it throws are UNAUTHENTICATED; what it returns is
 * checked as a configuration is.
 */
export type AuthenticateFunction = (
  credentials: Pick<Credentials, "authorization" | "headers">,
) => Identity | null | undefined | Promise<Identity | null | undefined>;

/** What the access takes. */
interface FunctionAccessOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The access of one gateway. Its callers are `function:` and what the function calls them: no issuer and no token has such. */
export function createFunctionAccess(ask: AuthenticateFunction, { clock, logger }: FunctionAccessOptions): Access {
  const identify = async (credentials: Credentials): Promise<Identity> => {
    let given: unknown;
    try {
      const { authorization, headers } = credentials;
      given = await ask({ authorization, headers });
    } catch {
      throw new UnauthenticatedError("The caller could not be authenticated.");
    }
    if (given === null || given === undefined) throw new UnauthenticatedError("The caller is not let in.");
    const parsed = parseIdentity(given);
    if (parsed.identity !== null) return parsed.identity;
    logger.error({ wrong: parsed.wrong }, "What `authenticate` returned has not the form of an identity.");
    throw new UnauthenticatedError("The caller could not be authenticated.");
  };
  return {
    authenticate: async (credentials): Promise<Principal> => {
      const { caller, expiresAt, grants } = await identify(credentials);
      const at = expiresAt === undefined ? undefined : Number(expiresAt);
      if (at !== undefined && clock.now() >= at) throw new UnauthenticatedError("The token has expired.");
      return { caller: `function:${caller}`, expiresAt: at, grants: toGrants(grants, undefined) };
    },
    renew: (principal) => principal,
    onChange: () => () => undefined,
    open: () => undefined,
    close: () => undefined,
  };
}
