/**
 * Which tasks of a project those follow who follow it by one filter: all that run, and those that start from now on.
 *
 * The `ProjectWatch` makes one for each filter and shows it what its polls bring; it says what of that is new to its
 * followers. A task that is over before a poll sees it run is news all the same, one that had ended before is not.
 */

import type { ListTasksRequest } from "../../imm/imm-client.js";
import type { ListQuery } from "../list/list-query.js";
import { PAGE_SIZE } from "../list/requests.js";
import { toKeyText, type TaskKey } from "../task.js";
import { isFinal, type TaskSnapshot } from "../snapshot.js";
import { toEpochMs } from "../instant.js";
import type { FollowOptions } from "./task-watch.js";
import type { WatchStream } from "./watch-stream.js";

/** Which tasks of a project are followed; what is omitted does not filter. */
export type DiscoveryFilter = Pick<ListQuery, "taskTypes" | "tagSelector">;

/** The same text for filters that let the same tasks through. */
export function toFilterText({ taskTypes, tagSelector }: DiscoveryFilter): string {
  return JSON.stringify([taskTypes && [...new Set(taskTypes)].toSorted(), tagSelector]);
}

/** A task may appear in IMM's lists so long after it started or ended. */
const LIST_LAG_MS = 10_000;

/** The tasks of one project and filter. */
export class TaskDiscovery {
  readonly followers = new Map<WatchStream, FollowOptions>();
  /** When its tasks were last listed; `-Infinity` before that. */
  answeredTick = -Infinity;
  /** Whether its lists are being read. */
  isPolled = false;
  /** By key text: the running ones that the last list did not show. */
  missing: ReadonlyMap<string, TaskKey> = new Map();
  /** From when on what has ended is yet to be listed. */
  endedTick: number;
  readonly #list: ListTasksRequest;
  /** By key text. */
  readonly #running = new Map<string, TaskKey>();
  /** The newest start that IMM had shown when it began, in milliseconds since the epoch; undefined before that. */
  #firstStart: number | undefined;
  /** Ended tasks that are no news, with their ends: those that the next list of what has ended may show again. */
  readonly #knownEnds = new Map<string, number>();

  /** @param beganTick - when the first of its followers came. */
  constructor(projectName: string, filter: DiscoveryFilter, beganTick: number) {
    this.endedTick = beganTick;
    this.#list = { projectName, maxResults: PAGE_SIZE, ...filter };
  }

  /** Whether it is known what had started before. */
  get hasBegun(): boolean {
    return this.#firstStart !== undefined;
  }

  /** By key text: those that lists have shown, less those that are known to have ended. */
  get running(): ReadonlyMap<string, TaskKey> {
    return this.#running;
  }

  /** One page of the newest tasks, to begin with. */
  get newestRequest(): ListTasksRequest {
    return { ...this.#list, sort: "StartTime", order: "desc" };
  }

  /** All running tasks. */
  get runningRequest(): ListTasksRequest {
    return { ...this.#list, status: "Running" };
  }

  /** What has ended since then, by IMM's clock; all there is where IMM has not shown its time. */
  endedRequest(sinceMs: number): ListTasksRequest {
    if (sinceMs === -Infinity) return this.#list;
    return { ...this.#list, endTimeRange: { start: new Date(sinceMs - LIST_LAG_MS).toISOString() } };
  }

  /**
   * Takes in the newest tasks: what starts later, or is not among these, is news.
   *
   * @param maxAheadMs - a start that is further ahead of this machine's clock is none.
   */
  begin(newest: readonly TaskSnapshot[], maxAheadMs: number): void {
    const starts = newest.filter((task) => startOf(task) <= task.observedAt + maxAheadMs).map(startOf);
    this.#firstStart = starts.reduce((a, b) => Math.max(a, b), -Infinity);
    for (const snapshot of newest) if (isFinal(snapshot)) this.#knownEnds.set(toKeyText(snapshot.key), endOf(snapshot));
  }

  /** Takes in a task that a list has shown. */
  addRunning({ key }: TaskSnapshot): void {
    this.#running.set(toKeyText(key), key);
  }

  /** Takes in that a task is followed no more: its end is no news. */
  endRunning(keyText: string, last: TaskSnapshot | undefined): void {
    if (this.#running.delete(keyText) && last !== undefined) this.#knownEnds.set(keyText, endOf(last));
  }

  /** Whether an ended task that a list shows is news: it was not seen running, and is no longer news after this. */
  isNews(ended: TaskSnapshot): boolean {
    const keyText = toKeyText(ended.key);
    const isKnown = this.#knownEnds.has(keyText) || this.#running.has(keyText);
    this.#knownEnds.set(keyText, endOf(ended));
    return !isKnown && startOf(ended) >= (this.#firstStart ?? Infinity);
  }

  /** Forgets the ended tasks that no list of what has ended since then shows again. */
  forgetEndsBefore(sinceMs: number): void {
    for (const [keyText, end] of this.#knownEnds) {
      if (end < sinceMs - LIST_LAG_MS) this.#knownEnds.delete(keyText);
    }
  }
}

function startOf({ facts }: TaskSnapshot): number {
  return toEpochMs(facts.startTime) ?? -Infinity;
}

function endOf({ facts }: TaskSnapshot): number {
  return toEpochMs(facts.endTime) ?? -Infinity;
}
