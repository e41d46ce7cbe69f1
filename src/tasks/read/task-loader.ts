/**
 * One DataLoader per request: the fields of one operation share their reads, whatever aliases they stand under.
 *
 * The resolvers call it, it calls the process-wide `TaskReader`. Keys are collected for one turn and the parts of the
 * same key are merged, so a definition selected in one alias of two still makes one call. A loader must not outlive its
 * request: it would answer with what was true when the request came. What is known for good is not asked for at all.
 */

import DataLoader from "dataloader";
import { BadUserInputError, toError } from "../../errors.js";
import type { CallTally } from "../call-tally.js";
import { includesParts, mergeParts, NO_PARTS, toKeyText, type TaskKey, type TaskParts } from "../task.js";
import type { TaskSnapshot } from "../snapshot.js";

/** Answers many keys, each by a promise in its place. What `TaskReader.readEach` does. */
export type ReadEach = (
  requests: readonly { readonly key: TaskKey; readonly parts: TaskParts }[],
  options: { readonly tally?: CallTally | undefined; readonly isWanted?: (() => boolean) | undefined },
) => readonly Promise<TaskSnapshot>[];

export interface TaskLoaderOptions {
  readonly readEach: ReadEach;
  /** What is known for good. @default nothing */
  readonly ended?: ((keyText: string, parts: TaskParts) => TaskSnapshot | undefined) | undefined;
  /** Different tasks one operation may ask for. A further one is refused with BAD_USER_INPUT. Minimum: `1`. */
  readonly maxTasksPerOperation: number;
  /** Counts what the operation costs, when that is asked for. */
  readonly tally?: CallTally | undefined;
  /** Whether the client still waits. @default it does */
  readonly isWanted?: (() => boolean) | undefined;
}

export class TaskLoader {
  readonly #loader: DataLoader<TaskKey, TaskSnapshot, string>;
  /** By key text: what a batch will ask for, or has asked for. */
  readonly #parts = new Map<string, TaskParts>();
  readonly #admitted = new Set<string>();
  /** The keys whose batch has left. */
  readonly #dispatched = new Set<string>();
  readonly #maxTasks: number;
  readonly #ended: NonNullable<TaskLoaderOptions["ended"]>;
  #waits = 0;
  readonly #tally: CallTally | undefined;

  constructor({ readEach, ended = () => undefined, maxTasksPerOperation, tally, isWanted }: TaskLoaderOptions) {
    this.#maxTasks = maxTasksPerOperation;
    this.#ended = ended;
    this.#tally = tally;
    this.#loader = new DataLoader(
      async (keys) => {
        const requests = keys.map((key) => this.#dispatch(key));
        const answers = readEach(requests, { tally, isWanted });
        return Promise.all(answers.map(async (answer) => answer.catch(toError)));
      },
      { cacheKeyFn: toKeyText },
    );
  }

  /**
   * The task's snapshot, with at least what `parts` names: at once where that is known for good.
   *
   * @throws BadUserInputError - when the operation asks for too many different tasks.
   * @throws GatewayError - this key's own failure; other keys of the batch are not touched by it.
   */
  load(key: TaskKey, parts: TaskParts): TaskSnapshot | Promise<TaskSnapshot> {
    const text = toKeyText(key);
    const isFirst = this.#admit(text);
    const ended = this.#ended(text, parts);
    if (ended !== undefined) {
      if (isFirst) this.#tally?.countCached(1);
      this.#tally?.countAnswer(ended, parts);
      return ended;
    }
    return this.#ask(key, text, parts);
  }

  async #ask(key: TaskKey, text: string, parts: TaskParts): Promise<TaskSnapshot> {
    const asked = this.#parts.get(text);
    this.#parts.set(text, mergeParts(asked ?? NO_PARTS, parts));
    // What has not left yet leaves with the merged parts; what came back with less is asked for again.
    const isTooLittle = asked !== undefined && !includesParts(asked, parts);
    if (isTooLittle && this.#dispatched.delete(text)) this.#loader.clear(key);
    const snapshot = await this.#loader.load(key);
    this.#tally?.countAnswer(snapshot, parts);
    return snapshot;
  }

  /**
   * Counts a task towards what one operation may ask for.
   *
   * @throws BadUserInputError - when it is one too many.
   */
  admit(key: TaskKey): void {
    this.#admit(toKeyText(key));
  }

  /** Whether it is new to the operation. */
  #admit(keyText: string): boolean {
    const before = this.#admitted.size;
    this.#admitted.add(keyText);
    if (this.#admitted.size <= this.#maxTasks) return this.#admitted.size > before;
    this.#admitted.delete(keyText);
    throw new BadUserInputError(null, `Expected at most ${this.#maxTasks} different tasks in one operation.`);
  }

  /**
   * Counts a wait for a task: each holds a timer and a stream, also where several wait for one task.
   *
   * @throws BadUserInputError - when it is one too many.
   */
  admitWait(key: TaskKey): void {
    this.#waits += 1;
    if (this.#waits <= this.#maxTasks) return this.admit(key);
    throw new BadUserInputError(null, `Expected at most ${this.#maxTasks} waits in one operation.`);
  }

  /** One key of a batch that leaves. */
  #dispatch(key: TaskKey): { readonly key: TaskKey; readonly parts: TaskParts } {
    const text = toKeyText(key);
    this.#dispatched.add(text);
    return { key, parts: this.#parts.get(text) ?? NO_PARTS };
  }
}
