/**
 * One poll of a project, and one round of newcomers: which calls come in which order, and what a failure means.
 *
 * The `ProjectWatch` says when. Nothing is concluded from absence: what a complete list of running tasks does not show any
 * more is looked for among those that have ended since, or asked for by GetTask, and that answer counts.
 */

import type { Clock } from "../../clock.js";
import { GatewayError, toError, UpstreamMisconfiguredError } from "../../errors.js";
import { CallPriority } from "../../imm/imm-client.js";
import { isFinal, toKeyText, type TaskSnapshot } from "../task.js";
import type { TaskReader } from "../task-reader.js";
import { ProjectLists } from "./project-lists.js";
import type { TaskDiscovery } from "./task-discovery.js";
import type { TaskWatch } from "./task-watch.js";

/** What a `ProjectPoll` works with. */
export interface ProjectPollOptions {
  readonly reader: TaskReader;
  readonly clock: Clock;
  /** Pages that one list of the project may have. */
  readonly maxPages: number;
  /** Milliseconds after which what has ended is listed again for a discovery, whether one of its tasks is missing or not. */
  readonly maxPollIntervalMs: number;
  /** Milliseconds after a list for which a refusal to list is not taken for a denial. */
  readonly refusalGraceMs: number;
  /** Whether somebody still watches. */
  readonly isWanted: () => boolean;
  /** Lets those who follow the project follow these tasks too; false when there is no room for them. */
  readonly onFound: (discovery: TaskDiscovery, tasks: readonly TaskSnapshot[]) => boolean;
  /** Told of what could not be asked for. */
  readonly onFailure: (of: TaskWatch | TaskDiscovery, error: Error) => void;
}

/** An account that may not list the project is believed for so long; then it is tried again. */
const DENIAL_LIFE_MS = 10 * 60_000;

/** Polls one project. */
export class ProjectPoll {
  readonly #options: ProjectPollOptions;
  readonly #lists: ProjectLists;
  #listedTick = -Infinity;
  /** Why the account may not list the project, and since when. */
  #denial: { readonly error: Error; readonly tick: number } | undefined;

  constructor(options: ProjectPollOptions) {
    this.#options = options;
    this.#lists = new ProjectLists(options);
  }

  /** Learns what time it is at IMM. */
  observe(snapshot: TaskSnapshot): void {
    this.#lists.observe(snapshot);
  }

  /**
   * Asks for all that runs, and for what has ended since.
   *
   * @returns the calls that it took for what runs.
   */
  async poll(watches: readonly TaskWatch[], discoveries: readonly TaskDiscovery[]): Promise<number> {
    // What newcomers have cost is no part of it.
    this.#lists.takeCalls();
    await Promise.all(discoveries.map(async (discovery) => this.#pollDiscovery(discovery, watches)));
    const running = watches.filter(
      ({ keyText, snapshot, hasEnded }) =>
        !hasEnded &&
        snapshot !== undefined &&
        !isFinal(snapshot) &&
        !discoveries.some((discovery) => discovery.running.has(keyText)),
    );
    await this.#pollTasks(running);
    return Math.max(1, this.#lists.takeCalls());
  }

  /** Asks for what somebody waits for: of several tasks the lists first, then each by GetTask. */
  async ask(awaited: readonly TaskWatch[]): Promise<void> {
    const { reader } = this.#options;
    for (const watch of awaited) {
      const known = reader.known(watch);
      if (known !== undefined) watch.observe(known);
    }
    const open = awaited.filter(isAwaited);
    const [first] = open;
    if (first === undefined) return;
    if (open.length === 1 && first.snapshot === undefined) return this.#askAlone(first);
    const failure = await this.#list(async () => this.#lists.findUnknown(open.filter(({ snapshot }) => !snapshot)));
    if (failure !== null && !failure.isDenial) return this.#failEach(open.filter(isAwaited), failure.error);
    const untold = open.filter(isAwaited);
    await this.#getEach(untold, "newcomers");
    await this.#findProgress(untold.filter((watch) => isAwaited(watch) && watch.snapshot !== undefined));
  }

  /** The reader's way to one task, which it shares with the queries that ask for the same. */
  async #askAlone(watch: TaskWatch): Promise<void> {
    const options = { priority: CallPriority.progress, isWanted: () => !watch.hasEnded };
    try {
      const [snapshot] = await Promise.all(this.#options.reader.readEach([watch], options));
      if (snapshot === undefined) return;
      if (snapshot.progressError === null) watch.observe(snapshot);
      else watch.observe(withoutProgress(snapshot, snapshot.progressError));
    } catch (thrown) {
      this.#options.onFailure(watch, toError(thrown));
    }
  }

  /** The lists for the progress that GetTask does not tell. Where they do not show a task, or cannot be had, the rest has to do. */
  async #findProgress(watches: readonly TaskWatch[]): Promise<void> {
    const failure = await this.#list(async () => this.#lists.findRunning(watches));
    for (const watch of watches.filter(isAwaited)) this.#answerWithout(watch, failure?.error ?? null);
  }

  async #pollTasks(running: readonly TaskWatch[]): Promise<void> {
    if (running.length === 0) return;
    // Of a single task whose progress nobody wants, GetTask tells the end as well.
    if (running.length === 1 && running.every(({ needs }) => !needs.progress)) return this.#getEach(running, "running");
    let absent: readonly TaskWatch[] = [];
    const failure = await this.#list(async () => {
      absent = await this.#lists.findRunning(running);
    });
    if (failure?.isDenial === true) return this.#pollEach(running, failure.error);
    if (failure !== null) return this.#failEach(running, failure.error);
    try {
      await this.#lists.findEnded(absent);
    } catch (thrown) {
      // GetTask may tell what a list does not, but not while IMM has no time for either.
      const error = toError(thrown);
      if (!(error instanceof GatewayError) || error.retryable) return this.#failEach(absent, error);
    }
    await this.#confirm(absent);
  }

  /** By GetTask, where the account may not list the project. */
  async #pollEach(running: readonly TaskWatch[], progressError: Error): Promise<void> {
    await this.#getEach(running, "running");
    for (const watch of running) this.#answerWithout(watch, progressError);
  }

  /** Answers those who wait, though their task's progress is not known. */
  #answerWithout(watch: TaskWatch, progressError: Error | null): void {
    if (watch.snapshot !== undefined) watch.observe(withoutProgress(watch.snapshot, progressError));
  }

  /** GetTask for those that no list has shown: they have ended, or the lists lag behind. */
  async #confirm(absent: readonly TaskWatch[]): Promise<void> {
    await this.#getEach(absent, "absent");
  }

  /**
   * Asks for the first time for all that runs of what somebody follows.
   *
   * @returns the calls that it took for what runs.
   */
  async begin(discovery: TaskDiscovery): Promise<number> {
    this.#lists.takeCalls();
    await this.#pollDiscovery(discovery, []);
    return this.#lists.takeCalls();
  }

  async #pollDiscovery(discovery: TaskDiscovery, watches: readonly TaskWatch[]): Promise<void> {
    const { clock, maxPollIntervalMs, onFound, onFailure } = this.#options;
    const before = [...discovery.running.keys()];
    const shown = new Set<string>();
    const beganTick = clock.tick();
    discovery.hasBeenPolled = true;
    try {
      await this.#lists.findAll(discovery, (tasks) => {
        for (const { key } of tasks) shown.add(toKeyText(key));
        return onFound(discovery, tasks);
      });
      this.#listedTick = clock.tick();
      const missing = new Set(before.filter((keyText) => !shown.has(keyText)));
      const absent = watches.filter(({ keyText, hasEnded }) => missing.has(keyText) && !hasEnded);
      if (absent.length > 0 || beganTick - discovery.endedTick >= maxPollIntervalMs) {
        await this.#lists.findAllEnded(discovery, discovery.endedTick, (tasks) =>
          onFound(
            discovery,
            tasks.filter((task) => discovery.isNews(task)),
          ),
        );
        discovery.endedTick = beganTick;
      }
      await this.#confirm(absent.filter(({ hasEnded }) => !hasEnded));
    } catch (thrown) {
      onFailure(discovery, toError(thrown));
    }
  }

  #failEach(watches: readonly TaskWatch[], error: Error): void {
    for (const watch of watches) this.#options.onFailure(watch, error);
  }

  async #getEach(watches: readonly TaskWatch[], as: "newcomers" | "running" | "absent"): Promise<void> {
    const { reader, onFailure } = this.#options;
    const priority = as === "absent" ? CallPriority.confirmation : CallPriority.progress;
    await Promise.all(
      watches.map(async (watch) => {
        const isWanted = (): boolean => !watch.hasEnded;
        if (!isWanted()) return;
        const request = { key: watch.key, needs: { ...watch.needs, progress: false } };
        let attempts = 0;
        const onAttempt = (): void => void (attempts += 1);
        try {
          watch.observe(await reader.confirm(request, { priority, isWanted, onAttempt }));
        } catch (thrown) {
          onFailure(watch, toError(thrown));
        }
        // What confirms an end is not counted, unless the task goes on.
        if (as === "running" || (as === "absent" && !watch.hasEnded)) this.#lists.countCalls(Math.max(1, attempts));
      }),
    );
  }

  /** Reads lists, unless the account may not. Says why it could not, and whether each task may be asked for all the same. */
  async #list(read: () => Promise<unknown>): Promise<{ readonly error: Error; readonly isDenial: boolean } | null> {
    const { clock, refusalGraceMs } = this.#options;
    if (this.#denial !== undefined && clock.tick() - this.#denial.tick < DENIAL_LIFE_MS) {
      return { error: this.#denial.error, isDenial: true };
    }
    try {
      await read();
      this.#listedTick = clock.tick();
      this.#denial = undefined;
      return null;
    } catch (thrown) {
      const error = toError(thrown);
      const isRefusal =
        error instanceof GatewayError && !error.retryable && !(error instanceof UpstreamMisconfiguredError);
      const isDenial = isRefusal && clock.tick() - this.#listedTick >= refusalGraceMs;
      if (isDenial) this.#denial = { error, tick: clock.tick() };
      return { error, isDenial };
    }
  }
}

function isAwaited(watch: TaskWatch): boolean {
  return watch.isAwaited;
}

/** The snapshot of a task whose progress was asked for in vain. A failure that passes by itself is not shown. */
function withoutProgress(snapshot: TaskSnapshot, error: Error | null): TaskSnapshot {
  const progressError = error instanceof GatewayError && !error.retryable ? error : null;
  return { ...snapshot, progressError, progressAskedTick: snapshot.observedTick };
}
