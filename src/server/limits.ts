/**
 * Every number that bounds the gateway: its unit, range, default and effect, in one table.
 *
 * `createGateway` checks and completes its options by it, the settings of the command are derived from it. The parts
 * themselves have no defaults.
 */

import { ConfigurationError } from "../errors.js";
import type { CallPolicyLimits } from "../imm/call-policy.js";
import type { PollBounds } from "../tasks/poll-schedule.js";

/** One limit. Names that end in `Ms` are milliseconds, in `Bytes` bytes; the rest are counts. */
export interface Limit {
  readonly min: number;
  readonly max: number;
  readonly default: number;
  /** What it bounds, and what happens at the bound. */
  readonly effect: string;
}

/** The numbers that a gateway is bounded by. */
export interface GatewayLimits extends CallPolicyLimits, PollBounds {
  readonly taskMaxAgeMs: number;
  readonly maxCachedTasks: number;
  readonly maxCachedResults: number;
  readonly maxWatchedTasks: number;
  readonly maxTasksPerOperation: number;
  readonly maxCreatesPerOperation: number;
  readonly maxIdempotencyKeys: number;
  readonly maxKeys: number;
  readonly maxListedTasks: number;
  readonly maxRequestBytes: number;
  readonly maxQueryTokens: number;
  readonly maxOperationCost: number;
  readonly maxAutomaticQueryBytes: number;
  readonly maxAwaitMs: number;
  readonly shutdownTimeoutMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The table. */
export const limits: Readonly<Record<keyof GatewayLimits, Limit>> = {
  minPollIntervalMs: {
    min: 100,
    max: HOUR_MS,
    default: 1_000,
    effect: "the shortest time between two looks at a watched task",
  },
  maxPollIntervalMs: {
    min: 100,
    max: HOUR_MS,
    default: 15_000,
    effect: "the longest time between two looks at a watched task, unless all its subscribers accept older data",
  },
  taskMaxAgeMs: {
    min: 0,
    max: HOUR_MS,
    default: 1_000,
    effect: "how long the snapshot of a running task may answer again without asking IMM",
  },
  maxCachedTasks: {
    min: 1,
    max: 10_000_000,
    default: 10_000,
    effect: "snapshots kept in memory; the least recently used go first",
  },
  maxCachedResults: {
    min: 1,
    max: 10_000_000,
    default: 1_000,
    effect: "results of tasks kept in memory; the least recently used go first",
  },
  maxWatchedTasks: {
    min: 1,
    max: 1_000_000,
    default: 10_000,
    effect: "different tasks watched at once, for all subscribers together; further ones fail with UPSTREAM_THROTTLED",
  },
  maxCallsPerSecond: {
    min: 1,
    max: 10_000,
    default: 50,
    effect: "calls to IMM for one project in any second; further ones wait. IMM grants 100 to everybody together",
  },
  maxConcurrentCalls: {
    min: 1,
    max: 10_000,
    default: 20,
    effect: "calls to IMM in flight at once; further ones wait",
  },
  maxQueuedCalls: {
    min: 1,
    max: 1_000_000,
    default: 500,
    effect: "calls of one project and urgency that may wait for their turn; further ones fail with UPSTREAM_THROTTLED",
  },
  callTimeoutMs: {
    min: 1,
    max: 10 * MINUTE_MS,
    default: 5_000,
    effect: "how long one call to IMM may take; then it counts as failed with UPSTREAM_TIMEOUT",
  },
  maxRetries: { min: 0, max: 20, default: 3, effect: "further attempts of a read that failed in passing" },
  retryDelayMs: {
    min: 1,
    max: MINUTE_MS,
    default: 200,
    effect: "the most the first retry waits; the bound doubles with each further one",
  },
  maxRetryDelayMs: {
    min: 1,
    max: 10 * MINUTE_MS,
    default: 5_000,
    effect: "the most any retry waits; where IMM asks for more, the call fails at once",
  },
  breakerThreshold: {
    min: 1,
    max: 1_000_000,
    default: 20,
    effect: "failures of IMM in a row after which calls fail at once with UPSTREAM_UNAVAILABLE",
  },
  breakerResetMs: {
    min: 1,
    max: HOUR_MS,
    default: 5_000,
    effect: "how long calls then fail at once before one is tried again",
  },
  maxTasksPerOperation: {
    min: 1,
    max: 100_000,
    default: 200,
    effect: "different tasks in one query; further ones fail with BAD_USER_INPUT",
  },
  maxCreatesPerOperation: {
    min: 1,
    max: 1_000,
    default: 10,
    effect: "mutations in one operation; one with more is refused as a whole with BAD_USER_INPUT, and starts nothing",
  },
  maxIdempotencyKeys: {
    min: 1,
    max: 10_000_000,
    default: 10_000,
    effect: "idempotency keys remembered for 24 hours; the least recently used of those answered go first",
  },
  maxKeys: { min: 1, max: 100_000, default: 100, effect: "items in an argument that is a list of keys or ids" },
  maxListedTasks: {
    min: 1,
    max: 100_000,
    default: 1_000,
    effect: "the most that `first` of a list may be; each hundred is a call to IMM",
  },
  maxRequestBytes: {
    min: 1_024,
    max: 100_000_000,
    default: 262_144,
    effect: "bytes of an HTTP body (beyond: status 413) or a WebSocket message (beyond: close code 1009)",
  },
  maxQueryTokens: { min: 10, max: 1_000_000, default: 3_000, effect: "lexical tokens of a GraphQL document" },
  maxOperationCost: {
    min: 10,
    max: 10_000_000,
    default: 20_000,
    effect: "selected fields of an operation, those below a list argument or `first` counted once per item",
  },
  maxAutomaticQueryBytes: {
    min: 0,
    max: 1_000_000_000,
    default: 0,
    effect:
      "bytes of documents that clients may register (automatic persisted queries), the least recently used go first; 0 turns that off",
  },
  maxAwaitMs: {
    min: 1,
    max: HOUR_MS,
    default: 60_000,
    effect: "how long `awaitTask` may wait; longer wishes fail with BAD_USER_INPUT",
  },
  shutdownTimeoutMs: {
    min: 0,
    max: HOUR_MS,
    default: 10_000,
    effect: "how long running requests may take when the gateway stops; then they are cut",
  },
};

/** Their names, in the table's order. */
export const limitNames = Object.keys(limits) as readonly (keyof GatewayLimits)[];

/**
 * Checks the given numbers and adds the defaults of the others.
 *
 * @throws ConfigurationError - naming the option and what was expected.
 */
export function parseLimits(given: { readonly [Name in keyof GatewayLimits]?: number | undefined }): GatewayLimits {
  const entries = limitNames.map((name) => {
    const { min, max, default: fallback } = limits[name];
    const value = given[name] ?? fallback;
    if (Number.isInteger(value) && value >= min && value <= max) return [name, value] as const;
    throw new ConfigurationError(
      `Expected \`${name}\` to be an integer from ${min} to ${max}, got \`${String(value)}\` (${typeof value}).`,
    );
  });
  const parsed = Object.fromEntries(entries) as unknown as GatewayLimits;
  if (parsed.minPollIntervalMs > parsed.maxPollIntervalMs) {
    throw new ConfigurationError(
      `Expected \`minPollIntervalMs\` to be at most \`maxPollIntervalMs\` (${parsed.maxPollIntervalMs}), got \`${parsed.minPollIntervalMs}\`.`,
    );
  }
  return parsed;
}
