/**
 * What tasks came to, for the whole process: read once for each task that has succeeded, however many ask and whenever.
 *
 * `Task.result` calls it, it calls the `ImmClient`. A result never changes, with one exception: a verdict of `review` may
 * be followed by that of a person, so it is not kept beyond the call that brought it.
 */

import { LRUCache } from "lru-cache";
import type { ImmClient, ImmTaskResult } from "../../imm/imm-client.js";
import { resultOperationOf, toCamelCase } from "../../imm/operations/operations.js";
import type { CallTally } from "../call-tally.js";
import { SingleFlight } from "../single-flight.js";
import { toKeyText } from "../task.js";
import type { TaskSnapshot } from "../snapshot.js";

/** What `TaskResults` is made of. */
export interface TaskResultsOptions {
  readonly client: ImmClient;
  /** Results kept; the least recently used go first. Minimum: `1`. */
  readonly maxCachedResults: number;
}

export class TaskResults {
  readonly #client: ImmClient;
  readonly #kept: LRUCache<string, ImmTaskResult>;
  readonly #flights = new SingleFlight<ImmTaskResult>();

  constructor({ client, maxCachedResults }: TaskResultsOptions) {
    this.#client = client;
    this.#kept = new LRUCache({ max: maxCachedResults });
  }

  /**
   * What the task came to; null before it has succeeded, and for a type that has no result to read.
   *
   * @throws GatewayError - when it cannot be read. The next one who asks causes a call again.
   */
  async load(snapshot: TaskSnapshot, tally?: CallTally): Promise<ImmTaskResult | null> {
    const { key } = snapshot;
    if (!hasResult(snapshot)) return null;
    tally?.countOwnCall();
    const keyText = toKeyText(key);
    const read = async (): Promise<ImmTaskResult> => {
      const result = await this.#client.getResult(key, { onAttempt: tally?.countCall, cause: tally?.cause });
      if (isSettled(key.taskType, result)) this.#kept.set(keyText, result);
      return result;
    };
    return this.#kept.get(keyText) ?? this.#flights.get(keyText)?.answer ?? this.#flights.begin(keyText, read);
  }
}

/** Whether IMM has an action that says what the task came to. */
export function hasResult({ key, status }: TaskSnapshot): boolean {
  return status === "SUCCEEDED" && resultOperationOf(key.taskType) !== undefined;
}

/** Whether the outcome is there, and will not change. */
function isSettled(taskType: string, result: ImmTaskResult): boolean {
  const outcome = result[toCamelCase(resultOperationOf(taskType)?.outcome ?? "")];
  if (outcome === undefined || outcome instanceof Error) return false;
  return typeof outcome !== "object" || outcome === null || Reflect.get(outcome, "suggestion") !== "review";
}
