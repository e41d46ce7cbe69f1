/** The orders in which ListTasks pages, and the tokens that continue them. Pure. */

/** The values of ListTasks' `Sort`. */
export type SortKey = "TaskId" | "StartTime" | "EndTime";

/** A place in an order: the sort key as a number, then the task id. Under `TaskId` every key is 0. */
export interface Position {
  readonly key: number;
  readonly taskId: string;
}

/** Negative when `left` comes first, in ascending order. Ids compare by UTF-16 code units. */
export function comparePositions(left: Position, right: Position): number {
  if (left.key !== right.key) return left.key < right.key ? -1 : 1;
  if (left.taskId === right.taskId) return 0;
  return left.taskId < right.taskId ? -1 : 1;
}

/** The token that continues after `position`. Opaque to clients; it holds nothing but the place. */
export function encodeToken(sort: SortKey, position: Position): string {
  // JSON has no Infinity, the key of running tasks under EndTime.
  const key = Number.isFinite(position.key) ? position.key : null;
  return Buffer.from(JSON.stringify([sort, key, position.taskId])).toString("base64url");
}

/** The place a token stands for, or null when it is no token of this order. */
export function decodeToken(sort: SortKey, token: string): Position | null {
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    return null;
  }
  if (!Array.isArray(decoded)) return null;
  const [tokenSort, key, taskId] = decoded as unknown[];
  if (tokenSort !== sort || typeof taskId !== "string") return null;
  if (key === null) return { key: Infinity, taskId };
  return typeof key === "number" ? { key, taskId } : null;
}
