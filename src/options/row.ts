/**
 * What a row of the table of options is made of: a kind, a default and an effect, and the names that follow from its own.
 *
 * The sections beside this file are written in its functions; `options.ts` reads them. A kind says how a value is written,
 * what is expected in words, and when a value fits, as text of the environment and as a value of a program.
 */

import { isIP } from "node:net";
import * as v from "valibot";

/** How a kind of value is written, checked, and read from text. */
interface Kind<T> {
  /** What a flag's value looks like, for example `<integer>`. */
  readonly placeholder: string;
  /** What is expected, as a refusal says it. */
  readonly expected: string;
  /** Accepts what a program gives. */
  readonly value: v.GenericSchema<unknown, T>;
  /** Accepts, and reads, what stands in the environment or behind a flag. */
  readonly text: v.GenericSchema<unknown, T>;
}

/** What one option does, and what holds when it is not given. */
interface Details<T, D extends T | undefined> {
  /** Of the library, and of the command where it has no other. Undefined: other options or their absence decide. */
  readonly default: D;
  /** The command's default where NODE_ENV is `production`. */
  readonly production?: T;
  /** The command's default where NODE_ENV is anything else. */
  readonly development?: T;
  /** The command's default in words, where its value alone does not say it. */
  readonly fallback?: string;
  /** What it does, and what happens at a bound. */
  readonly effect: string;
  /** The environment variable, where it does not follow from the name. */
  readonly env?: string;
  /** The flag, where it does not follow from the name. */
  readonly flag?: string;
  /** Whether it may not be shown: it has no flag, and no refusal repeats it. */
  readonly isSecret?: boolean;
}

/** Between what bounds a number lies, both included. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** One row. */
export interface Option<T = unknown, D extends T | undefined = T | undefined> extends Kind<T>, Details<T, D> {
  /** Of a number. */
  readonly range?: Range;
}

/** Rows by name. */
export type Rows = Readonly<Record<string, Option>>;

/** The values of rows. */
export type ValuesOf<R> = {
  readonly [Name in keyof R]: R[Name] extends Option<infer T, infer D>
    ? undefined extends D
      ? T | undefined
      : T
    : never;
};

/** What belongs together in the help and the manual. */
export interface Section {
  readonly title: string;
  /** Options of `createGateway` and of the command. */
  readonly gateway: Rows;
  /** Options of the command alone. */
  readonly command: Rows;
}

/** A whole number. Names that end in `Ms` are milliseconds, in `Bytes` bytes; the rest are counts. */
export function integer<D extends number | undefined>(details: Range & Details<number, D>): Option<number, D> {
  return numeric("integer", /^\d+$/, v.pipe(v.number(), v.integer()), details);
}

/** A number, with a fraction or without. */
export function number<D extends number | undefined>(details: Range & Details<number, D>): Option<number, D> {
  return numeric("number", /^\d+(\.\d+)?$/, v.number(), details);
}

function numeric<D extends number | undefined>(
  word: "integer" | "number",
  form: RegExp,
  kind: v.GenericSchema<number>,
  { min, max, ...details }: Range & Details<number, D>,
): Option<number, D> {
  const value = v.pipe(kind, v.minValue(min), v.maxValue(max));
  return {
    ...details,
    range: { min, max },
    placeholder: `<${word}>`,
    expected: `${word === "integer" ? "an" : "a"} ${word} from ${min} to ${max}`,
    value,
    text: v.pipe(v.string(), v.regex(form), v.transform(Number), value),
  };
}

export function text<D extends string | undefined>(
  details: Details<string, D> & { readonly placeholder?: string },
): Option<string, D> {
  const value = v.pipe(v.string(), v.nonEmpty());
  return { placeholder: "<text>", ...details, expected: "a text that is not empty", value, text: value };
}

export function httpUrl<D extends string | undefined>(details: Details<string, D>): Option<string, D> {
  const isHttp = (given: string): boolean => URL.canParse(given) && /^https?:$/.test(new URL(given).protocol);
  const value = v.pipe(v.string(), v.check(isHttp));
  return {
    ...details,
    placeholder: "<url>",
    expected: "a URL such as http://localhost:4318",
    value,
    text: value,
  };
}

/** Where Redis is. A query could change what the gateway relies on. */
export function redisUrl<D extends string | undefined>(details: Details<string, D>): Option<string, D> {
  const isRedis = (given: string): boolean => {
    if (!/^rediss?:\/\//.test(given) || !URL.canParse(given)) return false;
    const { hostname, pathname, search, hash } = new URL(given);
    return hostname !== "" && /^(\/\d*)?$/.test(pathname) && search === "" && hash === "";
  };
  const value = v.pipe(v.string(), v.check(isRedis));
  const expected =
    "a URL such as redis://localhost:6379 or rediss://user:password@redis.example.com:6379/0, without a query";
  return { ...details, placeholder: "<url>", expected, value, text: value };
}

/** What keys of Redis begin with: braces would say which slot of a cluster they are in. */
export function keyPrefix<D extends string | undefined>(details: Details<string, D>): Option<string, D> {
  const value = v.pipe(v.string(), v.regex(/^[\w.:-]{1,64}$/));
  const expected = "1 to 64 letters, digits and _.:-";
  return { ...details, placeholder: "<prefix>", expected, value, text: value };
}

/** The name of a region of IMM, or of one of the user's own. */
export function region<D extends string | undefined>(details: Details<string, D>): Option<string, D> {
  const value = v.pipe(v.string(), v.regex(/^[a-z0-9]+(-[a-z0-9]+)*$/), v.maxLength(64));
  return { ...details, placeholder: "<region>", expected: "a region such as cn-hangzhou", value, text: value };
}

export function toggle<D extends boolean | undefined>(details: Details<boolean, D>): Option<boolean, D> {
  return {
    ...details,
    placeholder: "<true|false>",
    expected: "true or false",
    value: v.boolean(),
    text: v.pipe(
      v.picklist(["true", "1", "false", "0"]),
      v.transform((text) => text === "true" || text === "1"),
    ),
  };
}

export function oneOf<const T extends string, const D extends T | undefined>(
  values: readonly T[],
  details: Details<T, D> & { readonly placeholder: string },
): Option<T, D> {
  const value = v.picklist(values);
  return { ...details, expected: `one of ${values.join(", ")}`, value, text: value };
}

export function names<D extends readonly string[] | undefined>(
  details: Details<readonly string[], D>,
): Option<readonly string[], D> {
  return { ...details, placeholder: "<names>", ...listOfSome(v.pipe(v.string(), v.nonEmpty()), "names") };
}

/** Lets pages of any port on this machine in. */
export const LOCAL_ORIGINS = "localhost";
/** Lets every page in. */
export const ANY_ORIGIN = "*";

export function origins<D extends readonly string[] | undefined>(
  details: Details<readonly string[], D>,
): Option<readonly string[], D> {
  const item = v.union([v.picklist([ANY_ORIGIN, LOCAL_ORIGINS]), v.pipe(v.string(), v.check(isOrigin))]);
  const what = `origins such as https://app.example.com, "${ANY_ORIGIN}" or "${LOCAL_ORIGINS}"`;
  return { ...details, placeholder: "<origins>", ...listOf(item, what) };
}

/** Whether the text is what a browser sends as the origin of a page. */
function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text && !text.includes("*");
}

/** Lets clients ask under every name. */
export const ANY_HOST = "*";

export function hosts<D extends readonly string[] | undefined>(
  details: Details<readonly string[], D>,
): Option<readonly string[], D> {
  const item = v.union([v.literal(ANY_HOST), v.pipe(v.string(), v.check(isHost))]);
  const what =
    `host names such as api.example.com, without scheme, port and wildcard, and with other letters than ASCII's in the ` +
    `form xn--, or "${ANY_HOST}" for every name`;
  return { ...details, placeholder: "<hosts>", ...listOfSome(item, what) };
}

/** Whether the text is the name of a URL's host, as it is compared. */
function isHost(text: string): boolean {
  const url = `http://${text}`;
  return URL.canParse(url) && new URL(url).hostname === text.toLowerCase() && !text.includes("*");
}

/** Ranges of addresses that have a name: of this machine, of one link, of private networks. */
const NAMED_NETWORKS = ["loopback", "linklocal", "uniquelocal"] as const;

/** Addresses and ranges of them. */
export function networks<D extends readonly string[] | undefined>(
  details: Details<readonly string[], D>,
): Option<readonly string[], D> {
  const item = v.union([v.picklist(NAMED_NETWORKS), v.pipe(v.string(), v.check(isNetwork))]);
  const what = `addresses such as 10.0.0.1, ranges such as 10.0.0.0/8 or fd00::/8, or ${NAMED_NETWORKS.join(", ")}`;
  return { ...details, placeholder: "<addresses>", ...listOfSome(item, what) };
}

function isNetwork(text: string): boolean {
  const [, address = "", bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  // A range of all addresses would believe every client.
  return version !== 0 && (bits === undefined || (Number(bits) > 0 && Number(bits) <= (version === 4 ? 32 : 128)));
}

/** What a name of GraphQL may begin with, so that it stays one of the schema's style. */
export function namePrefix<D extends string | undefined>(details: Details<string, D>): Option<string, D> {
  const value = v.pipe(v.string(), v.regex(/^[a-z][A-Za-z0-9]{0,30}$/));
  const expected = "a word of at most 31 letters and digits that begins with a small letter";
  return { ...details, placeholder: "<prefix>", expected, value, text: value };
}

type ListKind = Pick<Kind<readonly string[]>, "expected" | "value" | "text">;

/** Lists are arrays for a program, and have commas between their items as text. */
function listOf(item: v.GenericSchema<unknown, string>, what: string): ListKind {
  return toList(v.array(item), `a list of ${what}`);
}

/** A list that is left out rather than empty: an empty one would let no client do anything. */
function listOfSome(item: v.GenericSchema<unknown, string>, what: string): ListKind {
  return toList(v.pipe(v.array(item), v.nonEmpty()), `a list of one or more ${what}`);
}

function toList(value: v.GenericSchema<unknown, string[]>, expected: string): ListKind {
  const text = v.pipe(
    v.string(),
    v.transform((list): unknown => list.split(",").map((piece) => piece.trim())),
    value,
  );
  return { expected, value, text };
}
