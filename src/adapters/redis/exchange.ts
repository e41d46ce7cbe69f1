/**
 * The exchange on Redis: what the gateway's instances share of the projects that they watch. Each call is one script; news, hints
 * and a lease that is given away come by one channel for each project.
 */

import type { Clock, Timer } from "../../clock.js";
import { SharedStateAwayError, toError } from "../../errors.js";
import { isRecord } from "../../json.js";
import {
  LEASE_MS,
  WANT_MS,
  WANT_RENEWAL_MS,
  type Claim,
  type Exchange,
  type Member,
  type Publication,
  type Published,
  type Seat,
} from "../../tasks/watch/exchange.js";
import { NewsOrder, type Position } from "../../tasks/watch/news-order.js";
import type { RedisConnection, RedisScript } from "./connection.js";
import { CLAIM, HINT, LEAVE, PUBLISH, READ, WANT } from "./exchange-scripts.js";

/** Milliseconds for which a project is kept after its last publication. */
const KEEP_MS = 5 * 60_000;
/** Of the messages that are written, and of those that can be read. */
const MESSAGE_VERSION = 1;

export interface RedisExchangeOptions {
  readonly connection: RedisConnection;
  /** Of the ticks in a claim, and of the renewals. */
  readonly clock: Clock;
  /** @default LEASE_MS */
  readonly leaseMs?: number;
  /** @default WANT_MS */
  readonly wantMs?: number;
  /** @default WANT_RENEWAL_MS */
  readonly wantRenewalMs?: number;
}

export class RedisExchange implements Exchange {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly wantMs: number;
  readonly wantRenewalMs: number;
  readonly #seats = new Set<RedisSeat>();
  readonly #stopListening: () => void;
  #turns = 0;

  constructor(options: RedisExchangeOptions) {
    this.connection = options.connection;
    this.clock = options.clock;
    this.leaseMs = options.leaseMs ?? LEASE_MS;
    this.wantMs = options.wantMs ?? WANT_MS;
    this.wantRenewalMs = options.wantRenewalMs ?? WANT_RENEWAL_MS;
    this.#stopListening = this.connection.onChange((state) => {
      for (const seat of this.#seats) {
        if (state === "up") seat.find();
        else seat.lose();
      }
    });
  }

  join(projectName: string, member: Member): Seat {
    const seat = new RedisSeat(this, projectName, member, () => this.#seats.delete(seat));
    this.#seats.add(seat);
    return seat;
  }

  timeAt(tick: number): number {
    return this.connection.timeAt(tick);
  }

  tickAt(timeMs: number): number {
    return this.connection.tickAt(timeMs);
  }

  /** Grows: what is wanted in a later turn stands. */
  nextTurn(): number {
    this.#turns += 1;
    return this.#turns;
  }

  /** Tells no member anything more, and renews nothing. Who has a seat leaves it before. */
  close(): void {
    this.#stopListening();
    for (const seat of this.#seats) seat.abandon();
  }
}

class RedisSeat implements Seat {
  readonly #exchange: RedisExchange;
  readonly #member: Member;
  readonly #onLeave: () => void;
  readonly #order: NewsOrder;
  readonly #instance: string;
  readonly #lease: string;
  readonly #entries: string;
  readonly #wants: string;
  readonly #wantEnds: string;
  readonly #channel: string;
  readonly #stopListening: () => void;
  /** Of the lease that it has, or had last. */
  #epoch = -1;
  #wantsVersion = "";
  #wanted: ReadonlySet<string> = new Set();
  /** What Redis knows to be wanted; undefined where that is not known. */
  #sentWants: ReadonlySet<string> | undefined;
  #renewal: Timer | undefined;
  #hasLeft = false;

  constructor(exchange: RedisExchange, projectName: string, member: Member, onLeave: () => void) {
    const { connection } = exchange;
    this.#exchange = exchange;
    this.#member = member;
    this.#onLeave = onLeave;
    this.#order = new NewsOrder(member);
    this.#instance = connection.instanceId;
    this.#lease = connection.keyOf("lease", projectName);
    this.#entries = connection.keyOf("entries", projectName);
    this.#wants = connection.keyOf("wants", projectName);
    this.#wantEnds = connection.keyOf("want-ends", projectName);
    this.#channel = connection.keyOf("news", projectName);
    this.#stopListening = connection.subscribe(this.#channel, (message) => this.#receive(message));
  }

  get isAway(): boolean {
    return this.#exchange.connection.state !== "up";
  }

  async claim(): Promise<Claim> {
    const { connection, clock, leaseMs } = this.#exchange;
    // What is published after the answer is heard.
    await connection.subscribed(this.#channel);
    this.#order.claimBegins();
    let position: Position | undefined;
    try {
      const sentTick = clock.tick();
      const keys = [this.#lease, this.#entries, this.#wants, this.#wantEnds];
      const reply = await this.#run(CLAIM, keys, [this.#instance, this.#epoch, leaseMs, KEEP_MS]);
      // The cast: the script says so.
      const [isHolder, leftMs, epoch, seq, version, entries, wants] = reply as ClaimReply;
      position = { epoch, seq };
      if (isHolder === 1) this.#epoch = epoch;
      this.#wantsVersion = version;
      return {
        isHolder: isHolder === 1,
        untilTick: sentTick + leftMs,
        entries: toMap(entries),
        wants: new Set(wants),
      };
    } finally {
      this.#order.claimEnds(position);
    }
  }

  async publish({ entries, forgotten, news }: Publication): Promise<Published | "lost"> {
    const { clock, leaseMs } = this.#exchange;
    const epoch = this.#epoch;
    const sentTick = clock.tick();
    const keys = [this.#lease, this.#entries, this.#wants, this.#wantEnds, this.#channel];
    const lease = [this.#instance, epoch, leaseMs, KEEP_MS];
    const kept = [...entries].flat();
    const args = [...lease, this.#wantsVersion, news, forgotten.length, ...forgotten, ...kept];
    const reply = await this.#run(PUBLISH, keys, args);
    // The cast: the script says so.
    const [seq, version, wants] = reply as PublishReply;
    if (seq === undefined || version === undefined) return "lost";
    this.#order.published({ epoch, seq });
    this.#wantsVersion = version;
    return { untilTick: sentTick + leaseMs, wants: wants === undefined ? undefined : new Set(wants) };
  }

  async read(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    // The cast: the script says so.
    const texts = (await this.#run(READ, [this.#entries], names)) as readonly (string | null)[];
    const found = new Map<string, string>();
    for (const [index, name] of names.entries()) {
      const text = texts[index];
      if (typeof text === "string") found.set(name, text);
    }
    return found;
  }

  async want(wants: ReadonlySet<string>): Promise<void> {
    this.#wanted = new Set(wants);
    this.#renewLater();
    await this.#sendWants();
  }

  async hint(text: string): Promise<void> {
    await this.#run(HINT, [this.#channel], [this.#instance, text]);
  }

  async leave(): Promise<void> {
    if (this.#hasLeft) return;
    const keys = [this.#lease, this.#wants, this.#wantEnds, this.#channel];
    const left = this.#run(LEAVE, keys, [this.#instance, KEEP_MS]);
    this.abandon();
    await left.catch(() => undefined);
  }

  /** Redis is away. */
  lose(): void {
    this.#order.lose();
    this.#member.onAway();
  }

  /** Redis is there again: what it has kept of all this is not known. */
  find(): void {
    this.#epoch = -1;
    this.#sentWants = undefined;
    this.#order.lose();
    if (this.#wanted.size > 0) this.#renew();
    this.#member.onGap();
  }

  abandon(): void {
    this.#hasLeft = true;
    this.#renewal?.cancel();
    this.#order.close();
    this.#stopListening();
    this.#onLeave();
  }

  async #run(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    if (this.#hasLeft) throw new SharedStateAwayError();
    return this.#exchange.connection.run(script, keys, args);
  }

  /** What has changed, or all where Redis may have something else. */
  async #sendWants(): Promise<void> {
    const wanted = this.#wanted;
    const known = this.#sentWants;
    const over = known === undefined ? [] : [...known].filter((name) => !wanted.has(name));
    const begun = known === undefined ? [...wanted] : [...wanted].filter((name) => !known.has(name));
    const { wantMs } = this.#exchange;
    const head = [this.#instance, this.#exchange.nextTurn(), wantMs, KEEP_MS, known === undefined ? 1 : 0];
    this.#sentWants = wanted;
    let reply: unknown;
    try {
      const keys = [this.#lease, this.#wants, this.#wantEnds];
      reply = await this.#run(WANT, keys, [...head, over.length, ...over, ...begun]);
    } catch (thrown) {
      this.#sentWants = undefined;
      throw toError(thrown);
    }
    if (reply === 1) return;
    // They have ended, as this process stood still for long.
    this.#sentWants = undefined;
    await this.#sendWants();
  }

  #renew(): void {
    // Where it fails Redis is away, and all is wanted anew once it is there.
    void this.#sendWants().catch(() => undefined);
  }

  #renewLater(): void {
    this.#renewal?.cancel();
    if (this.#wanted.size === 0 || this.#hasLeft) return;
    this.#renewal = this.#exchange.clock.setTimer(this.#exchange.wantRenewalMs, () => {
      this.#renew();
      this.#renewLater();
    });
  }

  #receive(text: string): void {
    if (this.isAway) return;
    const message = readMessage(text);
    if (message === undefined) this.#order.missed();
    else if (message["kind"] === "news") this.#receiveNews(message);
    else if (message["from"] === this.#instance) return;
    else if (message["kind"] === "released") this.#member.onReleased();
    else if (message["kind"] === "hint" && typeof message["text"] === "string") this.#member.onHint(message["text"]);
  }

  #receiveNews({ from, epoch, seq, news }: Readonly<Record<string, unknown>>): void {
    if (typeof epoch === "number" && typeof seq === "number" && typeof news === "string") {
      this.#order.receive({ epoch, seq, text: news, isOwn: from === this.#instance });
    } else {
      this.#order.missed();
    }
  }
}

type ClaimReply = [
  isHolder: number,
  leftMs: number,
  epoch: number,
  seq: number,
  wantsVersion: string,
  entries: readonly string[],
  wants: readonly string[],
];
type PublishReply = [seq?: number, wantsVersion?: string, wants?: readonly string[]];

/** Undefined where it cannot be read, as one of a later version. */
function readMessage(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const message: unknown = JSON.parse(text);
    return isRecord(message) && message["v"] === MESSAGE_VERSION ? message : undefined;
  } catch {
    return undefined;
  }
}

/** @param flat - names and entries by turns. */
function toMap(flat: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let index = 0; index < flat.length; index += 2) map.set(flat[index] ?? "", flat[index + 1] ?? "");
  return map;
}
