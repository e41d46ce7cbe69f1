/** What a token says of its caller, found by JSON pointers. Pure. */

/** The payload of a verified token. */
export type Claims = Readonly<Record<string, unknown>>;

/** Whether a text is a JSON pointer of a member, for example `/realm_access/roles`. @see RFC 6901 */
export function isPointer(text: string): boolean {
  return /^(\/([^~{}]|~[01])*)+$/.test(text);
}

/** What stands there; undefined where nothing does. */
export function claimAt(claims: Claims, pointer: string): unknown {
  let value: unknown = claims;
  for (const piece of pointer.split("/").slice(1)) {
    const name = piece.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  return value;
}

/** Whether a claim is a text that can name something: one with half a character would be the same as others once encoded. */
export function isNonEmptyText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !/\p{Surrogate}/u.test(value);
}

/** The texts of a claim that is one, or a list of them; null where it is missing, empty, or holds anything else. */
export function textsOf(value: unknown): readonly string[] | null {
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  return texts.length > 0 && texts.every(isNonEmptyText) ? texts : null;
}

/** Whether a claim is the text, a list that has it, or a text of words one of which it is, as `scope` is. */
export function includesText(claim: unknown, text: string): boolean {
  if (typeof claim === "string") return claim === text || claim.split(" ").includes(text);
  return Array.isArray(claim) && claim.includes(text);
}
