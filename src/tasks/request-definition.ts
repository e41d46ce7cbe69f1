/**
 * A task's request definition made fit to show: parsed, and without the secrets it was created with. Pure.
 *
 * Archive and document passwords and the names of RAM roles travel in the create call and come back in the definition.
 *
 * @see the parameters `Password` and `CredentialConfig` of the create operations in `@alicloud/imm20200930`
 */

import { InvalidDefinitionError } from "../errors.js";

/** What stands where a secret was. */
export const REDACTED = "[redacted]";

/** Names whose value is a secret, in any case, wherever they stand in the definition. */
const SECRET_NAME = /password|secret|accesskey|token|^(?:servicerole|assumerolefor|role|policy)$/i;
/** An object that holds role names; where it travels as text, the text as a whole is secret. */
const CREDENTIALS_NAME = /credential/i;

/** The same in text that does not parse, up to the end of the value or of the text. */
const SECRET_IN_TEXT =
  /("(?:[^"\\]*(?:password|secret|accesskey|token|credential)[^"\\]*|servicerole|assumerolefor|role|policy)"\s*:\s*)(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|[^\s"{[,}\]]+)/gi;

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
 * The definition as IMM gave it, secrets redacted. Text that holds none, or is not JSON, keeps its own spacing; JSON that
 * holds one is written anew.
 */
export function redactDefinitionText(text: string | null): string | null {
  if (text === null) return null;
  const parsed = tryParse(text);
  if (parsed === undefined) return text.replaceAll(SECRET_IN_TEXT, `$1"${REDACTED}"`);
  const redacted = JSON.stringify(redact(parsed.value));
  return redacted === JSON.stringify(parsed.value) ? text : redacted;
}

function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, isSecret(name, member) ? REDACTED : redact(member)]),
  );
}

function isSecret(name: string, member: unknown): boolean {
  if (member === null || member === "") return false;
  return SECRET_NAME.test(name) || (CREDENTIALS_NAME.test(name) && typeof member === "string");
}

function tryParse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
