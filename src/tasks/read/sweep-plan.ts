/**
 * Which lists show the running tasks that are wanted, in the fewest calls. Pure.
 *
 * A page carries up to a hundred tasks, but also those of all others. So many tasks are looked for on the pages since the
 * first of them started; where those would carry mostly tasks of others, in narrow lists around the start of each.
 */

import type { ListTasksRequest } from "../../imm/imm-client.js";
import { PAGE_SIZE, RANGE_PAD_MS, toRunningRequest } from "../list/requests.js";
import type { TaskKey } from "../task.js";
import type { TaskSnapshot } from "../snapshot.js";
import { toEpochMs } from "../instant.js";

/** A list, and the pages that it may have: with more of them, others are cheaper. */
export interface PlannedList {
  readonly request: ListTasksRequest;
  readonly maxPages: number;
}

/** The lists of one sweep. */
export interface SweepPlan {
  readonly lists: readonly PlannedList[];
  /** Whether it is one list of all that runs since the first of them started. */
  readonly isWide: boolean;
}

/** Pages of a narrow list, whose tasks started within a few seconds, at least. */
const MIN_NARROW_PAGES = 5;

/**
 * @param running - snapshots of running tasks of one project, at least one.
 * @param foreignRunning - how many tasks of others the wide list carries along; null while that is not known.
 */
export function planSweep(running: readonly TaskSnapshot[], foreignRunning: number | null): SweepPlan {
  const groups = groupByStart(running);
  if (groups === null)
    return { lists: [{ request: toRunningRequest(keysOf(running)), maxPages: Infinity }], isWide: true };
  const narrowPages = groups.reduce((pages, { tasks }) => pages + pagesOf(tasks.length), 0);
  if (narrowPages <= pagesOf(running.length + (foreignRunning ?? 0))) {
    const lists = groups.map(({ tasks, from, to }) => ({
      request: toRunningRequest(keysOf(tasks), { from, to }),
      maxPages: Math.max(MIN_NARROW_PAGES, tasks.length),
    }));
    return { lists, isWide: false };
  }
  const range = { from: groups[0]?.from ?? 0, to: groups.at(-1)?.to ?? 0 };
  return { lists: [{ request: toRunningRequest(keysOf(running), range), maxPages: narrowPages }], isWide: true };
}

/** Tasks whose starts are so close that the ranges around them touch. */
interface Group {
  readonly tasks: TaskSnapshot[];
  readonly from: number;
  to: number;
}

/** Oldest first; null where a task has no start. */
function groupByStart(running: readonly TaskSnapshot[]): readonly Group[] | null {
  const groups: Group[] = [];
  for (const task of running.toSorted((a, b) => startOf(a) - startOf(b))) {
    const start = startOf(task);
    if (start === -Infinity) return null;
    const last = groups.at(-1);
    if (last === undefined || start - RANGE_PAD_MS > last.to + RANGE_PAD_MS) {
      groups.push({ tasks: [task], from: start, to: start });
    } else {
      last.tasks.push(task);
      last.to = start;
    }
  }
  return groups;
}

function pagesOf(tasks: number): number {
  return Math.max(1, Math.ceil(tasks / PAGE_SIZE));
}

function startOf({ facts }: TaskSnapshot): number {
  return toEpochMs(facts.startTime) ?? -Infinity;
}

function keysOf(tasks: readonly TaskSnapshot[]): readonly TaskKey[] {
  return tasks.map(({ key }) => key);
}
