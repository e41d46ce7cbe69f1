/**
 * From what a client wants listed to what ListTasks takes. Pure; the resolver calls it.
 *
 * It refuses what IMM leaves undocumented rather than guess: of a tag selector IMM documents only the form `key=value`.
 */

import { BadUserInputError } from "../../errors.js";
import type { ListTasksRequest, TimeRange } from "../../imm/imm-client.js";
import { parseName } from "../task.js";
import type { TaskStatus } from "../snapshot.js";

/** What a list is about: the parameters of ListTasks that stay the same from page to page. */
export type ListQuery = Omit<ListTasksRequest, "maxResults" | "nextToken" | "requestDefinition">;

/** Instants as RFC 3339 text that has been checked. Absent and null leave the range open at that end. */
export interface InstantRange {
  readonly from?: string | null;
  readonly to?: string | null;
}

/** Which tasks; absent and null do not filter. */
export interface TaskFilter {
  readonly taskTypes?: readonly string[] | null;
  /** IMM takes one of these three: it finds nothing by another word. */
  readonly status?: Exclude<TaskStatus, "UNKNOWN"> | null;
  readonly tag?: { readonly key: string; readonly value: string } | null;
  readonly startTime?: InstantRange | null;
  readonly endTime?: InstantRange | null;
}

export interface TaskOrder {
  readonly field: NonNullable<ListTasksRequest["sort"]>;
  readonly direction: NonNullable<ListTasksRequest["order"]>;
}

/** IMM's own, when nothing is said. */
const DEFAULT_ORDER: TaskOrder = { field: "TaskId", direction: "asc" };
/** More than there are; the list travels in the URL. */
export const MAX_TASK_TYPES = 50;

const STATUSES = { RUNNING: "Running", SUCCEEDED: "Succeeded", FAILED: "Failed" } as const;

/**
 * Checks a project, a filter and an order, and puts them as ListTasks takes them.
 *
 * @throws BadUserInputError - naming the argument, such as `filter.tag.key`, and what was expected.
 */
export function parseListQuery(projectName: string, filter?: TaskFilter | null, order?: TaskOrder | null): ListQuery {
  const { taskTypes, status, tag, startTime, endTime } = filter ?? {};
  const { field, direction } = order ?? DEFAULT_ORDER;
  return {
    projectName: parseName("projectName", projectName),
    ...(taskTypes && { taskTypes: parseTaskTypes(taskTypes) }),
    ...(status && { status: STATUSES[status] }),
    ...(tag && { tagSelector: parseTag(tag) }),
    ...(startTime && { startTimeRange: parseRange("filter.startTime", startTime) }),
    ...(endTime && { endTimeRange: parseRange("filter.endTime", endTime) }),
    sort: field,
    order: direction,
  };
}

/** What `first` is when it is left out: as many as one call to IMM brings, since fewer would not cost less. */
export const DEFAULT_FIRST = 100;

/**
 * The argument `first`, or its default.
 *
 * @throws BadUserInputError - when it is not from 1 to `max`.
 */
export function parseFirst(value: number | null | undefined, max: number): number {
  const first = value ?? Math.min(DEFAULT_FIRST, max);
  if (first >= 1 && first <= max) return first;
  throw new BadUserInputError("first", `Expected \`first\` to be from 1 to ${max}, got ${first}.`);
}

/** In one order and once each: two lists of the same types are the same question. */
function parseTaskTypes(taskTypes: readonly string[]): readonly string[] {
  if (taskTypes.length < 1 || taskTypes.length > MAX_TASK_TYPES) {
    throw new BadUserInputError(
      "filter.taskTypes",
      `Expected \`filter.taskTypes\` to hold 1 to ${MAX_TASK_TYPES} items, got ${taskTypes.length}.`,
    );
  }
  return [...new Set(taskTypes.map((taskType) => parseName("filter.taskTypes", taskType)))].toSorted();
}

function parseTag({ key, value }: NonNullable<TaskFilter["tag"]>): string {
  const tagKey = parseName("filter.tag.key", key);
  if (tagKey.includes("=")) {
    throw new BadUserInputError(
      "filter.tag.key",
      "Expected `filter.tag.key` to hold no `=`: IMM takes the text before the first one for the key.",
    );
  }
  return `${tagKey}=${parseName("filter.tag.value", value)}`;
}

function parseRange(argument: string, { from, to }: InstantRange): TimeRange {
  const start = from ?? undefined;
  const end = to ?? undefined;
  if (start === undefined && end === undefined) {
    throw new BadUserInputError(argument, `Expected \`${argument}\` to have \`from\`, \`to\` or both.`);
  }
  if (start !== undefined && end !== undefined && Date.parse(start) > Date.parse(end)) {
    throw new BadUserInputError(argument, `Expected \`${argument}\` to begin before it ends.`);
  }
  return { ...(start !== undefined && { start }), ...(end !== undefined && { end }) };
}
