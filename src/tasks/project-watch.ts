/**
 * All watched tasks of one project, in one rhythm: one timer, and each look asks for every task that is due.
 *
 * The hub makes it for the first watched task of a project. It hands the tasks that are due to the `TaskReader`, which
 * sweeps them from a list or asks for each, whichever is cheaper, and gives each `TaskWatch` its answer. When IMM
 * throttles, the whole project slows down, and speeds up again bit by bit.
 */

import type { Clock, Timer } from "../clock.js";
import { GatewayError, toError, UpstreamThrottledError } from "../errors.js";
import { CallPriority } from "../imm/imm-client.js";
import type { Logger } from "../log.js";
import type { PollBounds } from "./poll-schedule.js";
import type { TaskReader } from "./task-reader.js";
import { Pace } from "./pace.js";
import { mayPass } from "./refusal-grace.js";
import { TaskDiscovery, type DiscoveryFilter, type Findings } from "./task-discovery.js";
import { TaskWatch, type Wish } from "./task-watch.js";
import { toKeyText, type TaskKey, type TaskSnapshot } from "./task.js";
import type { WatchStream } from "./watch-stream.js";

/** What a `ProjectWatch` works with. */
export interface ProjectWatchOptions {
  readonly projectName: string;
  readonly reader: TaskReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bounds: PollBounds;
  /** Milliseconds after an answer of IMM for which its refusals count as passing. */
  readonly refusalGraceMs: number;
  /** How many tasks beyond those that are watched may be. */
  readonly room: () => number;
  /** Pages that one list of the project may have. */
  readonly maxPages: number;
  /** Called once, when nobody follows the project or a task of it any more. */
  readonly onEnd: () => void;
}

/** Tasks that fall due so soon after others, as a share of the least interval, are looked at together with them. */
const TOGETHER_SHARE = 0.25;
/** Newcomers wait no longer than this for the newcomers before them to be answered. */
const NEWCOMER_PATIENCE_MS = 50;
/** When to come back to a gateway that watches as many tasks as it may. */
export const FULL_RETRY_MS = 10_000;

/** Watches the tasks of one project. */
export class ProjectWatch {
  readonly #options: ProjectWatchOptions;
  readonly #watches = new Map<string, TaskWatch>();
  /** By filter. */
  readonly #discoveries = new Map<string, TaskDiscovery>();
  readonly #pace = new Pace();
  #timer: Timer | undefined;
  #timerTick = Infinity;
  /** Looks for newcomers that are under way. */
  #newcomerLooks = 0;
  #hasEnded = false;

  constructor(options: ProjectWatchOptions) {
    this.#options = options;
  }

  /** How many tasks are watched. */
  get size(): number {
    return this.#watches.size;
  }

  /** How many filters the project is followed by. */
  get filters(): number {
    return this.#discoveries.size;
  }

  /** Whether the project is followed by this filter. */
  isFollowedBy(filter: DiscoveryFilter): boolean {
    return this.#discoveries.has(toFilterText(filter));
  }

  /** Whether the task is watched. */
  has(keyText: string): boolean {
    return this.#watches.has(keyText);
  }

  /** Lets a subscriber follow these tasks, by key text, and looks for the new ones together. */
  join(stream: WatchStream, wish: Wish, keys: Iterable<readonly [keyText: string, key: TaskKey]>): void {
    for (const [keyText, key] of keys) this.#watchOf(keyText, key).join(stream, wish);
    this.#plan();
  }

  /** Lets a subscriber follow every task that runs, and those that start. */
  joinAll(stream: WatchStream, wish: Wish, filter: DiscoveryFilter): void {
    const filterText = toFilterText(filter);
    let discovery = this.#discoveries.get(filterText);
    if (discovery === undefined) {
      const hasRoomFor = (tasks: readonly TaskSnapshot[]): boolean => this.#hasRoomFor(tasks);
      discovery = new TaskDiscovery({ ...this.#options, filter, hasRoomFor });
      this.#discoveries.set(filterText, discovery);
    }
    // Whoever follows the same has them all: looks find only what is new.
    const [fellow] = discovery.followers.keys();
    for (const keyText of fellow?.openKeys ?? []) this.#follow(stream, wish, keyText, this.#watches.get(keyText)?.key);
    discovery.join(stream, wish);
    this.#plan();
  }

  /** Lets a subscriber go; harmless when it follows nothing here. */
  leave(stream: WatchStream): void {
    for (const keyText of stream.openKeys) {
      const watch = this.#watches.get(keyText);
      watch?.leave(stream);
      if (watch?.hasEnded === true) this.#watches.delete(keyText);
    }
    for (const [filterText, discovery] of this.#discoveries) {
      discovery.leave(stream);
      if (discovery.followers.size === 0) this.#discoveries.delete(filterText);
    }
    this.#endIfIdle();
  }

  /** Takes what another question brought. */
  observe(keyText: string, snapshot: TaskSnapshot): void {
    const watch = this.#watches.get(keyText);
    if (watch === undefined) return;
    watch.observe(snapshot);
    this.#settle(keyText, watch);
  }

  /** Ends every watch without a word; no timer is left. */
  dispose(): void {
    for (const watch of this.#watches.values()) watch.end();
    this.#watches.clear();
    this.#discoveries.clear();
    this.#endIfIdle();
  }

  #watchOf(keyText: string, key: TaskKey): TaskWatch {
    const known = this.#watches.get(keyText);
    if (known !== undefined) return known;
    const { clock, bounds, reader } = this.#options;
    const watch = new TaskWatch(key, clock, bounds, reader.typicalDurations);
    this.#watches.set(keyText, watch);
    return watch;
  }

  /** Lets a subscriber who follows the project follow one of its tasks. */
  #follow(stream: WatchStream, wish: Wish, keyText: string, key: TaskKey | undefined): void {
    if (key === undefined || stream.openKeys.has(keyText)) return;
    stream.open(keyText);
    this.#watchOf(keyText, key).join(stream, wish);
  }

  #hasRoomFor(tasks: readonly TaskSnapshot[]): boolean {
    const texts = new Set(tasks.map(({ key }) => toKeyText(key)));
    return [...texts].filter((keyText) => !this.#watches.has(keyText)).length <= this.#options.room();
  }

  /** Looks at once for newcomers, else sets the timer for what is due next. */
  #plan(): void {
    if (this.#hasEnded) return;
    const { slowdown } = this.#pace;
    const now = this.#options.clock.tick();
    for (const discovery of this.#discoveries.values()) {
      if (discovery.dueTick(slowdown) <= now) void this.#discover(discovery);
    }
    const dueTick = [...this.#watches.values(), ...this.#discoveries.values()].map((due) => due.dueTick(slowdown));
    const nextTick = dueTick.reduce((a, b) => Math.min(a, b), Infinity);
    if (nextTick !== -Infinity) this.#setTimer(nextTick);
    else if (this.#newcomerLooks === 0) void this.#look();
    else this.#setTimer(this.#options.clock.tick() + NEWCOMER_PATIENCE_MS);
  }

  #setTimer(dueTick: number): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#timerTick = dueTick;
    this.#timer =
      dueTick === Infinity ? undefined : clock.setTimer(Math.max(0, dueTick - clock.tick()), () => void this.#look());
  }

  /** One look: everything that is due now or soon, asked for together, each told as soon as it is known. */
  async #look(): Promise<void> {
    const { reader, clock, bounds } = this.#options;
    const until = clock.tick() + bounds.minPollIntervalMs * TOGETHER_SHARE;
    const due = [...this.#watches].filter(([, watch]) => watch.dueTick(this.#pace.slowdown) <= until);
    if (due.length === 0) {
      this.#plan();
      return;
    }
    const isForNewcomers = due.some(([, watch]) => watch.dueTick(this.#pace.slowdown) === -Infinity);
    const isWanted = (): boolean => due.some(([, watch]) => !watch.hasEnded);
    const requests = due.map(([, watch]) => ({
      key: watch.key,
      // The first look may use what a query has just learnt; every later one is there to see something new.
      maxAgeMs: watch.isFirstLook ? undefined : 0,
      needs: watch.ask(),
    }));
    if (isForNewcomers) this.#newcomerLooks += 1;
    this.#plan();
    const answers = reader.readEach(requests, { priority: CallPriority.progress, isWanted });
    const results = await Promise.all(
      due.map(async ([keyText, watch], index) => {
        const result = await (answers[index] ?? Promise.reject(new Error("No answer."))).catch(toError);
        if (this.#watches.get(keyText) !== watch) return result;
        watch.answer(result, (error) => this.#mayPass(error));
        this.#settle(keyText, watch);
        return result;
      }),
    );
    if (isForNewcomers) this.#newcomerLooks -= 1;
    this.#adapt(results);
    this.#plan();
  }

  /** Finds out what else there is to follow, and lets those who follow the project follow it. */
  async #discover(discovery: TaskDiscovery): Promise<void> {
    const findings = await discovery.look();
    this.#pace.adapt(findings.kind === "failed" && findings.error instanceof UpstreamThrottledError);
    const end = findings.kind === "failed" && this.#mayPass(findings.error) ? null : endOf(findings);
    for (const [stream, wish] of discovery.followers) {
      for (const { key } of findings.kind === "overfull" ? [] : findings.tasks) {
        this.#follow(stream, wish, toKeyText(key), key);
      }
      if (end !== null) stream.fail(end);
    }
    this.#plan();
  }

  /** Forgets a watch that is over, and brings the timer forward for one that is due sooner. */
  #settle(keyText: string, watch: TaskWatch): void {
    if (watch.hasEnded) {
      this.#watches.delete(keyText);
      this.#endIfIdle();
    } else if (watch.dueTick(this.#pace.slowdown) < this.#timerTick) {
      this.#plan();
    }
  }

  #mayPass(error: Error): boolean {
    const { projectName, reader, clock, refusalGraceMs } = this.#options;
    return mayPass(error, clock.tick() - reader.answeredTick(projectName) < refusalGraceMs);
  }

  #adapt(results: readonly (TaskSnapshot | Error)[]): void {
    const failures = results.filter((result) => result instanceof GatewayError);
    this.#pace.adapt(failures.some((failure) => failure instanceof UpstreamThrottledError));
    if (failures.length === 0) return;
    const codes = [...new Set(failures.map(({ code }) => code))];
    this.#options.logger.debug(
      { asked: results.length, failed: failures.length, codes, imm: failures[0]?.imm, slowdown: this.#pace.slowdown },
      "A look at watched tasks failed, in part or as a whole.",
    );
  }

  #endIfIdle(): void {
    if (this.#hasEnded || this.#watches.size > 0 || this.#discoveries.size > 0) return;
    this.#hasEnded = true;
    this.#timer?.cancel();
    this.#options.onEnd();
  }
}

/** The same text for filters that let the same tasks through. */
function toFilterText({ taskTypes, tagSelector }: DiscoveryFilter): string {
  return JSON.stringify([taskTypes && [...new Set(taskTypes)].toSorted(), tagSelector]);
}

/** The failure that ends all who follow the project; null when they go on. */
function endOf(findings: Findings): Error | null {
  switch (findings.kind) {
    case "found":
      return null;
    case "failed":
      return findings.error;
    case "overfull":
      return new UpstreamThrottledError("The project has more running tasks than the gateway may watch.", {
        retryAfterMs: FULL_RETRY_MS,
      });
  }
}
