/**
 * Which failures the followers of tasks outlive. Pure.
 *
 * What may succeed later by itself is outlived. So is a refusal for a while after IMM has answered the same question: keys are
 * rotated, clocks and policies mended, while thousands follow.
 */

import {
  BadUserInputError,
  ForbiddenError,
  GatewayError,
  UpstreamMisconfiguredError,
  UpstreamRejectedError,
} from "../../errors.js";
import type { PollRate } from "./poll-plan.js";

/** Refusals that say nothing of the task. What was asked before, in the same words, is not the client's fault either. */
const REFUSALS = [UpstreamMisconfiguredError, ForbiddenError, UpstreamRejectedError, BadUserInputError];

/**
 * Whether the followers outlive the failure.
 *
 * @param hasAnswered - whether IMM has answered the same question within the grace.
 */
export function mayPass(error: Error, hasAnswered: boolean): boolean {
  if (error instanceof GatewayError && error.retryable) return true;
  return hasAnswered && REFUSALS.some((kind) => error instanceof kind);
}

/** Milliseconds to wait at least: what IMM asks for, or the longest interval after a refusal. Undefined where nothing does. */
export function retryAfterMs(error: Error, { maxPollIntervalMs }: PollRate): number | undefined {
  if (!(error instanceof GatewayError)) return undefined;
  return error.retryAfterMs ?? (error.retryable ? undefined : maxPollIntervalMs);
}
