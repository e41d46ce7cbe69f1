/**
 * Checks and decodes request parameters by the table of operations, the way IMM refuses them. Knows no single
 * operation: a row added to `imm/operations.ts` is decoded without a change here. Pure.
 */

import { assertNever } from "../errors.js";
import {
  type Action,
  type BrokenRule,
  describeShape,
  findBrokenRule,
  isGiven,
  isOssUri,
  isRightList,
  isRightNumber,
  isRightText,
  modelOf,
  type models,
  type Operation,
  operations,
  OSS_URI,
  type Parameter,
  readNumber,
  type Shape,
  travelsAsJson,
} from "../imm/operations/operations.js";
import { isExactNumber, isRecord, parseExact, readExactNumber } from "../json.js";
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
        ? { readonly [K in keyof Models[Name]["members"]]?: ValueOf<Models[Name]["members"][K]> }
        : unknown;

/** Undefined, for a parameter that may be left out and has no default. */
type AbsenceOf<P> = P extends { readonly required: true } | { readonly default: unknown } ? never : undefined;

/** The parameters of one action: a member for each row of its table, undefined where it was left out. */
export type DecodedParameters<A extends Action> = {
  readonly [N in keyof (typeof operations)[A]["request"]]:
    ValueOf<(typeof operations)[A]["request"][N]> | AbsenceOf<(typeof operations)[A]["request"][N]>;
};

/** The texts of a request by name, from each of the two places they travel in. A name given twice keeps its last value. */
export interface SentParameters {
  readonly query: ReadonlyMap<string, string>;
  readonly form: ReadonlyMap<string, string>;
}

/**
 * The texts of the parameters of `action`, each from the place that the table gives it. What the table does not know is
 * left out.
 *
 * @throws Refusal - `Invalid{Name}` for the first that travelled in the other place. IMM may well be milder; a client
 *   that is wrong about the place shall learn of it here.
 */
export function takeInPlace(action: Action, { query, form }: SentParameters): ReadonlyMap<string, string> {
  const { request }: Operation = operations[action];
  const inPlace = new Map<string, string>();
  for (const [name, { in: place }] of Object.entries(request)) {
    const [right, wrong] = place === "query" ? [query, form] : [form, query];
    if (wrong.has(name)) throw invalidParameter(name, `expected it in the ${place}`);
    const text = right.get(name);
    if (text !== undefined) inPlace.set(name, text);
  }
  return inPlace;
}

/**
 * The parameters of `action` as values, defaults filled in. Parameters the table does not know are ignored, and an
 * empty text counts as left out. Closed vocabularies are matched case-insensitively and answered in the table's
 * spelling, since IMM's own pages print `RUNNING` beside `Running`.
 *
 * @param sent the texts by name
 * @throws Refusal - `Missing{Name}`, `Invalid{Name}` or `InvalidJSON Array parsing error,{Name}`, for the first at fault
 */
export function decodeParameters<A extends Action>(action: A, sent: ReadonlyMap<string, string>): DecodedParameters<A> {
  const { request, rules }: Operation = operations[action];
  const decoded = Object.entries(request).map(
    ([name, row]) => [name, decodeParameter(name, row, sent.get(name))] as const,
  );
  const values = new Map(decoded);
  const broken = findBrokenRule(rules, (name) => (isGiven(sent.get(name)) ? values.get(name) : undefined));
  if (broken !== undefined) {
    throw broken.fault === "surplus"
      ? invalidParameter(broken.member, describeBroken(broken))
      : missingParameter(broken.member);
  }
  // The entries were made from the very rows that the type is made from.
  return Object.fromEntries(decoded) as DecodedParameters<A>;
}

function decodeParameter(name: string, row: Parameter, text: string | undefined): unknown {
  if (text === undefined || text === "") {
    if (row.required) throw missingParameter(name);
    return row.default;
  }
  const value = check(name, row, travelsAsJson(row) ? parseJson(name, text) : parseText(row, text));
  if (row.required && !isGiven(value)) throw missingParameter(name);
  return value;
}

function parseJson(name: string, text: string): unknown {
  try {
    return parseExact(text);
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
    case "number":
      return readExactNumber(text) ?? text;
    case "string":
    case "array":
    case "map":
    case "object":
      return text;
    default:
      return assertNever(row.type);
  }
}

/** `value` if it is what `shape` says, closed words in the table's spelling. `name` is the parameter's, however deep. */
function check(name: string, shape: Shape, value: unknown): unknown {
  const given = withWord(shape, value);
  switch (shape.type) {
    case "string":
      if (!isRightText(shape, given)) break;
      if (shape.isOssUri && isGiven(given) && !isOssUri(given)) throw invalidParameter(name, `expected ${OSS_URI}`);
      return given;
    case "boolean":
      if (typeof value !== "boolean") break;
      return value;
    case "integer":
    case "number":
      if (!isRightNumber(shape, value)) break;
      return withDigits(shape, value);
    case "array": {
      const { items } = shape;
      if (!isRightList(shape, value)) break;
      return value.map((item) => (items === undefined ? item : check(name, items, item)));
    }
    case "map":
      if (!isRecord(value)) break;
      return value;
    case "object":
      if (!isRecord(value)) break;
      return checkObject(name, shape, value);
    default:
      return assertNever(shape.type);
  }
  throw invalidParameter(name, `expected ${describeShape(shape)}`);
}

/** A word of a closed vocabulary as the table spells it; anything else as it is. */
function withWord({ values = [], closed }: Shape, value: unknown): unknown {
  if (!closed || typeof value !== "string") return value;
  return values.map(String).find((word) => word.toLowerCase() === value.toLowerCase()) ?? value;
}

/** The value as it was given: a number that has other digits than JavaScript's keeps them. */
function withDigits(shape: Shape, value: unknown): unknown {
  const number = readNumber(shape, value);
  return isExactNumber(value) && typeof number === "number" && shape.type === "integer" ? number : value;
}

function checkObject(name: string, shape: Shape, value: Readonly<Record<string, unknown>>): unknown {
  const { members, rules } = modelOf(shape);
  const missing = Object.keys(members).find((member) => members[member]?.required && !isGiven(value[member]));
  if (missing !== undefined) throw invalidParameter(name, `expected ${missing}`);
  const broken = findBrokenRule(rules, (member) => value[member]);
  if (broken !== undefined) throw invalidParameter(name, describeBroken(broken));
  const present = Object.entries(members).filter(([member]) => value[member] !== undefined && value[member] !== null);
  return Object.fromEntries(present.map(([member, row]) => [member, check(name, row, value[member])]));
}

function describeBroken({ fault, member, others }: BrokenRule): string {
  if (fault === "noneOf") return `expected one of ${[member, ...others].join(", ")}`;
  return `expected ${fault === "needed" ? member : `no ${member}`} beside ${others.join(", ")}`;
}
