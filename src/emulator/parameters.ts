/**
 * Checks and decodes request parameters by the table of operations, the way IMM refuses them. Knows no single
 * operation: a row added to `imm/operations.ts` is decoded without a change here. Pure.
 */

import { assertNever } from "../errors.js";
import { type Action, type Member, models, operations, type Parameter } from "../imm/operations.js";
import { invalidParameter, missingParameter, Refusal } from "./refusal.js";

type Models = typeof models;

interface ScalarTypes {
  readonly string: string;
  readonly boolean: boolean;
  readonly integer: number;
  readonly number: number;
  readonly map: Readonly<Record<string, unknown>>;
}

/** The decoded value of one row of the table. */
type ValueOf<M> = M extends { readonly values: readonly (infer Value)[]; readonly closed: true }
  ? Value
  : M extends { readonly type: keyof ScalarTypes }
    ? ScalarTypes[M["type"]]
    : M extends { readonly type: "array"; readonly items: infer Item }
      ? readonly ValueOf<Item>[]
      : M extends { readonly type: "object"; readonly model: infer Name extends keyof Models }
        ? { readonly [K in keyof Models[Name]]?: ValueOf<Models[Name][K]> }
        : unknown;

/** Undefined, for a parameter that may be left out and has no default. */
type AbsenceOf<P> = P extends { readonly required: true } | { readonly default: unknown } ? never : undefined;

/** The parameters of one action: a member for each row of its table, undefined where it was left out. */
export type DecodedParameters<A extends Action> = {
  readonly [N in keyof (typeof operations)[A]["request"]]:
    ValueOf<(typeof operations)[A]["request"][N]> | AbsenceOf<(typeof operations)[A]["request"][N]>;
};

/**
 * The parameters of `action` as values, defaults filled in. Parameters the table does not know are ignored, and an
 * empty text counts as left out. Closed vocabularies are matched case-insensitively and answered in the table's
 * spelling, since IMM's own pages print `RUNNING` beside `Running`.
 *
 * @param sent the texts by name, from the query and the form body alike
 * @throws Refusal - `Missing{Name}`, `Invalid{Name}` or `InvalidJSON Array parsing error,{Name}`, for the first at fault
 */
export function decodeParameters<A extends Action>(action: A, sent: ReadonlyMap<string, string>): DecodedParameters<A> {
  const rows: Readonly<Record<string, Parameter>> = operations[action].request;
  const decoded = Object.entries(rows).map(([name, row]) => [name, decodeParameter(name, row, sent.get(name))]);
  // The entries were made from the very rows that the type is made from.
  return Object.fromEntries(decoded) as DecodedParameters<A>;
}

function decodeParameter(name: string, row: Parameter, text: string | undefined): unknown {
  if (text === undefined || text === "") {
    if (row.required) throw missingParameter(name);
    return row.default;
  }
  return check(name, row, row.style === "json" ? parseJson(name, text) : parseText(row, text));
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Refusal(400, `InvalidJSON Array parsing error,${name}`, `The JSON of parameter ${name} does not parse.`);
  }
}

/** The value that a query string's text stands for. A text that is no such value stays a text, and `check` refuses it. */
function parseText(row: Parameter, text: string): unknown {
  switch (row.type) {
    case "boolean":
      return text === "true" || (text === "false" ? false : text);
    case "integer":
      return /^[+-]?\d+$/.test(text) ? Number(text) : text;
    case "number":
      return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
    case "string":
    case "array":
    case "map":
    case "object":
      return text;
    default:
      return assertNever(row.type);
  }
}

/** `value` if it is what `row` says, closed words in the table's spelling. */
function check(name: string, row: Member, value: unknown): unknown {
  switch (row.type) {
    case "string":
      if (typeof value !== "string") throw invalidParameter(name, "expected a string");
      return row.closed ? checkWord(name, row.values ?? [], value) : value;
    case "boolean":
      if (typeof value !== "boolean") throw invalidParameter(name, "expected true or false");
      return value;
    case "integer":
    case "number":
      return checkNumber(name, row, value);
    case "array":
      if (!Array.isArray(value)) throw invalidParameter(name, "expected an array");
      return value.map((item: unknown) => (row.items === undefined ? item : check(name, row.items, item)));
    case "map":
    case "object":
      return checkObject(name, row, value);
    default:
      return assertNever(row.type);
  }
}

function checkWord(name: string, words: readonly string[], value: string): string {
  const word = words.find((candidate) => candidate.toLowerCase() === value.toLowerCase());
  if (word === undefined) throw invalidParameter(name, `expected one of ${words.join(", ")}`);
  return word;
}

function checkNumber(name: string, row: Member, value: unknown): number {
  if (typeof value !== "number" || (row.type === "integer" && !Number.isSafeInteger(value))) {
    throw invalidParameter(name, `expected ${row.type === "integer" ? "an integer" : "a number"}`);
  }
  const { range } = row;
  if (range === undefined) return value;
  const tooSmall = range.exclusiveMin ? value <= range.min : value < range.min;
  if (tooSmall || value > range.max) {
    throw invalidParameter(name, `expected ${range.exclusiveMin ? "above" : "from"} ${range.min} up to ${range.max}`);
  }
  return value;
}

function checkObject(name: string, row: Member, value: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw invalidParameter(name, "expected an object");
  const members: Readonly<Record<string, Member>> | undefined =
    row.model === undefined ? undefined : modelsByName.get(row.model);
  if (members === undefined) return value;
  const present = Object.entries(members).filter(([member]) => value[member] !== undefined && value[member] !== null);
  return Object.fromEntries(present.map(([member, type]) => [member, check(name, type, value[member])]));
}

const modelsByName: ReadonlyMap<string, Readonly<Record<string, Member>>> = new Map(Object.entries(models));

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
