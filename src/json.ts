/**
 * JSON values: their bounds, depth and size, and the digits of their numbers. A leaf: it knows nothing of tasks, IMM or
 * GraphQL.
 *
 * Much of what handles a value recurses (`JSON.stringify`, coercion, redaction) and fails with a RangeError somewhere deep
 * inside. So a value that comes from outside is measured first, without recursion. Parsing is safe: `JSON.parse` does not
 * recurse.
 */

import { isLosslessNumber, LosslessNumber, parse, stringify } from "lossless-json";

/** How deep arrays and objects may be nested: `{}` is 1 deep, `[{}]` 2, a text or a number 0. */
export const MAX_JSON_DEPTH = 64;

/** Whether a value is nested deeper than JSON may be. Goes no deeper than that itself, some hundred calls at most. */
export function isTooDeep(value: unknown, maxDepth = MAX_JSON_DEPTH): boolean {
  if (!isContainer(value)) return false;
  if (maxDepth === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isTooDeep(item, maxDepth - 1));
  for (const name in value) {
    if (isTooDeep((value as Readonly<Record<string, unknown>>)[name], maxDepth - 1)) return true;
  }
  return false;
}

/** Whether a value is an array or an object of JSON. */
export function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null && !isLosslessNumber(value);
}

/** Whether a value is an object of JSON, by its members' names. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return isContainer(value) && !Array.isArray(value);
}

// --- digits ---

/**
 * A number with the digits it was written with, where JavaScript's own would be written with others: `1.10`, `1e400`,
 * `12345678901234567890`.
 */
export { isLosslessNumber as isExactNumber, type LosslessNumber as ExactNumber } from "lossless-json";

/** What the library parses takes ten times as long as by `JSON.parse`: for longer texts, up to seconds. */
const MAX_EXACT_LENGTH = 4 * 1_024 * 1_024;
/** The library recurses; some thousands of levels are as deep as it can go. */
const MAX_EXACT_DEPTH = 512;

/**
 * The value of a JSON text. Numbers that JavaScript would write with other digits are `ExactNumber`s; in a text of more
 * than four million characters, or nested more than 512 deep, they are JavaScript's.
 *
 * @throws SyntaxError - when the text is not JSON.
 */
export function parseExact(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (text.length > MAX_EXACT_LENGTH || !mayBeInexact(text) || isTooDeep(value, MAX_EXACT_DEPTH)) return value;
  return parse(text, undefined, { parseNumber: toExactNumber, onDuplicateKey: ({ newValue }) => newValue });
}

/** The JSON text of a value, with the digits of its `ExactNumber`s. It recurses: the value must not be nested too deep. */
export function stringifyExact(
  value: unknown,
  replacer?: (name: string, member: unknown) => unknown,
  space?: string,
): string {
  return stringify(value, replacer, space) ?? "null";
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** The number that a text stands for as JSON writes it; undefined for another text. */
export function readExactNumber(text: string): number | LosslessNumber | undefined {
  return NUMBER.test(text) ? toExactNumber(text) : undefined;
}

function toExactNumber(text: string): number | LosslessNumber {
  return isWrittenAlike(text) ? Number(text) : new LosslessNumber(text);
}

/** Whether JavaScript writes the number with the same digits. */
function isWrittenAlike(text: string): boolean {
  const number = Number(text);
  return String(number) === text && (Number.isSafeInteger(number) || !Number.isInteger(number));
}

/**
 * The value with JavaScript's numbers in place of `ExactNumber`s: itself where it has none. Looks as deep as JSON may be
 * nested, and once into what is held many times.
 */
export function withPlainNumbers(value: unknown): unknown {
  if (!isContainer(value)) return toPlain(value, MAX_JSON_DEPTH, new Map());
  const known = plainValues.get(value);
  if (known !== undefined) return known;
  const plain = toPlain(value, MAX_JSON_DEPTH, new Map());
  if (isContainer(plain)) plainValues.set(value, plain);
  return plain;
}

/** One value is shown under many names of an operation; it is walked once. Nothing changes a value that was read. */
const plainValues = new WeakMap<object, object>();

function toPlain(value: unknown, depthLeft: number, known: Map<object, unknown>): unknown {
  if (isLosslessNumber(value)) return Number(value.value);
  if (!isContainer(value) || depthLeft === 0) return value;
  if (known.has(value)) return known.get(value);
  known.set(value, value);
  const plain = mapValues(value, (member) => toPlain(member, depthLeft - 1, known));
  known.set(value, plain);
  return plain;
}

/** The container with its values mapped: itself where none of them changes. Items have no name. */
export function mapValues(
  container: object,
  map: (value: unknown, name: string | undefined, index: number) => unknown,
): object {
  if (Array.isArray(container)) {
    const items = container.map((item, index) => map(item, undefined, index));
    return items.every((item, index) => Object.is(item, container[index])) ? container : items;
  }
  const entries = Object.entries(container).map(
    ([name, value], index) => [name, value, map(value, name, index)] as const,
  );
  if (entries.every(([, before, after]) => Object.is(before, after))) return container;
  return Object.fromEntries(entries.map(([name, , after]) => [name, after]));
}

/** What may be a number that is not a short integer, where JSON has its values; texts of the JSON match as well. */
const LONG_NUMBER = /(?:^|[:[,\s])(-0|-?\d+(?:\.\d+(?:e[+-]?\d+)?|e[+-]?\d+)|-?\d{16,})(?=[\s,\]}]|$)/gi;

function mayBeInexact(text: string): boolean {
  for (const [, number = ""] of text.matchAll(LONG_NUMBER)) {
    if (!isWrittenAlike(number)) return true;
  }
  return false;
}

// --- size ---

/** How many values a JSON text may be made of: beyond, writing it takes longer than its bytes let one expect. */
const MAX_VALUES = 250_000;

/**
 * Whether the JSON text of a value, which no `toJSON` changes, would have more than `maxBytes` bytes in UTF-8, or be made of
 * too many values, or could not be made since a value holds itself. Makes no text, does not recurse, and ends at the bound;
 * a container that is held many times is measured once.
 */
export function isTooLarge(value: unknown, maxBytes: number): boolean {
  const meter = new SizeMeter();
  meter.add(value);
  while (meter.bytes <= maxBytes && meter.values <= MAX_VALUES) if (!meter.goOn()) return false;
  return true;
}

/** Deeper than anything of the schema; what is deeper is measured without recursion. */
const MAX_QUICK_DEPTH = 100;

/**
 * Whether the JSON text of a value would certainly have at most so many characters: a quick look for what is small, as most
 * answers are. A character takes one to six bytes.
 */
export function isShort(value: unknown, maxCharacters: number): boolean {
  return charactersLeft(value, maxCharacters, 0) >= 0;
}

/** What is left of so many characters behind the value; negative when they do not suffice, or it is too deep to be looked at. */
function charactersLeft(value: unknown, characters: number, depth: number): number {
  if (typeof value === "string") return characters - value.length - 3;
  // Longer than any number, with a comma. One with digits of its own is an object that holds their text.
  return typeof value !== "object" || value === null ? characters - 26 : charactersLeftOf(value, characters, depth);
}

/** The same for a container. By itself, so that what stands ahead is small enough to be compiled into its loops. */
function charactersLeftOf(value: object, characters: number, depth: number): number {
  if (depth > MAX_QUICK_DEPTH) return -1;
  let left = characters - 3;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length && left >= 0; index += 1)
      left = charactersLeft(value[index], left, depth + 1);
    return left;
  }
  // Of graphql-js. V8 compiles a loop for what it has seen: with these in it as well, that below would take twice as long.
  if (Object.getPrototypeOf(value) === null) {
    for (const [name, member] of Object.entries(value)) {
      if (left < 0) return left;
      left = charactersLeft(member, left - name.length - 3, depth + 1);
    }
    return left;
  }
  for (const name in value) {
    if (left < 0) return left;
    left = charactersLeft((value as Readonly<Record<string, unknown>>)[name], left - name.length - 3, depth + 1);
  }
  return left;
}

/** A container that is being measured: what was counted before it, and how far it has been read. */
interface OpenContainer {
  readonly members: readonly unknown[];
  /** Undefined for an array. */
  readonly names: readonly string[] | undefined;
  readonly container: object;
  readonly bytesBefore: number;
  readonly valuesBefore: number;
  next: number;
}

type Size = Readonly<Record<"bytes" | "values", number>>;

/** Counts a value member by member. */
class SizeMeter {
  bytes = 0;
  values = 0;
  readonly #open: OpenContainer[] = [];
  /** Of containers that were measured; infinite while they are. */
  readonly #sizes = new Map<object, Size>();
  /** Of long texts. */
  readonly #texts = new Map<string, number>();

  /** Counts a value; of a container that is new, the brackets. */
  add(value: unknown): void {
    this.values += 1;
    if (typeof value === "string") this.bytes += this.#bytesOf(value);
    else if (!isContainer(value)) this.bytes += String(value).length;
    else this.#addContainer(value);
  }

  /** Counts the members of the innermost container, up to the next container. False when there is none. */
  goOn(): boolean {
    const open = this.#open.at(-1);
    if (open === undefined) return false;
    const { members, names } = open;
    while (open.next < members.length) {
      const member = members[open.next];
      if (open.next > 0) this.bytes += 1;
      if (names !== undefined) this.bytes += this.#bytesOf(names[open.next] as string) + 1;
      open.next += 1;
      this.add(member);
      if (isContainer(member)) return true;
    }
    this.#open.pop();
    const bytes = this.bytes - open.bytesBefore;
    this.#sizes.set(open.container, { bytes, values: this.values - open.valuesBefore });
    return true;
  }

  #addContainer(container: object): void {
    const known = this.#sizes.get(container);
    if (known !== undefined) {
      this.bytes += known.bytes;
      this.values += known.values;
      return;
    }
    this.#sizes.set(container, { bytes: Infinity, values: Infinity });
    const isArray = Array.isArray(container);
    this.#open.push({
      container,
      names: isArray ? undefined : Object.keys(container),
      members: isArray ? container : Object.values(container),
      bytesBefore: this.bytes,
      valuesBefore: this.values,
      next: 0,
    });
    this.bytes += 2;
  }

  #bytesOf(text: string): number {
    if (text.length < LONG_TEXT) return bytesOfText(text);
    const bytes = this.#texts.get(text) ?? bytesOfText(text);
    this.#texts.set(text, bytes);
    return bytes;
  }
}

/** From how many characters on remembering the size of a text is cheaper than counting again. */
const LONG_TEXT = 128;

/** Bytes of the JSON text of a text: quotes, escapes and UTF-8. */
function bytesOfText(text: string): number {
  let bytes = 2;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x20 && unit < 0x80) bytes += unit === 0x22 || unit === 0x5c ? 2 : 1;
    else if (unit < 0x20) bytes += SHORT_ESCAPES.has(unit) ? 2 : 6;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xe000) bytes += bytesOfSurrogate(text, index);
    else bytes += 3;
  }
  return bytes;
}

/** \b, \t, \n, \f and \r. */
const SHORT_ESCAPES: ReadonlySet<number> = new Set([0x08, 0x09, 0x0a, 0x0c, 0x0d]);

/** Two of the four bytes of a character that is written by two surrogates; a surrogate that stands alone is escaped. */
function bytesOfSurrogate(text: string, index: number): number {
  const isPair = (text.codePointAt(index) ?? 0) > 0xffff || (text.codePointAt(index - 1) ?? 0) > 0xffff;
  return isPair ? 2 : 6;
}
