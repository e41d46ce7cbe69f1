/**
 * Takes the secrets out of a JSON value and of the texts in it: members by their names, pairs of a name and a value, JSON
 * within texts, header lines, and the parameters of URLs. Pure; for `request-definition.ts`.
 */

import { InvalidDefinitionError } from "../errors.js";
import { isExactNumber, MAX_JSON_DEPTH, parseExact, stringifyExact } from "../json.js";
import { isCredentialsName, isNameOfName, isNameOfValue, isSecretName } from "./secret-names.js";

/** What stands where a secret was. */
const REDACTED = "[redacted]";

/** Thrown when secrets cannot be looked for, so that not even the text may be shown. */
export class UnsearchableError extends InvalidDefinitionError {}

/** JSON within texts of the JSON counts as well. */
export function tooDeep(): UnsearchableError {
  return new UnsearchableError(`The task's request definition is nested deeper than ${MAX_JSON_DEPTH}.`);
}

/** Texts of one definition that begin as JSON does and are none: to find out takes microseconds for each. */
const MAX_FAILED_PARSES = 1_000;

/** Takes the secrets out of one definition. What is nested deeper than `depthLeft`, texts that hold JSON included, is refused. */
export class Redaction {
  #failedParses = 0;

  /** The value without its secrets: itself where it has none. */
  redact(value: unknown, depthLeft: number): unknown {
    if (typeof value === "string") return this.#redactString(value, depthLeft);
    const isSecretItem = secretItemsOf(value);
    return mapMembers(value, depthLeft, (name, member, index) => {
      if (isSecretItem(name, index)) return redactAny(member);
      if (name === undefined || member === null || member === "") return this.redact(member, depthLeft - 1);
      if (isCredentialsName(name)) return redactAll(member, depthLeft - 1);
      return isSecretName(name) ? redactAny(member) : this.redact(member, depthLeft - 1);
    });
  }

  /** The JSON text of a value, which was read of `text`, without its secrets: `text` itself where it has none. */
  redactJson(text: string, value: unknown, depthLeft: number): { readonly value: unknown; readonly text: string } {
    const redacted = this.redact(value, depthLeft);
    // Of members of one name only the last was read: the text may hold a secret that the value does not.
    const isKept = redacted === value && !namesSecret(text);
    return { value: redacted, text: isKept ? text : stringifyExact(redacted) };
  }

  /** A text that may hold JSON of its own, or other names and values. */
  #redactString(text: string, depthLeft: number): string {
    if (!/^\s*[[{"]/.test(text)) return redactPlainText(text);
    let value: unknown;
    try {
      value = parseExact(text);
    } catch {
      this.#failedParses += 1;
      if (this.#failedParses > MAX_FAILED_PARSES) {
        throw new UnsearchableError("The task's request definition holds too many texts that are half JSON.");
      }
      return /^\s*(?:\{\s*["']|\[\s*[{["'])/.test(text) ? cutAtSecret(text) : redactPlainText(text);
    }
    if (depthLeft === 0) throw tooDeep();
    return this.redactJson(text, value, typeof value === "string" ? depthLeft - 1 : depthLeft).text;
  }
}

/** A secret of any shape. A truth is none. */
function redactAny(secret: unknown): unknown {
  return secret === null || secret === "" || typeof secret === "boolean" ? secret : REDACTED;
}

/** The same structure with every value in it redacted. */
function redactAll(value: unknown, depthLeft: number): unknown {
  if (!isContainer(value)) return REDACTED;
  return mapMembers(value, depthLeft, (_name, member) => redactAll(member, depthLeft - 1));
}

/** Finds the members and items that another one names: `{"Name": …, "Value": …}`, `[name, value, name, value]`. */
function secretItemsOf(value: unknown): (name: string | undefined, index: number) => boolean {
  if (Array.isArray(value)) {
    const isNamed = (item: unknown): boolean => isSecretText(item) && /^[\w-]+$/.test(item);
    return (_name, index) => value.length % 2 === 0 && index % 2 === 1 && isNamed(value[index - 1]);
  }
  const isSecretPair =
    isContainer(value) && Object.entries(value).some(([name, member]) => isSecretText(member) && isNameOfName(name));
  return (name) => isSecretPair && name !== undefined && isNameOfValue(name);
}

function isSecretText(value: unknown): value is string {
  return typeof value === "string" && isSecret(value);
}

/** The value with its members mapped: itself where none of them changes, or where it has none. Items have no name. */
function mapMembers(
  value: unknown,
  depthLeft: number,
  map: (name: string | undefined, member: unknown, index: number) => unknown,
): unknown {
  if (!isContainer(value)) return value;
  if (depthLeft === 0) throw tooDeep();
  if (Array.isArray(value)) {
    const items = value.map((item: unknown, index) => map(undefined, item, index));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  const entries = Object.entries(value).map(
    ([name, member], index) => [name, member, map(name, member, index)] as const,
  );
  if (entries.every(([, before, after]) => before === after)) return value;
  return Object.fromEntries(entries.map(([name, , after]) => [name, after]));
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null && !isExactNumber(value);
}

// --- texts ---

/** The name before a value in a query, a form, a cookie or a list of settings, percent-encoded or not. */
const PARAMETER = /(?:^|[?&;#,\s{([]|%3f|%26)([\w.-]{1,100})\s{0,8}(?:=|%3d)\s{0,8}/gi;
/** `name: value` or `name=value`, a line of headers or of settings. */
const LINE = /^([\w.-]{1,100})(\s{0,8}[:=]\s{0,8})(\S[^&\r\n]*)$/gm;
/** `//user:password@host`. */
const USER_INFO = /(:\/\/[^\s/:@?#]{1,256}:)[^\s/@?#]{1,256}(?=@)/g;
/** A name in quotes before a colon: JSON within other text, whose end cannot be told. */
const QUOTED_NAME = /["']([\w .-]{1,100})\\{0,32}["']\s{0,8}:/g;

/** The first word in text that does not parse after which nothing is certain any more; escapes may spell any word. */
const SUSPICIOUS =
  /pass|pwd|secret|key[\s_-]?id|(?:access|api|auth|private|secret|session|sign)[\s_-]?key|token|signature|credential|authorization|cookie|bearer|role|policy|\\u/i;

/** Text that should be JSON and is not: it ends before the first word that may name a secret. */
export function cutAtSecret(text: string): string {
  const end = text.search(SUSPICIOUS);
  return end === -1 ? redactPlainText(text) : `${redactPlainText(text.slice(0, end))}${REDACTED}`;
}

function redactPlainText(text: string): string {
  if (!/[=:]|%3d/i.test(text)) return text;
  for (const { 1: name = "", index } of text.matchAll(QUOTED_NAME)) {
    if (isSecret(name)) return `${redactPlainText(text.slice(0, index))}${REDACTED}`;
  }
  const withoutLines = text
    .replaceAll(LINE, (line: string, name: string, colon: string) =>
      isSecret(name) ? `${name}${colon}${REDACTED}` : line,
    )
    .replaceAll(USER_INFO, `$1${REDACTED}`);
  return redactParameters(withoutLines);
}

/** A value ends where the next parameter, or another word, begins. */
function redactParameters(text: string): string {
  const valueAt = /"[^"]*"?|'[^']*'?|[^&\s]+/y;
  let shown = "";
  let shownTo = 0;
  for (const { 0: match, 1: name = "", index } of text.matchAll(PARAMETER)) {
    valueAt.lastIndex = index + match.length;
    if (index < shownTo || !isSecret(name) || !valueAt.test(text)) continue;
    shown += `${text.slice(shownTo, index + match.length)}${REDACTED}`;
    shownTo = valueAt.lastIndex;
  }
  return shown + text.slice(shownTo);
}

/** Whether a JSON text has a member, in it or in its texts, whose name is that of a secret. */
function namesSecret(text: string): boolean {
  for (const [, name = ""] of text.matchAll(QUOTED_NAME)) if (isSecret(name)) return true;
  return false;
}

function isSecret(name: string): boolean {
  return isSecretName(name) || isCredentialsName(name);
}
