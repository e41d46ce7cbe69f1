/**
 * The lists by which one project's tasks are watched: of what runs, of what has ended since, and what they cost.
 *
 * `project-poll` asks for them. What a list shows reaches the watches through the reader, page by page; what comes back
 * here is only what a list has not shown.
 */

import type { Clock } from "../../clock.js";
import { toError, UpstreamInvalidResponseError } from "../../errors.js";
import { CallPriority, type ListTasksRequest } from "../../imm/imm-client.js";
import { pageAt, readPages } from "../list/pages.js";
import { PAGE_SIZE, toEndedRequest, toRunningRequest } from "../list/requests.js";
import { isFinal, toEpochMs, toKeyText, type TaskSnapshot } from "../task.js";
import type { SnapshotPage, TaskReader } from "../task-reader.js";
import { planLists } from "./poll-plan.js";
import type { TaskDiscovery } from "./task-discovery.js";
import type { TaskWatch } from "./task-watch.js";

/** What `ProjectLists` work with. */
export interface ProjectListsOptions {
  readonly reader: TaskReader;
  readonly clock: Clock;
  /** Pages that one list of the whole project may have. */
  readonly maxPages: number;
  /** Asked before each call: whether somebody still watches. */
  readonly isWanted: () => boolean;
}

/** How many tasks of others a list carries along is found out again after so long. */
const KNOWLEDGE_LIFE_MS = 10 * 60_000;
/** An instant of IMM further ahead of this machine's clock is none. */
const MAX_AHEAD_MS = 24 * 60 * 60_000;

/** Takes in a page; false refuses the next one. */
type OnPage = (snapshots: readonly TaskSnapshot[]) => boolean;

/** Reads the lists of one project. */
export class ProjectLists {
  readonly #options: ProjectListsOptions;
  /** Running tasks of others on the pages since the first watched one started; null while nobody knows. */
  #foreignRunning: number | null = null;
  #learntTick = -Infinity;
  /** IMM's clock is so far ahead of the ticks, or more: by the newest instant that it has shown. */
  #immAheadMs = -Infinity;
  #calls = 0;

  constructor(options: ProjectListsOptions) {
    this.#options = options;
  }

  /** Counts calls for what runs that are no lists. */
  countCalls(calls: number): void {
    this.#calls += calls;
  }

  /** Calls for what runs since the last question, every attempt counted. */
  takeCalls(): number {
    const calls = this.#calls;
    this.#calls = 0;
    return calls;
  }

  /** Learns what time it is at IMM from an instant that it has shown. */
  observe({ startTime, endTime, observedAt, observedTick }: TaskSnapshot): void {
    for (const instant of [toEpochMs(startTime), toEpochMs(endTime)]) {
      if (instant === null || instant > observedAt + MAX_AHEAD_MS) continue;
      this.#immAheadMs = Math.max(this.#immAheadMs, instant - observedTick);
    }
  }

  /** What time it was at IMM at that tick, or later, in milliseconds since the epoch; `-Infinity` when nobody knows. */
  #immTimeAt(tick: number): number {
    return this.#immAheadMs + tick;
  }

  /**
   * Finds the running ones among these tasks, all known to have run.
   *
   * @returns those that the lists do not show any more.
   * @throws Error - when a list could not be had; what it showed before is known.
   */
  async findRunning(targets: readonly TaskWatch[]): Promise<TaskWatch[]> {
    let unseen = new Map(targets.map((watch) => [toKeyText(watch.key), watch]));
    for (;;) {
      const known = [...unseen.values()].flatMap(({ snapshot }) => snapshot ?? []);
      if (known.length === 0) return [];
      const { lists, isWide } = planLists(known, this.#knownForeign());
      const needsDefinition = [...unseen.values()].some(lacksDefinition);
      const asked = unseen;
      let met = 0;
      const reads = lists.map(async ({ request, maxPages }) => {
        const pages = this.#pages(
          { ...request, ...(needsDefinition && { requestDefinition: true }) },
          maxPages,
          () => asked.size > 0,
        );
        let isComplete = false;
        for await (const { snapshots, nextToken } of pages) {
          met += snapshots.filter(({ key }) => !asked.delete(toKeyText(key))).length;
          isComplete = nextToken === undefined;
        }
        return isComplete || asked.size === 0;
      });
      const areComplete = (await all(reads)).every(Boolean);
      if (isWide) this.#learn(areComplete ? met : Math.max(met, lists.length * PAGE_SIZE) * 2);
      // A wide list that was given up has shown that narrow ones are cheaper.
      if (areComplete || !isWide) return [...asked.values()];
      unseen = asked;
    }
  }

  /** All running tasks that the discovery is about; the first time it also learns what had started before. */
  async findAll(discovery: TaskDiscovery, onPage: OnPage): Promise<void> {
    if (!discovery.hasBegun) {
      const { snapshots } = await this.#list(discovery.newestRequest, false);
      discovery.begin(snapshots, MAX_AHEAD_MS);
    }
    await this.#readToEnd(discovery.runningRequest, (snapshots) => onPage(snapshots.filter((each) => !isFinal(each))));
  }

  /** What has ended since that tick, of what the discovery is about. */
  async findAllEnded(discovery: TaskDiscovery, sinceTick: number, onPage: OnPage): Promise<void> {
    const sinceMs = this.#immTimeAt(sinceTick);
    await this.#readToEnd(discovery.endedRequest(sinceMs), (snapshots) => onPage(snapshots.filter(isFinal)), false);
    discovery.forgetEndsBefore(sinceMs);
  }

  /** Lists what has ended since these were seen running, where that is fewer calls than to ask for each. */
  async findEnded(absent: readonly TaskWatch[]): Promise<void> {
    const seen = absent.map(({ snapshot }) => snapshot?.observedTick ?? -Infinity);
    const sinceMs = this.#immTimeAt(seen.reduce((a, b) => Math.min(a, b), Infinity));
    if (absent.length < 2 || !Number.isFinite(sinceMs)) return;
    const isOpen = (): boolean => absent.some(({ hasEnded }) => !hasEnded);
    const pages = this.#pages(
      toEndedRequest(
        absent.map(({ key }) => key),
        sinceMs,
      ),
      Math.ceil(absent.length / 2),
      isOpen,
      false,
    );
    for await (const _ of pages) if (!isOpen()) return;
  }

  /** Looks for several tasks of which nothing is known among the running ones, unless there are too many of others. */
  async findUnknown(watches: readonly TaskWatch[]): Promise<void> {
    const maxPages = Math.ceil(watches.length / 2);
    const foreign = this.#knownForeign() ?? 0;
    if (watches.length < 2 || (watches.length + foreign) / PAGE_SIZE > maxPages) return;
    const isOpen = (): boolean => watches.some(({ snapshot, hasEnded }) => snapshot === undefined && !hasEnded);
    const requestDefinition = watches.some(lacksDefinition);
    const request = {
      ...toRunningRequest(watches.map(({ key }) => key)),
      ...(requestDefinition && { requestDefinition }),
    };
    for await (const _ of this.#pages(request, maxPages, isOpen, false)) if (!isOpen()) return;
  }

  #knownForeign(): number | null {
    return this.#options.clock.tick() - this.#learntTick > KNOWLEDGE_LIFE_MS ? null : this.#foreignRunning;
  }

  #learn(foreignRunning: number): void {
    this.#foreignRunning = foreignRunning;
    this.#learntTick = this.#options.clock.tick();
  }

  /** @throws UpstreamInvalidResponseError - when the list does not end, or `onPage` does not refuse to go on before. */
  async #readToEnd(request: ListTasksRequest, onPage: OnPage, isCounted = true): Promise<void> {
    const { maxPages, isWanted } = this.#options;
    for await (const { snapshots, nextToken } of this.#pages(request, maxPages, () => true, isCounted)) {
      if (!onPage(snapshots) || nextToken === undefined) return;
    }
    if (isWanted()) {
      throw new UpstreamInvalidResponseError(
        `IMM's list of the project's tasks does not end within ${maxPages} pages.`,
      );
    }
  }

  #pages(
    request: ListTasksRequest,
    maxPages: number,
    isOpen: () => boolean,
    isCounted = true,
  ): AsyncGenerator<SnapshotPage, void> {
    const readPage = async (nextToken: string | undefined): Promise<SnapshotPage> =>
      this.#list({ ...request, ...pageAt(nextToken) }, isCounted);
    return readPages(readPage, { maxPages, isWanted: () => isOpen() && this.#options.isWanted() });
  }

  async #list(request: ListTasksRequest, isCounted = true): Promise<SnapshotPage> {
    let attempts = 0;
    const onAttempt = (): void => void (attempts += 1);
    try {
      const page = await this.#options.reader.list(request, { priority: CallPriority.progress, onAttempt });
      for (const snapshot of page.snapshots) this.observe(snapshot);
      return page;
    } finally {
      if (isCounted) this.#calls += Math.max(1, attempts);
    }
  }
}

function lacksDefinition({ needs, snapshot }: TaskWatch): boolean {
  return needs.definition && snapshot?.hasAskedDefinition !== true;
}

/** All of them; the first failure once each has come to its end. */
async function all<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((result) => {
    if (result.status === "rejected") throw toError(result.reason);
    return result.value;
  });
}
