/**
 * What a refusal says of a value that a program gave: the value and its type, but of an object nothing that it holds. What
 * was meant to be a client may be its configuration, with the key in it.
 */

import { ConfigurationError } from "../errors.js";

const MAX_SHOWN_LENGTH = 100;

/** The refusal of an option's value, which is shown. */
export function expectation(name: string, expected: string, value: unknown): ConfigurationError {
  return new ConfigurationError(`Expected \`${name}\` to be ${expected}, got ${describeValue(value)}.`);
}

/** The refusal of an option's value, which may not be shown. */
export function secretExpectation(name: string, expected: string): ConfigurationError {
  return new ConfigurationError(`Expected \`${name}\` to be ${expected}, got another value, which is not shown.`);
}

/** For example "`5` (string)", "`[a, an object]` (array)" or "an object". */
export function describeValue(value: unknown): string {
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_SHOWN_LENGTH).map((item) => describeItem(item));
    return `\`${clip(`[${items.join(", ")}]`)}\` (array)`;
  }
  if (isOpaque(value)) return describeItem(value);
  return `\`${describeItem(value)}\` (${value === null ? "null" : typeof value})`;
}

/** The beginning of a text, as much as a refusal repeats. */
export function clip(text: string): string {
  return text.slice(0, MAX_SHOWN_LENGTH);
}

function describeItem(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (isOpaque(value)) return typeof value === "function" ? "a function" : "an object";
  return clip(String(value));
}

function isOpaque(value: unknown): value is object {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}
