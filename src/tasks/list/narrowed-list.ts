/**
 * From a list that a caller asks for to the list that IMM is asked for, where the caller may not see all of it. Pure.
 *
 * IMM takes types, and one tag: the owner's, where that is how all of the grants tell whose a task is. What this leaves over
 * is looked at task by task.
 */

import type { Grant } from "../../access/principal.js";
import type { TaskSnapshot } from "../snapshot.js";
import { MAX_TASK_TYPES, type ListQuery } from "./list-query.js";

/** A list of IMM, and which of its tasks are given. */
export interface NarrowedList {
  readonly query: ListQuery;
  /** Whether a task is one of those that were asked for; undefined where the caller may see every task of the list. */
  readonly isShown?: (snapshot: TaskSnapshot) => boolean;
}

/** @param grants - those to see tasks of the project, at least one. */
export function narrowList(query: ListQuery, grants: readonly Grant[]): NarrowedList {
  const { taskTypes: asked, tagSelector } = query;
  const relevant = grants.filter(({ taskTypes }) => asked === undefined || asked.some(isAmong(taskTypes)));
  const toAll = relevant.filter(({ own }) => own === undefined);
  const isWhole =
    asked === undefined
      ? toAll.some(({ taskTypes }) => taskTypes === undefined)
      : asked.every((type) => toAll.some(({ taskTypes }) => isAmong(taskTypes)(type)));
  if (isWhole) return { query };
  const taskTypes = asked ?? unionOf(relevant);
  const narrowed = taskTypes === undefined ? query : { ...query, taskTypes };
  const ownTag = ownTagOf(relevant);
  if (ownTag === undefined || ownTag === tagSelector) return { query: narrowed, isShown: () => true };
  return {
    query: { ...narrowed, tagSelector: ownTag },
    isShown: ({ facts }) => tagSelector === undefined || hasTag(facts.tags, tagSelector),
  };
}

/** A type that is asked for and not granted. */
export function refusedTypeOf(
  { taskTypes = [] }: Pick<ListQuery, "taskTypes">,
  grants: readonly Grant[],
): string | undefined {
  return taskTypes.find((type) => !grants.some((grant) => isAmong(grant.taskTypes)(type)));
}

function isAmong(taskTypes: readonly string[] | undefined): (taskType: string) => boolean {
  return (taskType) => taskTypes?.includes(taskType) !== false;
}

/** Undefined for all types, and for more than a list of IMM is asked for. */
function unionOf(grants: readonly Grant[]): readonly string[] | undefined {
  if (grants.some(({ taskTypes }) => taskTypes === undefined)) return undefined;
  const types = new Set(grants.flatMap(({ taskTypes = [] }) => taskTypes));
  return types.size > MAX_TASK_TYPES ? undefined : [...types].toSorted();
}

/** As a tag selector, the one tag that all of the grants go by. */
function ownTagOf(grants: readonly Grant[]): string | undefined {
  const selectors = new Set(
    grants.map(({ own }) =>
      own === undefined || !("tag" in own) || own.tag.includes("=") ? null : `${own.tag}=${own.equals}`,
    ),
  );
  const [selector] = selectors;
  return selectors.size === 1 ? (selector ?? undefined) : undefined;
}

/** Whether the tags hold what `key=value` selects. */
function hasTag(tags: unknown, selector: string): boolean {
  const at = selector.indexOf("=");
  return (Object(tags) as Record<string, unknown>)[selector.slice(0, at)] === selector.slice(at + 1);
}
