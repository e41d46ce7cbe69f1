/**
 * Takes the secrets out of a JSON value and of the texts in it: members by their names, pairs of a name and a value, JSON
 * and elements within texts, headers, options, and the parts of URLs. Pure; for `request-definition.ts`.
 */

import { InvalidDefinitionError } from "../../errors.js";
import { isContainer, mapValues, MAX_JSON_DEPTH, parseExact, stringifyExact } from "../../json.js";
import {
  isCredentialsName,
  isNameOfName,
  isNameOfValue,
  isRamName,
  isRoleOrPolicyName,
  isSecretName,
} from "./secret-names.js";

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
    const isOfRam = isContainer(value) && Object.keys(value).some(isRamName);
    return mapMembers(value, depthLeft, (member, name, index) => {
      if (isSecretItem(name, index)) return redactAny(member);
      if (name === undefined || member === null || member === "") return this.redact(member, depthLeft - 1);
      if (isCredentialsName(name)) return redactAll(member, depthLeft - 1);
      if (isRoleOrPolicyName(name) && (isOfRam || !isPlainWords(member))) return redactAny(member);
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
  return mapMembers(value, depthLeft, (member) => redactAll(member, depthLeft - 1));
}

/** Finds the members and items that another one names: `{"Name": …, "Value": …}`, `[name, value, name, value]`, `["--name", value]`. */
function secretItemsOf(value: unknown): (name: string | undefined, index: number) => boolean {
  if (Array.isArray(value)) {
    // Two letters are a language rather than a key.
    const isNamed = (item: unknown, named: RegExp): boolean => isSecretText(item) && named.test(item);
    return (_name, index) =>
      isNamed(value[index - 1], /^--?\w[\w-]*$/) ||
      (value.length % 2 === 0 && index % 2 === 1 && isNamed(value[index - 1], /^[\w-]{3,}$/));
  }
  const isSecretPair =
    isContainer(value) && Object.entries(value).some(([name, member]) => isSecretText(member) && isNameOfName(name));
  return (name) => isSecretPair && name !== undefined && isNameOfValue(name);
}

/** `overwrite`, `keep all`: words that are no name of a role and no rules of RAM. */
function isPlainWords(value: unknown): boolean {
  return typeof value === "string" ? /^[\w .-]{1,64}$/.test(value) : !isContainer(value);
}

function isSecretText(value: unknown): value is string {
  return typeof value === "string" && isSecret(value);
}

/** The value with its members mapped: itself where none of them changes, or where it has none. Items have no name. */
function mapMembers(value: unknown, depthLeft: number, map: Parameters<typeof mapValues>[1]): unknown {
  if (!isContainer(value)) return value;
  if (depthLeft === 0) throw tooDeep();
  return mapValues(value, map);
}

// --- texts ---

/** `name=value` in a query, a form, a cookie or a list of settings; `user[name]=value` too. */
const ASSIGNED = /(?<![\w.-])([\w.-]{1,100})\]{0,8}\s*={1,2}>?\s*/g;
/** The same at the beginning of a line. */
const ASSIGNED_LINE = /^[ \t]{0,100}([\w.-]{1,100})\s*={1,2}>?\s*/gm;
/** `name: value`, of a header or of settings; not the host of a URL before its port. */
const HEADED = /(?<![\w.-]|:\/\/)([\w.-]{1,100})\s*:[=:]?\s*/g;
/** `--name value`. */
const OPTION = /(?<![\w.-])--?(\w[\w.-]{0,100})\s+/g;
/** `<name>`, with attributes or without. */
const ELEMENT = /<([\w.:-]{1,100})(?:\s[^<>]*)?>/g;
/** A name in quotes before a colon: JSON within other text, whose end cannot be known. */
const QUOTED_NAME = /["']([\w .-]{1,100})\\{0,32}["']\s*:/g;

/** Where a value ends: where the next parameter or another word begins, with the parameters of the line, with the line. */
const WORD_VALUE = /"(?:[^"\\]+|\\[^])*"?|'(?:[^'\\]+|\\[^])*'?|[^&\s]+/y;
const PARAMETERS_VALUE = /[^&\r\n]+/y;
const LINE_VALUE = /[^\r\n]+/y;

/** `//user:password@host`: a host begins after the last `@`. */
const USER_INFO = /(\/\/)[^\s/?#]+(?=@)/g;
const BEARER = /\b(bearer\s+)\S+/gi;
/** What is a secret under any name: the name of a role, the id of an AccessKey. */
const SECRET_SHAPE = /\bacs:ram:[^\s"'<>]+|\b(?:LTAI|STS\.)\w{12,}/g;

/** The first word in text that does not parse after which nothing is certain any more; escapes may spell any word. */
const SUSPICIOUS =
  /pass|pwd|secret|key[\s_-]?id|(?:access|api|auth|private|secret|session|sign)[\s_-]?key|token|signature|credential|authorization|cookie|bearer|role|policy|\\u/i;

/** Text that should be JSON and is not: it ends before the first word that may name a secret. */
export function cutAtSecret(text: string): string {
  const end = text.search(SUSPICIOUS);
  return end === -1 ? redactPlainText(text) : `${redactPlainText(text.slice(0, end))}${REDACTED}`;
}

/** Texts in URLs in URLs are encoded once for each. */
const MAX_ENCODINGS = 8;

/** The text without its secrets. One that hides a secret in percent-encoding is shown as it is decoded. */
function redactPlainText(text: string): string {
  let shown = redactDecoded(text);
  let known = shown;
  for (let encodings = 0; encodings <= MAX_ENCODINGS; encodings += 1) {
    // What is no ASCII stays encoded: halves of characters cannot be decoded, and no name of a secret has any.
    const decoded = decodeURIComponent(known.replaceAll(/%(?![0-7][\da-f])/gi, "%25"));
    if (decoded === known) return shown;
    known = redactDecoded(decoded);
    if (known !== decoded) shown = known;
  }
  return REDACTED;
}

function redactDecoded(text: string): string {
  for (const { 1: name = "", index } of text.matchAll(QUOTED_NAME)) {
    if (isSecret(name)) return `${redactDecoded(text.slice(0, index))}${REDACTED}`;
  }
  let shown = text
    .replaceAll(USER_INFO, `$1${REDACTED}`)
    .replaceAll(BEARER, `$1${REDACTED}`)
    .replaceAll(SECRET_SHAPE, REDACTED);
  shown = redactElements(shown);
  shown = redactValues(shown, HEADED, LINE_VALUE);
  shown = redactValues(shown, ASSIGNED_LINE, PARAMETERS_VALUE);
  shown = redactValues(shown, ASSIGNED, WORD_VALUE);
  return redactValues(shown, OPTION, WORD_VALUE);
}

/** Without the values, of this pattern, that follow the name of a secret. */
function redactValues(text: string, names: RegExp, value: RegExp): string {
  return redactAfter(text, names, (_name, from) => {
    value.lastIndex = from;
    return value.test(text) ? value.lastIndex : from;
  });
}

/** Without what stands in an element, whatever it is; to the end of the text where the element does not end. */
function redactElements(text: string): string {
  return redactAfter(text, ELEMENT, (name, from) => {
    const end = text.indexOf(`</${name}`, from);
    return end === -1 ? text.length : end;
  });
}

/** Without what lies between the end of each secret's name and where `endOf` says that its value ends. */
function redactAfter(text: string, names: RegExp, endOf: (name: string, from: number) => number): string {
  let shown = "";
  let shownTo = 0;
  for (const { 0: match, 1: name = "", index } of text.matchAll(names)) {
    const from = index + match.length;
    if (index < shownTo || !isSecret(name)) continue;
    const end = endOf(name, from);
    if (end === from) continue;
    shown += `${text.slice(shownTo, from)}${REDACTED}`;
    shownTo = end;
  }
  return shown + text.slice(shownTo);
}

/** Whether a JSON text has a member, in it or in its texts, whose name is that of a secret. */
function namesSecret(text: string): boolean {
  for (const [, name = ""] of text.matchAll(QUOTED_NAME)) if (isSecret(name) || isRoleOrPolicyName(name)) return true;
  return false;
}

function isSecret(name: string): boolean {
  return isSecretName(name) || isCredentialsName(name);
}
