/**
 * The calls of a watched project: for tasks through the reader, which finds the fewest; for the followers of the whole
 * project by lists of all that runs, and of what has ended since. The `ProjectWatch` says when.
 */

import type { Clock } from "../../clock.js";
import { toError } from "../../errors.js";
import { CallPriority, type ListTasksRequest } from "../../imm/imm-client.js";
import type { Cause } from "../../observe.js";
import { toKeyText } from "../task.js";
import { isFinal, type TaskSnapshot } from "../snapshot.js";
import type { TaskReader } from "../read/task-reader.js";
import { MAX_AHEAD_MS } from "../read/task-sweeper.js";
import type { TaskDiscovery } from "./task-discovery.js";
import type { TaskWatch } from "./task-watch.js";

export interface ProjectPollOptions {
  readonly projectName: string;
  readonly reader: TaskReader;
  readonly clock: Clock;
  /** Pages that one list of the project may have. */
  readonly maxPages: number;
  /** Milliseconds after which what has ended is listed again for a discovery, whether one of its tasks is missing or not. */
  readonly maxPollIntervalMs: number;
  /** Lets the followers of the project follow these tasks too; false when the next page is not wanted. */
  readonly onFound: (discovery: TaskDiscovery, tasks: readonly TaskSnapshot[]) => boolean;
  /** Whether what calls bring may be shown; else it is left to the next poll. */
  readonly mayShow: () => boolean;
  /** Called with what could not be asked for. */
  readonly onFailure: (of: TaskWatch | TaskDiscovery, error: Error) => void;
}

/** Makes the calls of one project, and counts those for what runs. */
export class ProjectPoll {
  readonly #options: ProjectPollOptions;
  #calls = 0;

  constructor(options: ProjectPollOptions) {
    this.#options = options;
  }

  /** Calls for what runs since the last question, every attempt counted. */
  takeCalls(): number {
    const calls = this.#calls;
    this.#calls = 0;
    return calls;
  }

  /** Asks for these tasks, each by what it needs. */
  async readTasks(watches: readonly TaskWatch[], cause: Cause | undefined): Promise<void> {
    const { reader, mayShow, onFailure } = this.#options;
    const requests = watches.map((watch) => ({
      key: watch.key,
      parts: watch.parts,
      snapshot: watch.snapshot,
      // A first answer may be what a query has just learnt; a poll is there to see something new.
      maxAgeMs: watch.isAwaited ? undefined : 0,
    }));
    const answers = reader.readEach(requests, {
      priority: CallPriority.progress,
      onAttempt: () => void (this.#calls += 1),
      isWanted: () => watches.some(({ hasEnded }) => !hasEnded),
      isOfWatch: true,
      cause,
    });
    await Promise.all(
      watches.map(async (watch, index) => {
        try {
          const snapshot = await answers[index];
          if (snapshot !== undefined && mayShow()) watch.observe(withoutPassingError(snapshot));
        } catch (thrown) {
          if (mayShow()) onFailure(watch, toError(thrown));
        }
      }),
    );
  }

  /** Asks for all running tasks that the discovery is about, and for what has ended where that is due. */
  async discover(discovery: TaskDiscovery, cause: Cause | undefined): Promise<void> {
    const { projectName, reader, clock, maxPollIntervalMs, onFound, mayShow, onFailure } = this.#options;
    if (discovery.isPolled) return;
    const missing = new Map(discovery.running);
    const beganTick = clock.tick();
    discovery.isPolled = true;
    try {
      if (!discovery.hasBegun) {
        const newest = reader.list(
          discovery.newestRequest,
          { priority: CallPriority.progress, cause },
          { maxPages: 1 },
        );
        for await (const { snapshots } of newest) if (mayShow()) discovery.begin(snapshots, MAX_AHEAD_MS);
        if (!discovery.hasBegun) return;
      }
      const isShown = await this.#readToEnd(discovery.runningRequest, { isOfRunning: true, cause }, (snapshots) => {
        const running = snapshots.filter((snapshot) => !isFinal(snapshot));
        for (const { key } of running) missing.delete(toKeyText(key));
        return onFound(discovery, running);
      });
      // A list that was left early shows nothing as missing: its followers have gone, or may not be shown it.
      if (discovery.followers.size === 0 || !isShown) return;
      discovery.answeredTick = beganTick;
      discovery.missing = missing;
      if (missing.size === 0 && beganTick - discovery.endedTick < maxPollIntervalMs) return;
      const sinceMs = reader.immTimeAt(projectName, discovery.endedTick);
      const areEndsShown = await this.#readToEnd(
        discovery.endedRequest(sinceMs),
        { isOfRunning: false, cause },
        (snapshots) =>
          onFound(
            discovery,
            snapshots.filter((snapshot) => isFinal(snapshot) && discovery.isNews(snapshot)),
          ),
      );
      if (areEndsShown) discovery.listEnded(sinceMs, beganTick);
    } catch (thrown) {
      if (mayShow()) onFailure(discovery, toError(thrown));
    } finally {
      discovery.isPolled = false;
    }
  }

  /** @returns whether all of it might be shown. */
  async #readToEnd(
    request: ListTasksRequest,
    { isOfRunning, cause }: { readonly isOfRunning: boolean; readonly cause: Cause | undefined },
    onPage: (snapshots: readonly TaskSnapshot[]) => boolean,
  ): Promise<boolean> {
    const { reader, maxPages, mayShow } = this.#options;
    const onAttempt = isOfRunning ? (): void => void (this.#calls += 1) : undefined;
    const endless = `IMM's list of the project's tasks does not end within ${maxPages} pages.`;
    const pages = reader.list(request, { priority: CallPriority.progress, onAttempt, cause }, { maxPages, endless });
    for await (const { snapshots } of pages) {
      if (!mayShow()) return false;
      if (!onPage(snapshots)) return true;
    }
    return true;
  }
}

/** The snapshot of a task whose progress could not be had is an answer all the same; what passes by itself is not shown. */
function withoutPassingError(snapshot: TaskSnapshot): TaskSnapshot {
  const { progressError, observedTick } = snapshot;
  if (progressError === null) return snapshot;
  return {
    ...snapshot,
    progressError: progressError.retryable ? null : progressError,
    progressAskedTick: observedTick,
  };
}
