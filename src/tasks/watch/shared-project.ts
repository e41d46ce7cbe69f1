/**
 * What instances share of one project, between the `ProjectWatch` and the exchange: as the holder of the lease it follows what the
 * others want and publishes it, as a guest it hands on what the holder publishes. A guest's newcomers are looked for in what is kept
 * and wanted of the holder; IMM is asked for one that is not answered within a lease, or whose secrets are not shared.
 */

import type { Clock } from "../../clock.js";
import type { GatewayError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { TaskReader } from "../read/task-reader.js";
import { isFinal, type TaskSnapshot } from "../snapshot.js";
import { LEASE_MS, type Claim, type Exchange } from "./exchange.js";
import { OthersFollower } from "./others-follower.js";
import type { ProjectFollowers } from "./project-followers.js";
import { ProjectShare } from "./project-share.js";
import { readEntries, type SharedEntries, type SharedPoll } from "./shared-entries.js";
import { TaskDiscovery } from "./task-discovery.js";
import { TaskWatch } from "./task-watch.js";

export interface SharedProjectOptions {
  readonly projectName: string;
  readonly exchange: Exchange;
  readonly followers: ProjectFollowers;
  readonly reader: TaskReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds from one poll to the next, and at least. */
  readonly intervalMs: () => number;
  readonly minPollIntervalMs: number;
  /** Called with how another instance's last poll went, whether it is a new one, and what has begun by it. */
  readonly onPoll: (poll: SharedPoll, isNew: boolean, begun: readonly TaskDiscovery[]) => void;
  /** Called with filters that this instance has not followed before. */
  readonly onFilters: (discoveries: readonly TaskDiscovery[]) => void;
  /** Called when something else may be due. */
  readonly onChange: () => void;
}

export class SharedProject {
  readonly #options: SharedProjectOptions;
  readonly #share: ProjectShare;
  #willSeek = false;
  #others: OthersFollower | undefined;
  /** How the last poll went, of whichever instance. */
  #poll: SharedPoll | undefined;
  /** When another instance last said that IMM cannot be asked. */
  #delayedTick = -Infinity;

  constructor(options: SharedProjectOptions) {
    this.#options = options;
    const { followers, onFilters, onChange } = options;
    this.#share = new ProjectShare({
      ...options,
      wants: () => followers.wants(this.#share.role === "guest"),
      onClaim: (claim) => this.#takeClaim(claim),
      onEntries: (entries, isNews) => this.#takeEntries(entries, isNews),
      onWants: (wants) => {
        onFilters(this.#others?.follow(wants) ?? []);
        onChange();
        // What is known already makes no round of calls.
        this.#share.publish();
      },
      onSought: (names) => this.#others?.seek(names),
      collect: () => this.#others?.collect() ?? { entries: new Map(), forgotten: [] },
      onAlone: () => {
        this.#followOthers(undefined);
        onChange();
      },
    });
  }

  /** Whether another instance polls the project for this one. */
  get isPolledElsewhere(): boolean {
    return this.#share.role === "guest";
  }

  get mayPoll(): boolean {
    return this.#share.mayPoll;
  }

  get mayShow(): boolean {
    return this.#share.mayShow;
  }

  /** Milliseconds from one poll to the next, where another instance polls. */
  get intervalMs(): number | undefined {
    return this.#share.role === "guest" ? this.#poll?.intervalMs : undefined;
  }

  /** From which tick on this instance itself may ask IMM for what a follower waits for. */
  askTick(of: TaskWatch | TaskDiscovery): number {
    if (this.#share.mayPoll) return -Infinity;
    if (this.#share.role !== "guest") return Infinity;
    if (of instanceof TaskWatch && isPrivate(of)) return -Infinity;
    return Math.max(of.soughtTick ?? Infinity, this.#delayedTick) + LEASE_MS;
  }

  /** Does what has to be done before IMM is asked: keeps the lease, and lets the holder know of newcomers. */
  prepare(): void {
    this.#share.keepLease();
    if (this.#share.role !== "guest" || this.#willSeek) return;
    void this.#seek();
  }

  /** One search at a time: who comes meanwhile is looked for in the next one, since many come within a few turns. */
  async #seek(): Promise<void> {
    this.#willSeek = true;
    await Promise.resolve();
    for (let search = this.#search(); search !== undefined; search = this.#search()) await search;
    this.#willSeek = false;
  }

  /** Looks for all that were not looked for yet; undefined where there are none. */
  #search(): Promise<void> | undefined {
    if (this.#share.role !== "guest") return undefined;
    const { clock, followers, onChange } = this.#options;
    const { newcomers, discoveries, watches } = followers;
    const tasks = [...newcomers].filter((watch) => watch.soughtTick === undefined && !isPrivate(watch));
    const filters = [...discoveries.values()].filter((each) => each.soughtTick === undefined && !each.hasBegun);
    if (tasks.length + filters.length === 0) return undefined;
    for (const each of [...tasks, ...filters]) each.soughtTick = clock.tick();
    const names = [...tasks.map(({ keyText }) => keyText), ...filters.map(({ filterText }) => filterText)];
    const isSought = (name: string): boolean =>
      watches.get(name)?.isAwaited === true || discoveries.get(name)?.hasBegun === false;
    const search = async (): Promise<void> => {
      await this.#share.seek(names, filters.length > 0, isSought);
      if (this.#share.role !== "guest") return;
      // A claim, by which all entries are read, has taken the marks away.
      for (const watch of tasks) if (watch.isAwaited) watch.soughtTick ??= clock.tick();
      for (const each of filters) if (!each.hasBegun) each.soughtTick ??= clock.tick();
    };
    const searched = search();
    onChange();
    return searched;
  }

  changeWants(): void {
    this.#share.changeWants();
  }

  /** A round of calls has come to its end. @param polledTick - when it began, where it was for all that runs. */
  takeRound(polledTick: number | undefined, delay: GatewayError | undefined): void {
    if (this.#others === undefined) return;
    const isPoll = polledTick !== undefined && delay === undefined;
    const { beganTick = -Infinity, unseen = new Set<string>() } = this.#poll ?? {};
    const listed = [...this.#options.followers.discoveries.values()].filter(
      ({ answeredTick }) => answeredTick > -Infinity,
    );
    const poll: SharedPoll = {
      beganTick: isPoll ? polledTick : beganTick,
      intervalMs: this.#options.intervalMs(),
      delay,
      unseen: isPoll ? this.#others.unseenSince(polledTick) : unseen,
      listed: new Map(listed.map(({ filterText, answeredTick }) => [filterText, answeredTick])),
    };
    this.#poll = poll;
    this.#others.takeRound(poll);
    this.#share.publish();
  }

  leave(): void {
    this.#share.leave();
    this.#followOthers(undefined);
  }

  #takeClaim({ isHolder, entries, wants }: Claim): void {
    const { projectName, followers, exchange, reader, clock, onChange } = this.#options;
    const shared = readEntries(entries, exchange);
    for (const watch of followers.watches.values()) watch.isShared = !isHolder && entries.has(watch.keyText);
    if (isHolder) {
      const listedSinceMs = ({ endedTick }: TaskDiscovery): number => reader.immTimeAt(projectName, endedTick);
      const options = { projectName, followers, time: exchange, listedSinceMs };
      const others = new OthersFollower(options, shared, clock.tick());
      const before = this.#others;
      this.#followOthers(others);
      // What both follow is not let go between them.
      others.follow(wants);
      before?.end();
    } else this.#followOthers(undefined);
    const oldestTick = isHolder ? -Infinity : this.#oldestTick(shared.poll);
    this.#takeIn(shared, oldestTick, oldestTick);
    onChange();
  }

  #followOthers(others: OthersFollower | undefined): void {
    const { followers } = this.#options;
    const before = this.#others;
    this.#others = others;
    followers.others = others;
    if (others !== undefined) return;
    before?.end();
    for (const each of [...followers.watches.values(), ...followers.discoveries.values()]) each.soughtTick = undefined;
  }

  #takeEntries(entries: ReadonlyMap<string, string>, isNews: boolean): void {
    const { followers, exchange, onChange } = this.#options;
    const shared = readEntries(entries, exchange);
    const isPolled = (shared.poll?.beganTick ?? -Infinity) > (this.#poll?.beganTick ?? -Infinity);
    this.#takeIn(shared, this.#oldestTick(shared.poll), Infinity);
    if (isNews && this.#isListed()) this.#share.claim();
    const sought = [...followers.newcomers].filter(({ soughtTick }) => soughtTick !== undefined);
    // What was too old when it was looked for may have been seen again.
    if (isNews && isPolled && sought.length > 0) void this.#share.readAgain(sought.map(({ keyText }) => keyText));
    onChange();
  }

  /** Whether a filter that is yet to begin here has been listed of late. */
  #isListed(): boolean {
    const oldestTick = this.#oldestTick(this.#poll);
    const yetToBegin = [...this.#options.followers.discoveries.values()].filter(({ hasBegun }) => !hasBegun);
    return yetToBegin.some(({ filterText }) => (this.#poll?.listed.get(filterText) ?? -Infinity) >= oldestTick);
  }

  /**
   * @param oldestTick - a running task that was seen before that is not shown.
   * @param beginTick - as `ProjectFollowers.findShared` has it.
   */
  #takeIn(shared: SharedEntries, oldestTick: number, beginTick: number): void {
    const { followers, reader, clock, onPoll } = this.#options;
    const poll = shared.poll ?? this.#poll;
    const isNew = poll !== undefined && poll.beganTick > (this.#poll?.beganTick ?? -Infinity);
    this.#poll = poll;
    for (const { keyText, snapshot } of shared.tasks) {
      const seen = poll === undefined || poll.unseen.has(keyText) ? snapshot : seenAt(snapshot, poll.beganTick);
      if (isFinal(snapshot) || seen.observedTick >= oldestTick) reader.learnShared(seen);
    }
    const begun = followers.findShared(shared, beginTick);
    if (this.#share.role === "guest") {
      for (const { keyText } of shared.tasks) {
        const watch = followers.watches.get(keyText);
        if (watch !== undefined) watch.isShared = true;
      }
      if (isNew) this.#seeAgain(poll);
    }
    if (shared.poll === undefined) return;
    if (shared.poll.delay !== undefined) this.#delayedTick = clock.tick();
    onPoll(shared.poll, isNew, begun);
  }

  /** What the poll has shown without a change is as young as that. */
  #seeAgain({ beganTick, unseen }: SharedPoll): void {
    const { followers, reader } = this.#options;
    for (const { keyText, snapshot, isShared } of Array.from(followers.watches.values())) {
      if (!isShared || snapshot === undefined || isFinal(snapshot) || unseen.has(keyText)) continue;
      if (snapshot.observedTick < beganTick) reader.learnShared(seenAt(snapshot, beganTick));
    }
  }

  /** What was seen before that is too old to be a first answer. */
  #oldestTick(poll: SharedPoll | undefined): number {
    const { followers, clock, intervalMs, minPollIntervalMs } = this.#options;
    const acceptedMs = Math.max(minPollIntervalMs, followers.asked.leastMs);
    return clock.tick() - Math.min(2 * (poll?.intervalMs ?? intervalMs()), acceptedMs);
  }
}

/** Whether its followers need what is not shared. */
function isPrivate({ parts }: TaskWatch): boolean {
  return parts.definition && parts.secrets;
}

/** The same, as a later poll has seen it. */
function seenAt(snapshot: TaskSnapshot, tick: number): TaskSnapshot {
  if (isFinal(snapshot) || snapshot.observedTick >= tick) return snapshot;
  const { observedAt, observedTick, progressAskedTick } = snapshot;
  return {
    ...snapshot,
    observedAt: observedAt + tick - observedTick,
    observedTick: tick,
    progressAskedTick: progressAskedTick === null ? null : tick,
  };
}
