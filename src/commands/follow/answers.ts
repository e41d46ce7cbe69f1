/** What a gateway has answered, checked before it is used: a server that only resembles one is named, and what is shown of it is not guessed. */

import { ConfigurationError } from "../../errors.js";

/** An answer that the schema does not allow. */
export class MalformedAnswerError extends ConfigurationError {
  /** @param reason - what was expected, and what came. */
  constructor(reason: string) {
    super(`The gateway's answer is malformed: expected ${reason}.`);
  }
}

/** Throws a MalformedAnswerError where the value is not what it should be. */
export type Check = (value: unknown, path: string) => void;

function check(expected: string, isOne: (value: unknown) => boolean): Check {
  return (value, path) => {
    if (!isOne(value)) throw new MalformedAnswerError(`\`${path}\` to be ${expected}, got ${toShort(value)}`);
  };
}

export const aText = check("a string", (value) => typeof value === "string");
export const aBoolean = check("a boolean", (value) => typeof value === "boolean");
export const aNumber = check("a number", (value) => typeof value === "number");
const anObject = check("an object", (value) => typeof value === "object" && value !== null && !Array.isArray(value));
const anArray = check("an array", (value) => Array.isArray(value));

export function nullOr(other: Check): Check {
  return (value, path) => {
    if (value !== null) other(value, path);
  };
}

/** An object that has at least these members. */
export function aShape(members: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    anObject(value, path);
    // The cast: an object, as was checked.
    const object = value as Readonly<Record<string, unknown>>;
    for (const [name, checkMember] of Object.entries(members)) checkMember(object[name], `${path}.${name}`);
  };
}

export function aListOf(item: Check): Check {
  return (value, path) => {
    anArray(value, path);
    for (const [index, one] of (value as readonly unknown[]).entries()) item(one, `${path}[${index}]`);
  };
}

/** A value in a few characters. */
function toShort(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
