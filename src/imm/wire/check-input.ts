/**
 * Checks what a task is to be created with against the operation's row in the table, before any call. Pure; called with an
 * input of the schema, or with a recorded definition in IMM's spelling. A list of words that IMM extends is open: a word
 * that the table does not know passes.
 */

import { isRecord, isTooDeep, MAX_JSON_DEPTH } from "../../json.js";
import { toSchemaWord, type InputField, type InputStructure } from "./create-inputs.js";
import {
  describeShape,
  findBrokenRule,
  isGiven,
  isOssUri,
  isRightList,
  isRightNumber,
  isRightText,
  OSS_URI,
  readNumber,
  type BrokenRule,
  type InputForm,
  type Member,
  type Shape,
} from "../operations/operations.js";

/** The first thing that is wrong with an input. */
export interface Violation {
  /** Where, from the input on: `sources[3].uri`. */
  readonly path: string;
  /** What would be right, as the end of "Expected `…` to be". Never holds the value. */
  readonly expected: string;
}

/**
 * What is wrong with `input`, or null when nothing is. Undefined and null count as omitted.
 *
 * Looks in the order of the table, members before the rules between them; members that the structure does not have come
 * first.
 */
export function checkInput(structure: InputStructure, input: Readonly<Record<string, unknown>>): Violation | null {
  return checkMembers(structure, input, "");
}

function checkMembers(
  { fields, rules, ways }: InputStructure,
  value: Readonly<Record<string, unknown>>,
  path: string,
): Violation | null {
  const unknown = Object.keys(value).find(
    (name) => value[name] !== undefined && !fields.some((field) => field.name === name),
  );
  if (unknown !== undefined) return { path: path + unknown, expected: "omitted, since there is no such member" };
  for (const field of fields) {
    const violation = checkField(field, value[field.name], path + field.name);
    if (violation !== null) return violation;
  }
  const wayTo = (wireName: string): readonly InputField[] => ways.get(wireName) ?? [];
  const broken = findBrokenRule(rules, (wireName) =>
    toWireWord(valueAt(value, wayTo(wireName)), wayTo(wireName).at(-1)),
  );
  if (broken === undefined) return null;
  const toPath = (wireName: string): string =>
    wayTo(wireName)
      .map(({ name }) => name)
      .join(".");
  return { path: path + toPath(broken.member), expected: expectationOf(broken, toPath, (name) => wayTo(name).at(-1)) };
}

function valueAt(value: Readonly<Record<string, unknown>>, way: readonly InputField[]): unknown {
  return way.reduce<unknown>((held, { name }) => (isRecord(held) ? held[name] : undefined), value);
}

/** Rules speak of the wire's words. */
function toWireWord(value: unknown, field: InputField | undefined): unknown {
  const words = typeof field?.form === "object" ? field.form.words : undefined;
  return words === undefined ? value : words[value as string]?.wire;
}

function checkField({ member, isRequired, form, inner }: InputField, value: unknown, path: string): Violation | null {
  if (isRequired && !isGiven(value)) return { path, expected: describe(member, form, isRequired) };
  if (value === undefined || value === null) return null;
  if (form !== undefined) return isOfForm(form, value) ? null : { path, expected: describeForm(form) };
  return inner === undefined ? checkValue(member, value, path) : checkInner(inner, member, value, path);
}

function isOfForm(form: InputForm, value: unknown): boolean {
  switch (form) {
    case "instant":
      // The scalar has checked that it is one.
      return typeof value === "string";
    case "switch":
      return typeof value === "boolean";
    case "length":
      return isLength(value);
    default:
      return typeof value === "string" && Object.hasOwn(form.words, value);
  }
}

const PIXELS = { type: "integer", format: "int32", range: { min: 0, max: 2 ** 31 - 1 } } as const;
const RATIO = { type: "number", range: { min: 0, max: 1, exclusiveMin: true } } as const;

/** One of the two, and nothing else. */
function isLength(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const [[name, length] = [], ...others] = Object.entries(value).filter(([, one]) => one !== undefined && one !== null);
  if (others.length > 0) return false;
  return (name === "pixels" && isRightNumber(PIXELS, length)) || (name === "ratio" && isRightNumber(RATIO, length));
}

function checkInner(inner: InputStructure, member: Member, value: unknown, path: string): Violation | null {
  if (member.type === "object") {
    return isRecord(value) ? checkMembers(inner, value, `${path}.`) : { path, expected: describeShape(member) };
  }
  if (!isRightList(member, value)) return { path, expected: describeShape(member) };
  return firstOf(value, (item, index) =>
    isRecord(item)
      ? checkMembers(inner, item, `${path}[${index}].`)
      : { path: `${path}[${index}]`, expected: "an object" },
  );
}

function firstOf(
  values: readonly unknown[],
  check: (value: unknown, index: number) => Violation | null,
): Violation | null {
  for (const [index, value] of values.entries()) {
    const violation = check(value, index);
    if (violation !== null) return violation;
  }
  return null;
}

function checkValue(shape: Shape & Pick<Member, "atLeast">, value: unknown, path: string): Violation | null {
  switch (shape.type) {
    case "string":
      if (!isRightText(shape, value)) break;
      return shape.isOssUri && !isOssUri(value) ? { path, expected: OSS_URI } : null;
    case "boolean":
      if (typeof value !== "boolean") break;
      return null;
    case "integer":
    case "number":
      if (!isSensible(shape, value)) break;
      return null;
    case "map":
    case "object":
      if (!isRecord(value)) break;
      return isTooDeep(value) ? { path, expected: `nested at most ${MAX_JSON_DEPTH} deep` } : null;
    case "array": {
      const { items } = shape;
      if (!isRightList(shape, value)) break;
      return items === undefined ? null : firstOf(value, (item, index) => checkValue(items, item, `${path}[${index}]`));
    }
  }
  return { path, expected: describeShape(shape) };
}

/** Where the documents give no range, inputs are held to what makes sense. */
function isSensible(shape: Shape & Pick<Member, "atLeast">, value: unknown): boolean {
  const { atLeast = -Infinity } = shape;
  return isRightNumber(shape, value) && (readNumber(shape, value) ?? atLeast) >= atLeast;
}

function describe(member: Member, form: InputForm | undefined, isRequired?: boolean): string {
  return form === undefined ? describeShape(member, isRequired) : describeForm(form);
}

function describeForm(form: InputForm): string {
  switch (form) {
    case "instant":
      return "an instant as RFC 3339 text";
    case "switch":
      return "true or false";
    case "length":
      return "{ pixels } of at least 0, or { ratio } above 0 and up to 1";
    default:
      return `one of ${Object.keys(form.words).join(", ")}`;
  }
}

function expectationOf(
  { fault, others, values = [] }: BrokenRule,
  toPath: (wireName: string) => string,
  fieldOf: (wireName: string) => InputField | undefined,
): string {
  const names = others.map((name) => `\`${toPath(name)}\``).join(" or ");
  switch (fault) {
    case "needed":
      return `given beside ${names}`;
    case "noneOf":
      return `given, or ${names} instead`;
    case "surplus":
      return `omitted beside ${names}`;
    case "misplaced": {
      const words = values.map((value) => (value === null ? "omitted" : toSchemaWord(value, fieldOf(others[0] ?? ""))));
      return `omitted unless ${names} is ${words.join(" or ")}`;
    }
  }
}
