/**
 * The results of subscriptions as they travel: formatted and serialized once, however many clients and doors they leave by.
 */

import type { ExecutionResult, FormattedExecutionResult } from "graphql";

/** Turns a result into the form in which it leaves. */
export type FormatResult = (result: ExecutionResult) => FormattedExecutionResult;

/** One for all doors of a gateway. */
export class SerializedResults {
  readonly #texts = new WeakMap<ExecutionResult, string>();
  readonly #format: FormatResult;

  constructor(format: FormatResult) {
    this.#format = format;
  }

  /** The JSON text of a result, in one line. */
  of(result: ExecutionResult): string {
    const known = this.#texts.get(result);
    if (known !== undefined) return known;
    const text = JSON.stringify(this.#format(result));
    this.#texts.set(result, text);
    return text;
  }
}
