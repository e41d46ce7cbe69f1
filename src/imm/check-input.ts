/**
 * Checks what a task is to be created with against the operation's row in the table, before any call. Pure; called by the
 * schema with inputs in its own spelling. Vocabularies are open: a word that the table does not know passes, since IMM's
 * lists grow.
 */

import { isExactNumber, isTooDeep, MAX_JSON_DEPTH } from "../json.js";
import {
  describeRange,
  findBrokenRule,
  isGiven,
  isInRange,
  isOssUri,
  modelOf,
  OSS_URI,
  readNumber,
  schemaNameOf,
  wireNamesOf,
  type BrokenRule,
  type Member,
  type Members,
  type Operation,
  type Rule,
  type Shape,
} from "./operations.js";

/** The first thing that is wrong with an input. */
export interface Violation {
  /** Where, from the input on: `sources[3].uri`. */
  readonly path: string;
  /** What would be right, as the end of "Expected `…` to be". Never holds the value. */
  readonly expected: string;
}

/**
 * What is wrong with `input`, or null when nothing is. Undefined and null count as left out.
 *
 * Looks in the order of the table, members before the rules between them; members that the table does not have come
 * first.
 */
export function checkInput(
  { request, rules }: Pick<Operation, "request" | "rules">,
  input: Readonly<Record<string, unknown>>,
): Violation | null {
  return checkMembers({ members: request, rules }, input, "");
}

interface Structure {
  readonly members: Members;
  readonly rules: readonly Rule[];
}

function checkMembers(
  { members, rules }: Structure,
  value: Readonly<Record<string, unknown>>,
  path: string,
): Violation | null {
  const names = wireNamesOf(members);
  const unknown = Object.keys(value).find((name) => !names.has(name) && value[name] !== undefined);
  if (unknown !== undefined) return { path: path + unknown, expected: "left out, since there is no such member" };
  for (const [wireName, member] of Object.entries(members)) {
    const name = schemaNameOf(wireName, member);
    const violation = checkMember(member, value[name], path + name);
    if (violation !== null) return violation;
  }
  const toName = (wireName: string): string => schemaNameOf(wireName, members[wireName] ?? {});
  const broken = findBrokenRule(rules, (wireName) => value[toName(wireName)]);
  return broken === undefined
    ? null
    : { path: path + toName(broken.member), expected: expectationOf(broken, broken.others.map(toName)) };
}

function checkMember(member: Member, value: unknown, path: string): Violation | null {
  if (member.required && !isGiven(value)) return { path, expected: describe(member) };
  return value === undefined || value === null ? null : checkValue(member, value, path);
}

function checkValue(shape: Shape, value: unknown, path: string): Violation | null {
  switch (shape.type) {
    case "string":
      if (typeof value !== "string" || !isRightText(shape, value)) return { path, expected: describe(shape) };
      return shape.isOssUri && value !== "" && !isOssUri(value) ? { path, expected: OSS_URI } : null;
    case "boolean":
      return typeof value === "boolean" ? null : { path, expected: describe(shape) };
    case "integer":
    case "number":
      return isRightNumber(shape, value) ? null : { path, expected: describe(shape) };
    case "map":
      if (!isRecord(value)) return { path, expected: describe(shape) };
      return isTooDeep(value) ? { path, expected: `nested at most ${MAX_JSON_DEPTH} deep` } : null;
    case "object":
      return isRecord(value) ? checkMembers(modelOf(shape), value, `${path}.`) : { path, expected: describe(shape) };
    case "array":
      return Array.isArray(value) && value.length <= (shape.maxItems ?? Infinity)
        ? checkItems(shape, value, path)
        : { path, expected: describe(shape) };
  }
}

function checkItems({ items }: Shape, values: readonly unknown[], path: string): Violation | null {
  if (items === undefined) return null;
  for (const [index, item] of values.entries()) {
    const violation = checkValue(items, item, `${path}[${index}]`);
    if (violation !== null) return violation;
  }
  return null;
}

function isRightText({ values = [], closed, maxBytes, maxLength }: Shape, text: string): boolean {
  return (
    (!closed || values.includes(text)) &&
    (maxBytes === undefined || Buffer.byteLength(text) <= maxBytes) &&
    (maxLength === undefined || (text.length <= 2 * maxLength && Array.from(text).length <= maxLength))
  );
}

function isRightNumber(shape: Shape, value: unknown): boolean {
  const { values = [], closed, range } = shape;
  const number = readNumber(shape, value);
  return (
    number !== undefined &&
    (range === undefined || isInRange(range, number)) &&
    (!closed || values.some((known) => known === number))
  );
}

/** What a value of this shape is, in words. */
function describe(shape: Shape & Pick<Member, "required">): string {
  const { type, values = [], closed, range, maxBytes, maxLength, maxItems, required } = shape;
  if (closed) return `one of ${values.join(", ")}`;
  switch (type) {
    case "string": {
      const limits = [
        ...(maxBytes === undefined ? [] : [`at most ${maxBytes} bytes`]),
        ...(maxLength === undefined ? [] : [`at most ${maxLength} characters`]),
      ];
      return `a ${required ? "non-empty " : ""}string${limits.length > 0 ? ` of ${limits.join(", ")}` : ""}`;
    }
    case "boolean":
      return "true or false";
    case "integer":
    case "number":
      return `${type === "integer" ? "an integer" : "a number"}${range === undefined ? "" : ` ${describeRange(range)}`}`;
    case "array":
      return `a ${required ? "non-empty " : ""}list${maxItems === undefined ? "" : ` of at most ${maxItems} items`}`;
    case "object":
    case "map":
      return "an object";
  }
}

function expectationOf({ fault }: BrokenRule, others: readonly string[]): string {
  const names = others.map((name) => `\`${name}\``).join(" or ");
  switch (fault) {
    case "needed":
      return `given beside ${names}`;
    case "noneOf":
      return `given, or ${names} instead`;
    case "surplus":
      return `left out beside ${names}`;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isExactNumber(value);
}
