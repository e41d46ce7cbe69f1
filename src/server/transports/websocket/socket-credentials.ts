/** What a client says of itself when it opens a socket: in the payload of `connection_init`, or in its handshake. Pure. */

/** Clients write it as the header, or as JavaScript would. */
const AUTHORIZATION = /^authorization$/i;

/**
 * The `authorization` of `connectionParams`; undefined where it has none, or has null there. Where it is no text, or is there
 * twice, an empty text, which is refused as any other that is no token.
 *
 * @param payload - of `connection_init`. No other member of it is looked at.
 */
export function readConnectionParams(payload: unknown): string | undefined {
  if (typeof payload !== "object" || payload === null) return undefined;
  const given = Object.entries(payload).filter(([name]) => AUTHORIZATION.test(name));
  const values = given.map(([, value]) => value as unknown).filter((value) => value !== null);
  const [value] = values;
  if (value === undefined) return undefined;
  return values.length === 1 && typeof value === "string" ? value : "";
}
