/**
 * All that is watched of one project: who follows what, and when IMM is asked.
 *
 * The hub makes it for the first subscriber of a project. One timer polls for all that runs, at the interval that
 * `poll-plan` sets; newcomers are asked for at once, those that come while others are asked for together. A failure that
 * may pass delays the next call and ends nothing.
 */

import type { Clock, Timer } from "../../clock.js";
import { GatewayError, UpstreamInvalidResponseError, UpstreamThrottledError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { Cause, Observers } from "../../observe.js";
import { PAGE_SIZE } from "../list/requests.js";
import { toKeyText, type TaskKey } from "../task.js";
import { isFinal, type TaskSnapshot } from "../snapshot.js";
import type { TaskReader } from "../read/task-reader.js";
import { addAsked, NOBODY_ASKS, pollIntervalMs, type AskedStaleness, type PollRate } from "./poll-plan.js";
import { ProjectPoll } from "./project-poll.js";
import { mayPass, retryAfterMs } from "./refusal-grace.js";
import { TaskDiscovery, toFilterText, type DiscoveryFilter } from "./task-discovery.js";
import { TaskWatch, type FollowOptions } from "./task-watch.js";
import type { WatchStream } from "./watch-stream.js";

export interface ProjectWatchOptions {
  readonly projectName: string;
  readonly reader: TaskReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Are called for each round of calls. */
  readonly observers: Observers;
  readonly rate: PollRate;
  /** Milliseconds after an answer of IMM for which its refusals of the same question count as passing. */
  readonly refusalGraceMs: number;
  /** How many tasks beyond those that are watched may be. */
  readonly room: () => number;
  /** Pages that one list of the project may have. */
  readonly maxPages: number;
  /** Called once, when neither the project nor a task of it has a follower any more. */
  readonly onEnd: () => void;
}

/** Newcomers wait no longer than this for the newcomers before them to be answered. */
const NEWCOMER_PATIENCE_MS = 50;
/** When to come back to a gateway that watches as many tasks as it may. */
export const FULL_RETRY_MS = 10_000;

export class ProjectWatch {
  readonly #options: ProjectWatchOptions;
  readonly #poll: ProjectPoll;
  readonly #watches = new Map<string, TaskWatch>();
  /** By filter. */
  readonly #discoveries = new Map<string, TaskDiscovery>();
  /** What each subscriber asks for, in milliseconds. */
  readonly #staleness = new Map<WatchStream, number | undefined>();
  /** What all of them ask for; undefined until it is asked for after one has left. */
  #asked: AskedStaleness | undefined = NOBODY_ASKS;
  /** The watches that a follower waits for, and that are not asked for yet. */
  readonly #newcomers = new Set<TaskWatch>();
  /** Those that are asked for. */
  readonly #asking = new Set<TaskWatch>();
  #newcomersAskedTick = -Infinity;
  #isPolling = false;
  /** When the last poll began; `-Infinity` before the first. */
  #polledTick = -Infinity;
  /** What the last poll took for what runs; more tasks than it has seen take more. */
  #pollCalls = 1;
  /** IMM is not asked before that. */
  #heldUntilTick = -Infinity;
  /** Nor for newcomers before that. */
  #newcomersHeldTick = -Infinity;
  /** Why IMM could not be asked the last time; undefined where it could. */
  #delay: GatewayError | undefined;
  #timer: Timer | undefined;
  #timerTick = Infinity;
  #hasEnded = false;

  constructor(options: ProjectWatchOptions) {
    this.#options = options;
    this.#poll = new ProjectPoll({
      ...options,
      maxPollIntervalMs: options.rate.maxPollIntervalMs,
      onFound: (discovery, tasks) => this.#followFound(discovery, tasks),
      onFailure: (of, error) => this.#handleFailure(of, error),
    });
  }

  get size(): number {
    return this.#watches.size;
  }

  /** When IMM last said something of the task that it has said nothing of for the longest time; `Infinity` where it has of none. */
  get oldestTick(): number {
    let oldest = Infinity;
    for (const { answeredTick } of this.#watches.values()) {
      if (answeredTick > -Infinity) oldest = Math.min(oldest, answeredTick);
    }
    return oldest;
  }

  /** How many filters the project is followed by. */
  get filters(): number {
    return this.#discoveries.size;
  }

  /** Milliseconds from the beginning of one poll to that of the next. */
  get intervalMs(): number {
    this.#asked ??= [...this.#staleness.values()].reduce(addAsked, NOBODY_ASKS);
    const calls = Math.max(this.#pollCalls, Math.ceil(this.#watches.size / PAGE_SIZE));
    return pollIntervalMs(calls, this.#options.rate, this.#asked);
  }

  /** Whether the project is followed by this filter. */
  isFollowedBy(filter: DiscoveryFilter): boolean {
    return this.#discoveries.has(toFilterText(filter));
  }

  has(keyText: string): boolean {
    return this.#watches.has(keyText);
  }

  /** The snapshot of a task, where the subscriber was sent an older one that looks the same. */
  youngerThanSent(stream: WatchStream, keyText: string): TaskSnapshot | undefined {
    return this.#watches.get(keyText)?.youngerThanSent(stream);
  }

  /** Lets a subscriber follow these tasks. */
  join(stream: WatchStream, options: FollowOptions, keys: readonly TaskKey[]): void {
    this.#addAsked(stream, options);
    for (const key of keys) this.#joinTask(stream, options, key);
    if (this.#delay !== undefined) stream.delay(this.#delay);
    this.#plan();
  }

  /** Lets a subscriber follow every task that runs, and those that start. */
  joinAll(stream: WatchStream, options: FollowOptions, filter: DiscoveryFilter): void {
    this.#addAsked(stream, options);
    const filterText = toFilterText(filter);
    const { projectName, clock } = this.#options;
    const known = this.#discoveries.get(filterText);
    const discovery = known ?? new TaskDiscovery(projectName, filter, clock.tick());
    this.#discoveries.set(filterText, discovery);
    discovery.followers.set(stream, options);
    // Lists bring the others only what is new.
    for (const key of discovery.running.values()) this.#follow(stream, options, key);
    if (discovery.answeredTick > -Infinity) stream.catchUp();
    if (this.#delay !== undefined) stream.delay(this.#delay);
    if (known === undefined && this.#heldUntilTick <= clock.tick()) void this.#begin(discovery);
    this.#plan();
  }

  /** Lets a subscriber go; harmless when it follows nothing here. */
  leave(stream: WatchStream): void {
    for (const keyText of stream.openKeys) {
      const watch = this.#watches.get(keyText);
      if (watch === undefined) continue;
      watch.leave(stream);
      this.#settle(watch);
    }
    for (const [filterText, discovery] of this.#discoveries) {
      discovery.followers.delete(stream);
      if (discovery.followers.size === 0) this.#discoveries.delete(filterText);
    }
    this.#staleness.delete(stream);
    this.#asked = undefined;
    this.#endIfIdle();
  }

  /** Takes in what any question brought. */
  observe(keyText: string, snapshot: TaskSnapshot): void {
    const watch = this.#watches.get(keyText);
    if (watch === undefined) return;
    watch.observe(snapshot);
    this.#settle(watch);
  }

  /** Ends every watch without a word; no timer is left. */
  dispose(): void {
    for (const watch of this.#watches.values()) watch.end();
    this.#watches.clear();
    this.#discoveries.clear();
    this.#endIfIdle();
  }

  #addAsked(stream: WatchStream, { maxStalenessMs }: FollowOptions): void {
    this.#staleness.set(stream, maxStalenessMs);
    if (this.#asked !== undefined) this.#asked = addAsked(this.#asked, maxStalenessMs);
  }

  #joinTask(stream: WatchStream, options: FollowOptions, key: TaskKey): TaskWatch {
    const keyText = toKeyText(key);
    const watch = this.#watches.get(keyText) ?? new TaskWatch(key, keyText);
    this.#watches.set(keyText, watch);
    watch.join(stream, options);
    this.#settle(watch);
    return watch;
  }

  /** Lets a subscriber who follows the project follow one of its tasks. */
  #follow(stream: WatchStream, options: FollowOptions, key: TaskKey): TaskWatch | undefined {
    const keyText = toKeyText(key);
    if (stream.openKeys.has(keyText)) return undefined;
    stream.open(keyText);
    return this.#joinTask(stream, options, key);
  }

  #followFound(discovery: TaskDiscovery, tasks: readonly TaskSnapshot[]): boolean {
    const unwatched = new Set(tasks.map(({ key }) => toKeyText(key)).filter((keyText) => !this.#watches.has(keyText)));
    if (unwatched.size > this.#options.room()) {
      this.#fail(
        discovery,
        new UpstreamThrottledError("The project has more running tasks than the gateway may watch.", {
          retryAfterMs: FULL_RETRY_MS,
        }),
      );
      return false;
    }
    const found = tasks.filter(({ key }) => !discovery.running.has(toKeyText(key)));
    for (const snapshot of found) {
      discovery.addRunning(snapshot);
      for (const [stream, options] of discovery.followers) {
        const watch = this.#follow(stream, options, snapshot.key);
        if (watch === undefined) continue;
        watch.observe(snapshot);
        this.#settle(watch);
      }
    }
    return discovery.followers.size > 0;
  }

  /** Keeps the books of one watch, after whatever has become of it. */
  #settle(watch: TaskWatch): void {
    if (watch.isAwaited && !this.#asking.has(watch)) this.#newcomers.add(watch);
    else this.#newcomers.delete(watch);
    if (!watch.hasEnded) return;
    if (this.#watches.get(watch.keyText) === watch) this.#watches.delete(watch.keyText);
    for (const discovery of this.#discoveries.values()) discovery.endRunning(watch.keyText, watch.snapshot);
    this.#endIfIdle();
  }

  /** Begins what is due, and sets the timer for what is due next. */
  #plan(): void {
    if (this.#hasEnded) return;
    const { clock } = this.#options;
    const now = clock.tick();
    if (this.#newcomersDueTick() <= now) void this.#ask();
    if (this.#pollDueTick() <= now) void this.#pollAll();
    const dueTick = Math.min(this.#newcomersDueTick(), this.#pollDueTick());
    if (this.#hasEnded || dueTick === this.#timerTick) return;
    this.#timer?.cancel();
    this.#timerTick = dueTick;
    const wake = (): void => {
      this.#timerTick = Infinity;
      this.#plan();
    };
    this.#timer = dueTick === Infinity ? undefined : clock.setTimer(Math.max(0, dueTick - now), wake);
  }

  #newcomersDueTick(): number {
    if (this.#newcomers.size === 0) return Infinity;
    const patienceTick = this.#asking.size > 0 ? this.#newcomersAskedTick + NEWCOMER_PATIENCE_MS : -Infinity;
    return Math.max(this.#heldUntilTick, this.#newcomersHeldTick, patienceTick);
  }

  #pollDueTick(): number {
    if (this.#isPolling) return Infinity;
    const isBeginning = [...this.#discoveries.values()].every(({ isPolled }) => isPolled);
    if (isBeginning && !this.#hasKnown()) return Infinity;
    return Math.max(this.#heldUntilTick, this.#polledTick + this.intervalMs);
  }

  #hasKnown(): boolean {
    for (const { snapshot } of this.#watches.values()) if (snapshot !== undefined) return true;
    return false;
  }

  async #begin(discovery: TaskDiscovery): Promise<void> {
    if (!this.#hasKnown()) this.#polledTick = this.#options.clock.tick();
    this.#poll.takeCalls();
    this.#delay = undefined;
    await this.#round(discovery.followers.keys(), async (cause) => this.#poll.discover(discovery, cause));
    this.#sendPhases(discovery.followers.keys());
    this.#pollCalls = Math.max(this.#pollCalls, this.#poll.takeCalls());
    this.#plan();
  }

  async #ask(): Promise<void> {
    const { clock } = this.#options;
    const watches = [...this.#newcomers];
    this.#newcomers.clear();
    for (const watch of watches) this.#asking.add(watch);
    this.#newcomersAskedTick = clock.tick();
    if (!this.#hasKnown()) this.#polledTick = clock.tick();
    this.#delay = undefined;
    const streams = new Set(watches.flatMap((watch) => [...watch.streams]));
    await this.#round(streams, async (cause) => this.#poll.readTasks(watches, cause));
    for (const watch of watches) this.#asking.delete(watch);
    for (const watch of watches) this.#settle(watch);
    this.#sendPhases([]);
    this.#plan();
  }

  async #pollAll(): Promise<void> {
    this.#isPolling = true;
    this.#delay = undefined;
    this.#polledTick = this.#options.clock.tick();
    // What newcomers have cost is no part of it.
    this.#poll.takeCalls();
    let watches: readonly TaskWatch[] = [];
    await this.#round(this.#staleness.keys(), async (cause) => {
      const discoveries = [...this.#discoveries.values()];
      await Promise.all(discoveries.map(async (discovery) => this.#poll.discover(discovery, cause)));
      watches = [...this.#watches.values()].filter(
        ({ keyText, snapshot }) =>
          snapshot !== undefined &&
          !isFinal(snapshot) &&
          discoveries.every(({ running, missing }) => !running.has(keyText) || missing.has(keyText)),
      );
      await this.#poll.readTasks(watches, cause);
    });
    this.#pollCalls = Math.max(1, this.#poll.takeCalls());
    this.#isPolling = false;
    for (const watch of watches) this.#settle(watch);
    this.#sendPhases(this.#staleness.keys());
    this.#plan();
  }

  /** Makes calls for all of these streams at once, which is one poll for those who look on. */
  async #round(streams: Iterable<WatchStream>, calls: (cause: Cause | undefined) => Promise<void>): Promise<void> {
    const { projectName, clock, observers } = this.#options;
    const beganTick = clock.tick();
    const span = observers.tracing?.poll(projectName, waitingOf(streams));
    await calls(span);
    observers.metrics.polled(clock.tick() - beganTick, this.#delay);
    span?.end(this.#delay);
  }

  /** Says after a round of calls whether IMM could be asked about what these follow. */
  #sendPhases(streams: Iterable<WatchStream>): void {
    const discoveries = [...this.#discoveries.values()];
    for (const stream of this.#delay === undefined ? streams : this.#staleness.keys()) {
      const isListed = discoveries.every(
        ({ followers, answeredTick }) => !followers.has(stream) || answeredTick > -Infinity,
      );
      if (this.#delay !== undefined) stream.delay(this.#delay);
      else if (isListed) stream.catchUp();
    }
  }

  /** A failure that may pass delays the next call; any other ends what it is about. */
  #handleFailure(of: TaskWatch | TaskDiscovery, error: Error): void {
    const { projectName, clock, rate, refusalGraceMs, logger } = this.#options;
    const now = clock.tick();
    if (!mayPass(error, now - of.answeredTick < refusalGraceMs)) {
      this.#fail(of, error);
      return;
    }
    this.#heldUntilTick = Math.max(this.#heldUntilTick, now + (retryAfterMs(error, rate) ?? 0));
    if (of instanceof TaskWatch && of.isAwaited) this.#newcomersHeldTick = now + this.intervalMs;
    if (!(error instanceof GatewayError)) return;
    // One odd task is no delay of the others.
    if (of instanceof TaskDiscovery || !(error instanceof UpstreamInvalidResponseError)) this.#delay = error;
    logger.debug(
      { projectName, code: error.code, imm: error.imm },
      "A poll of watched tasks failed, in part or as a whole.",
    );
  }

  #fail(of: TaskWatch | TaskDiscovery, error: Error): void {
    if (of instanceof TaskWatch) {
      of.fail(error);
      this.#settle(of);
      return;
    }
    for (const stream of Array.from(of.followers.keys())) stream.fail(error);
  }

  #endIfIdle(): void {
    if (this.#hasEnded || this.#watches.size > 0 || this.#discoveries.size > 0) return;
    this.#hasEnded = true;
    this.#timer?.cancel();
    this.#options.onEnd();
  }
}

/** The operations that read these streams, as far as they are traced. */
function* waitingOf(streams: Iterable<WatchStream>): Generator<Cause, void> {
  for (const { waiting } of streams) yield* waiting ?? [];
}
