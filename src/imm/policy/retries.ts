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
  const { maxRetries, retryDelayMs, maxRetryDelayMs, clock, signal } = options;
  for (let retries = 0; ; retries += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      const error = toError(thrown);
      if (retries >= maxRetries || !isWorthIt(error, options)) throw thrown;
      const asked = error instanceof GatewayError ? (error.retryAfterMs ?? 0) : 0;
      const bound = Math.min(maxRetryDelayMs, retryDelayMs * 2 ** retries);
      await wait(asked + clock.random() * bound, clock, signal);
    }
  }
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
