/**
 * Values to and from IMM's wire form, by the table of operations. Pure: no I/O, no vendor code.
 *
 * `openapi-client` calls it on the way out and on the way in. It checks the shapes of answers only: inputs are checked by
 * `check-input.ts` before they come here, and what a task means is decided in `tasks/`. What does not fit in an answer
 * becomes an error in its place, so that one odd member takes nothing else with it.
 */

import { UpstreamInvalidResponseError } from "../../errors.js";
import { isExactNumber, isRecord, isTooDeep, MAX_JSON_DEPTH, readExactNumber, stringifyExact } from "../../json.js";
import {
  modelOf,
  readNumber,
  schemaNameOf,
  type Member,
  type Members,
  type models,
  type Operation,
  type Shape,
} from "../operations/operations.js";

/** One request's parameters, each as the text that travels. */
export interface WireParameters {
  readonly query: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, string>>;
}

/** The TypeScript type of a decoded member, read off its row in the table. */
type ValueOf<M> = M extends { readonly type: "string" }
  ? string
  : M extends { readonly type: "boolean" }
    ? boolean
    : M extends { readonly type: "integer" | "number" }
      ? M extends { readonly format: "int64" }
        ? number | bigint
        : number
      : M extends { readonly type: "array"; readonly items: infer I }
        ? Fitting<ValueOf<I>>[]
        : M extends { readonly type: "object"; readonly model: infer N extends keyof typeof models }
          ? Decoded<(typeof models)[N]["members"]>
          : M extends { readonly type: "map" }
            ? Readonly<Record<string, unknown>>
            : unknown;

/** A value, or the error that stands in its place because it does not fit. */
export type Fitting<T> = T | WireShapeError;

/** A decoded object: each documented member, or undefined where IMM left it out. */
export type Decoded<M> = { readonly [Name in keyof M]?: Fitting<ValueOf<M[Name]>> };

/** What stands for a value that is not of the documented shape. Names the member, never its value. */
export class WireShapeError extends UpstreamInvalidResponseError {
  constructor(sentence: string) {
    super(`IMM's answer is not of the documented shape. ${sentence}`);
  }
}

/**
 * Encodes parameters for their place. Undefined ones are omitted; empty text, 0, false and [] are sent, as the
 * official SDK does.
 *
 * @throws Error - when `values` names a parameter that the operation does not have.
 */
export function encodeParameters(operation: Operation, values: Readonly<Record<string, unknown>>): WireParameters {
  const parameters: { query: Record<string, string>; body: Record<string, string> } = { query: {}, body: {} };
  for (const [name, value] of Object.entries(values)) {
    const parameter = operation.request[name];
    if (parameter === undefined) throw new Error(`${operation.action} has no parameter ${name}.`);
    if (value === undefined) continue;
    // JSON text of a boolean or a number is also its plain form; arrays, objects and maps travel as JSON text.
    parameters[parameter.in][name] = typeof value === "string" ? value : stringifyExact(value);
  }
  return parameters;
}

/**
 * What `decodeMembers` read, in the schema's spelling, however deep. What IMM left out is left out here too.
 *
 * @param decoded - by the wire's names, of the shapes that the table documents.
 */
export function toSchemaMembers(members: Members, decoded: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(members).filter(([name]) => decoded[name] !== undefined);
  return Object.fromEntries(
    entries.flatMap(([name, member]) => {
      const value = toSchemaValue(member, decoded[name]);
      return member.pair === undefined ? [[schemaNameOf(name, member), value]] : toPair(name, member.pair, value);
    }),
  );
}

/** The two items of a list as members of their own. */
function toPair(name: string, pair: NonNullable<Member["pair"]>, value: unknown): [name: string, value: unknown][] {
  const items: unknown[] = Array.isArray(value) ? value : [];
  const error = value instanceof WireShapeError ? value : new WireShapeError(`Expected ${name} to have two items.`);
  return pair.map(({ schemaName }, index) => [schemaName, items.length === 2 ? items[index] : error]);
}

function toSchemaValue(shape: Shape, value: unknown): unknown {
  const { items } = shape;
  if (value instanceof WireShapeError) return value;
  if (shape.type === "array" && items !== undefined && Array.isArray(value)) {
    return value.map((item) => toSchemaValue(items, item));
  }
  if (shape.type === "object" && isRecord(value)) return toSchemaMembers(modelOf(shape).members, value);
  return value;
}

export interface DecodeOptions {
  /** What it is called in errors. @default "answer" */
  readonly path?: string;
  /** Errors that may stand in their places: each costs memory, and an answer has room for millions. @default 1_000 */
  readonly maxMisfits?: number;
  /** Whether numbers that are no integers may stay `ExactNumber`s, as for what is sent on. @default false */
  readonly keepsDigits?: boolean;
}

/**
 * Reads the documented members of an object and drops the rest. Null members are left out. Numbers that arrive as text
 * are accepted where a number is documented, and the reverse, because IMM mixes the two. A member or item of another shape
 * than documented, however deep, becomes a WireShapeError in its place; so does a number that its format does not hold.
 *
 * @throws WireShapeError - when `value` is no object, or more of it does not fit than may.
 */
export function decodeMembers<M extends Readonly<Record<string, Shape>>>(
  members: M,
  value: unknown,
  { path = "answer", maxMisfits = 1_000, keepsDigits = false }: DecodeOptions = {},
): Decoded<M> {
  if (!isRecord(value)) throw new WireShapeError(`Expected ${path} to be an object.`);
  return new Decoder(maxMisfits, keepsDigits).decodeObject(members, value, { step: path, within: undefined });
}

/** Where a value is. Text is made of it only where that is wrong. */
interface Path {
  /** A member, or the index of an item. */
  readonly step: string | number;
  readonly within: Path | undefined;
}

function toText({ step, within }: Path): string {
  if (within === undefined) return String(step);
  return toText(within) + (typeof step === "number" ? `[${step}]` : `.${step}`);
}

class Decoder {
  readonly #keepsDigits: boolean;
  #misfitsLeft: number;

  constructor(maxMisfits: number, keepsDigits: boolean) {
    this.#misfitsLeft = maxMisfits;
    this.#keepsDigits = keepsDigits;
  }

  decodeObject(members: Readonly<Record<string, Shape>>, value: Readonly<Record<string, unknown>>, path: Path): object {
    const decoded: Record<string, unknown> = {};
    for (const name in members) {
      const raw = value[name];
      if (raw === undefined || raw === null) continue;
      decoded[name] = this.#decode(members[name] as Shape, raw, { step: name, within: path });
    }
    return decoded;
  }

  #decode(member: Shape, raw: unknown, path: Path): unknown {
    switch (member.type) {
      case "string":
        if (typeof raw === "string") return raw;
        if (typeof raw === "number" || isExactNumber(raw)) return String(raw);
        break;
      case "boolean":
        if (typeof raw === "boolean") return raw;
        if (raw === "true" || raw === "false") return raw === "true";
        break;
      case "integer":
      case "number": {
        const given = typeof raw === "string" ? readExactNumber(raw.trim()) : raw;
        const number = readNumber(member, given);
        if (number !== undefined) return this.#keepsDigits && member.type === "number" ? given : number;
        break;
      }
      case "array":
        return this.#decodeArray(member, raw, path);
      case "object":
        if (isRecord(raw)) return this.decodeObject(modelOf(member).members, raw, path);
        break;
      case "map":
        if (isTooDeep(raw))
          return this.#misfit(`Expected ${toText(path)} to be nested at most ${MAX_JSON_DEPTH} deep.`);
        if (isRecord(raw)) return raw;
        break;
    }
    return this.#misfit(`Expected ${toText(path)} to be of type ${member.type}.`);
  }

  #decodeArray({ type, items, maxItems = Infinity }: Shape, raw: unknown, path: Path): unknown {
    if (!Array.isArray(raw) || items === undefined)
      return this.#misfit(`Expected ${toText(path)} to be of type ${type}.`);
    if (raw.length > maxItems) return this.#misfit(`Expected ${toText(path)} to have at most ${maxItems} items.`);
    return raw.map((item, index) => this.#decode(items, item, { step: index, within: path }));
  }

  #misfit(sentence: string): WireShapeError {
    const error = new WireShapeError(sentence);
    if (this.#misfitsLeft === 0) throw error;
    this.#misfitsLeft -= 1;
    return error;
  }
}
