/**
 * A task's request definition made fit to show: parsed, and without the secrets it was created with. Pure; `task-texts`
 * keeps what it makes.
 *
 * Archive and document passwords and the names of RAM roles travel in the create call and come back in the definition.
 *
 * @see the parameters `Password` and `CredentialConfig` of the create operations in `@alicloud/imm20200930`
 */

import { InvalidDefinitionError } from "../../errors.js";
import { isTooDeep, MAX_JSON_DEPTH, parseExact } from "../../json.js";
import { cutAtSecret, Redaction, tooDeep, UnsearchableError } from "./redaction.js";

/** Longer ones are not searched: it takes a second for some millions of characters, and no create can send so many. */
const MAX_SEARCHED_LENGTH = 1_048_576;

/** A definition as it may be shown; an error stands in the place of what may not. */
export interface ShownDefinition {
  /** As a JSON value, with IMM's digits; null when the text is not JSON, an error when it is nested too deep. */
  readonly value: unknown;
  /** As IMM wrote it; an error when secrets cannot be looked for in it. */
  readonly text: string | InvalidDefinitionError;
}

/**
 * The definition without its secrets, or as it is where `isRedacted` is false.
 *
 * Text that holds no secret keeps its own spacing; JSON that holds one is written anew, with the digits that it had. Text
 * that is not JSON ends before the first word that may name a secret: what follows cannot be distinguished.
 */
export function showDefinition(text: string, isRedacted = true): ShownDefinition {
  try {
    if (isRedacted && text.length > MAX_SEARCHED_LENGTH) throw tooLong();
    const value = parseDefinition(text);
    if (value === null) return { value, text: isRedacted ? cutAtSecret(text) : text };
    return isRedacted ? new Redaction().redactJson(text, value, MAX_JSON_DEPTH) : { value, text };
  } catch (thrown) {
    if (!(thrown instanceof InvalidDefinitionError)) throw thrown;
    return { value: thrown, text: isRedacted ? thrown : text };
  }
}

function tooLong(): UnsearchableError {
  return new UnsearchableError(`The task's request definition is longer than ${MAX_SEARCHED_LENGTH} characters.`);
}

/**
 * The definition as a JSON value, secrets included, with IMM's digits; null when the text is not JSON.
 *
 * @throws InvalidDefinitionError - when it is nested too deep.
 */
export function parseDefinition(text: string): unknown {
  let value: unknown;
  try {
    value = parseExact(text);
  } catch {
    return null;
  }
  if (isTooDeep(value)) throw tooDeep();
  return value;
}
