/**
 * Turns the decoded parameters of ListTasks into a `TaskQuery`: the checks that the table of operations cannot
 * express. Pure. Bounds of time ranges count as included and a range may be open at either end; IMM documents neither.
 */

import type { DecodedParameters } from "./parameters.js";
import { invalidParameter } from "./refusal.js";
import { decodeToken, type Position, type SortKey } from "./task-order.js";
import type { Span, TaskQuery } from "./task-store.js";

type ListParameters = DecodedParameters<"ListTasks">;

/**
 * The query that ListTasks asks.
 *
 * @throws Refusal - `Invalid{Name}` for a time that is not RFC 3339, a selector other than `key=value`, or a token that
 *   does not belong to this `Sort`
 */
export function toTaskQuery(parameters: ListParameters): TaskQuery {
  const { TaskTypes, Status, StartTimeRange, EndTimeRange, TagSelector, Sort, Order, MaxResults } = parameters;
  return {
    taskTypes: TaskTypes === undefined || TaskTypes.length === 0 ? undefined : new Set(TaskTypes),
    status: Status,
    startedWithin: toSpan("StartTimeRange", StartTimeRange),
    endedWithin: toSpan("EndTimeRange", EndTimeRange),
    tag: toTag(TagSelector),
    sort: Sort,
    descending: Order === "desc",
    maxResults: MaxResults,
    after: toPosition(Sort, parameters.NextToken),
  };
}

function toSpan(name: string, range: ListParameters["StartTimeRange"]): Span | undefined {
  if (range === undefined) return undefined;
  const { Start, End } = range;
  if (Start === undefined && End === undefined) return undefined;
  return {
    from: Start === undefined ? -Infinity : parseInstant(name, Start),
    to: End === undefined ? Infinity : parseInstant(name, End),
  };
}

/** RFC 3339 with any offset; finer fractions than milliseconds are cut off. */
function parseInstant(name: string, text: string): number {
  const isRfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text);
  const instant = isRfc3339 ? Date.parse(text.toUpperCase()) : Number.NaN;
  if (Number.isNaN(instant)) throw invalidParameter(name, "expected RFC 3339 instants as Start and End");
  return instant;
}

function toTag(selector: string | undefined): TaskQuery["tag"] {
  if (selector === undefined) return undefined;
  const equals = selector.indexOf("=");
  if (equals < 1) throw invalidParameter("TagSelector", "expected key=value");
  return { key: selector.slice(0, equals), value: selector.slice(equals + 1) };
}

function toPosition(sort: SortKey, token: string | undefined): Position | null {
  if (token === undefined) return null;
  const position = decodeToken(sort, token);
  if (position === null) throw invalidParameter("NextToken", "it is no token of this sort order");
  return position;
}
