/** The lists of a project that the gateway makes for itself: what runs of some types, and what has ended since. Pure. */

import type { ListTasksRequest } from "../../imm/imm-client.js";

/** How many tasks a page of ListTasks carries. */
export const PAGE_SIZE = 100;
/** How far around an instant a list reaches: the bounds of IMM's ranges are undocumented. */
export const RANGE_PAD_MS = 1_000;
/** Beyond so many types a filter would only lengthen the URL. */
const MAX_TYPES = 20;

/** Instants in milliseconds since the epoch; without `to` the range is open. */
export interface StartRange {
  readonly from: number;
  readonly to?: number;
}

/** What a list has to show: tasks of one project. */
interface Wanted {
  readonly projectName: string;
  readonly taskType: string;
}

/** The running tasks of these types that started within a range, or whenever. */
export function toRunningRequest(keys: readonly Wanted[], startedWithin?: StartRange): ListTasksRequest {
  const list: ListTasksRequest = { status: "Running", ...toRequest(keys) };
  if (startedWithin === undefined) return list;
  const { from, to } = startedWithin;
  const start = new Date(from - RANGE_PAD_MS).toISOString();
  const end = to === undefined ? {} : { end: new Date(to + RANGE_PAD_MS).toISOString() };
  return { ...list, startTimeRange: { start, ...end } };
}

/** What has ended of these types since that instant, in whatever state. */
export function toEndedRequest(keys: readonly Wanted[], sinceMs: number): ListTasksRequest {
  return { ...toRequest(keys), endTimeRange: { start: new Date(sinceMs - RANGE_PAD_MS).toISOString() } };
}

function toRequest(keys: readonly Wanted[]): ListTasksRequest {
  const taskTypes = [...new Set(keys.map(({ taskType }) => taskType))];
  return {
    projectName: keys[0]?.projectName ?? "",
    maxResults: PAGE_SIZE,
    ...(taskTypes.length <= MAX_TYPES && { taskTypes }),
  };
}
