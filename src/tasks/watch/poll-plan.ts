/**
 * How often a watched project is polled. Pure.
 *
 * A project may spend so many calls a second on what runs there, so the next poll begins when the last one has been earned
 * back, within the least and the longest interval. Who watches may ask for fresher data, or all of them for less fresh.
 */

/** What decides how often a project is polled. */
export interface PollRate {
  /** Calls a second that polls of one watched project may take for what runs there. */
  readonly watchCallsPerSecond: number;
  /** Milliseconds from one poll to the next at least. */
  readonly minPollIntervalMs: number;
  /** Milliseconds from one poll to the next at most, unless all followers accept more. */
  readonly maxPollIntervalMs: number;
}

/** How old what followers see may be, as they ask. */
export interface AskedStaleness {
  /** The least number of milliseconds that a follower asks for; `Infinity` when none does. */
  readonly leastMs: number;
  /** Whether all of them ask for one. */
  readonly isAskedByAll: boolean;
}

/** There is no follower. */
export const NOBODY_ASKS: AskedStaleness = { leastMs: Infinity, isAskedByAll: true };

/** The same with one more who watches. */
export function addAsked(
  { leastMs, isAskedByAll }: AskedStaleness,
  maxStalenessMs: number | undefined,
): AskedStaleness {
  return {
    leastMs: Math.min(leastMs, maxStalenessMs ?? Infinity),
    isAskedByAll: isAskedByAll && maxStalenessMs !== undefined,
  };
}

/** What followers of this instance, and of others, ask for together. */
export function joinAsked(a: AskedStaleness, b: AskedStaleness): AskedStaleness {
  return { leastMs: Math.min(a.leastMs, b.leastMs), isAskedByAll: a.isAskedByAll && b.isAskedByAll };
}

/**
 * Milliseconds from the beginning of one poll to the beginning of the next.
 *
 * @param calls - what a poll takes for what runs: pages, and attempts beyond the first.
 */
export function pollIntervalMs(calls: number, rate: PollRate, { leastMs, isAskedByAll }: AskedStaleness): number {
  const { watchCallsPerSecond, minPollIntervalMs, maxPollIntervalMs } = rate;
  const earnedMs = Math.min(maxPollIntervalMs, Math.ceil((calls * 1_000) / watchCallsPerSecond));
  return Math.max(minPollIntervalMs, isAskedByAll ? leastMs : Math.min(leastMs, earnedMs));
}
