/**
 * The keys that creates were started with in the last 24 hours, and what became of each, as a port: in memory, or shared by
 * the instances of a gateway. An attempt to start a task takes its key, says when it is about to send the create, and says
 * what came of it; what a slow attempt says of a key that another has begun with since counts for nothing.
 */

import type { IdempotencyTag } from "./idempotency-tag.js";

/** How long a key holds, from its first use on. */
export const KEY_LIFETIME_MS = 24 * 60 * 60 * 1_000;

export interface IdempotencyKeys {
  /**
   * Takes a key for an attempt, or answers what became of it.
   *
   * @param holdMs - milliseconds that the attempt has until it begins; then another may take the key.
   * @throws UpstreamThrottledError - when too many other keys are under way or lost.
   * @throws UpstreamUnavailableError - when the keys cannot be reached: then this attempt has not taken the key, and may not begin.
   */
  take(projectName: string, tag: IdempotencyTag, holdMs: number): Promise<KeyUse>;
}

export type KeyUse =
  /** By this attempt. `lostMs`: for how long the answer to a create of this key has been lost; null when none was. */
  | { readonly kind: "taken"; readonly hold: KeyHold; readonly lostMs: number | null }
  /** By another attempt, which has so many milliseconds left. */
  | { readonly kind: "underWay"; readonly restMs: number }
  | { readonly kind: "answered"; readonly answer: KeyAnswer }
  /** With another input. */
  | { readonly kind: "reused" };

/** The task that a key has started, as far as its input does not say it. */
export interface KeyAnswer {
  readonly taskId: string;
  /** Of the create's answer; null when that is not known. */
  readonly eventId: string | null;
  readonly requestId: string | null;
  /** When it was started, or found: milliseconds since the epoch, by the wall clock. */
  readonly startedAt: number;
}

/** A key that an attempt has taken. What it says last never rejects, and is said again later where it could not be said. */
export interface KeyHold {
  /**
   * The create is about to be sent: from now on it may have started a task. That an earlier one was lost is forgotten.
   *
   * @param holdMs - milliseconds that it takes at most; then its answer counts as lost, from that instant on.
   * @returns false where another attempt has the key by now: then nothing may be sent.
   * @throws UpstreamUnavailableError - when the keys cannot be reached: then nothing may be sent.
   */
  begin(holdMs: number): Promise<boolean>;
  /** The task is known: every further use of the key is answered with it. */
  settle(answer: KeyAnswer): Promise<void>;
  /** The answer to the create was lost just now. */
  lose(): Promise<void>;
  /** The attempt has certainly started nothing: the key is again what it was before it was taken. */
  free(): Promise<void>;
}
