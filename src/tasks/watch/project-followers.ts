/**
 * Who follows what of one project: the watches of its tasks, the discoveries of those who follow the project itself, and what
 * each subscriber asks for. It hands on what polls, queries and other instances bring; it makes no call and sets no timer.
 */

import type { Clock } from "../../clock.js";
import { UpstreamThrottledError } from "../../errors.js";
import { toKeyText, type TaskKey } from "../task.js";
import { isFinal, type TaskSnapshot } from "../snapshot.js";
import { addAsked, NOBODY_ASKS, type AskedStaleness } from "./poll-plan.js";
import { toFilterWant, toStalenessWant, toTaskWant, type SharedEntries } from "./shared-entries.js";
import { TaskDiscovery, toFilterText, type DiscoveryFilter } from "./task-discovery.js";
import { TaskWatch, type FollowOptions } from "./task-watch.js";
import type { WatchStream } from "./watch-stream.js";

/** Follows for other instances. Its stream is no subscriber's: it is shown what they want. */
export interface Others {
  readonly stream: WatchStream;
  readonly asked: AskedStaleness;
  /** A filter cannot be followed. */
  fail(filterText: string, error: Error): void;
}

export interface ProjectFollowersOptions {
  readonly projectName: string;
  readonly clock: Clock;
  /** How many tasks beyond those that are watched may be. */
  readonly room: () => number;
  /** Called when a subscriber follows something more, or less. */
  readonly onChange: () => void;
}

/** When to come back to a gateway that watches as many tasks as it may. */
export const FULL_RETRY_MS = 10_000;
/** The times of two instances differ by less, and a failure is no older than the question by as much. */
const FAILURE_SLACK_MS = 1_000;

export class ProjectFollowers {
  readonly watches = new Map<string, TaskWatch>();
  /** By filter. */
  readonly discoveries = new Map<string, TaskDiscovery>();
  /** The watches that a follower waits for, and that are not asked for yet. */
  readonly newcomers = new Set<TaskWatch>();
  /** Undefined unless this instance polls for others. */
  others: Others | undefined;
  readonly #options: ProjectFollowersOptions;
  /** What each subscriber asks for, in milliseconds. */
  readonly #staleness = new Map<WatchStream, number | undefined>();
  /** What all of them ask for; undefined until it is asked for after one has left. */
  #asked: AskedStaleness | undefined = NOBODY_ASKS;

  constructor(options: ProjectFollowersOptions) {
    this.#options = options;
  }

  /** The subscribers. */
  get streams(): Iterable<WatchStream> {
    return this.#staleness.keys();
  }

  /** What all subscribers ask for. */
  get asked(): AskedStaleness {
    this.#asked ??= [...this.#staleness.values()].reduce(addAsked, NOBODY_ASKS);
    return this.#asked;
  }

  /** How many tasks subscribers follow. */
  get size(): number {
    if (this.others === undefined) return this.watches.size;
    let size = 0;
    for (const watch of this.watches.values()) size += this.#isOwn(watch) ? 1 : 0;
    return size;
  }

  /** How many filters subscribers follow the project by. */
  get filters(): number {
    let filters = 0;
    for (const discovery of this.discoveries.values()) filters += this.#isOwn(discovery) ? 1 : 0;
    return filters;
  }

  /** Whether there is no subscriber whose last event has not come. */
  get isIdle(): boolean {
    if (this.others === undefined) return this.watches.size === 0 && this.discoveries.size === 0;
    for (const watch of this.watches.values()) if (this.#isOwn(watch)) return false;
    for (const discovery of this.discoveries.values()) if (this.#isOwn(discovery)) return false;
    return true;
  }

  get tick(): number {
    return this.#options.clock.tick();
  }

  get hasKnown(): boolean {
    for (const { snapshot } of this.watches.values()) if (snapshot !== undefined) return true;
    return false;
  }

  /**
   * What the subscribers want of the instance that polls for them.
   *
   * @param isShown - whether another one polls: what a filter has found and that one does not show is wanted by itself.
   */
  wants(isShown: boolean): ReadonlySet<string> {
    const wants = new Set<string>();
    for (const watch of this.watches.values()) {
      const parts = isShown && !watch.isShared ? watch.parts : watch.namedParts;
      if (parts !== undefined) wants.add(toTaskWant(watch.key, parts));
    }
    for (const { filter, followers } of this.discoveries.values()) {
      for (const [stream, { parts }] of followers) {
        if (stream !== this.others?.stream) wants.add(toFilterWant(filter, parts));
      }
    }
    if (wants.size > 0) wants.add(toStalenessWant(this.asked));
    return wants;
  }

  addAsked(stream: WatchStream, { maxStalenessMs }: FollowOptions): void {
    this.#staleness.set(stream, maxStalenessMs);
    if (this.#asked !== undefined) this.#asked = addAsked(this.#asked, maxStalenessMs);
  }

  /** Lets one follow a task, or changes what it needs of it. */
  join(stream: WatchStream, options: FollowOptions, key: TaskKey): TaskWatch {
    const keyText = toKeyText(key);
    const watch = this.watches.get(keyText) ?? new TaskWatch(key, keyText, this.#options.clock.tick());
    this.watches.set(keyText, watch);
    watch.join(stream, options);
    this.settle(watch);
    return watch;
  }

  /** Lets one follow every task that runs, and those that start. */
  joinAll(stream: WatchStream, options: FollowOptions, filter: DiscoveryFilter): TaskDiscovery {
    const filterText = toFilterText(filter);
    const { projectName, clock } = this.#options;
    const discovery = this.discoveries.get(filterText) ?? new TaskDiscovery(projectName, filter, clock.tick());
    this.discoveries.set(filterText, discovery);
    discovery.followers.set(stream, options);
    // Lists bring the others only what is new.
    for (const key of discovery.running.values()) this.#follow(stream, options, key);
    return discovery;
  }

  /** Lets a subscriber go; harmless when it follows nothing here. */
  leave(stream: WatchStream): void {
    this.leaveAll(stream);
    this.#staleness.delete(stream);
    this.#asked = undefined;
    this.#options.onChange();
  }

  leaveAll(stream: WatchStream): void {
    for (const keyText of stream.openKeys) this.leaveTask(stream, keyText);
    for (const discovery of this.discoveries.values()) this.leaveFilter(stream, discovery);
  }

  leaveTask(stream: WatchStream, keyText: string): void {
    const watch = this.watches.get(keyText);
    if (watch === undefined) return;
    watch.leave(stream);
    this.settle(watch);
  }

  leaveFilter(stream: WatchStream, { filterText, followers }: TaskDiscovery): void {
    followers.delete(stream);
    if (followers.size === 0) this.discoveries.delete(filterText);
  }

  /** Takes in what any question brought. */
  observe(keyText: string, snapshot: TaskSnapshot): void {
    const watch = this.watches.get(keyText);
    if (watch === undefined) return;
    watch.observe(snapshot);
    this.settle(watch);
  }

  /** Lets the followers of the project follow these tasks too; false when no further ones are wanted. */
  find(discovery: TaskDiscovery, tasks: readonly TaskSnapshot[]): boolean {
    const unwatched = new Set(tasks.map(({ key }) => toKeyText(key)).filter((keyText) => !this.watches.has(keyText)));
    if (unwatched.size > this.#options.room()) {
      const message = "The project has more running tasks than the gateway may watch.";
      this.fail(discovery, new UpstreamThrottledError(message, { retryAfterMs: FULL_RETRY_MS }));
      return false;
    }
    const found = tasks.filter(({ key }) => !discovery.running.has(toKeyText(key)));
    for (const snapshot of found) {
      discovery.addRunning(snapshot);
      for (const [stream, options] of discovery.followers) {
        const watch = this.#follow(stream, options, snapshot.key);
        if (watch === undefined) continue;
        watch.observe(snapshot);
        this.settle(watch);
      }
    }
    return discovery.followers.size > 0;
  }

  /**
   * Takes in which tasks another instance has found, and which cannot be followed. What each task is like has been observed
   * before.
   *
   * @param beginTick - a filter that was listed then, or later, may begin; `Infinity` where these are not all entries.
   * @returns the discoveries that have begun by it.
   */
  findShared({ tasks, filters, failures, poll }: SharedEntries, beginTick: number): readonly TaskDiscovery[] {
    const begun: TaskDiscovery[] = [];
    for (const discovery of Array.from(this.discoveries.values())) {
      const { filterText, hasBegun } = discovery;
      const state = filters.get(filterText);
      const listedTick = poll?.listed.get(filterText) ?? -Infinity;
      if (!hasBegun && state !== undefined && listedTick >= beginTick) {
        discovery.adopt(state);
        begun.push(discovery);
      } else if (state !== undefined && state.endedTick > discovery.endedTick) {
        discovery.listEnded(Infinity, state.endedTick);
      }
      if (!discovery.hasBegun) continue;
      discovery.answeredTick = Math.max(discovery.answeredTick, listedTick);
      const ofFilter = tasks.flatMap((task) => (task.filters.includes(filterText) ? task.snapshot : []));
      const ended = ofFilter.filter((snapshot) => isFinal(snapshot));
      // What had ended before is no news.
      if (!hasBegun) for (const snapshot of ended) discovery.addEnded(snapshot);
      const news = ended.filter((snapshot) => discovery.isNews(snapshot));
      // Another instance may not know yet that it has ended.
      const running = ofFilter.filter((each) => !isFinal(each) && !discovery.knowsEnd(toKeyText(each.key)));
      this.find(discovery, [...running, ...news]);
    }
    for (const { name, error, tick } of failures) {
      const of = this.watches.get(name) ?? this.discoveries.get(name);
      if (of !== undefined && tick >= of.beganTick - FAILURE_SLACK_MS) this.fail(of, error);
    }
    return begun;
  }

  /** Ends what cannot be followed, with the reason for its followers. */
  fail(of: TaskWatch | TaskDiscovery, error: Error): void {
    if (of instanceof TaskWatch) {
      of.fail(error);
      this.settle(of);
      return;
    }
    const { others } = this;
    if (others !== undefined && of.followers.has(others.stream)) {
      this.leaveFilter(others.stream, of);
      others.fail(of.filterText, error);
    }
    for (const stream of Array.from(of.followers.keys())) stream.fail(error);
  }

  /** Keeps the books of one watch, after whatever has become of it. */
  settle(watch: TaskWatch): void {
    if (watch.isAwaited && !watch.isAsked) this.newcomers.add(watch);
    else this.newcomers.delete(watch);
    if (!watch.isAwaited) watch.soughtTick = undefined;
    if (!watch.hasEnded) return;
    if (this.watches.get(watch.keyText) === watch) this.watches.delete(watch.keyText);
    for (const discovery of this.discoveries.values()) discovery.endRunning(watch.keyText, watch.snapshot);
    this.#options.onChange();
  }

  /** Ends every watch without a word. */
  end(): void {
    for (const watch of this.watches.values()) watch.end();
    this.watches.clear();
    this.discoveries.clear();
    this.newcomers.clear();
  }

  /** Lets one that follows the project follow one of its tasks. */
  #follow(stream: WatchStream, options: FollowOptions, key: TaskKey): TaskWatch | undefined {
    const keyText = toKeyText(key);
    if (stream.openKeys.has(keyText)) return undefined;
    stream.open(keyText);
    return this.join(stream, options, key);
  }

  #isOwn(of: TaskWatch | TaskDiscovery): boolean {
    const streams = of instanceof TaskWatch ? of.streams : of.followers.keys();
    for (const stream of streams) if (stream !== this.others?.stream) return true;
    return false;
  }
}
