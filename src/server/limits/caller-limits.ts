/**
 * What one caller may cause, by whatever transport: calls to IMM, mutations, and streams and sockets at once. The pipeline asks
 * for each operation, the WebSocket transport for each socket.
 *
 * An operation is charged its price before it runs, and given back what it did not call; what it called beyond that, such as
 * pages that held nothing for it, it owes. Whoever says nothing of
 * who they are, is the address that they ask from.
 */

import { allowanceOf } from "../../access/grants/allowance.js";
import { ANONYMOUS, EVERYBODY, type CallAllowance, type Principal } from "../../access/principal.js";
import type { Clock } from "../../clock.js";
import { RateLimitedError } from "../../errors.js";
import { networkOf } from "./client-address.js";
import { Slots } from "./slots.js";
import { perMinute } from "./token-bucket.js";
import { TokenBuckets } from "./token-buckets.js";

/** Who asks, and from where. */
export interface LimitedClient {
  readonly principal: Principal;
  /** As `client-address.ts` names it. */
  readonly address: string;
}

/** What each caller may cause; 0 for no limit. */
export interface CallerLimitsOptions {
  readonly clock: Clock;
  /** Called with the name of the setting that refuses. @default nothing is */
  readonly onSpent?: ((setting: string) => void) | undefined;
  /** Of a caller whose grants have no allowance of their own. */
  readonly callsPerMinute: number;
  readonly callBurst: number;
  readonly mutationsPerMinute: number;
  readonly maxStreamsPerCaller: number;
  readonly maxProjectStreamsPerCaller: number;
  readonly maxSocketsPerCaller: number;
}

/** What an operation may cause at most. */
export interface Demand {
  /** To IMM. */
  readonly calls: number;
  readonly mutations: number;
  readonly isStream: boolean;
  /** Of those the streams of whole projects, of which the gateway follows a few only. @default 0 */
  readonly projectStreams?: number | undefined;
}

/** An operation that was let in. */
export interface Admission {
  /** The operation has been answered, or its stream has begun: it gets back what it did not call, or owes the rest. Counts once. */
  settle(calls: number): void;
  /** Nothing more comes of it. Counts once. */
  leave(): void;
}

/** What those are called who do not say who they are: each of them is where it asks from. */
const NAMELESS: ReadonlySet<string> = new Set([EVERYBODY.caller, ANONYMOUS]);

/** The limits of all callers of one gateway. */
export class CallerLimits {
  readonly #options: CallerLimitsOptions;
  readonly #allowanceOfAll: CallAllowance | undefined;
  readonly #calls: TokenBuckets;
  readonly #mutations: TokenBuckets;
  readonly #streams: Slots;
  readonly #projectStreams: Slots;
  readonly #sockets: Slots;

  constructor(options: CallerLimitsOptions) {
    const { callsPerMinute, callBurst: burst } = options;
    this.#options = options;
    this.#allowanceOfAll = callsPerMinute === 0 ? undefined : { callsPerMinute, burst };
    this.#calls = new TokenBuckets(options.clock);
    this.#mutations = new TokenBuckets(options.clock);
    this.#streams = new Slots(options.maxStreamsPerCaller);
    this.#projectStreams = new Slots(options.maxProjectStreamsPerCaller);
    this.#sockets = new Slots(options.maxSocketsPerCaller);
  }

  /**
   * Lets an operation in, and charges it.
   *
   * @throws RateLimitedError - when the caller has spent its share; then nothing is charged.
   */
  admit(client: LimitedClient, { calls, mutations, isStream, projectStreams = 0 }: Demand): Admission {
    const name = nameOf(client);
    if (isStream && !this.#streams.hasRoom(name)) {
      this.#options.onSpent?.("MAX_STREAMS_PER_CALLER");
      throw tooMany("streams", this.#options.maxStreamsPerCaller);
    }
    const isOfProject = projectStreams > 0;
    if (isOfProject && !this.#projectStreams.hasRoom(name)) {
      this.#options.onSpent?.("MAX_PROJECT_STREAMS_PER_CALLER");
      throw tooMany("streams of projects", this.#options.maxProjectStreamsPerCaller);
    }
    const giveBack = this.#takeCalls(name, client, calls);
    try {
      this.#takeMutations(name, mutations);
    } catch (thrown) {
      giveBack(calls);
      throw thrown;
    }
    const leaves = [isStream && this.#streams.take(name), isOfProject && this.#projectStreams.take(name)];
    const leave = (): void => {
      for (const leaveOne of leaves) if (leaveOne) leaveOne();
    };
    return { settle: (called) => giveBack(calls - called), leave };
  }

  /**
   * Counts a socket, and answers what is to be called when it is closed.
   *
   * @throws RateLimitedError - when the caller has as many as it may.
   */
  openSocket(client: LimitedClient): () => void {
    const leave = this.#sockets.take(nameOf(client));
    if (leave !== null) return leave;
    this.#options.onSpent?.("MAX_SOCKETS_PER_CALLER");
    throw tooMany("sockets", this.#options.maxSocketsPerCaller);
  }

  #takeMutations(name: string, mutations: number): void {
    const { mutationsPerMinute } = this.#options;
    if (mutations === 0 || mutationsPerMinute === 0) return;
    const retryAfterMs = this.#mutations.take(name, perMinute(mutationsPerMinute), mutations);
    if (retryAfterMs === null) return;
    this.#options.onSpent?.("MUTATIONS_PER_MINUTE");
    throw new RateLimitedError(`Expected at most ${mutationsPerMinute} mutations a minute.`, { retryAfterMs });
  }

  #takeCalls(name: string, { principal }: LimitedClient, calls: number): (unused: number) => void {
    const allowance = allowanceOf(principal, this.#allowanceOfAll);
    if (calls === 0 || allowance === undefined) return () => undefined;
    const { callsPerMinute, burst } = allowance;
    // One bucket that changed its size with the token would be filled by a caller who has two.
    const [share, size] = [`${name} ${callsPerMinute} ${burst}`, perMinute(callsPerMinute, burst)];
    const retryAfterMs = this.#calls.take(share, size, calls);
    if (retryAfterMs !== null) {
      this.#options.onSpent?.("CALLS_PER_MINUTE");
      const allowed = `at most ${callsPerMinute} calls to IMM a minute, and ${burst} at once`;
      throw new RateLimitedError(`Expected ${allowed}, got an operation of up to ${calls}.`, { retryAfterMs });
    }
    let isSettled = false;
    return (unused) => {
      if (!isSettled) this.#calls.giveBack(share, size, unused);
      isSettled = true;
    };
  }
}

/** What a caller's shares are kept under: no caller has the name of an address. */
function nameOf({ principal: { caller }, address }: LimitedClient): string {
  return NAMELESS.has(caller) ? `address ${networkOf(address)}` : `caller ${caller}`;
}

function tooMany(what: string, max: number): RateLimitedError {
  return new RateLimitedError(`Expected at most ${max} ${what} at once of one caller: end one before the next.`);
}
