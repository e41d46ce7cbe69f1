/**
 * A task's request definition made fit to show: parsed, and without the secrets it was created with. Pure.
 *
 * Archive and document passwords and the names of RAM roles travel in the create call and come back in the definition.
 *
 * @see the parameters `Password` and `CredentialConfig` of the create operations in `@alicloud/imm20200930`
 */

import { InvalidDefinitionError } from "../errors.js";

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

/**
 * The definition as a JSON value, its secrets redacted unless `isRedacted` is false, or null when there is none.
 *
 * @throws InvalidDefinitionError - when the text is not JSON.
 */
export function parseDefinition(text: string | null, isRedacted = true): unknown {
  if (text === null) return null;
  const parsed = tryParse(text);
  if (parsed === undefined) {
    throw new InvalidDefinitionError(
      "The task's request definition is not JSON; requestDefinitionText has it as text.",
    );
  }
  return isRedacted ? redact(parsed.value) : parsed.value;
}

/**
 * The definition as IMM gave it, without its secrets. Text that holds none keeps its own spacing; JSON that holds one is
 * written anew. Text that is not JSON ends before the first word that may name a secret: what follows cannot be told apart.
 */
export function redactDefinitionText(text: string | null): string | null {
  if (text === null) return null;
  const parsed = tryParse(text);
  if (parsed === undefined) {
    const end = text.search(SUSPICIOUS);
    return end === -1 ? text : `${text.slice(0, end)}${REDACTED}`;
  }
  const redacted = JSON.stringify(redact(parsed.value));
  return redacted === JSON.stringify(parsed.value) ? text : redacted;
}

function redact(value: unknown): unknown {
  if (typeof value === "string") return redactString(value);
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (member === null || member === "") return [name, member];
      if (SECRET_NAME.test(name)) return [name, REDACTED];
      return [name, CREDENTIALS_NAME.test(name) ? redactAll(member) : redact(member)];
    }),
  );
}

/** A text that may hold JSON of its own, or a signed URL. */
function redactString(text: string): string {
  const parsed = /^\s*[[{]/.test(text) ? tryParse(text) : undefined;
  if (parsed === undefined) return text.replaceAll(SIGNED_URL, `$1${REDACTED}`);
  const redacted = JSON.stringify(redact(parsed.value));
  return redacted === JSON.stringify(parsed.value) ? text : redacted;
}

/** The same structure with every value in it redacted. */
function redactAll(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactAll);
  if (typeof value !== "object" || value === null) return REDACTED;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, redactAll(member)]));
}

function tryParse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
