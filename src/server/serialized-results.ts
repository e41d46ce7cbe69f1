/**
 * The results of subscriptions as they travel: formatted and serialized once, however many clients and doors they leave by.
 */

import type { ExecutionResult } from "graphql";
import { formatResult } from "./execution.js";
import type { FormatError } from "./format-error.js";

/** One for all doors of a gateway. */
export class SerializedResults {
  readonly #texts = new WeakMap<ExecutionResult, string>();
  readonly #formatError: FormatError;

  constructor(formatError: FormatError) {
    this.#formatError = formatError;
  }

  /** The JSON text of a result, in one line. */
  of(result: ExecutionResult): string {
    const known = this.#texts.get(result);
    if (known !== undefined) return known;
    const text = JSON.stringify(formatResult(result, this.#formatError));
    this.#texts.set(result, text);
    return text;
  }
}
