/**
 * Which tasks of a project there are to follow: those that run, and those that start while somebody follows the project.
 *
 * The `ProjectWatch` makes one for each filter that somebody follows the project by, and calls `look` when it is due. A
 * look finds tasks; following them is the watches' business. It begins with a list of all running tasks. From then on it
 * asks for what has started since, in whatever state, so that a task which is over before the next look is not missed,
 * and now and then for all running ones again, in case IMM's list had lagged behind. It sets no timer.
 */

import type { Clock } from "../clock.js";
import { toError, UpstreamInvalidResponseError } from "../errors.js";
import { CallPriority, type ListTasksRequest } from "../imm/imm-client.js";
import { pageAt, readPages } from "./list/pages.js";
import { retryAfterMs } from "./refusal-grace.js";
import type { ListQuery } from "./list-query.js";
import { slowedDelayMs } from "./pace.js";
import type { PollBounds } from "./poll-schedule.js";
import { PAGE_SIZE } from "./sweep-plan.js";
import type { SnapshotPage, TaskReader } from "./task-reader.js";
import type { Wish } from "./task-watch.js";
import { isFinal, toEpochMs, toKeyText, type TaskSnapshot } from "./task.js";
import type { WatchStream } from "./watch-stream.js";

/** Which tasks of a project somebody follows; what is left out does not filter. */
export type DiscoveryFilter = Pick<ListQuery, "taskTypes" | "tagSelector">;

/** What a `TaskDiscovery` works with. */
export interface TaskDiscoveryOptions {
  readonly projectName: string;
  readonly filter: DiscoveryFilter;
  readonly reader: TaskReader;
  readonly clock: Clock;
  readonly bounds: PollBounds;
  /** Whether all of these may be watched. */
  readonly hasRoomFor: (tasks: readonly TaskSnapshot[]) => boolean;
  /** Pages of one search at most. */
  readonly maxPages: number;
}

/** What a look found. */
export type Findings =
  | { readonly kind: "found"; readonly tasks: readonly TaskSnapshot[] }
  /** There is more to follow than may be watched. */
  | { readonly kind: "overfull" }
  | { readonly kind: "failed"; readonly error: Error; readonly tasks: readonly TaskSnapshot[] };

/** How often new tasks are looked for when nobody asks for more. */
const DEFAULT_INTERVAL_MS = 5_000;
/** A task may appear in the list so long after its start. */
const LIST_LAG_MS = 10_000;
/** All running tasks are listed again after so long. */
const RELIST_MS = 60_000;

/** Finds the tasks of one project and filter. */
export class TaskDiscovery {
  readonly #options: TaskDiscoveryOptions;
  readonly #followers = new Map<WatchStream, Wish>();
  /** The newest start that IMM has shown: its clock, not ours. */
  #newestStart = -Infinity;
  /** That of the first look: what started earlier and has ended is nobody's news. */
  #firstStart: number | undefined;
  /** The tasks met of late, with the starts until which they count as that: those that the next look may show again. */
  readonly #foundOfLate = new Map<string, number>();
  #listedTick = -Infinity;
  #lookedTick = -Infinity;
  #isLooking = false;
  #failedLooks = 0;
  #retryAfterMs = 0;

  constructor(options: TaskDiscoveryOptions) {
    this.#options = options;
  }

  /** Those who follow, and what they want to know of each task. */
  get followers(): ReadonlyMap<WatchStream, Wish> {
    return this.#followers;
  }

  /** Takes in a subscriber. */
  join(stream: WatchStream, wish: Wish): void {
    this.#followers.set(stream, wish);
  }

  /** Lets a subscriber go. */
  leave(stream: WatchStream): void {
    this.#followers.delete(stream);
  }

  /**
   * The tick at which the next look is due; `Infinity` while one is under way.
   *
   * @param slowdown - by what the planned delay is multiplied, see `slowedDelayMs`; IMM's own wish to wait is not.
   */
  dueTick(slowdown: number): number {
    if (this.#isLooking) return Infinity;
    const { minPollIntervalMs, maxPollIntervalMs } = this.#options.bounds;
    const wishes = [...this.#followers.values()].map(({ maxStalenessMs = DEFAULT_INTERVAL_MS }) => maxStalenessMs);
    const intervalMs = Math.max(
      minPollIntervalMs,
      wishes.reduce((a, b) => Math.min(a, b), Infinity),
    );
    const delayMs = Math.min(intervalMs * 2 ** this.#failedLooks, Math.max(intervalMs, maxPollIntervalMs));
    return this.#lookedTick + Math.max(slowedDelayMs(delayMs, slowdown, this.#options.bounds), this.#retryAfterMs);
  }

  /** Looks once. What was found before a failure is told with it. */
  async look(): Promise<Findings> {
    const { clock } = this.#options;
    const found: TaskSnapshot[] = [];
    this.#isLooking = true;
    try {
      const hasRoom = await this.#search(found);
      this.#failedLooks = 0;
      this.#retryAfterMs = 0;
      return hasRoom ? { kind: "found", tasks: found } : { kind: "overfull" };
    } catch (thrown) {
      this.#failedLooks += 1;
      this.#retryAfterMs = retryAfterMs(toError(thrown), this.#options.bounds) ?? 0;
      return { kind: "failed", error: toError(thrown), tasks: found };
    } finally {
      this.#isLooking = false;
      this.#lookedTick = clock.tick();
    }
  }

  /** False when it was given up, since more was found than may be watched. */
  async #search(found: TaskSnapshot[]): Promise<boolean> {
    const beganTick = this.#options.clock.tick();
    if (this.#firstStart === undefined) await this.#beginWithNewest();
    else if (!(await this.#findNew(found))) return false;
    if (beganTick - this.#listedTick < RELIST_MS) return true;
    const hasRoom = await this.#findRunning(found);
    if (hasRoom) this.#listedTick = beganTick;
    return hasRoom;
  }

  /** Learns from the newest tasks there are, by IMM's clock, what will be news: what starts later, or is not among these. */
  async #beginWithNewest(): Promise<void> {
    const { snapshots } = await this.#list({ sort: "StartTime", order: "desc" });
    const starts = snapshots.map(({ startTime }) => toEpochMs(startTime) ?? -Infinity);
    const newest = starts.reduce((a, b) => Math.max(a, b), -Infinity);
    for (const snapshot of snapshots) if (isFinal(snapshot)) this.#foundOfLate.set(toKeyText(snapshot.key), newest);
    this.#firstStart = newest;
    this.#newestStart = newest;
  }

  /** What has started since the last look, and is not known from it. */
  async #findNew(found: TaskSnapshot[]): Promise<boolean> {
    const since = this.#newestStart - LIST_LAG_MS;
    const hasRoom = await this.#readPages(
      { ...(Number.isFinite(since) && { startTimeRange: { start: new Date(since).toISOString() } }) },
      (snapshot) => this.#isNew(snapshot),
      found,
    );
    for (const [keyText, startedAt] of this.#foundOfLate) {
      if (startedAt < since) this.#foundOfLate.delete(keyText);
    }
    return hasRoom;
  }

  #isNew(snapshot: TaskSnapshot): boolean {
    if (this.#foundOfLate.has(toKeyText(snapshot.key))) return false;
    return !isFinal(snapshot) || (toEpochMs(snapshot.startTime) ?? -Infinity) >= (this.#firstStart ?? Infinity);
  }

  /** All running tasks, those that are known among them. */
  async #findRunning(found: TaskSnapshot[]): Promise<boolean> {
    return this.#readPages({ status: "Running" }, (snapshot) => !isFinal(snapshot), found);
  }

  async #readPages(
    request: Partial<ListTasksRequest>,
    isWanted: (snapshot: TaskSnapshot) => boolean,
    found: TaskSnapshot[],
  ): Promise<boolean> {
    const readPage = async (nextToken: string | undefined): Promise<SnapshotPage> =>
      this.#list({ ...request, ...pageAt(nextToken) });
    const { maxPages, hasRoomFor } = this.#options;
    const pages = readPages(readPage, { maxPages, isWanted: () => this.#followers.size > 0 });
    for await (const page of pages) {
      for (const snapshot of page.snapshots) if (isWanted(snapshot)) this.#find(snapshot, found);
      if (!hasRoomFor(found)) return false;
      if (page.nextToken === undefined) return true;
    }
    throw new UpstreamInvalidResponseError(`IMM's list of the project's tasks does not end within ${maxPages} pages.`);
  }

  #find(snapshot: TaskSnapshot, found: TaskSnapshot[]): void {
    const startedAt = toEpochMs(snapshot.startTime) ?? -Infinity;
    this.#newestStart = Math.max(this.#newestStart, startedAt);
    this.#foundOfLate.set(toKeyText(snapshot.key), startedAt);
    found.push(snapshot);
  }

  async #list(request: Partial<ListTasksRequest>): Promise<SnapshotPage> {
    const { projectName, filter, reader } = this.#options;
    return reader.list(
      { projectName, maxResults: PAGE_SIZE, ...filter, ...request },
      { priority: CallPriority.progress },
    );
  }
}
