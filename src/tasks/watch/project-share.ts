/**
 * Which instance polls a project: a guest hears what the holder of the lease publishes, and takes the lease when it hears nothing
 * any more; an instance that cannot reach the exchange is alone, and polls for itself. It keeps the seat in the exchange, and the
 * lease; what is shared is the `ProjectWatch`'s business.
 */

import type { Clock, Timer } from "../../clock.js";
import { SharedStateAwayError, toError } from "../../errors.js";
import type { Logger } from "../../log.js";
import { LEASE_MS, type Claim, type Exchange, type Publication, type Seat } from "./exchange.js";
import { POLL, readHint, readNews, toHint, toNews } from "./shared-entries.js";

/** What an instance is to the others; `joining` until the first claim is answered. */
export type Role = "joining" | "holder" | "guest" | "alone";

export interface ProjectShareOptions {
  readonly projectName: string;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the subscribers of this instance want. */
  readonly wants: () => ReadonlySet<string>;
  /** A claim is answered: the role may be another. */
  readonly onClaim: (claim: Claim) => void;
  /** As a guest: what the holder has published, or keeps. */
  readonly onEntries: (entries: ReadonlyMap<string, string>, isNews: boolean) => void;
  /** As the holder: what other instances want now. */
  readonly onWants: (wants: ReadonlySet<string>) => void;
  /** As the holder: other instances seek these, and may want more than is known. */
  readonly onSought: (names: readonly string[]) => void;
  /** As the holder: what there is to publish. */
  readonly collect: () => Pick<Publication, "entries" | "forgotten">;
  /** The exchange cannot be reached. */
  readonly onAlone: () => void;
}

/** The lease is renewed after that, and an exchange that could not be reached is asked again. */
const RENEWAL_MS = LEASE_MS / 3;
/** Publications that hints ask for are so many milliseconds apart. */
const HINT_PATIENCE_MS = 50;
/** Instances that have heard nothing do not all claim at once. */
const SILENCE_CHANCE_MS = 1_000;
const RELEASE_CHANCE_MS = 100;

export class ProjectShare {
  readonly #options: ProjectShareOptions;
  readonly #seat: Seat;
  #role: Role = "joining";
  /** Until when the lease certainly is this instance's. */
  #untilTick = -Infinity;
  #claim: Promise<void> | undefined;
  #isPublishing = false;
  /** When the last publication that was not lost was begun. */
  #publishedTick = -Infinity;
  /** Whether there is something to publish that is not in what is being published. */
  #hasNews = false;
  #want: Promise<void> | undefined;
  /** Whether the wants may be others than those that are being sent. */
  #hasWants = false;
  /** Undefined where it is not known what the exchange has. */
  #sentWants: ReadonlySet<string> | undefined;
  #timer: Timer | undefined;
  #hasLeft = false;

  constructor(options: ProjectShareOptions) {
    this.#options = options;
    this.#seat = options.exchange.join(options.projectName, {
      onNews: (text) => this.#hear(text),
      onGap: () => this.claim(),
      onHint: (text) => this.#takeHint(text),
      onReleased: () => this.#takeReleased(),
      onAway: () => this.#lose(new SharedStateAwayError()),
    });
    this.claim();
  }

  get role(): Role {
    return this.#role;
  }

  /** Whether this instance may poll for what its subscribers want. */
  get mayPoll(): boolean {
    return this.#role === "alone" || (this.#role === "holder" && this.#isLeaseSure);
  }

  /** Whether what calls bring may be shown: a holder that was stopped asks first whether it still is. */
  get mayShow(): boolean {
    return this.#role !== "holder" || this.#isLeaseSure;
  }

  /** Asks who has the lease, and takes it where no one has. */
  claim(): void {
    void this.#claimOnce();
  }

  /** Claims where it is no longer sure that this instance has the lease. */
  keepLease(): void {
    if (!this.mayShow) this.claim();
  }

  /** What the subscribers want may have changed. */
  changeWants(): void {
    if (!this.#hasLeft) void this.#sendWants();
  }

  /** There is something to publish. */
  publish(): void {
    this.#hasNews = true;
    if (!this.#isPublishing && this.#role === "holder" && !this.#hasLeft) void this.#publishAll();
  }

  /**
   * As a guest: looks for these among the entries, and lets the holder know of those that are still sought then.
   *
   * @param readsAll - whether all entries are looked through.
   */
  async seek(names: readonly string[], readsAll: boolean, isSought: (name: string) => boolean): Promise<void> {
    try {
      if (readsAll) await this.#claimOnce();
      else this.#takeEntries(await this.#seat.read([POLL, ...names]));
      const open = names.filter(isSought);
      if (open.length === 0 || this.#role !== "guest" || this.#hasLeft) return;
      await this.#sendWants();
      await this.#seat.hint(toHint(open));
    } catch (thrown) {
      this.#lose(thrown);
    }
  }

  /** Looks for these among the entries once more. */
  async readAgain(names: readonly string[]): Promise<void> {
    try {
      this.#takeEntries(await this.#seat.read([POLL, ...names]));
    } catch (thrown) {
      this.#lose(thrown);
    }
  }

  /** Publishes what there is, wants nothing more, and gives the lease away. Calls of one turn are carried out in their order. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#timer?.cancel();
    if (this.mayPoll && this.#role === "holder") this.#publishOnce().catch(() => undefined);
    void this.#seat.leave();
  }

  get #isLeaseSure(): boolean {
    return this.#options.clock.tick() < this.#untilTick;
  }

  #claimOnce(): Promise<void> {
    this.#claim ??= this.#claimNow().finally(() => (this.#claim = undefined));
    return this.#claim;
  }

  async #claimNow(): Promise<void> {
    if (this.#hasLeft) return;
    try {
      const claim = await this.#seat.claim();
      if (this.#hasLeft) return;
      if (this.#seat.isAway) throw new SharedStateAwayError();
      this.#untilTick = claim.isHolder ? claim.untilTick : -Infinity;
      this.#become(claim.isHolder ? "holder" : "guest");
      this.#options.onClaim(claim);
      if (claim.isHolder) this.publish();
    } catch (thrown) {
      this.#lose(thrown);
    }
  }

  #become(role: Role): void {
    const { projectName, logger } = this.#options;
    const before = this.#role;
    this.#role = role;
    this.#wakeAfter(this.#patienceMs);
    if (role === before) return;
    logger.debug({ projectName, role }, "Which instance polls a project has changed.");
    if (before === "alone" || before === "joining") this.changeWants();
  }

  /** Until when nothing needs to be done where nothing happens. */
  get #patienceMs(): number {
    return this.#role === "guest" ? LEASE_MS + this.#options.clock.random() * SILENCE_CHANCE_MS : RENEWAL_MS;
  }

  #wakeAfter(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(ms, () => this.#wake());
  }

  #wake(): void {
    this.#wakeAfter(this.#patienceMs);
    if (this.#role === "holder" && this.#isLeaseSure) this.publish();
    else this.claim();
  }

  /** Something has failed: until the exchange answers again, each instance polls for itself. */
  #lose(thrown: unknown): void {
    if (this.#hasLeft) return;
    const error = toError(thrown);
    const { projectName, logger, onAlone } = this.#options;
    if (!(error instanceof SharedStateAwayError)) {
      logger.warn({ projectName, err: error }, "What the instances share of a project could not be had.");
    }
    const wasAlone = this.#role === "alone";
    this.#sentWants = undefined;
    this.#become("alone");
    if (!wasAlone) onAlone();
  }

  #hear(text: string): void {
    if (this.#role === "guest") {
      this.#wakeAfter(this.#patienceMs);
      this.#options.onEntries(readNews(text), true);
    } else if (this.#role === "holder") {
      this.#untilTick = -Infinity;
      this.claim();
    }
  }

  #takeEntries(entries: ReadonlyMap<string, string>): void {
    if (this.#role === "guest" && !this.#hasLeft) this.#options.onEntries(entries, false);
  }

  /** What is sought may be wanted since the last publication: the next one says. */
  #takeHint(text: string): void {
    if (this.#role !== "holder") return;
    this.#options.onSought(readHint(text));
    const patienceMs = this.#publishedTick + HINT_PATIENCE_MS - this.#options.clock.tick();
    if (patienceMs > 0) this.#wakeAfter(patienceMs);
    else this.publish();
  }

  #takeReleased(): void {
    if (this.#role === "guest") this.#wakeAfter(this.#options.clock.random() * RELEASE_CHANCE_MS);
  }

  async #publishAll(): Promise<void> {
    this.#isPublishing = true;
    try {
      while (this.#hasNews && this.#role === "holder" && !this.#hasLeft) {
        this.#hasNews = false;
        const beganTick = this.#options.clock.tick();
        const published = await this.#publishOnce();
        if (this.#hasLeft || this.#role !== "holder") return;
        if (published === "lost") {
          this.#untilTick = -Infinity;
          this.claim();
          return;
        }
        this.#untilTick = published.untilTick;
        this.#publishedTick = beganTick;
        this.#wakeAfter(RENEWAL_MS);
        if (published.wants !== undefined) this.#options.onWants(published.wants);
      }
    } catch (thrown) {
      this.#lose(thrown);
    } finally {
      this.#isPublishing = false;
    }
  }

  async #publishOnce(): ReturnType<Seat["publish"]> {
    const { entries, forgotten } = this.#options.collect();
    return this.#seat.publish({ entries, forgotten, news: toNews(entries) });
  }

  /** One call at a time, for all changes of a turn, or of the time that the call before takes. */
  #sendWants(): Promise<void> {
    this.#hasWants = true;
    this.#want ??= this.#sendWantsNow().finally(() => (this.#want = undefined));
    return this.#want;
  }

  async #sendWantsNow(): Promise<void> {
    await Promise.resolve();
    while (this.#hasWants && !this.#hasLeft) {
      this.#hasWants = false;
      const wants = this.#options.wants();
      if (this.#sentWants !== undefined && isSame(wants, this.#sentWants)) continue;
      try {
        await this.#seat.want(wants);
        this.#sentWants = wants;
      } catch (thrown) {
        this.#lose(thrown);
      }
    }
  }
}

function isSame(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  if (one.size !== other.size) return false;
  for (const name of one) if (!other.has(name)) return false;
  return true;
}
