/** Reads a token out of `Authorization`. Pure. */

import { UnauthenticatedError } from "../../errors.js";

/** Of the whole header: Node takes no longer ones, and a socket shall bring no longer ones either. */
const MAX_LENGTH = 16_384;
/** @see RFC 6750, section 2.1 */
const BEARER = /^bearer +([\w.~+/-]+=*)$/i;

/**
 * The token; undefined where nothing was sent.
 *
 * @throws UnauthenticatedError - when something else was sent.
 */
export function readBearer(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const token = authorization.length > MAX_LENGTH ? undefined : BEARER.exec(authorization)?.[1];
  if (token === undefined) throw new UnauthenticatedError("Expected `Bearer`, a space and a token as authorization.");
  return token;
}
