/**
 * The results of subscriptions as they travel: formatted and serialized once, however many clients and transports they
 * leave by. Never throws, since it is called where a throw would end a socket, or the process.
 */

import type { ExecutionResult, FormattedExecutionResult } from "graphql";
import { toFailedResult } from "./failed-result.js";

/** Turns a result into the form in which it leaves. */
export type FormatResult = (result: ExecutionResult) => FormattedExecutionResult;

/** What leaves when not even a failure can be formatted. */
const LAST_RESORT =
  '{"errors":[{"message":"The gateway failed unexpectedly.","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}';

/** One for all transports of a gateway. */
export class SerializedResults {
  readonly #texts = new WeakMap<ExecutionResult, string>();
  readonly #format: FormatResult;

  constructor(format: FormatResult) {
    this.#format = format;
  }

  /** The JSON text of a result, in one line; of one that has none, the text of an error in its place. */
  of(result: ExecutionResult): string {
    const known = this.#texts.get(result);
    if (known !== undefined) return known;
    const text = this.#serialize(result);
    this.#texts.set(result, text);
    return text;
  }

  #serialize(result: ExecutionResult): string {
    try {
      return JSON.stringify(this.#format(result));
    } catch (thrown) {
      return this.#serializeFailure(thrown);
    }
  }

  #serializeFailure(thrown: unknown): string {
    try {
      return JSON.stringify(this.#format(toFailedResult(thrown)));
    } catch {
      return LAST_RESORT;
    }
  }
}
