/**
 * All that is watched of one project, and when IMM is asked about it.
 *
 * The hub makes it for the first subscriber of a project. One timer polls for all that runs, at the interval that `poll-plan` sets;
 * newcomers are asked for at once, those that come while others are asked for together. A failure that may pass delays the next call
 * and ends nothing. Where instances share what they watch, one of them does so for all.
 */

import type { Clock, Timer } from "../../clock.js";
import { GatewayError, UpstreamInvalidResponseError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { Cause, Observers } from "../../observe.js";
import { PAGE_SIZE } from "../list/requests.js";
import type { TaskKey } from "../task.js";
import { isFinal, type TaskSnapshot } from "../snapshot.js";
import type { TaskReader } from "../read/task-reader.js";
import type { Exchange } from "./exchange.js";
import { joinAsked, pollIntervalMs, type PollRate } from "./poll-plan.js";
import { ProjectFollowers } from "./project-followers.js";
import { ProjectPoll } from "./project-poll.js";
import { mayPass, retryAfterMs } from "./refusal-grace.js";
import type { SharedPoll } from "./shared-entries.js";
import { SharedProject } from "./shared-project.js";
import { toFilterText, type DiscoveryFilter, type TaskDiscovery } from "./task-discovery.js";
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
  /** What instances share. @default this one is the only one */
  readonly exchange?: Exchange | undefined;
  /** Called once, when neither the project nor a task of it has a follower any more. */
  readonly onEnd: () => void;
}

/** Newcomers wait no longer than this for the newcomers before them to be answered. */
const NEWCOMER_PATIENCE_MS = 50;
export class ProjectWatch {
  readonly #options: ProjectWatchOptions;
  readonly #poll: ProjectPoll;
  readonly #followers: ProjectFollowers;
  /** Undefined where this is the only instance. */
  readonly #shared: SharedProject | undefined;
  /** Those newcomers that are asked for. */
  #asking = 0;
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
    const { exchange, rate } = options;
    const followers = new ProjectFollowers({ ...options, onChange: () => this.#takeChange() });
    this.#followers = followers;
    this.#poll = new ProjectPoll({
      ...options,
      maxPollIntervalMs: rate.maxPollIntervalMs,
      onFound: (discovery, tasks) => followers.find(discovery, tasks),
      mayShow: () => this.#shared?.mayShow !== false,
      onFailure: (of, error) => this.#handleFailure(of, error),
    });
    this.#shared =
      exchange &&
      new SharedProject({
        ...options,
        exchange,
        followers,
        minPollIntervalMs: rate.minPollIntervalMs,
        intervalMs: () => this.intervalMs,
        onPoll: (...poll) => this.#takePoll(...poll),
        onFilters: (discoveries) => this.#beginAll(discoveries),
        onChange: () => this.#plan(),
      });
  }

  /** How many tasks subscribers follow. */
  get size(): number {
    return this.#followers.size;
  }

  /** When IMM last said something of the task that it has said nothing of for the longest time; `Infinity` where it has of none. */
  get oldestTick(): number {
    let oldest = Infinity;
    for (const { answeredTick } of this.#followers.watches.values()) {
      if (answeredTick > -Infinity) oldest = Math.min(oldest, answeredTick);
    }
    return oldest;
  }

  /** How many filters subscribers follow the project by. */
  get filters(): number {
    return this.#followers.filters;
  }

  /** Milliseconds from the beginning of one poll to that of the next. */
  get intervalMs(): number {
    const { watches, asked, others } = this.#followers;
    const calls = Math.max(this.#pollCalls, Math.ceil(watches.size / PAGE_SIZE));
    const askedByAll = others === undefined ? asked : joinAsked(asked, others.asked);
    return this.#shared?.intervalMs ?? pollIntervalMs(calls, this.#options.rate, askedByAll);
  }

  /** Whether another instance polls the project for this one. */
  get isPolledElsewhere(): boolean {
    return this.#shared?.isPolledElsewhere === true;
  }

  /** Whether the project is followed by this filter. */
  isFollowedBy(filter: DiscoveryFilter): boolean {
    return this.#followers.discoveries.has(toFilterText(filter));
  }

  has(keyText: string): boolean {
    return this.#followers.watches.has(keyText);
  }

  /** The snapshot of a task, where the subscriber was sent an older one that looks the same. */
  youngerThanSent(stream: WatchStream, keyText: string): TaskSnapshot | undefined {
    return this.#followers.watches.get(keyText)?.youngerThanSent(stream);
  }

  /** Lets a subscriber follow these tasks. */
  join(stream: WatchStream, options: FollowOptions, keys: readonly TaskKey[]): void {
    this.#followers.addAsked(stream, options);
    for (const key of keys) this.#followers.join(stream, options, key);
    if (this.#delay !== undefined) stream.delay(this.#delay);
    this.#shared?.changeWants();
    this.#plan();
  }

  /** Lets a subscriber follow every task that runs, and those that start. */
  joinAll(stream: WatchStream, options: FollowOptions, filter: DiscoveryFilter): void {
    this.#followers.addAsked(stream, options);
    const isNew = !this.isFollowedBy(filter);
    const discovery = this.#followers.joinAll(stream, options, filter);
    if (discovery.answeredTick > -Infinity) stream.catchUp();
    if (this.#delay !== undefined) stream.delay(this.#delay);
    this.#shared?.changeWants();
    if (isNew) this.#beginAll([discovery]);
    this.#plan();
  }

  /** Lets a subscriber go; harmless when it follows nothing here. */
  leave(stream: WatchStream): void {
    this.#followers.leave(stream);
  }

  /** Takes in what any question brought. */
  observe(keyText: string, snapshot: TaskSnapshot): void {
    if (this.#shared?.mayShow !== false) this.#followers.observe(keyText, snapshot);
  }

  /** Ends every watch without a word; no timer is left. */
  dispose(): void {
    this.#followers.end();
    this.#takeChange();
  }

  /** Something is followed more, or less. */
  #takeChange(): void {
    if (this.#hasEnded) return;
    this.#shared?.changeWants();
    if (!this.#followers.isIdle) return;
    this.#hasEnded = true;
    this.#timer?.cancel();
    this.#shared?.leave();
    this.#options.onEnd();
  }

  /** Begins what is due, and sets the timer for what is due next. */
  #plan(): void {
    if (this.#hasEnded) return;
    const { clock } = this.#options;
    const now = clock.tick();
    this.#shared?.prepare();
    if (this.#newcomersDueTick() <= now) void this.#ask();
    if (this.#pollDueTick() <= now) void this.#pollAll();
    for (const discovery of this.#guests()) if (this.#beginTick(discovery) <= now) void this.#begin(discovery);
    const beginTicks = this.#guests().map((discovery) => this.#beginTick(discovery));
    const dueTick = Math.min(this.#newcomersDueTick(), this.#pollDueTick(), ...beginTicks);
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
    const { newcomers } = this.#followers;
    if (newcomers.size === 0) return Infinity;
    const patienceTick = this.#asking > 0 ? this.#newcomersAskedTick + NEWCOMER_PATIENCE_MS : -Infinity;
    return Math.max(this.#heldUntilTick, this.#newcomersHeldTick, patienceTick, this.#askTick(newcomers));
  }

  /** From when on this instance may ask for one of them. */
  #askTick(newcomers: Iterable<TaskWatch>): number {
    const shared = this.#shared;
    if (shared === undefined || shared.mayPoll) return -Infinity;
    let tick = Infinity;
    for (const watch of newcomers) tick = Math.min(tick, shared.askTick(watch));
    return tick;
  }

  #pollDueTick(): number {
    if (this.#isPolling || this.#shared?.mayPoll === false) return Infinity;
    const isBeginning = [...this.#followers.discoveries.values()].every(({ isPolled }) => isPolled);
    if (isBeginning && !this.#followers.hasKnown) return Infinity;
    return Math.max(this.#heldUntilTick, this.#polledTick + this.intervalMs);
  }

  /** Filters that another instance was to begin with. */
  #guests(): readonly TaskDiscovery[] {
    if (this.#shared?.mayPoll !== false) return [];
    return [...this.#followers.discoveries.values()].filter(({ hasBegun, isPolled }) => !hasBegun && !isPolled);
  }

  #beginTick(discovery: TaskDiscovery): number {
    return Math.max(this.#heldUntilTick, this.#shared?.askTick(discovery) ?? Infinity);
  }

  #beginAll(discoveries: readonly TaskDiscovery[]): void {
    if (this.#heldUntilTick > this.#options.clock.tick() || this.#shared?.mayPoll === false) return;
    for (const discovery of discoveries) void this.#begin(discovery);
  }

  async #begin(discovery: TaskDiscovery): Promise<void> {
    const { clock } = this.#options;
    if (!this.#followers.hasKnown) this.#polledTick = clock.tick();
    if (discovery.soughtTick !== undefined) discovery.soughtTick = clock.tick();
    this.#poll.takeCalls();
    this.#delay = undefined;
    await this.#round(discovery.followers.keys(), async (cause) => this.#poll.discover(discovery, cause));
    this.#sendPhases(discovery.followers.keys());
    this.#pollCalls = Math.max(this.#pollCalls, this.#poll.takeCalls());
    this.#shared?.takeRound(undefined, this.#delay);
    this.#plan();
  }

  async #ask(): Promise<void> {
    const { clock } = this.#options;
    const { newcomers, hasKnown } = this.#followers;
    const now = clock.tick();
    const watches = [...newcomers].filter((watch) => this.#askTick([watch]) <= now);
    for (const watch of watches) {
      newcomers.delete(watch);
      watch.isAsked = true;
    }
    this.#asking += watches.length;
    this.#newcomersAskedTick = now;
    if (!hasKnown) this.#polledTick = now;
    this.#delay = undefined;
    const streams = new Set(watches.flatMap((watch) => [...watch.streams]));
    await this.#round(streams, async (cause) => this.#poll.readTasks(watches, cause));
    for (const watch of watches) watch.isAsked = false;
    this.#asking -= watches.length;
    for (const watch of watches) this.#followers.settle(watch);
    this.#sendPhases([]);
    this.#shared?.takeRound(undefined, this.#delay);
    this.#plan();
  }

  async #pollAll(): Promise<void> {
    const polledTick = this.#options.clock.tick();
    this.#isPolling = true;
    this.#delay = undefined;
    this.#polledTick = polledTick;
    // What newcomers have cost is no part of it.
    this.#poll.takeCalls();
    let watches: readonly TaskWatch[] = [];
    await this.#round(this.#followers.streams, async (cause) => {
      const discoveries = [...this.#followers.discoveries.values()];
      await Promise.all(discoveries.map(async (discovery) => this.#poll.discover(discovery, cause)));
      watches = [...this.#followers.watches.values()].filter(
        ({ keyText, snapshot }) =>
          snapshot !== undefined &&
          !isFinal(snapshot) &&
          discoveries.every(({ running, missing }) => !running.has(keyText) || missing.has(keyText)),
      );
      await this.#poll.readTasks(watches, cause);
    });
    this.#pollCalls = Math.max(1, this.#poll.takeCalls());
    this.#isPolling = false;
    for (const watch of watches) this.#followers.settle(watch);
    this.#sendPhases(this.#followers.streams);
    this.#shared?.takeRound(polledTick, this.#delay);
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

  /** Takes in how another instance's last poll went. */
  #takePoll({ beganTick, delay }: SharedPoll, isNew: boolean, begun: readonly TaskDiscovery[]): void {
    this.#delay = delay;
    this.#polledTick = Math.max(this.#polledTick, beganTick);
    this.#sendPhases(isNew ? this.#followers.streams : begun.flatMap(({ followers }) => [...followers.keys()]));
  }

  /** Says after a round of calls whether IMM could be asked about what these follow. */
  #sendPhases(streams: Iterable<WatchStream>): void {
    const discoveries = [...this.#followers.discoveries.values()];
    for (const stream of this.#delay === undefined ? streams : this.#followers.streams) {
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
      this.#followers.fail(of, error);
      return;
    }
    this.#heldUntilTick = Math.max(this.#heldUntilTick, now + (retryAfterMs(error, rate) ?? 0));
    if (of instanceof TaskWatch && of.isAwaited) this.#newcomersHeldTick = now + this.intervalMs;
    if (!(error instanceof GatewayError)) return;
    // One odd task is no delay of the others.
    if (!(of instanceof TaskWatch) || !(error instanceof UpstreamInvalidResponseError)) this.#delay = error;
    logger.debug(
      { projectName, code: error.code, imm: error.imm },
      "A poll of watched tasks failed, in part or as a whole.",
    );
  }
}

/** The operations that read these streams, as far as they are traced. */
function* waitingOf(streams: Iterable<WatchStream>): Generator<Cause, void> {
  for (const { waiting } of streams) yield* waiting ?? [];
}
