/**
 * What several instances of the gateway share of the projects that they watch, as a port: a lease, so that one of them polls;
 * what each of them wants to know; and what the polls have shown, kept and told. All texts are this folder's own business: an
 * adapter keeps and carries them, and guards that only the holder of the lease writes.
 */

/** Joined once for each process. */
export interface Exchange {
  /** Takes a seat in a project, of which an instance has one at a time. Makes no call. */
  join(projectName: string, member: Member): Seat;
  /** What time it was at that tick on the one clock that all instances share, in milliseconds since the epoch. */
  timeAt(tick: number): number;
  /** The tick of that time; never one that is yet to come. */
  tickAt(timeMs: number): number;
}

/** What an instance is told about a project. Nothing in here throws, and nothing is told after `leave`. */
export interface Member {
  /** What the holder of the lease has published, in its order and without a gap. Its own it is not told. */
  onNews(text: string): void;
  /** Something may have been missed: `claim` answers with all that is kept. Called again when the exchange is there again. */
  onGap(): void;
  /** Another instance wants this looked at now. All are told, and who has no lease ignores it. */
  onHint(text: string): void;
  /** The lease was given away: whoever claims it first has it. */
  onReleased(): void;
  /** The exchange cannot be reached. Until `onGap`, each call rejects with a `SharedStateAwayError`. */
  onAway(): void;
}

/**
 * What an instance has of a project. Each call may reject with a `SharedStateAwayError`, and then it may have been carried out.
 * Calls are carried out in the order in which they are made, those of the next seat in the project too: `leave` may follow a
 * `publish` that is not answered yet.
 */
export interface Seat {
  /** Whether the exchange can be reached, as far as is known. */
  readonly isAway: boolean;
  /** Takes the lease where no one has it, renews it where it is this instance's; and answers with all that is kept. */
  claim(): Promise<Claim>;
  /**
   * Renews the lease, keeps and forgets entries, and tells the others the news: all of it, or nothing where the lease is
   * another's by now. One at a time.
   */
  publish(publication: Publication): Promise<Published | "lost">;
  /** The entries under these names that are kept. */
  read(names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** What this instance wants, in place of what it wanted before. It is renewed until it leaves, and ends 30 s after a crash. */
  want(wants: ReadonlySet<string>): Promise<void>;
  /** Tells who has the lease. A hint may be lost. */
  hint(text: string): Promise<void>;
  /** Wants nothing more, and gives the lease away where it has it. Never rejects. */
  leave(): Promise<void>;
}

export interface Claim {
  readonly isHolder: boolean;
  /** The tick until which the lease certainly is the holder's, counted from before it was asked for. */
  readonly untilTick: number;
  /** By name. */
  readonly entries: ReadonlyMap<string, string>;
  /** What other instances want, each once. */
  readonly wants: ReadonlySet<string>;
}

export interface Publication {
  /** Are kept in place of those of the same name, and told. */
  readonly entries: ReadonlyMap<string, string>;
  /** Names of entries that are kept no more. */
  readonly forgotten: readonly string[];
  readonly news: string;
}

export interface Published {
  readonly untilTick: number;
  /** What other instances want; undefined where it is what was answered last. */
  readonly wants: ReadonlySet<string> | undefined;
}

/** Milliseconds that a lease holds from its last renewal on. */
export const LEASE_MS = 10_000;
/** Milliseconds that wants hold from their last renewal on. */
export const WANT_MS = 30_000;
/** Milliseconds after which wants are renewed. */
export const WANT_RENEWAL_MS = 10_000;
