/**
 * Further attempts of a call that failed, after waits with full jitter, no earlier than IMM asks for. `call-policy` says which
 * failures are worth one. A wait ends with an error when the gateway stops, so no timer is left.
 */

import type { Clock } from "../../clock.js";
import { GatewayError, toError } from "../../errors.js";

export interface RetryLimits {
  /** Further attempts. */
  readonly maxRetries: number;
  /** Milliseconds: the first wait is between 0 and this, and the bound doubles with each further one. */
  readonly retryDelayMs: number;
  /** Milliseconds: the greatest bound. */
  readonly maxRetryDelayMs: number;
}

/** What the time of a call depends on. */
export interface CallTimes extends RetryLimits {
  /** Milliseconds that one attempt may take once it is sent. */
  readonly callTimeoutMs: number;
  readonly maxQueuedCalls: number;
  readonly maxCallsPerSecond: number;
}

/**
 * Milliseconds that a call takes at most: each attempt its deadline, behind a full queue at the full rate, and the longest waits
 * between them. Where IMM throttles, a queue can take longer.
 */
export function longestCallMs(times: CallTimes): number {
  const { maxRetries, maxRetryDelayMs, callTimeoutMs, maxQueuedCalls, maxCallsPerSecond } = times;
  const attemptMs = callTimeoutMs + Math.ceil((maxQueuedCalls / maxCallsPerSecond) * 1_000);
  let ms = attemptMs;
  for (let retries = 0; retries < maxRetries; retries += 1) {
    ms += maxRetryDelayMs + boundOf(retries, times) + attemptMs;
  }
  return ms;
}

export interface RetryOptions extends RetryLimits {
  readonly clock: Clock;
  /** Its reason is what a wait fails with. */
  readonly signal: AbortSignal;
}

/** What the first attempt that succeeds gives, or the failure of the last one. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  isWorthIt: (error: Error, limits: RetryLimits) => boolean,
  options: RetryOptions,
): Promise<T> {
  const { maxRetries, clock, signal } = options;
  for (let retries = 0; ; retries += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      const error = toError(thrown);
      if (retries >= maxRetries || !isWorthIt(error, options)) throw thrown;
      const asked = error instanceof GatewayError ? (error.retryAfterMs ?? 0) : 0;
      await wait(asked + clock.random() * boundOf(retries, options), clock, signal);
    }
  }
}

/** Milliseconds that the wait after so many retries takes at most, besides what IMM asks for. */
function boundOf(retries: number, { retryDelayMs, maxRetryDelayMs }: RetryLimits): number {
  return Math.min(maxRetryDelayMs, retryDelayMs * 2 ** retries);
}

async function wait(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (delayMs < 1) return;
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      timer.cancel();
      reject(toError(signal.reason));
    };
    const timer = clock.setTimer(delayMs, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
    signal.addEventListener("abort", stop, { once: true });
  });
}
