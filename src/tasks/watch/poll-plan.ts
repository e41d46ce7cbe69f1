/**
 * How often a watched project is polled, and by which lists. Pure.
 *
 * A project may spend so many calls a second on what runs there, so a poll of ten pages comes ten times as seldom as one of
 * a single page. Its running tasks are found on the pages since the first of them started; where those would carry mostly
 * tasks of others, in narrow lists around the start of each: whichever is fewer calls.
 */

import type { ListTasksRequest } from "../../imm/imm-client.js";
import { toEpochMs, type TaskKey, type TaskSnapshot } from "../task.js";
import { PAGE_SIZE, RANGE_PAD_MS, toRunningRequest, type StartRange } from "../list/requests.js";

/** What decides how often a project is polled. */
export interface PollRate {
  /** Calls a second that polls of one watched project may take for what runs there. */
  readonly watchCallsPerSecond: number;
  /** Milliseconds from one poll to the next at least. */
  readonly minPollIntervalMs: number;
  /** Milliseconds from one poll to the next at most, unless everybody who watches accepts more. */
  readonly maxPollIntervalMs: number;
}

/** How old what they see may be, by the word of those who watch. */
export interface AskedStaleness {
  /** The least number of milliseconds that anybody asks for; `Infinity` when nobody asks. */
  readonly leastMs: number;
  /** Whether everybody asks for one. */
  readonly isAskedByAll: boolean;
}

/** Nobody watches. */
export const NOBODY_ASKS: AskedStaleness = { leastMs: Infinity, isAskedByAll: true };

/** The same with one more who watches. */
export function addAsked(
  { leastMs, isAskedByAll }: AskedStaleness,
  maxStalenessMs: number | undefined,
): AskedStaleness {
  return {
    leastMs: Math.min(leastMs, maxStalenessMs ?? Infinity),
    isAskedByAll: isAskedByAll && maxStalenessMs !== undefined,
  };
}

/**
 * Milliseconds from the beginning of one poll to the beginning of the next.
 *
 * @param calls - what a poll takes for what runs: pages, and attempts beyond the first.
 */
export function pollIntervalMs(calls: number, rate: PollRate, { leastMs, isAskedByAll }: AskedStaleness): number {
  const { watchCallsPerSecond, minPollIntervalMs, maxPollIntervalMs } = rate;
  const affordableMs = Math.min(maxPollIntervalMs, Math.ceil((calls * 1_000) / watchCallsPerSecond));
  return Math.max(minPollIntervalMs, isAskedByAll ? leastMs : Math.min(leastMs, affordableMs));
}

/** A list, and the pages that it may have: with more of them, others are cheaper. */
export interface PlannedList {
  readonly request: ListTasksRequest;
  readonly maxPages: number;
}

/** Which lists show the running tasks that are wanted. */
export interface ListPlan {
  readonly lists: readonly PlannedList[];
  /** Whether it is one list of all that runs since the first of them started. */
  readonly isWide: boolean;
}

/** Pages of a narrow list, whose tasks started within a few seconds, at least. */
const MIN_NARROW_PAGES = 5;

/**
 * @param running - snapshots of running tasks of one project, at least one.
 * @param foreignRunning - how many tasks of others the wide list carries along; null while nobody knows.
 */
export function planLists(running: readonly TaskSnapshot[], foreignRunning: number | null): ListPlan {
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

function pagesOf(tasks: number): number {
  return Math.max(1, Math.ceil(tasks / PAGE_SIZE));
}

/** The tasks whose starts are so close that the ranges around them touch, oldest first; null where one has no start. */
function groupByStart(
  running: readonly TaskSnapshot[],
): (Required<StartRange> & { readonly tasks: TaskSnapshot[] })[] | null {
  const groups: { tasks: TaskSnapshot[]; from: number; to: number }[] = [];
  for (const task of running.toSorted((a, b) => startOf(a) - startOf(b))) {
    const start = startOf(task);
    if (start === -Infinity) return null;
    const last = groups.at(-1);
    if (last !== undefined && start - RANGE_PAD_MS <= last.to + RANGE_PAD_MS) {
      last.tasks.push(task);
      last.to = start;
    } else {
      groups.push({ tasks: [task], from: start, to: start });
    }
  }
  return groups;
}

function startOf({ startTime }: TaskSnapshot): number {
  return toEpochMs(startTime) ?? -Infinity;
}

function keysOf(tasks: readonly TaskSnapshot[]): readonly TaskKey[] {
  return tasks.map(({ key }) => key);
}
