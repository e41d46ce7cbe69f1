/**
 * Where a list goes on: from a place to an opaque text and back. Pure.
 *
 * IMM only continues after whole pages. So a place is a page of IMM, by its token, and the last task of it that was
 * given; behind the last task of a page it is the next page alone, which costs nothing to go back to. All of it is in the
 * text, so any instance can go on, and a digest of the query, so that no other list does.
 */

import { createHash } from "node:crypto";
import { BadUserInputError } from "../../errors.js";
import { isInstant } from "../instant.js";
import type { ListQuery } from "./list-query.js";

/** The last task that was given of a page that holds more. */
export interface Anchor {
  readonly taskId: string;
  /** Its start or end as IMM wrote it, where that is what the list is ordered by; else null. */
  readonly time: string | null;
  /** How many tasks stood before it on its page. */
  readonly index: number;
}

export interface ListPlace {
  /** IMM's token of the page; undefined for the first. */
  readonly token: string | undefined;
  /** Undefined for the whole page. */
  readonly anchor: Anchor | undefined;
}

/** Where every list begins. */
export const BEGINNING: ListPlace = { token: undefined, anchor: undefined };

/** Several times what a token and a task id of IMM take. */
const MAX_CURSOR_LENGTH = 4_096;

/** What two lists have in common exactly when their queries are the same. */
export function digestOf(query: ListQuery): string {
  const { projectName, taskTypes, status, startTimeRange, endTimeRange, tagSelector, sort, order } = query;
  const ranges = [startTimeRange, endTimeRange].map((range) => [range?.start, range?.end]);
  const text = JSON.stringify([projectName, taskTypes, status, ranges, tagSelector, sort, order]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 12);
}

/** The cursor of a place in the list whose query has this digest. */
export function toCursor(digest: string, { token, anchor }: ListPlace): string {
  const parts = anchor === undefined ? [] : [anchor.taskId, anchor.time, anchor.index];
  return Buffer.from(JSON.stringify([digest, token ?? null, ...parts])).toString("base64url");
}

/**
 * The place that a cursor stands for.
 *
 * @throws BadUserInputError - naming `after`, when the text is no cursor that `toCursor` made, or one of another list.
 */
export function parseCursor(cursor: string, digest: string): ListPlace {
  const parts = decode(cursor);
  const place = parts === undefined ? undefined : toPlace(parts.slice(1));
  if (parts === undefined || place === undefined || toCursor(String(parts[0]), place) !== cursor) {
    throw new BadUserInputError("after", "Expected `after` to be a cursor that `tasks` gave, got another text.");
  }
  if (parts[0] === digest) return place;
  throw new BadUserInputError(
    "after",
    "Expected `after` to be a cursor of the same list: of this project, with this filter and this order.",
  );
}

function decode(cursor: string): readonly unknown[] | undefined {
  if (cursor.length > MAX_CURSOR_LENGTH) return undefined;
  try {
    const decoded: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

function toPlace([token, taskId, time, index]: readonly unknown[]): ListPlace | undefined {
  const page = typeof token === "string" && token !== "" ? token : undefined;
  if (taskId === undefined) return { token: page, anchor: undefined };
  const isTime = time === null || (typeof time === "string" && isInstant(time));
  // Not bounded by the length of a page: what answers with a longer one must have its cursors back.
  const isIndex = Number.isSafeInteger(index) && Number(index) >= 0;
  if (typeof taskId !== "string" || !isTime || !isIndex) return undefined;
  return { token: page, anchor: { taskId, time, index: Number(index) } };
}
