/**
 * The exchange in memory, for instances of one process: each opens a handle on the one store. It keeps all that the exchange on Redis keeps,
 * and can be broken as that can, so that two instances and what goes wrong between them are tested with time standing still.
 */

import { letOthersRun, momentOf, type Clock, type Moment } from "../../clock.js";
import { SharedStateAwayError } from "../../errors.js";
import {
  LEASE_MS,
  WANT_MS,
  type Claim,
  type Exchange,
  type Member,
  type Publication,
  type Published,
  type Seat,
} from "./exchange.js";
import { NewsOrder, type NewsMessage } from "./news-order.js";

type Message =
  | (Omit<NewsMessage, "isOwn"> & { readonly kind: "news" })
  | { readonly kind: "hint"; readonly text: string }
  | { readonly kind: "released" };

interface Wants {
  readonly names: ReadonlySet<string>;
  /** Infinity while the handle is up: then a renewal is as good as made. */
  endsTick: number;
}

interface Project {
  owner: MemoryExchange | undefined;
  epoch: number;
  untilTick: number;
  seq: number;
  /** Grows when wants do not stay as they are. */
  wantsVersion: number;
  readonly entries: Map<string, string>;
  readonly wants: Map<MemoryExchange, Wants>;
  readonly seats: Set<MemorySeat>;
}

/** What the instances share. */
export class MemoryExchangeStore {
  readonly clock: Clock;
  readonly #start: Moment;
  readonly #projects = new Map<string, Project>();

  constructor(clock: Clock) {
    this.clock = clock;
    this.#start = momentOf(clock);
  }

  /** A handle for one instance. */
  open(): MemoryExchange {
    return new MemoryExchange(this);
  }

  timeAt(tick: number): number {
    return this.#start.at + (tick - this.#start.tick);
  }

  tickAt(timeMs: number): number {
    return Math.min(this.#start.tick + (timeMs - this.#start.at), this.clock.tick());
  }

  /** A project is there as long as an instance has a seat in it. */
  project(name: string): Project {
    const known = this.#projects.get(name);
    if (known !== undefined) return known;
    const project: Project = {
      owner: undefined,
      epoch: 0,
      untilTick: -Infinity,
      seq: 0,
      wantsVersion: 0,
      entries: new Map(),
      wants: new Map(),
      seats: new Set(),
    };
    this.#projects.set(name, project);
    return project;
  }

  forget(name: string): void {
    this.#projects.delete(name);
  }
}

/** The exchange of one instance. `goAway`, `comeBack`, `kill` and `isDeaf` are there for tests. */
export class MemoryExchange implements Exchange {
  readonly store: MemoryExchangeStore;
  readonly #seats = new Set<MemorySeat>();
  #state: "up" | "away" | "killed" = "up";
  /** While it is, no message reaches it, and it does not know. */
  isDeaf = false;

  constructor(store: MemoryExchangeStore) {
    this.store = store;
  }

  get isAway(): boolean {
    return this.#state !== "up";
  }

  join(projectName: string, member: Member): Seat {
    const seat = new MemorySeat(this, projectName, member, () => this.#seats.delete(seat));
    this.#seats.add(seat);
    return seat;
  }

  timeAt(tick: number): number {
    return this.store.timeAt(tick);
  }

  tickAt(timeMs: number): number {
    return this.store.tickAt(timeMs);
  }

  /** The store cannot be reached from this handle. */
  goAway(): void {
    if (this.#state !== "up") return;
    this.#state = "away";
    for (const seat of this.#seats) seat.lose();
  }

  /** It can be reached again. */
  comeBack(): void {
    if (this.#state !== "away") return;
    this.#state = "up";
    for (const seat of this.#seats) seat.find();
  }

  /** The instance has crashed: its lease and its wants are left to their end, and it is told nothing any more. */
  kill(): void {
    this.#state = "killed";
    for (const seat of this.#seats) seat.abandon();
  }
}

class MemorySeat implements Seat {
  readonly #exchange: MemoryExchange;
  readonly #projectName: string;
  readonly #member: Member;
  readonly #onLeave: () => void;
  readonly #project: Project;
  readonly #order: NewsOrder;
  /** Of the lease that it last had. */
  #epoch = -1;
  #wanted: ReadonlySet<string> = new Set();
  #answeredWantsVersion = -1;
  #hasLeft = false;

  constructor(exchange: MemoryExchange, projectName: string, member: Member, onLeave: () => void) {
    this.#exchange = exchange;
    this.#projectName = projectName;
    this.#member = member;
    this.#onLeave = onLeave;
    this.#order = new NewsOrder(member);
    this.#project = exchange.store.project(projectName);
    this.#project.seats.add(this);
  }

  get isAway(): boolean {
    return this.#exchange.isAway;
  }

  async claim(): Promise<Claim> {
    this.#mustReach();
    const { store } = this.#exchange;
    const project = this.#project;
    const tick = store.clock.tick();
    const isOwn = project.owner === this.#exchange;
    const isFree = project.owner === undefined || project.untilTick <= tick;
    // Also where it was its own before the store was away, as on Redis.
    if (isOwn ? project.epoch !== this.#epoch : isFree) {
      project.owner = this.#exchange;
      project.epoch = Math.max(project.epoch + 1, store.timeAt(tick));
    }
    const isHolder = project.owner === this.#exchange;
    if (isHolder) {
      project.untilTick = tick + LEASE_MS;
      this.#epoch = project.epoch;
    }
    this.#order.claimBegins();
    this.#order.claimEnds({ epoch: project.epoch, seq: project.seq });
    return { isHolder, untilTick: project.untilTick, entries: new Map(project.entries), wants: this.#othersWants() };
  }

  async publish({ entries, forgotten, news }: Publication): Promise<Published | "lost"> {
    this.#mustReach();
    const project = this.#project;
    if (project.owner !== this.#exchange || project.epoch !== this.#epoch) return "lost";
    project.untilTick = this.#exchange.store.clock.tick() + LEASE_MS;
    for (const name of forgotten) project.entries.delete(name);
    for (const [name, text] of entries) project.entries.set(name, text);
    project.seq += 1;
    const { epoch, seq, untilTick } = project;
    this.#order.published({ epoch, seq });
    this.#send({ kind: "news", epoch, seq, text: news });
    const answeredVersion = this.#answeredWantsVersion;
    const wants = this.#othersWants();
    return { untilTick, wants: this.#answeredWantsVersion === answeredVersion ? undefined : wants };
  }

  async read(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    this.#mustReach();
    const found = new Map<string, string>();
    for (const name of names) {
      const text = this.#project.entries.get(name);
      if (text !== undefined) found.set(name, text);
    }
    return found;
  }

  async want(wants: ReadonlySet<string>): Promise<void> {
    this.#wanted = new Set(wants);
    this.#mustReach();
    this.#setWants();
  }

  async hint(text: string): Promise<void> {
    this.#mustReach();
    this.#send({ kind: "hint", text });
  }

  async leave(): Promise<void> {
    if (this.#hasLeft) return;
    const project = this.#project;
    this.#end();
    project.seats.delete(this);
    if (!this.isAway) {
      this.#wanted = new Set();
      this.#setWants();
      if (project.owner === this.#exchange) {
        project.owner = undefined;
        this.#send({ kind: "released" });
      }
    }
    if (project.seats.size === 0) this.#exchange.store.forget(this.#projectName);
  }

  /** The handle has lost the store. */
  lose(): void {
    this.#epoch = -1;
    this.#leaveWantsToTheirEnd();
    this.#order.lose();
    this.#member.onAway();
  }

  /** The handle has found it again. */
  find(): void {
    this.#setWants();
    this.#order.lose();
    this.#member.onGap();
  }

  /** The handle is gone. */
  abandon(): void {
    this.#leaveWantsToTheirEnd();
    this.#end();
  }

  receive(message: Message): void {
    if (this.#hasLeft || this.isAway) return;
    if (message.kind === "news") this.#order.receive({ ...message, isOwn: false });
    else if (message.kind === "hint") this.#member.onHint(message.text);
    else this.#member.onReleased();
  }

  #mustReach(): void {
    if (this.isAway || this.#hasLeft) throw new SharedStateAwayError();
  }

  /** As from a socket, messages come in a turn of their own, in their order. */
  #send(message: Message): void {
    for (const seat of this.#project.seats) {
      const exchange = seat.#exchange;
      if (exchange === this.#exchange || exchange.isAway || exchange.isDeaf) continue;
      void letOthersRun().then(() => seat.receive(message));
    }
  }

  #setWants(): void {
    const { wants } = this.#project;
    const before = wants.get(this.#exchange)?.names ?? new Set();
    if (this.#wanted.size > 0) wants.set(this.#exchange, { names: this.#wanted, endsTick: Infinity });
    else wants.delete(this.#exchange);
    if (!isSame(before, this.#wanted)) this.#project.wantsVersion += 1;
  }

  #leaveWantsToTheirEnd(): void {
    const wants = this.#project.wants.get(this.#exchange);
    if (wants !== undefined) wants.endsTick = this.#exchange.store.clock.tick() + WANT_MS;
  }

  #othersWants(): Set<string> {
    const { wants } = this.#project;
    const tick = this.#exchange.store.clock.tick();
    const all = new Set<string>();
    for (const [exchange, { names, endsTick }] of wants) {
      if (endsTick <= tick) {
        wants.delete(exchange);
        this.#project.wantsVersion += 1;
      } else if (exchange !== this.#exchange) {
        for (const name of names) all.add(name);
      }
    }
    this.#answeredWantsVersion = this.#project.wantsVersion;
    return all;
  }

  #end(): void {
    this.#hasLeft = true;
    this.#order.close();
    this.#onLeave();
  }
}

function isSame(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((name) => other.has(name));
}
