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
export const MAX_STALENESS_MS = 3_600_000;

/** What `awaitTask` waits when nothing is said, in milliseconds: less than the patience of most proxies. */
export const DEFAULT_AWAIT_MS = 25_000;

/**
 * A number of milliseconds, or `otherwise` when none was given.
 *
 * @throws BadUserInputError - when it is not from 1 to `max`.
 */
export function parseMilliseconds<T>(
  argument: string,
  value: number | null | undefined,
  max: number,
  otherwise: T,
): number | T {
  const given = value ?? null;
  if (given === null) return otherwise;
  if (given >= 1 && given <= max) return given;
  throw new BadUserInputError(argument, `Expected \`${argument}\` to be from 1 to ${max} milliseconds, got ${given}.`);
}
