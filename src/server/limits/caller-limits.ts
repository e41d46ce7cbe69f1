/**
 * What one caller may cause, by whatever transport: calls to IMM, mutations, and streams and sockets at once. The pipeline asks
 * for each operation, the WebSocket transport for each socket.
 *
 * An operation is charged its price before it runs, and given back what it did not call; what it called beyond that, such as
 * pages that held nothing for it, it owes. A client that does not say who it is, is the address that it asks from.
 */

import { allowanceOf } from "../../access/grants/allowance.js";
import { ANONYMOUS, EVERYBODY, type CallAllowance, type Principal } from "../../access/principal.js";
import type { Clock } from "../../clock.js";
import { RateLimitedError } from "../../errors.js";
import { perMinute } from "../../token-bucket.js";
import { TokenBuckets, type Buckets, type Charge, type Charged, type Receipt } from "../../token-buckets.js";
import { networkOf } from "./client-address.js";
import { Slots } from "./slots.js";

/** Who asks, and from where. */
export interface LimitedClient {
  readonly principal: Principal;
  /** As `client-address.ts` names it. */
  readonly address: string;
}

/** What each caller may cause; 0 for no limit. */
export interface CallerLimitsOptions {
  readonly clock: Clock;
  /** Of calls and mutations. Streams and sockets are counted here in any case. @default this instance's own */
  readonly buckets?: Buckets | undefined;
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

/** Of what takes nothing that is counted. */
const FREE: Admission = { settle: () => undefined, leave: () => undefined };

/** The limits of all callers of one gateway. */
export class CallerLimits {
  readonly #options: CallerLimitsOptions;
  readonly #allowanceOfAll: CallAllowance | undefined;
  readonly #mutationLimit: Limit;
  /** What is the same for each operation of a principal is made once. */
  readonly #shares = new WeakMap<Principal, Share>();
  readonly #buckets: Buckets;
  readonly #streams: Slots;
  readonly #projectStreams: Slots;
  readonly #sockets: Slots;

  constructor(options: CallerLimitsOptions) {
    const { callsPerMinute, callBurst: burst, mutationsPerMinute } = options;
    this.#options = options;
    this.#allowanceOfAll = callsPerMinute === 0 ? undefined : { callsPerMinute, burst };
    this.#mutationLimit = {
      setting: "MUTATIONS_PER_MINUTE",
      perMinute: mutationsPerMinute,
      bucket: `mutations:${mutationsPerMinute}`,
      size: perMinute(mutationsPerMinute),
    };
    this.#buckets = options.buckets ?? new TokenBuckets(options.clock);
    this.#streams = new Slots(options.maxStreamsPerCaller);
    this.#projectStreams = new Slots(options.maxProjectStreamsPerCaller);
    this.#sockets = new Slots(options.maxSocketsPerCaller);
  }

  /**
   * Lets an operation in, and charges it: at once, or as a promise where the buckets are shared with other instances.
   *
   * @throws RateLimitedError - when the caller has spent its share; then nothing is charged. The promise rejects with it.
   */
  admit(client: LimitedClient, demand: Demand): Admission | Promise<Admission> {
    const share = this.#shareOf(client.principal);
    const charges = this.#chargesOf(share, demand);
    if (charges.length === 0 && !demand.isStream) return FREE;
    const name = share.name ?? nameOfAddress(client.address);
    const leave = this.#takePlaces(name, demand);
    if (charges.length === 0) return new Admitted(undefined, undefined, leave);
    const charged = this.#buckets.charge(name, charges);
    return charged instanceof Promise
      ? this.#toLateAdmission(charged, charges, leave)
      : this.#toAdmission(charged, charges, leave);
  }

  /**
   * Counts a socket, and answers what is to be called when it is closed.
   *
   * @throws RateLimitedError - when the caller has as many as it may.
   */
  openSocket(client: LimitedClient): () => void {
    const leave = this.#sockets.take(this.#shareOf(client.principal).name ?? nameOfAddress(client.address));
    if (leave !== null) return leave;
    this.#options.onSpent?.("MAX_SOCKETS_PER_CALLER");
    throw tooMany("sockets", this.#options.maxSocketsPerCaller);
  }

  /** Before anything is waited for, so that no other operation takes the same. */
  #takePlaces(name: string, { isStream, projectStreams = 0 }: Demand): (() => void) | undefined {
    if (!isStream) return undefined;
    const leaveStreams = this.#streams.take(name);
    if (leaveStreams === null) {
      this.#options.onSpent?.("MAX_STREAMS_PER_CALLER");
      throw tooMany("streams", this.#options.maxStreamsPerCaller);
    }
    const leaveProjectStreams = projectStreams > 0 ? this.#projectStreams.take(name) : undefined;
    if (leaveProjectStreams === null) {
      leaveStreams();
      this.#options.onSpent?.("MAX_PROJECT_STREAMS_PER_CALLER");
      throw tooMany("streams of projects", this.#options.maxProjectStreamsPerCaller);
    }
    return () => {
      leaveStreams();
      leaveProjectStreams?.();
    };
  }

  #chargesOf({ calls: callLimit }: Share, { calls, mutations }: Demand): readonly LimitCharge[] {
    const charges: LimitCharge[] = [];
    if (calls > 0 && callLimit !== undefined) charges.push(chargeOf(calls, callLimit));
    if (mutations > 0 && this.#mutationLimit.perMinute > 0) charges.push(chargeOf(mutations, this.#mutationLimit));
    return charges;
  }

  #shareOf(principal: Principal): Share {
    let share = this.#shares.get(principal);
    if (share === undefined) {
      const allowance = allowanceOf(principal, this.#allowanceOfAll);
      share = { name: nameIfKnown(principal), calls: allowance && callLimitOf(allowance) };
      this.#shares.set(principal, share);
    }
    return share;
  }

  async #toLateAdmission(
    charged: Promise<Charged<LimitCharge>>,
    charges: readonly LimitCharge[],
    leave: (() => void) | undefined,
  ): Promise<Admission> {
    return this.#toAdmission(await charged, charges, leave);
  }

  #toAdmission(
    charged: Charged<LimitCharge>,
    charges: readonly LimitCharge[],
    leave: (() => void) | undefined,
  ): Admission {
    if ("retryAfterMs" in charged) {
      leave?.();
      this.#options.onSpent?.(charged.charge.setting);
      throw new RateLimitedError(sentenceOf(charged.charge), { retryAfterMs: charged.retryAfterMs });
    }
    // Its calls come first, where it has any.
    const calls = charges[0]?.setting === "CALLS_PER_MINUTE" ? charges[0] : undefined;
    return new Admitted(charged, calls, leave);
  }
}

class Admitted implements Admission {
  readonly #receipt: Receipt<LimitCharge> | undefined;
  /** Undefined where it was not charged any, or has been settled. */
  #calls: LimitCharge | undefined;
  readonly #leave: (() => void) | undefined;

  constructor(
    receipt: Receipt<LimitCharge> | undefined,
    calls: LimitCharge | undefined,
    leave: (() => void) | undefined,
  ) {
    this.#receipt = receipt;
    this.#calls = calls;
    this.#leave = leave;
  }

  settle(called: number): void {
    const calls = this.#calls;
    this.#calls = undefined;
    if (calls !== undefined) this.#receipt?.giveBack(calls, calls.tokens - called);
  }

  leave(): void {
    this.#leave?.();
  }
}

/** What a principal's operations are charged to. */
interface Share {
  /** What its buckets and places are kept under. Undefined where that is its address, since it does not say who it is. */
  readonly name: string | undefined;
  /** Undefined where it may cause as many calls as it likes. */
  readonly calls: Limit | undefined;
}

/** What a setting allows, and the bucket that it is counted by. */
interface Limit extends Pick<Charge, "bucket" | "size"> {
  readonly setting: "CALLS_PER_MINUTE" | "MUTATIONS_PER_MINUTE";
  readonly perMinute: number;
}

/** A charge, and what says how large it may be. */
type LimitCharge = Limit & Charge;

function callLimitOf({ callsPerMinute, burst }: CallAllowance): Limit {
  // One bucket that changed its size with the token would be filled by a caller who has two.
  const bucket = `calls:${callsPerMinute}:${burst}`;
  return { setting: "CALLS_PER_MINUTE", perMinute: callsPerMinute, bucket, size: perMinute(callsPerMinute, burst) };
}

/** No caller has the name of an address. */
function nameIfKnown({ caller }: Principal): string | undefined {
  return caller === EVERYBODY.caller || caller === ANONYMOUS ? undefined : `caller ${caller}`;
}

function nameOfAddress(address: string): string {
  return `address ${networkOf(address)}`;
}

function chargeOf(tokens: number, { setting, perMinute, bucket, size }: Limit): LimitCharge {
  return { setting, perMinute, bucket, size, tokens };
}

function sentenceOf({ setting, perMinute: allowed, size, tokens }: LimitCharge): string {
  if (setting === "MUTATIONS_PER_MINUTE") return `Expected at most ${allowed} mutations a minute.`;
  const calls = `at most ${allowed} calls to IMM a minute, and ${size.burst} at once`;
  return `Expected ${calls}, got an operation of up to ${tokens}.`;
}

function tooMany(what: string, max: number): RateLimitedError {
  return new RateLimitedError(`Expected at most ${max} ${what} at once of one caller: end one before the next.`);
}
