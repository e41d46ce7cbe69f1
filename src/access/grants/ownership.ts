/**
 * Whose a task is: told by a tag, or by a member of its user data, as a grant says. Pure; the same place is read when a task
 * is shown, and written when one is started.
 */

import type { Ownership, TaskSigns } from "../principal.js";

/** Whether a task with these signs is the caller's own. */
export function isOwn(own: Ownership, { tags, userData }: TaskSigns): boolean {
  const holder = "tag" in own ? tags : toObject(userData);
  return isObject(holder) && Object.hasOwn(holder, placeOf(own)) && holder[placeOf(own)] === own.equals;
}

/** The tags with the owner's among them; undefined where they name another owner. */
export function signTags({ tag, equals }: { tag: string; equals: string }, tags: unknown): object | undefined {
  const given = isObject(tags) ? tags : {};
  if (Object.hasOwn(given, tag) && given[tag] !== equals) return undefined;
  return { ...given, [tag]: equals };
}

/** The user data with the owner's member in it; undefined where it names another owner, or is no JSON object. */
export function signUserData(own: Exclude<Ownership, { tag: string }>, userData: unknown): string | undefined {
  const given = userData === undefined || userData === null ? {} : toObject(userData);
  const member = placeOf(own);
  if (given === undefined || (Object.hasOwn(given, member) && given[member] !== own.equals)) return undefined;
  // As it was given, where it is the caller's own already: numbers keep their digits.
  if (Object.hasOwn(given, member) && typeof userData === "string") return userData;
  const signed = JSON.stringify({ [member]: own.equals });
  const rest = typeof userData === "string" ? userData.trim().slice(1).trimStart() : "}";
  return rest === "}" ? signed : `${signed.slice(0, -1)},${rest}`;
}

/** The tag, or the member of the user data that the pointer names. */
function placeOf(own: Ownership): string {
  if ("tag" in own) return own.tag;
  return own.userData.slice(1).replaceAll("~1", "/").replaceAll("~0", "~");
}

function toObject(text: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof text !== "string" || !text.trimStart().startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
