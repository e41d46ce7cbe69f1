/**
 * Which failures those who follow tasks outlive. Pure.
 *
 * What may succeed later by itself is outlived. So is a refusal of the gateway's account for a while after IMM has answered
 * for the project: keys are rotated, clocks and policies mended, while thousands follow.
 */

import { ForbiddenError, GatewayError, UpstreamMisconfiguredError, UpstreamRejectedError } from "../errors.js";
import type { PollBounds } from "./poll-schedule.js";

/** Refusals that say nothing of the task or the request. */
const REFUSALS = [UpstreamMisconfiguredError, ForbiddenError, UpstreamRejectedError];

/**
 * Whether whoever follows tasks of a project outlives the failure.
 *
 * @param hasAnswered - whether IMM has answered for the project within the grace.
 */
export function mayPass(error: Error, hasAnswered: boolean): boolean {
  return isRetryable(error) || (hasAnswered && REFUSALS.some((kind) => error instanceof kind));
}

/** Milliseconds to wait at least: what IMM asks for, or the longest interval after a refusal. Undefined where nothing does. */
export function retryAfterMs(error: Error, { maxPollIntervalMs }: PollBounds): number | undefined {
  if (!(error instanceof GatewayError)) return undefined;
  return error.retryAfterMs ?? (error.retryable ? undefined : maxPollIntervalMs);
}

function isRetryable(error: Error): boolean {
  return error instanceof GatewayError && error.retryable;
}
