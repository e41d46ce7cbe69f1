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
/** Milliseconds for which an end is known at least: other instances may show it again for half of it. */
const KNOWN_END_MS = 120_000;

/** What another instance needs to go on where this one is: which tasks run, it knows from themselves. */
export interface DiscoveryState {
  /** The newest start that IMM had shown when it began, in milliseconds since the epoch. */
  readonly firstStart: number;
  /** From when on what has ended is yet to be listed. */
  readonly endedTick: number;
  /** By key text: the ends that the next list of what has ended may show again, in milliseconds since the epoch. */
  readonly ends: ReadonlyMap<string, number>;
}

/** A task that has ended, and is no news. */
interface KnownEnd {
  /** Undefined where another instance has seen it. */
  readonly key: TaskKey | undefined;
  /** In milliseconds since the epoch. */
  readonly end: number;
  readonly knownTick: number;
  /** Whether it has been followed, or was news. */
  readonly wasFound: boolean;
}

/** The tasks of one project and filter. */
export class TaskDiscovery {
  readonly filter: DiscoveryFilter;
  /** The filter as one text. */
  readonly filterText: string;
  /** When the first of its followers came. */
  readonly beganTick: number;
  readonly followers = new Map<WatchStream, FollowOptions>();
  /** When another instance was first asked for it; undefined before that. */
  soughtTick: number | undefined;
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
  readonly #knownEnds = new Map<string, KnownEnd>();

  /** @param beganTick - when the first of its followers came. */
  constructor(projectName: string, filter: DiscoveryFilter, beganTick: number) {
    this.filter = filter;
    this.filterText = toFilterText(filter);
    this.beganTick = beganTick;
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
    for (const snapshot of newest) if (isFinal(snapshot)) this.addEnded(snapshot);
  }

  /** Goes on where another instance was. */
  adopt({ firstStart, endedTick, ends }: DiscoveryState): void {
    this.#firstStart = firstStart;
    this.endedTick = endedTick;
    for (const [keyText, end] of ends)
      this.#knownEnds.set(keyText, { key: undefined, end, knownTick: endedTick, wasFound: false });
  }

  /** Undefined before it has begun. @param sinceMs - what ended before that is listed no more. */
  stateSince(sinceMs: number): DiscoveryState | undefined {
    if (this.#firstStart === undefined) return undefined;
    const listed = [...this.#knownEnds].filter(([, { end }]) => end >= sinceMs - LIST_LAG_MS);
    const ends = new Map(listed.map(([keyText, { end }]) => [keyText, end]));
    return { firstStart: this.#firstStart, endedTick: this.endedTick, ends };
  }

  /** Whether its followers follow the task, or did until its end. */
  hasFound(keyText: string): boolean {
    return this.#running.has(keyText) || this.#knownEnds.get(keyText)?.wasFound === true;
  }

  /** By key text: the tasks that its followers follow no more since then, or a little longer. */
  foundSince(tick: number): ReadonlyMap<string, TaskKey> {
    const found = new Map<string, TaskKey>();
    for (const [keyText, { key, knownTick, wasFound }] of this.#knownEnds) {
      if (key !== undefined && wasFound && knownTick >= tick) found.set(keyText, key);
    }
    return found;
  }

  /** Whether its end is known, of late. */
  knowsEnd(keyText: string): boolean {
    return this.#knownEnds.has(keyText);
  }

  /** Takes in a task that a list has shown. */
  addRunning({ key }: TaskSnapshot): void {
    this.#running.set(toKeyText(key), key);
  }

  /** Takes in that a task is followed no more: its end is no news. */
  endRunning(keyText: string, last: TaskSnapshot | undefined): void {
    if (this.#running.delete(keyText) && last !== undefined) this.#learnEnd(keyText, last, true);
  }

  /** Takes in a task whose end is no news. */
  addEnded(ended: TaskSnapshot): void {
    this.#learnEnd(toKeyText(ended.key), ended, false);
  }

  /** Whether an ended task that a list shows is news: it was not seen running, and is no longer news after this. */
  isNews(ended: TaskSnapshot): boolean {
    const keyText = toKeyText(ended.key);
    const isKnown = this.#knownEnds.has(keyText) || this.#running.has(keyText);
    const isNews = !isKnown && startOf(ended) >= (this.#firstStart ?? Infinity);
    this.#learnEnd(keyText, ended, isNews);
    return isNews;
  }

  /** What had ended by then has been listed. Forgets ends that are shown no more. @param sinceMs - from when on they were listed. */
  listEnded(sinceMs: number, untilTick: number): void {
    for (const [keyText, { end, knownTick }] of this.#knownEnds) {
      if (end < sinceMs - LIST_LAG_MS && knownTick < untilTick - KNOWN_END_MS) this.#knownEnds.delete(keyText);
    }
    this.endedTick = untilTick;
  }

  #learnEnd(keyText: string, last: TaskSnapshot, isFound: boolean): void {
    const wasFound = isFound || this.#knownEnds.get(keyText)?.wasFound === true;
    this.#knownEnds.set(keyText, { key: last.key, end: endOf(last), knownTick: last.observedTick, wasFound });
  }
}

function startOf({ facts }: TaskSnapshot): number {
  return toEpochMs(facts.startTime) ?? -Infinity;
}

function endOf({ facts }: TaskSnapshot): number {
  return toEpochMs(facts.endTime) ?? -Infinity;
}
