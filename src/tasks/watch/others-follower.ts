/**
 * Follows what other instances want, as one more follower of the project, on the instance that polls; and says which entries its
 * events make. So what is published is what a subscriber would be sent.
 */

import { includesParts, mergeParts, toKeyText, type TaskKey, type TaskParts } from "../task.js";
import { isFinal, satisfies, type TaskSnapshot } from "../snapshot.js";
import type { SharedTime } from "../definition/shared-snapshot.js";
import type { Publication } from "./exchange.js";
import type { AskedStaleness } from "./poll-plan.js";
import type { Others, ProjectFollowers } from "./project-followers.js";
import {
  POLL,
  toFailureEntry,
  toFilterEntry,
  toPollEntry,
  toTaskEntry,
  readWants,
  type SharedEntries,
  type SharedPoll,
  type Wants,
} from "./shared-entries.js";
import type { TaskDiscovery } from "./task-discovery.js";
import { WatchStream } from "./watch-stream.js";

export interface OthersFollowerOptions {
  readonly projectName: string;
  readonly followers: ProjectFollowers;
  readonly time: SharedTime;
  /** From when on the next list of what has ended shows it, by IMM's clock; `-Infinity` for all. */
  readonly listedSinceMs: (discovery: TaskDiscovery) => number;
}

/** Of a task, or of a filter that cannot be followed. */
interface State {
  readonly snapshot: TaskSnapshot | undefined;
  readonly failure: Error | undefined;
  /** When nothing more was to come; undefined before that. */
  readonly endedTick: number | undefined;
  /** Filter texts of the wanted discoveries that have found it. */
  filters: readonly string[];
  /** Whether it is not published yet. */
  isNew: boolean;
}

/** Milliseconds for which the entry of what has ended is kept: who has missed the news finds it there. */
const KEPT_END_MS = 60_000;

export class OthersFollower implements Others {
  readonly stream = new WatchStream([], { isEndless: true, onLeave: () => undefined });
  readonly #options: OthersFollowerOptions;
  #wants: Wants;
  /** By the name of the entry. */
  readonly #states = new Map<string, State>();
  readonly #beganTick: number;
  /** By filter text: what is published of those that are followed. */
  readonly #filterTexts = new Map<string, string>();
  /** By filter text, then key text: ends that this instance has seen for itself, which others may not know. */
  readonly #owed = new Map<string, ReadonlyMap<string, TaskKey>>();
  #poll: SharedPoll | undefined;

  /** @param kept - what the instances before this one have left. */
  constructor(options: OthersFollowerOptions, kept: SharedEntries, tick: number) {
    this.#options = options;
    this.#beganTick = tick;
    this.#wants = readWants(options.projectName, []);
    for (const { keyText, snapshot, filters } of kept.tasks) {
      const endedTick = isFinal(snapshot) ? tick : undefined;
      this.#states.set(keyText, { snapshot, failure: undefined, endedTick, filters, isNew: false });
    }
    for (const { name, error } of kept.failures) this.#end(name, { failure: error, tick, isNew: false });
    for (const filterText of kept.filters.keys()) this.#filterTexts.set(filterText, "");
    for (const [filterText, discovery] of options.followers.discoveries) {
      const found = [...discovery.foundSince(tick - KEPT_END_MS)].filter(([keyText]) => !this.#states.has(keyText));
      this.#owed.set(filterText, new Map(found));
    }
  }

  get asked(): AskedStaleness {
    return this.#wants.asked;
  }

  /** Follows what these want, and nothing more. @returns the filters that nothing has followed before. */
  follow(wants: ReadonlySet<string>): readonly TaskDiscovery[] {
    this.#wants = readWants(this.#options.projectName, wants);
    const { followers } = this.#options;
    const begun: TaskDiscovery[] = [];
    for (const [filterText, { filter, parts }] of this.#wants.filters) {
      const known = followers.discoveries.get(filterText);
      const followed = known?.followers.get(this.stream)?.parts;
      if (this.#states.has(filterText) || (followed !== undefined && includesParts(followed, parts))) continue;
      const discovery = followers.joinAll(this.stream, { parts, maxStalenessMs: undefined }, filter);
      if (known === undefined) begun.push(discovery);
    }
    for (const discovery of Array.from(followers.discoveries.values())) {
      if (!this.#wants.filters.has(discovery.filterText)) followers.leaveFilter(this.stream, discovery);
    }
    this.#followTasks();
    return begun;
  }

  /** These are sought: one that could not be followed may be there by now. */
  seek(names: readonly string[]): void {
    for (const name of names) if (this.#states.get(name)?.failure !== undefined) this.#states.delete(name);
  }

  fail(filterText: string, error: Error): void {
    this.#end(filterText, { failure: error, tick: this.#options.followers.tick, isNew: true });
  }

  /** A round of calls has come to its end. */
  takeRound(poll: SharedPoll): void {
    this.#poll = poll;
  }

  /** The tasks that it follows, and that IMM was last asked about before that. */
  unseenSince(tick: number): ReadonlySet<string> {
    const { watches } = this.#options.followers;
    return new Set([...this.stream.openKeys].filter((keyText) => !((watches.get(keyText)?.answeredTick ?? 0) >= tick)));
  }

  /** What has become of it since the last question. */
  collect(): Pick<Publication, "entries" | "forgotten"> {
    const { time } = this.#options;
    this.#followTasks();
    this.#takeEvents();
    const entries = new Map<string, string>();
    const forgotten = [...this.#forgetTasks(), ...this.#collectFilters(entries)];
    for (const [name, state] of this.#states) {
      const filters = this.#filtersOf(name);
      if (filters.length > state.filters.length) state.isNew = true;
      if (!state.isNew) continue;
      state.isNew = false;
      state.filters = filters;
      const { snapshot, failure, endedTick = this.#options.followers.tick } = state;
      if (failure !== undefined) entries.set(name, toFailureEntry({ error: failure, tick: endedTick }, time));
      else if (snapshot !== undefined) entries.set(name, toTaskEntry({ snapshot, filters }, time));
    }
    if (this.#poll !== undefined) entries.set(POLL, toPollEntry(this.#poll, time));
    this.#poll = undefined;
    return { entries, forgotten };
  }

  /** Follows nothing more. */
  end(): void {
    this.#options.followers.leaveAll(this.stream);
    this.stream.close();
  }

  /** What is wanted by its key, or found by a filter, is followed for all that is needed of it. */
  #followTasks(): void {
    const { followers } = this.#options;
    this.#takeEvents();
    const wanted = this.#wantedTasks();
    for (const keyText of Array.from(this.stream.openKeys)) {
      if (wanted.has(keyText)) continue;
      followers.leaveTask(this.stream, keyText);
      this.stream.shut(keyText);
    }
    for (const [keyText, { key, parts }] of wanted) {
      const followed = followers.watches.get(keyText)?.partsOf(this.stream);
      if (followed !== undefined && includesParts(followed, parts)) continue;
      const { snapshot, failure, endedTick } = this.#states.get(keyText) ?? {};
      const isAnswered = failure !== undefined || (snapshot !== undefined && satisfies(snapshot, parts, -Infinity));
      if (endedTick !== undefined && isAnswered) continue;
      this.stream.open(keyText);
      followers.join(this.stream, { parts, maxStalenessMs: undefined }, key);
    }
  }

  #wantedTasks(): Wants["tasks"] {
    const { discoveries } = this.#options.followers;
    const wanted = new Map(this.#wants.tasks);
    const want = (keyText: string, key: TaskKey, parts: TaskParts): void => {
      const known = wanted.get(keyText);
      if (known !== undefined && includesParts(known.parts, parts)) return;
      wanted.set(keyText, { key, parts: mergeParts(known?.parts ?? parts, parts) });
    };
    for (const [filterText, { parts }] of this.#wants.filters) {
      for (const [keyText, key] of discoveries.get(filterText)?.running ?? NO_TASKS) want(keyText, key, parts);
      for (const [keyText, key] of this.#owed.get(filterText) ?? NO_TASKS) want(keyText, key, parts);
    }
    // What is published as running is followed to its end, which this instance may have known before it polled for others.
    for (const [keyText, { snapshot, endedTick, filters }] of this.#states) {
      if (snapshot === undefined || endedTick !== undefined) continue;
      for (const filterText of filters) {
        const filter = this.#wants.filters.get(filterText);
        if (filter !== undefined) want(keyText, snapshot.key, filter.parts);
      }
    }
    return wanted;
  }

  #takeEvents(): void {
    const { tick } = this.#options.followers;
    for (const event of this.stream.readRest()) {
      if (event.kind === "snapshot") {
        const { snapshot } = event;
        const endedTick = isFinal(snapshot) ? tick : undefined;
        const keyText = toKeyText(snapshot.key);
        const { filters = [] } = this.#states.get(keyText) ?? {};
        this.#states.set(keyText, { snapshot, failure: undefined, endedTick, filters, isNew: true });
      } else if (event.kind === "failure" && event.key !== null) {
        this.#end(toKeyText(event.key), { failure: event.error, tick, isNew: true });
      }
    }
  }

  #end(
    name: string,
    { failure, tick, isNew }: { readonly failure: Error; readonly tick: number; readonly isNew: boolean },
  ): void {
    this.#states.set(name, { snapshot: undefined, failure, endedTick: tick, filters: [], isNew });
  }

  /** What has ended is forgotten after a while, what runs when it is followed no more. */
  #forgetTasks(): string[] {
    const { tick } = this.#options.followers;
    const forgotten = [...this.#states].flatMap(([name, { endedTick }]) => {
      const isKept = endedTick === undefined ? this.stream.openKeys.has(name) : tick - endedTick < KEPT_END_MS;
      return isKept ? [] : name;
    });
    for (const name of forgotten) this.#states.delete(name);
    if (tick - this.#beganTick >= KEPT_END_MS / 2) this.#owed.clear();
    return forgotten;
  }

  #collectFilters(entries: Map<string, string>): string[] {
    const { followers, time, listedSinceMs } = this.#options;
    for (const filterText of this.#wants.filters.keys()) {
      const discovery = followers.discoveries.get(filterText);
      const state = discovery?.stateSince(listedSinceMs(discovery));
      if (state === undefined) continue;
      const text = toFilterEntry(state, time);
      if (this.#filterTexts.get(filterText) !== text) entries.set(filterText, text);
      this.#filterTexts.set(filterText, text);
    }
    const forgotten = [...this.#filterTexts.keys()].filter((filterText) => !this.#wants.filters.has(filterText));
    for (const filterText of forgotten) this.#filterTexts.delete(filterText);
    return forgotten;
  }

  #filtersOf(keyText: string): readonly string[] {
    const { discoveries } = this.#options.followers;
    return [...this.#wants.filters.keys()].filter((text) => discoveries.get(text)?.hasFound(keyText) === true);
  }
}

const NO_TASKS: ReadonlyMap<string, TaskKey> = new Map();
