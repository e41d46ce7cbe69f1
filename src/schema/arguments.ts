/** Checks of arguments that GraphQL's types cannot make. Each refusal names the argument and what was expected. */

import { BadUserInputError } from "../errors.js";

/**
 * A list argument of `min` to `max` items.
 *
 * @throws BadUserInputError - when it is too short or too long.
 */
export function parseListArgument<T>(argument: string, items: readonly T[], max: number, min: 0 | 1 = 1): readonly T[] {
  if (items.length >= min && items.length <= max) return items;
  const range = min === 0 ? "at most" : "1 to";
  throw new BadUserInputError(argument, `Expected \`${argument}\` to hold ${range} ${max} items, got ${items.length}.`);
}

/** An hour: a subscriber who is content with less does not need a subscription. */
const MAX_STALENESS_MS = 3_600_000;

/**
 * The argument `maxStalenessMs`, or undefined when it was not given.
 *
 * @throws BadUserInputError - when it is not from 1 to an hour.
 */
export function parseMaxStaleness(value: number | null | undefined): number | undefined {
  if (value === null || value === undefined) return undefined;
  if (value >= 1 && value <= MAX_STALENESS_MS) return value;
  throw new BadUserInputError(
    "maxStalenessMs",
    `Expected \`maxStalenessMs\` to be from 1 to ${MAX_STALENESS_MS} milliseconds, got ${value}.`,
  );
}

/** What `awaitTask` waits when nothing is said, in milliseconds: less than the patience of most proxies. */
export const DEFAULT_AWAIT_MS = 25_000;

/**
 * The argument `timeoutMs`, or its default.
 *
 * @throws BadUserInputError - when it is not from 1 to `max`.
 */
export function parseTimeout(value: number | null | undefined, max: number): number {
  const timeoutMs = value ?? Math.min(DEFAULT_AWAIT_MS, max);
  if (timeoutMs >= 1 && timeoutMs <= max) return timeoutMs;
  throw new BadUserInputError(
    "timeoutMs",
    `Expected \`timeoutMs\` to be from 1 to ${max} milliseconds, got ${timeoutMs}.`,
  );
}
