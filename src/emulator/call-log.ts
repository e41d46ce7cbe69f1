/**
 * What the emulator has received: the calls, for tests to assert on, and how many were in flight at once. Written by
 * `imm-http-server.ts`. Bounded, so that an emulator may run for weeks.
 */

/** One request that has arrived completely, whatever became of it. */
export interface ReceivedCall {
  /** The header `x-acs-action`, or an empty string. */
  readonly action: string;
  /** The parameters as sent, from the query and the form body. */
  readonly parameters: Readonly<Record<string, string>>;
  /** When it had arrived, by the emulator's clock. */
  readonly at: number;
  /** The kind of the fault that was injected into it; absent when there was none. */
  readonly fault?: string;
  /** The HTTP status it was answered with; null while unanswered, and for good when it is stalled or reset. */
  readonly status: number | null;
  /** The access key it was signed with, genuine or not; null without a readable signature. */
  readonly accessKeyId: string | null;
}

/** A call whose fate the door still writes. */
export type OpenCall = { -readonly [K in keyof ReceivedCall]: ReceivedCall[K] };

/** At least this many of the latest calls are kept. */
export const MAX_KEPT_CALLS = 100_000;

/** The oldest calls are dropped this many at a time, because every drop moves the whole array. */
const DROPPED_AT_ONCE = 10_000;

/** The calls received and the load they made. */
export class CallLog {
  readonly #calls: OpenCall[] = [];
  #inFlight = 0;
  #maxInFlight = 0;

  /** In the order of arrival; the same array from call to call. */
  get calls(): readonly ReceivedCall[] {
    return this.#calls;
  }

  /** The most requests that were in flight at once. */
  get maxInFlight(): number {
    return this.#maxInFlight;
  }

  /** A request begins to arrive. */
  enter(): void {
    this.#inFlight += 1;
    this.#maxInFlight = Math.max(this.#maxInFlight, this.#inFlight);
  }

  /** A request has been answered, or its connection is gone. */
  leave(): void {
    this.#inFlight -= 1;
  }

  /** Keeps `call`; its `fault` and `status` may still be written. */
  record(call: OpenCall): void {
    this.#calls.push(call);
    if (this.#calls.length >= MAX_KEPT_CALLS + DROPPED_AT_ONCE) this.#calls.splice(0, DROPPED_AT_ONCE);
  }

  /** Forgets the calls, and measures the load anew from what is in flight now. */
  clear(): void {
    this.#calls.length = 0;
    this.#maxInFlight = this.#inFlight;
  }
}
