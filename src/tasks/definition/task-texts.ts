/**
 * What is read out of the JSON texts of tasks, for the whole process: each text is parsed, redacted and searched for
 * outputs once, whatever the aliases, operations and snapshots that ask for it. `Task` calls it.
 *
 * It is keyed by the text, so that snapshots which hold the same one share what was read. What was least recently asked
 * for is forgotten beyond a bound on the texts' length.
 */

import { LRUCache } from "lru-cache";
import { UpstreamInvalidResponseError } from "../../errors.js";
import { MAX_BODY_BYTES } from "../../imm/wire/response-body.js";
import { isTooDeep, MAX_JSON_DEPTH } from "../../json.js";
import { showDefinition, type ShownDefinition } from "./request-definition.js";
import { outputsOf } from "./outputs.js";

/** Characters of all texts together. No text of an answer is longer, so the last one is always kept. */
const MAX_KEPT_LENGTH = MAX_BODY_BYTES;

/** What was asked for of one text. */
interface Reading {
  redacted?: ShownDefinition;
  open?: ShownDefinition;
  json?: { readonly value: unknown };
  /** By task type. */
  readonly outputs: Map<string, readonly string[] | null>;
}

export interface TaskTextsOptions {
  /** Whether secrets in request definitions are hidden. */
  readonly isRedacted: boolean;
}

/** Reads the texts. Errors stand in the place of what cannot be shown. */
export class TaskTexts {
  /** Whether secrets are hidden from all who may not see them. */
  readonly isRedacted: boolean;
  readonly #readings = new LRUCache<string, Reading>({
    maxSize: MAX_KEPT_LENGTH,
    sizeCalculation: (_reading, text) => text.length + 1,
  });

  constructor({ isRedacted }: TaskTextsOptions) {
    this.isRedacted = isRedacted;
  }

  /**
   * A request definition as it may be shown.
   *
   * @param withSecrets - whether the secrets in it may be shown as well.
   */
  definitionOf(text: string, withSecrets = false): ShownDefinition {
    const reading = this.#readingOf(text);
    if (withSecrets || !this.isRedacted) return (reading.open ??= showDefinition(text, false));
    return (reading.redacted ??= showDefinition(text));
  }

  /** The OSS URIs that a request definition names, null where it is not JSON or its type says nothing of them, or an error. */
  outputsOf(taskType: string, text: string): readonly string[] | null | Error {
    const { value } = this.definitionOf(text);
    if (value instanceof Error) return value;
    const { outputs } = this.#readingOf(text);
    if (!outputs.has(taskType)) outputs.set(taskType, outputsOf(taskType, value));
    return outputs.get(taskType) ?? null;
  }

  /** User data as a JSON value: null where it is none, an error where it is nested too deep. */
  jsonOf(text: string): unknown {
    const reading = this.#readingOf(text);
    reading.json ??= { value: parse(text) };
    return reading.json.value;
  }

  #readingOf(text: string): Reading {
    let reading = this.#readings.get(text);
    if (reading === undefined) {
      reading = { outputs: new Map() };
      this.#readings.set(text, reading);
    }
    return reading;
  }
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (!isTooDeep(value)) return value;
    return new UpstreamInvalidResponseError(`The task's user data is nested deeper than ${MAX_JSON_DEPTH}.`);
  } catch {
    return null;
  }
}
