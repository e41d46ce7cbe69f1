/**
 * Reads pages of a project's running tasks for many who want to know, and learns what such a sweep costs.
 *
 * The reader calls it with the tasks it has to ask for; `sweep-plan` decides whether a sweep is worth it. Each page is
 * told as it comes, so one that fails midway spoils nothing already seen. It caches nothing and confirms nothing: that a
 * task is absent is the reader's to find out.
 */

import { LRUCache } from "lru-cache";
import { momentOf, type Clock } from "../clock.js";
import { ForbiddenError, GatewayError, toError } from "../errors.js";
import type { CallOptions, ImmClient, ListTasksRequest } from "../imm/imm-client.js";
import { pageAt, readPages, type Page } from "./list/pages.js";
import { toRunningRequest } from "./list/requests.js";
import { learn, planSweep, type ProjectKnowledge, type WantedTask } from "./sweep-plan.js";
import {
  fromListedTask,
  isFinal,
  toEpochMs,
  toKeyText,
  type TaskKey,
  type TaskNeeds,
  type TaskSnapshot,
} from "./task.js";

/** One task that has to be asked for, and what is known of it. */
export interface SweepTarget {
  readonly key: TaskKey;
  readonly needs: TaskNeeds;
  readonly known: TaskSnapshot | undefined;
}

/** How a sweep is made. */
export interface SweepOptions extends CallOptions {
  /** Asked before each page: whether the caller still waits. @default it does */
  readonly isWanted?: (() => boolean) | undefined;
}

/** What became of the targets: the rest has to be asked for one by one. */
export interface SweepResult {
  /** Key texts of targets that all pages together did not show: they have ended, or the list lags behind. */
  readonly absent: ReadonlySet<string>;
  /** Key texts of targets that were not reached because a page failed in passing, with its error. */
  readonly failed: ReadonlyMap<string, GatewayError>;
}

/** What a `TaskSweeper` is made of. */
export interface TaskSweeperOptions {
  readonly client: ImmClient;
  readonly clock: Clock;
  /** Told of every task on every page, and whether it is one of the targets. */
  readonly onListed: (snapshot: TaskSnapshot, isWanted: boolean) => void;
}

interface Learnt extends ProjectKnowledge {
  readonly learntTick: number;
  /** Whether the account may not list the project. */
  readonly isDenied: boolean;
}

const NOTHING_LEARNT: Learnt = { foreignRunning: null, learntTick: -Infinity, isDenied: false };
/** What was learnt holds for so long; then it is found out again. */
const KNOWLEDGE_LIFE_MS = 10 * 60_000;
const MAX_PROJECTS = 1_000;
/** The outcome of no sweep at all. */
export const NOBODY: SweepResult = { absent: new Set(), failed: new Map() };

/** Sweeps projects. */
export class TaskSweeper {
  readonly #options: TaskSweeperOptions;
  readonly #learnt = new LRUCache<string, Learnt>({ max: MAX_PROJECTS });

  constructor(options: TaskSweeperOptions) {
    this.#options = options;
  }

  /** How many pages a sweep of the project may read for these targets; 0 when it is not worth it. */
  plan(projectName: string, targets: readonly SweepTarget[]): number {
    const learnt = this.#knowledgeOf(projectName);
    return learnt.isDenied ? 0 : planSweep(targets.map(toWanted), learnt);
  }

  /** Sweeps the project for these targets, all of one project, where that is cheaper than asking for each. */
  async sweep(projectName: string, targets: readonly SweepTarget[], options: SweepOptions): Promise<SweepResult> {
    const maxPages = this.plan(projectName, targets);
    if (maxPages === 0) return NOBODY;
    const unseen = new Map(targets.map(({ key }) => [toKeyText(key), key]));
    const wantedCount = unseen.size;
    const tally = { pagesRead: 0, tasksRead: 0 };
    const request = toRequest(targets);
    const readPage = async (nextToken: string | undefined): Promise<Page> =>
      this.#readPage({ ...request, ...pageAt(nextToken) }, unseen, tally, options);
    const { isWanted: isAsked = () => true } = options;
    let nextToken: string | undefined;
    try {
      const pages = readPages(readPage, { maxPages, isWanted: () => unseen.size > 0 && isAsked() });
      for await (const page of pages) ({ nextToken } = page);
    } catch (thrown) {
      return this.#handleFailure(projectName, thrown, unseen);
    }
    const isComplete = nextToken === undefined || unseen.size === 0;
    // What was given up for want of a caller says nothing of the project.
    if (!isComplete && !isAsked()) return NOBODY;
    this.#remember(
      projectName,
      learn({ tasksRead: tally.tasksRead, wantedSeen: wantedCount - unseen.size, isComplete }),
      false,
    );
    return { absent: new Set(isComplete ? unseen.keys() : []), failed: new Map() };
  }

  async #readPage(
    request: ListTasksRequest,
    unseen: Map<string, TaskKey>,
    tally: { pagesRead: number; tasksRead: number },
    options: CallOptions,
  ): Promise<Page> {
    const { client, clock, onListed } = this.#options;
    const observed = momentOf(clock);
    const { tasks, requestId, nextToken } = await client.listTasks(request, options);
    tally.pagesRead += 1;
    tally.tasksRead += tasks.length;
    for (const task of tasks) {
      const snapshot = fromListedTask(request.projectName, task, { requestId, observed });
      onListed(snapshot, unseen.delete(toKeyText(snapshot.key)));
    }
    return { nextToken };
  }

  /**
   * A failure is that of every target not reached. But for the denial of an account that has not been seen to list the
   * project: it is remembered, and each is asked for by itself.
   */
  #handleFailure(projectName: string, thrown: unknown, unseen: ReadonlyMap<string, TaskKey>): SweepResult {
    if (!(thrown instanceof GatewayError)) throw toError(thrown);
    const hasListed = this.#knowledgeOf(projectName).foreignRunning !== null;
    if (!(thrown instanceof ForbiddenError) || hasListed) {
      return { absent: new Set(), failed: new Map([...unseen.keys()].map((text) => [text, thrown])) };
    }
    this.#remember(projectName, NOTHING_LEARNT, true);
    return NOBODY;
  }

  #knowledgeOf(projectName: string): Learnt {
    const learnt = this.#learnt.get(projectName) ?? NOTHING_LEARNT;
    return this.#options.clock.tick() - learnt.learntTick > KNOWLEDGE_LIFE_MS ? NOTHING_LEARNT : learnt;
  }

  #remember(projectName: string, { foreignRunning }: ProjectKnowledge, isDenied: boolean): void {
    this.#learnt.set(projectName, { foreignRunning, isDenied, learntTick: this.#options.clock.tick() });
  }
}

function toWanted({ needs, known }: SweepTarget): WantedTask {
  return {
    isKnownRunning: known !== undefined && !isFinal(known),
    needsProgress: needs.progress,
    needsGetTask: needs.eventId && known?.hasAskedEventId !== true,
  };
}

/** Every running task of these types since the oldest of them started. */
function toRequest(targets: readonly SweepTarget[]): ListTasksRequest {
  const starts = targets.map(({ known }) => toEpochMs(known?.startTime ?? null) ?? -Infinity);
  const oldest = starts.reduce((a, b) => Math.min(a, b), Infinity);
  const keys = targets.map(({ key }) => key);
  const requestDefinition = targets.some(({ needs, known }) => needs.definition && known?.hasAskedDefinition !== true);
  return {
    ...toRunningRequest(keys, Number.isFinite(oldest) ? { from: oldest } : undefined),
    ...(requestDefinition && { requestDefinition }),
  };
}
