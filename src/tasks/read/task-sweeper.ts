/**
 * Answers for many tasks of a project by its lists: of what runs, and of what has ended since.
 *
 * The reader calls it before it asks for each by GetTask. What a list shows is known to the reader as it comes, so a page that
 * fails midway spoils nothing already seen. That a task is absent proves nothing here: the reader asks for it.
 */

import { LRUCache } from "lru-cache";
import type { Clock } from "../../clock.js";
import { GatewayError, toError } from "../../errors.js";
import type { CallOptions, ListTasksRequest } from "../../imm/imm-client.js";
import type { Observers } from "../../observe.js";
import { readPages, type Page } from "../list/pages.js";
import { PAGE_SIZE, toEndedRequest, toRunningRequest } from "../list/requests.js";
import { isSeenRunning } from "./read-plan.js";
import { planSweep } from "./sweep-plan.js";
import { toKeyText, type TaskKey, type TaskParts } from "../task.js";
import { lacksDefinition, type TaskSnapshot } from "../snapshot.js";
import { toEpochMs } from "../instant.js";

/** One task that has to be asked for, and what is known of it. */
export interface SweepTarget {
  readonly key: TaskKey;
  readonly keyText: string;
  readonly parts: TaskParts;
  readonly known: TaskSnapshot | undefined;
}

export interface SweepOptions extends CallOptions {
  /** Asked before each page: whether the caller still waits. @default it does */
  readonly isWanted?: (() => boolean) | undefined;
}

/** What became of the targets: the rest has to be asked for one by one. */
export interface SweepResult {
  /** By key text: what the lists have shown. */
  readonly seen: ReadonlyMap<string, TaskSnapshot>;
  /** Key texts of targets that ran, and that complete lists do not show: they have ended, or the lists lag behind. */
  readonly absent: ReadonlySet<string>;
  /** By key text: why a target could not be looked for. */
  readonly failed: ReadonlyMap<string, GatewayError>;
}

export interface SnapshotPage extends Page {
  readonly snapshots: readonly TaskSnapshot[];
}

export interface TaskSweeperOptions {
  readonly clock: Clock;
  readonly observers: Observers;
  /** Reads a page, and keeps what it shows of the wanted tasks. */
  readonly list: (
    request: ListTasksRequest,
    options: CallOptions,
    wanted: ReadonlySet<string>,
  ) => Promise<SnapshotPage>;
}

/** What the lists of a project have taught, each with its tick. */
interface Lessons {
  /** Running tasks of others on the pages since the first wanted one started. */
  foreignRunning: number;
  learntTick: number;
  listedTick: number;
  /** IMM's clock is so far ahead of the ticks, or more, by the newest instant that it has shown. */
  immAheadMs: number;
}

/** What was learnt holds for so long; then it is found out again. */
const LESSONS_LIFE_MS = 10 * 60_000;
const MAX_PROJECTS = 1_000;
/** An instant of IMM further ahead of this machine's clock is none. */
export const MAX_AHEAD_MS = 24 * 60 * 60_000;

export class TaskSweeper {
  readonly #options: TaskSweeperOptions;
  readonly #lessons = new LRUCache<string, Lessons>({ max: MAX_PROJECTS });

  constructor(options: TaskSweeperOptions) {
    this.#options = options;
  }

  /** Learns what time it is at IMM from the instants that it shows. */
  observe({ key, facts, observedAt, observedTick }: TaskSnapshot): void {
    const lessons = this.#lessonsOf(key.projectName);
    for (const instant of [toEpochMs(facts.startTime), toEpochMs(facts.endTime)]) {
      if (instant === null || instant > observedAt + MAX_AHEAD_MS) continue;
      lessons.immAheadMs = Math.max(lessons.immAheadMs, instant - observedTick);
    }
  }

  /** What time it was at IMM at that tick, or later, in milliseconds since the epoch; `-Infinity` when that is not known. */
  immTimeAt(projectName: string, tick: number): number {
    return this.#lessonsOf(projectName).immAheadMs + tick;
  }

  /** Whether the account has been seen to list the project of late. */
  hasListed(projectName: string): boolean {
    return this.#holds(this.#lessonsOf(projectName).listedTick);
  }

  /** Looks for these tasks of one project, chosen before. */
  async sweep(projectName: string, targets: readonly SweepTarget[], options: SweepOptions): Promise<SweepResult> {
    const unseen = new Map(targets.map((target) => [target.keyText, target]));
    const sweep: Sweep = { unseen, seen: new Map(), wanted: new Set(unseen.keys()), options, read: { pages: 0 } };
    try {
      const absent = await this.#findRunning(projectName, sweep);
      await this.#findUnknown(projectName, sweep);
      await this.#findEnded(projectName, absent, sweep);
      const stillAbsent = absent.flatMap(({ keyText }) => (unseen.has(keyText) ? keyText : []));
      return { seen: sweep.seen, absent: new Set(stillAbsent), failed: new Map() };
    } catch (thrown) {
      if (!(thrown instanceof GatewayError)) throw toError(thrown);
      return { seen: sweep.seen, absent: new Set(), failed: new Map([...unseen.keys()].map((text) => [text, thrown])) };
    } finally {
      this.#options.observers.metrics.swept(sweep.read.pages, targets.length);
    }
  }

  /** @returns the targets that have run, and that complete lists do not show. */
  async #findRunning(projectName: string, sweep: Sweep): Promise<readonly SweepTarget[]> {
    for (;;) {
      const targets = [...sweep.unseen.values()].filter(({ known }) => isSeenRunning(known));
      if (targets.length === 0) return [];
      const running = targets.flatMap(({ known }) => known ?? []);
      const lessons = this.#lessonsOf(projectName);
      const { lists, isWide } = planSweep(running, this.#holds(lessons.learntTick) ? lessons.foreignRunning : null);
      let met = 0;
      const reads = lists.map(async ({ request, maxPages }) => {
        const read = await this.#read({ ...request, ...withDefinition(targets) }, maxPages, sweep, targets);
        met += read.met;
        return read.isComplete;
      });
      const isComplete = (await settleAll(reads)).every(Boolean);
      // What was given up for want of a caller says nothing of the project.
      if (sweep.options.isWanted?.() === false) return [];
      if (isWide) {
        lessons.foreignRunning = isComplete ? met : Math.max(met, targets.length * PAGE_SIZE) * 2;
        lessons.learntTick = this.#options.clock.tick();
      }
      // A wide list that was given up has shown that narrow ones are cheaper.
      if (isComplete || !isWide) return targets.filter(({ keyText }) => sweep.unseen.has(keyText));
    }
  }

  /** Tasks of which nothing is known may run: a quarter of the calls that they cost otherwise is tried. */
  async #findUnknown(projectName: string, sweep: Sweep): Promise<void> {
    const targets = [...sweep.unseen.values()].filter(({ known }) => !isSeenRunning(known));
    const maxPages = Math.ceil(targets.length / 4);
    const { foreignRunning, learntTick } = this.#lessonsOf(projectName);
    const isBusy = this.#holds(learntTick) && (targets.length + foreignRunning) / PAGE_SIZE > maxPages;
    if (targets.length < 2 || isBusy) return;
    const request = { ...toRunningRequest(targets.map(({ key }) => key)), ...withDefinition(targets) };
    await this.#read(request, maxPages, sweep, targets);
  }

  /** What has ended since these were seen running, where that is fewer calls than to ask for each. */
  async #findEnded(projectName: string, absent: readonly SweepTarget[], sweep: Sweep): Promise<void> {
    const seenTick = absent
      .map(({ known }) => known?.observedTick ?? -Infinity)
      .reduce((a, b) => Math.min(a, b), Infinity);
    const sinceMs = this.immTimeAt(projectName, seenTick);
    if (absent.length < 2 || !Number.isFinite(sinceMs)) return;
    const request = toEndedRequest(
      absent.map(({ key }) => key),
      sinceMs,
    );
    // What confirms an end is not what runs.
    const options = { ...sweep.options, onAttempt: undefined };
    await this.#read(request, Math.ceil(absent.length / 2), { ...sweep, options }, absent);
  }

  /** Reads a list until it ends, has shown all targets, or has too many pages; takes what it shows off the unseen. */
  async #read(
    request: ListTasksRequest,
    maxPages: number,
    { unseen, seen, wanted, options, read }: Sweep,
    targets: readonly SweepTarget[],
  ): Promise<{ readonly met: number; readonly isComplete: boolean }> {
    const readPage = async (page: ListTasksRequest): Promise<SnapshotPage> => this.#options.list(page, options, wanted);
    const isOpen = (): boolean => targets.some(({ keyText }) => unseen.has(keyText));
    const isWanted = (): boolean => isOpen() && options.isWanted?.() !== false;
    let met = 0;
    let isComplete = false;
    for await (const { snapshots, nextToken } of readPages(request, readPage, { maxPages, isWanted })) {
      read.pages += 1;
      for (const snapshot of snapshots) {
        const keyText = toKeyText(snapshot.key);
        if (unseen.delete(keyText)) seen.set(keyText, snapshot);
        else met += 1;
      }
      isComplete = nextToken === undefined;
      this.#lessonsOf(request.projectName).listedTick = this.#options.clock.tick();
    }
    return { met, isComplete: isComplete || !isOpen() };
  }

  #holds(tick: number): boolean {
    return this.#options.clock.tick() - tick <= LESSONS_LIFE_MS;
  }

  #lessonsOf(projectName: string): Lessons {
    const known = this.#lessons.get(projectName);
    if (known !== undefined) return known;
    const lessons: Lessons = {
      foreignRunning: 0,
      learntTick: -Infinity,
      listedTick: -Infinity,
      immAheadMs: -Infinity,
    };
    this.#lessons.set(projectName, lessons);
    return lessons;
  }
}

interface Sweep {
  readonly unseen: Map<string, SweepTarget>;
  readonly seen: Map<string, TaskSnapshot>;
  readonly wanted: ReadonlySet<string>;
  readonly options: SweepOptions;
  readonly read: { pages: number };
}

function withDefinition(targets: readonly SweepTarget[]): Pick<ListTasksRequest, "requestDefinition"> {
  const isNeeded = targets.some(({ parts, known }) => lacksDefinition(known, parts));
  return isNeeded ? { requestDefinition: true } : {};
}

/** All of them; the first failure once each has come to its end. */
async function settleAll<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  return settled.map((result) => {
    if (result.status === "rejected") throw toError(result.reason);
    return result.value;
  });
}
