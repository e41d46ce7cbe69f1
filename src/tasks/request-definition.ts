/**
 * A task's request definition made fit to show: parsed, and without the secrets it was created with. Pure; `task-texts`
 * keeps what it makes.
 *
 * Archive and document passwords and the names of RAM roles travel in the create call and come back in the definition.
 *
 * @see the parameters `Password` and `CredentialConfig` of the create operations in `@alicloud/imm20200930`
 */

import { InvalidDefinitionError } from "../errors.js";
import { isTooDeep, MAX_JSON_DEPTH } from "../json.js";

/** What stands where a secret was. */
const REDACTED = "[redacted]";

/** Names whose value is a secret, in any case, wherever they stand in the definition. */
const SECRET_NAME =
  /pass(?:word|wd|phrase)|^pwd$|secret|access_?key|token|signature|^(?:servicerole|assumerolefor|role|policy)$/i;
/** What holds role names and keys: everything in it is secret. */
const CREDENTIALS_NAME = /credential/i;
/** The parameters of a signed URL that open the object. */
const SIGNED_URL = /([?&](?:[\w.-]*signature|ossaccesskeyid|security-token|x-oss-credential)=)[^&\s"]+/gi;
/** The first word in text that does not parse after which nothing is certain any more; escapes may spell any word. */
const SUSPICIOUS = /pass|pwd|secret|access_?key|token|signature|credential|role|policy|\\u/i;

/** A definition as it may be shown; an error stands in the place of what may not. */
export interface ShownDefinition {
  /** As a JSON value; an error when the text is not JSON, or nested too deep. */
  readonly value: unknown;
  /** As IMM wrote it; an error when secrets cannot be looked for in it. */
  readonly text: string | InvalidDefinitionError;
}

/**
 * The definition without its secrets, or as it is where `isRedacted` is false.
 *
 * Text that holds no secret keeps its own spacing; JSON that holds one is written anew. Text that is not JSON ends before
 * the first word that may name a secret: what follows cannot be told apart.
 */
export function showDefinition(text: string, isRedacted = true): ShownDefinition {
  try {
    const value = parseDefinition(text);
    if (!isRedacted) return { value, text };
    const redacted = new Redaction().redact(value, MAX_JSON_DEPTH);
    return { value: redacted, text: redacted === value ? text : JSON.stringify(redacted) };
  } catch (thrown) {
    if (!(thrown instanceof InvalidDefinitionError)) throw thrown;
    if (!isRedacted) return { value: thrown, text };
    return { value: thrown, text: thrown instanceof UnsearchableError ? thrown : redactText(text) };
  }
}

/**
 * The definition as a JSON value, secrets included.
 *
 * @throws InvalidDefinitionError - when the text is not JSON, or nested too deep.
 */
export function parseDefinition(text: string): unknown {
  const parsed = tryParse(text);
  if (parsed === undefined) {
    throw new InvalidDefinitionError(
      "The task's request definition is not JSON; requestDefinitionText has it as text.",
    );
  }
  if (isTooDeep(parsed.value)) throw tooDeep();
  return parsed.value;
}

/** Thrown when secrets cannot be looked for, so that not even the text may be shown. */
class UnsearchableError extends InvalidDefinitionError {}

/** JSON within texts of the JSON counts as well. */
function tooDeep(): UnsearchableError {
  return new UnsearchableError(`The task's request definition is nested deeper than ${MAX_JSON_DEPTH}.`);
}

function redactText(text: string): string {
  const end = text.search(SUSPICIOUS);
  return end === -1 ? text : `${text.slice(0, end)}${REDACTED}`;
}

/** Texts of one definition that begin as JSON does and are none: to find out takes microseconds for each. */
const MAX_FAILED_PARSES = 1_000;

/** Takes the secrets out of one definition. What is nested deeper than `depthLeft`, texts that hold JSON included, is refused. */
class Redaction {
  #failedParses = 0;

  /** The value without its secrets: itself where it has none. */
  redact(value: unknown, depthLeft: number): unknown {
    if (typeof value === "string") return this.#redactString(value, depthLeft);
    return mapMembers(value, depthLeft, (name, member) => {
      if (name === undefined) return this.redact(member, depthLeft - 1);
      if (member === null || member === "") return member;
      if (SECRET_NAME.test(name)) return REDACTED;
      return CREDENTIALS_NAME.test(name) ? redactAll(member, depthLeft - 1) : this.redact(member, depthLeft - 1);
    });
  }

  /** A text that may hold JSON of its own, or a signed URL. */
  #redactString(text: string, depthLeft: number): string {
    if (!/^\s*[[{]/.test(text)) return redactUrls(text);
    const parsed = tryParse(text);
    if (parsed === undefined) {
      this.#failedParses += 1;
      if (this.#failedParses <= MAX_FAILED_PARSES) return redactUrls(text);
      throw new UnsearchableError("The task's request definition holds too many texts that are half JSON.");
    }
    const redacted = this.redact(parsed.value, depthLeft);
    return redacted === parsed.value ? text : JSON.stringify(redacted);
  }
}

function redactUrls(text: string): string {
  return text.replaceAll(SIGNED_URL, `$1${REDACTED}`);
}

/** The same structure with every value in it redacted. */
function redactAll(value: unknown, depthLeft: number): unknown {
  if (typeof value !== "object" || value === null) return REDACTED;
  return mapMembers(value, depthLeft, (_name, member) => redactAll(member, depthLeft - 1));
}

/** The value with its members mapped: itself where none of them changes, or where it has none. Items have no name. */
function mapMembers(
  value: unknown,
  depthLeft: number,
  map: (name: string | undefined, member: unknown) => unknown,
): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depthLeft === 0) throw tooDeep();
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => map(undefined, item));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  const entries = Object.entries(value).map(([name, member]) => [name, member, map(name, member)] as const);
  if (entries.every(([, before, after]) => before === after)) return value;
  return Object.fromEntries(entries.map(([name, , after]) => [name, after]));
}

function tryParse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
