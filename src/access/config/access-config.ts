/**
 * The configuration of who may ask and what they may do, as a file or a program gives it: its types, its form, and the one
 * sentence for what is wrong with it. It says nothing of what may be secret.
 */

import * as v from "valibot";
import { ConfigurationError } from "../../errors.js";
import { clip, describeValue } from "../../options/refusal.js";
import { isPointer } from "../grants/claims.js";
import { RIGHTS, type CallAllowance, type Right } from "../principal.js";
import { isPattern, isPlainPattern } from "../grants/project-pattern.js";

/** Whose tasks a grant is for: those with this tag, or with this member of their user data, which then is a JSON object. */
export type OwnConfig =
  { readonly tag: string; readonly equals: string } | { readonly userData: string; readonly equals: string };

/** What is allowed, and where. */
export interface GrantConfig {
  /** Names, and prefixes with `*` at their end: `acme-*` is `acme-eu` too. */
  readonly projects: readonly string[];
  /** As IMM spells them, for example `OfficeConversion`; all when left out. */
  readonly taskTypes?: readonly string[] | undefined;
  readonly allow: readonly Right[];
  /** Only the caller's own tasks: its value is in `equals`. */
  readonly own?: OwnConfig | undefined;
  /** Instead of that of all callers. */
  readonly allowance?: CallAllowance | undefined;
}

/** A grant to callers of an issuer. `projects` may have claims in them, as `{/tenant}-*`; `equals` of `own` is a pointer. */
export interface ClaimGrantConfig extends GrantConfig {
  /**
   * By JSON pointer into the claims: the claim is the text, or a list that has it, or a text of words one of which it is.
   * All must hold.
   */
  readonly when?: Readonly<Record<string, string>> | undefined;
}

/** A public key as a JSON Web Key. */
export type PublicKeyConfig = Readonly<Record<string, unknown>> & { readonly kty: string };

/** Where the keys of an issuer are: behind a URL, or here. */
export type KeySetConfig =
  | {
      /** `https:`, or `http:` on this machine. */
      readonly url: string;
      /** How often they are fetched. @default 300_000 */
      readonly refreshMs?: number | undefined;
      /** How long the last ones are used while that fails. @default 86_400_000 */
      readonly staleForMs?: number | undefined;
    }
  | { readonly keys: readonly PublicKeyConfig[] };

/** Who issues JSON Web Tokens. */
export interface IssuerConfig {
  /** What its tokens have in `iss`, letter by letter. */
  readonly issuer: string;
  /** What a token must have one of in `aud`. */
  readonly audiences: readonly string[];
  /** Such as `RS256`: asymmetric ones. */
  readonly algorithms: readonly string[];
  readonly jwks: KeySetConfig;
  /** How far its clock may be from ours: a token lives this much longer. @default 30_000 */
  readonly clockToleranceMs?: number | undefined;
  /** A JSON pointer to what identifies a caller. @default "/sub" */
  readonly caller?: string | undefined;
  readonly grants: readonly ClaimGrantConfig[];
}

/** A token of which only the digest is known here; `imm-graphql token` makes one. */
export interface TokenConfig {
  /** Its caller is `token:` and this. */
  readonly name: string;
  /** In hexadecimal. */
  readonly sha256: string;
  /** Such as `2027-01-01T00:00:00Z`. */
  readonly expiresAt?: string | Date | undefined;
  readonly grants: readonly GrantConfig[];
}

/** Who may ask, and what they may do. */
export interface AccessConfig {
  readonly issuers?: readonly IssuerConfig[] | undefined;
  readonly tokens?: readonly TokenConfig[] | undefined;
  /** For callers that show no token; left out, they are UNAUTHENTICATED. */
  readonly anonymous?: { readonly grants: readonly GrantConfig[] } | undefined;
  /** A caller's share; a grant may have its own. */
  readonly allowance?: CallAllowance | undefined;
}

/** Where a configuration comes from. */
export interface AccessSource {
  readonly config: AccessConfig;
  /** Calls back with each new one. Returns what ends that. */
  watch(listener: (config: AccessConfig) => void): () => void;
}

/** What identifies a caller that a program has named, and what it may do. */
export interface Identity {
  /** What it is known by, for good. */
  readonly caller: string;
  /** A date, or milliseconds since the epoch. Its streams end then. */
  readonly expiresAt?: number | Date | undefined;
  readonly grants: readonly GrantConfig[];
}

const DAY_MS = 86_400_000;
export const ALGORITHMS = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" ");

/** What is secret, or is so where it was put in by mistake. */
const UNSHOWN = new Set<unknown>(["sha256", "keys", "name"]);

function object<const Entries extends v.ObjectEntries>(
  entries: Entries,
): v.StrictObjectSchema<Entries, v.ErrorMessage<v.StrictObjectIssue>> {
  return v.strictObject(entries, ({ expected }) => {
    if (expected === "never") return "no such member";
    return expected !== null && expected.startsWith('"') ? "to be given" : "an object";
  });
}

function text(expected: string, isRight: (text: string) => boolean): v.GenericSchema<string> {
  return v.pipe(
    v.string(expected),
    v.check((value) => value !== "" && isRight(value), expected),
  );
}

function listOf<T>(item: v.GenericSchema<unknown, T>, expected: string): v.GenericSchema<unknown, T[]> {
  return v.pipe(v.array(item, expected), v.nonEmpty(expected));
}

function integer(min: number, max: number): v.GenericSchema<number> {
  const expected = `an integer from ${min} to ${max}`;
  return v.pipe(
    v.number(expected),
    v.check((value) => Number.isInteger(value) && value >= min && value <= max, expected),
  );
}

const anyText = text("a text that is not empty", () => true);
const pointer = text("a JSON pointer such as /sub", isPointer);
/** A create writes the owner there, so it is not deeper. */
const member = text(
  "a JSON pointer to a member, such as /ownerId",
  (path) => isPointer(path) && path.lastIndexOf("/") === 0,
);

const allowance = object({ callsPerMinute: integer(1, 1_000_000), burst: integer(1, 1_000_000) });

function own(equals: v.GenericSchema<string>): v.GenericSchema<unknown, OwnConfig> {
  const tag = text("the key of a tag, without =", (key) => !key.includes("="));
  const form = object({ tag: v.optional(tag), userData: v.optional(member), equals });
  const isOne = v.check<v.InferOutput<typeof form>, string>(
    ({ tag, userData }) => (tag === undefined) !== (userData === undefined),
    "one of tag and userData",
  );
  return v.pipe(form, isOne) as v.GenericSchema<unknown, OwnConfig>;
}

const rights = listOf(v.picklist(RIGHTS, `one of ${RIGHTS.join(", ")}`), "a list of one or more rights");

const grant = object({
  projects: listOf(text("a project, or a prefix with * at its end", isPlainPattern), "a list of one or more projects"),
  taskTypes: v.optional(listOf(anyText, "a list of one or more types")),
  allow: rights,
  own: v.optional(own(anyText)),
  allowance: v.optional(allowance),
});

const WHEN = "an object of one or more texts by JSON pointers";
const claimGrant = object({
  when: v.optional(
    v.pipe(
      v.record(pointer, anyText, WHEN),
      v.check((when) => Object.keys(when).length > 0, WHEN),
    ) as v.GenericSchema<Record<string, string>>,
  ),
  ...grant.entries,
  projects: listOf(
    text("a project, or a prefix with * at its end, with claims such as {/tenant}", isPattern),
    "a list of one or more projects",
  ),
  own: v.optional(own(pointer)),
});

const url = text("a URL of https, or of http on this machine, without a password", isKeySetUrl);
const publicKey = v.pipe(
  v.looseObject({ kty: v.picklist(["RSA", "EC", "OKP"], "RSA, EC or OKP") }, "a JSON Web Key"),
  v.check((key) => !("d" in key) && !("k" in key), "a public key, nothing of a private one"),
) as v.GenericSchema<PublicKeyConfig>;
const keySetForm = object({
  url: v.optional(url),
  refreshMs: v.optional(integer(1_000, DAY_MS)),
  staleForMs: v.optional(integer(0, 30 * DAY_MS)),
  keys: v.optional(listOf(publicKey, "a list of one or more keys")),
});
const keySet = v.pipe(
  keySetForm,
  v.check(({ url, keys }) => (url === undefined) !== (keys === undefined), "one of url and keys"),
  v.check(
    ({ keys, refreshMs, staleForMs }) => keys === undefined || (refreshMs ?? staleForMs) === undefined,
    "refreshMs and staleForMs beside a url alone",
  ),
) as v.GenericSchema<unknown, KeySetConfig>;

const issuer = object({
  issuer: text("what its tokens have in iss, without spaces", (name) => /^(?!token:|function:)\S+$/.test(name)),
  audiences: listOf(anyText, "a list of one or more audiences"),
  algorithms: listOf(
    v.picklist(
      ALGORITHMS,
      `one of ${ALGORITHMS.join(", ")} (with a shared secret, or without a signature, all that can check a token can make one)`,
    ),
    "a list of one or more algorithms",
  ),
  jwks: keySet,
  clockToleranceMs: v.optional(integer(0, 300_000)),
  caller: v.optional(pointer),
  grants: v.array(claimGrant, "a list of grants"),
});

const INSTANT = "an instant with its zone, such as 2027-01-01T00:00:00Z";
const token = object({
  name: text("letters, digits and . _ - alone", (name) => /^[\w.-]{1,100}$/.test(name)),
  sha256: text("a SHA-256 of 64 hexadecimal digits, which imm-graphql token prints", (digest) =>
    /^[0-9a-f]{64}$/i.test(digest),
  ),
  expiresAt: v.optional(
    v.union(
      [
        v.date(),
        text(INSTANT, (at) => /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(at) && !Number.isNaN(Date.parse(at))),
      ],
      INSTANT,
    ),
  ),
  grants: v.array(grant, "a list of grants"),
});

/** Refuses the second of two items that have the same text there. */
function unique<T extends Readonly<Record<string, unknown>>>(
  member: keyof T & string,
  textOf: (item: T) => string,
): v.RawCheckAction<T[]> {
  return v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { value: list } = dataset;
    const texts = list.map(textOf);
    const index = texts.findIndex((text, at) => texts.indexOf(text) < at);
    const item = list[index];
    if (item === undefined) return;
    const input = item[member];
    addIssue({
      message: `each ${member} once`,
      input,
      path: [
        { type: "array", origin: "value", input: list, key: index, value: item },
        { type: "object", origin: "value", input: item, key: member, value: input },
      ],
    });
  });
}

const config = v.pipe(
  object({
    issuers: v.optional(
      v.pipe(
        v.array(issuer, "a list of issuers"),
        unique("issuer", ({ issuer }) => issuer),
      ),
    ),
    tokens: v.optional(
      v.pipe(
        v.array(token, "a list of tokens"),
        unique("name", ({ name }) => name),
        unique("sha256", ({ sha256 }) => sha256.toLowerCase()),
      ),
    ),
    anonymous: v.optional(object({ grants: v.array(grant, "a list of grants") })),
    allowance: v.optional(allowance),
  }),
  v.check(
    ({ issuers, tokens, anonymous }) => (issuers ?? tokens ?? anonymous) !== undefined,
    "issuers, tokens or anonymous: else no caller may ask",
  ),
);

const identity = object({
  caller: anyText,
  expiresAt: v.optional(v.union([v.date(), v.pipe(v.number(), v.finite())], "a date or milliseconds since the epoch")),
  grants: v.array(grant, "a list of grants"),
});

/**
 * Checks a configuration.
 *
 * @param source - what errors call it: the name of its file.
 * @throws ConfigurationError - naming the first place that is wrong, what was expected, and what is there unless it may be secret.
 */
export function parseAccessConfig(given: unknown, source: string): AccessConfig {
  const result = v.safeParse(config, given, { abortEarly: true });
  if (result.success) return result.output;
  throw new ConfigurationError(describe(result.issues[0], source));
}

/** Checks what a program has named a caller. Null where that has not the form. The place that is wrong is in `wrong`. */
export function parseIdentity(
  given: unknown,
): { readonly identity: Identity } | { readonly identity: null; readonly wrong: string } {
  const result = v.safeParse(identity, given, { abortEarly: true });
  if (result.success) return { identity: result.output };
  const [{ path, message }] = result.issues;
  return { identity: null, wrong: `${placeOf(path)}: expected ${message}` };
}

type Issue = v.BaseIssue<unknown>;

function describe({ path, message, expected, input }: Issue, source: string): string {
  const place = placeOf(path);
  const where = place === "" ? source : `${source}: ${place}`;
  if (expected === "never") return `${where}: there is no such member.`;
  const keys = (path ?? []).map(({ key }) => key);
  const isShown = !keys.some((key) => UNSHOWN.has(key)) && !(typeof input === "string" && input.includes("@"));
  return `${where}: expected ${message}, got ${toWords(input, isShown)}.`;
}

/** For example `issuers[0].grants[1].projects`. */
function placeOf(path: Issue["path"]): string {
  const pieces = (path ?? []).map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${clip(String(key))}`));
  return pieces.join("").replace(/^\./, "");
}

function toWords(value: unknown, isShown: boolean): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "function") return "a function";
  return isShown ? describeValue(value) : `a ${typeof value}`;
}

/** Whether keys may be fetched from there: no machine on the way can put others in their place. */
function isKeySetUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== "" || password !== "") return false;
  if (protocol === "https:") return true;
  return protocol === "http:" && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
