/** How IMM may be called. */

import { integer, type Section } from "./row.js";

const MINUTE_MS = 60_000;

export const calls = {
  title: "Calls to IMM",
  gateway: {
    maxCallsPerSecond: integer({
      min: 1,
      max: 10_000,
      default: 50,
      effect: "calls to IMM for one project in any second; further ones wait. IMM grants 100 to all callers together",
    }),
    maxConcurrentCalls: integer({
      min: 1,
      max: 10_000,
      default: 20,
      effect: "calls to IMM in flight at once; further ones wait",
    }),
    maxQueuedCalls: integer({
      min: 1,
      max: 1_000_000,
      default: 500,
      effect:
        "calls of one project and urgency that may wait for their turn, and a tenth of those under way over all projects; further ones fail with UPSTREAM_THROTTLED",
    }),
    callTimeoutMs: integer({
      min: 1,
      max: 10 * MINUTE_MS,
      default: 5_000,
      effect: "how long one call to IMM may take; then it counts as failed with UPSTREAM_TIMEOUT",
    }),
    maxRetries: integer({
      min: 0,
      max: 20,
      default: 3,
      effect: "further attempts of a read that failed in passing",
    }),
    retryDelayMs: integer({
      min: 1,
      max: MINUTE_MS,
      default: 200,
      effect: "the most the first retry waits; the bound doubles with each further one",
    }),
    maxRetryDelayMs: integer({
      min: 1,
      max: 10 * MINUTE_MS,
      default: 5_000,
      effect: "the most any retry waits; where IMM asks for more, the call fails at once",
    }),
    breakerThreshold: integer({
      min: 1,
      max: 1_000_000,
      default: 20,
      effect: "failures of IMM in a row after which calls fail at once with UPSTREAM_UNAVAILABLE",
    }),
    breakerResetMs: integer({
      min: 1,
      max: 60 * MINUTE_MS,
      default: 5_000,
      effect: "how long calls then fail at once before one is tried again",
    }),
  },
  command: {},
} satisfies Section;
