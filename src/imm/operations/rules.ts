/** Reads what follows from the rows: how a value travels, numbers, ranges, URIs, and rules between members. Pure. */

import { isExactNumber } from "../../json.js";
import type { Member, Range, Rule, Shape } from "./rows.js";

/** Whether a parameter of this shape travels as JSON text, with the wire's names. */
export function travelsAsJson({ type }: Shape): boolean {
  return type === "array" || type === "object" || type === "map";
}

const INT32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
/** Longer texts are no integer of 64 bits, and take time to read. */
const MAX_DIGITS = 32;

/**
 * The number that a JSON value is: JavaScript's where that holds it exactly, or where the shape is no integer; else a
 * bigint. Undefined for what is no number, no integer where the shape is one, beyond what its format holds, or may have been
 * rounded on its way.
 *
 * @param value - a number, a bigint or an `ExactNumber`; `90.0` and `9e1` are integers too.
 * @param shape - of an integer or a number; an integer has 64 bits unless its format says 32.
 */
export function readNumber({ type, format }: Shape, value: unknown): number | bigint | undefined {
  if (typeof value !== "number" && typeof value !== "bigint" && !isExactNumber(value)) return undefined;
  const number = Number(isExactNumber(value) ? value.value : value);
  if (type === "number") return Number.isFinite(number) ? number : undefined;
  if (Number.isSafeInteger(number)) return format !== "int32" || isInRange(INT32, number) ? number : undefined;
  const digits = String(value);
  const isLong = typeof value !== "number" && format !== "int32" && digits.length <= MAX_DIGITS;
  if (!isLong || !/^-?\d+$/.test(digits)) return undefined;
  const integer = BigInt(digits);
  return integer >= INT64.min && integer <= INT64.max ? integer : undefined;
}

/** Whether all numbers that a member may be, by its format, its range or its closed values, have 32 bits. */
export function fitsInt32({ format, range, values = [], closed }: Shape): boolean {
  if (format === "int32" || closed) return values.every((value) => isInRange(INT32, Number(value)));
  return range !== undefined && range.min >= INT32.min && range.max <= INT32.max;
}

/** Whether a number lies in the range. */
export function isInRange({ min, max, exclusiveMin, exclusiveMax }: Range, value: number | bigint): boolean {
  return (exclusiveMin ? value > min : value >= min) && (exclusiveMax ? value < max : value <= max);
}

/** The range in words: `from 0 to 100`, `above 0 and up to 100`, `above 4 and below 120`. */
export function describeRange({ min, max, exclusiveMin, exclusiveMax }: Range): string {
  if (!exclusiveMin && !exclusiveMax) return `from ${min} to ${max}`;
  return `${exclusiveMin ? "above" : "from"} ${min} and ${exclusiveMax ? "below" : "up to"} ${max}`;
}

/** Whether a value is a text of this shape, whatever it should be the name of. */
export function isRightText({ values = [], closed, maxBytes, maxLength }: Shape, value: unknown): value is string {
  if (typeof value !== "string") return false;
  return (
    (!closed || values.includes(value)) &&
    (maxBytes === undefined || Buffer.byteLength(value) <= maxBytes) &&
    (maxLength === undefined || (value.length <= 2 * maxLength && Array.from(value).length <= maxLength))
  );
}

/** Whether a value is a number of this shape. */
export function isRightNumber(shape: Shape, value: unknown): boolean {
  const { values = [], closed, range } = shape;
  const number = readNumber(shape, value);
  if (number === undefined || (range !== undefined && !isInRange(range, number))) return false;
  return !closed || values.some((known) => known === number);
}

/** Whether a value is a list with no more items than it may have; the items are not looked at. */
export function isRightList({ maxItems = Infinity }: Shape, value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length <= maxItems;
}

/** What a value of this shape is, in words. */
export function describeShape(
  shape: Shape & Pick<Member, "atLeast" | "required">,
  isRequired: boolean | undefined = shape.required,
): string {
  const { type, values = [], closed, range, atLeast, maxBytes, maxLength, maxItems } = shape;
  if (closed) return `one of ${values.join(", ")}`;
  switch (type) {
    case "string": {
      const limits = [
        ...(maxBytes === undefined ? [] : [`at most ${maxBytes} bytes`]),
        ...(maxLength === undefined ? [] : [`at most ${maxLength} characters`]),
      ];
      return `a ${isRequired ? "non-empty " : ""}string${limits.length > 0 ? ` of ${limits.join(", ")}` : ""}`;
    }
    case "boolean":
      return "true or false";
    case "integer":
    case "number":
      return [
        type === "integer" ? "an integer" : "a number",
        ...(range === undefined ? [] : [describeRange(range)]),
        ...(atLeast === undefined ? [] : [`of at least ${atLeast}`]),
      ].join(" ");
    case "array":
      return `a ${isRequired ? "non-empty " : ""}list${maxItems === undefined ? "" : ` of at most ${maxItems} items`}`;
    case "object":
    case "map":
      return "an object";
  }
}

/** What `isOssUri` takes, in words. */
export const OSS_URI = "an OSS URI, such as oss://bucket/object";

/** Whether a text is an OSS URI: its scheme and a bucket at least, since a prefix may be all of a bucket. */
export function isOssUri(text: string): boolean {
  return /^oss:\/\/[^/]/.test(text);
}

/** Whether a member says anything: IMM takes an empty text or list for one that is omitted. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);
}

/** A rule that does not hold, and the member at fault. Names are the wire's. */
export interface BrokenRule {
  /**
   * `needed`: it is missing beside one that needs it. `noneOf`: it, or one of the others. `surplus`: one too many.
   * `misplaced`: it means nothing beside the value of another.
   */
  readonly fault: "needed" | "noneOf" | "surplus" | "misplaced";
  readonly member: string;
  /** The one that needs it, those that could stand for it, the one that it cannot stand beside, or that other. */
  readonly others: readonly string[];
  /** Beside which values of the other it may stand; null for one that is omitted. */
  readonly values?: readonly (string | null)[];
}

/** Reads the value of a member, by the wire's name; undefined where it is omitted. */
type ValueOf = (member: string) => unknown;

/** The first rule that does not hold for these values; undefined when all do. */
export function findBrokenRule(rules: readonly Rule[], valueOf: ValueOf): BrokenRule | undefined {
  for (const rule of rules) {
    const broken = brokenRule(rule, valueOf);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

function brokenRule(rule: Rule, valueOf: ValueOf): BrokenRule | undefined {
  switch (rule.kind) {
    case "needs":
      return brokenNeed(rule, valueOf);
    case "onlyWhere":
      return brokenPlacement(rule, valueOf);
    case "exactlyOneOf":
    case "atLeastOneOf":
    case "atMostOneOf":
      return brokenChoice(rule, valueOf);
  }
}

function brokenPlacement(
  { members, where, values }: Extract<Rule, { kind: "onlyWhere" }>,
  valueOf: ValueOf,
): BrokenRule | undefined {
  const value = valueOf(where);
  if (values.some((allowed) => (allowed === null ? !isGiven(value) : value === allowed))) return undefined;
  const member = members.find((name) => isGiven(valueOf(name)));
  return member === undefined ? undefined : { fault: "misplaced", member, others: [where], values };
}

function brokenNeed({ member, needs }: Extract<Rule, { kind: "needs" }>, valueOf: ValueOf): BrokenRule | undefined {
  const isBroken = isGiven(valueOf(member)) && !isGiven(valueOf(needs));
  return isBroken ? { fault: "needed", member: needs, others: [member] } : undefined;
}

/** An empty list gives nothing, and yet does not stand beside another member. */
function brokenChoice(
  { kind, members }: Exclude<Rule, { kind: "needs" | "onlyWhere" }>,
  valueOf: ValueOf,
): BrokenRule | undefined {
  const present = members.filter((member) => isGiven(valueOf(member)) || Array.isArray(valueOf(member)));
  if (kind !== "atMostOneOf" && !present.some((member) => isGiven(valueOf(member)))) {
    const [member = "", ...others] = members;
    return { fault: "noneOf", member, others };
  }
  const [first, second] = present;
  if (first === undefined || second === undefined || kind === "atLeastOneOf") return undefined;
  return { fault: "surplus", member: second, others: [first] };
}
