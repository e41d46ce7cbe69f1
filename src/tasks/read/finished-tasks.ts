/**
 * Finished tasks that instances share: for what one of them has seen ended, the others need not ask IMM. The port is where the
 * texts are kept; `SharedFinishedTasks` asks it for all that is wanted of a project in one turn together.
 */

import { fromSharedText, toSharedText, type SharedTime } from "../definition/shared-snapshot.js";
import { isFinal, satisfies, type TaskSnapshot } from "../snapshot.js";
import { toKeyText, type TaskKey, type TaskParts } from "../task.js";

/** Keeps texts for all instances, bounded in number and in time; so any of them may be gone. */
export interface FinishedTasks extends SharedTime {
  /**
   * The texts that are kept of a project, in the order of the names; undefined where there is none.
   *
   * @throws SharedStateAwayError - soon, when it does not answer.
   */
  read(projectName: string, names: readonly string[]): Promise<readonly (string | undefined)[]>;
  /**
   * Keeps each, unless one of the same name says more.
   *
   * @throws SharedStateAwayError - when it does not answer.
   */
  write(projectName: string, tasks: readonly FinishedTask[]): Promise<void>;
}

export interface FinishedTask {
  /** Unlike that of any other task of the project. */
  readonly name: string;
  readonly text: string;
  /** How much it says, 0 to 9. */
  readonly rank: number;
}

/** Whether another instance may have shared what is missing: of what ran here it is IMM that says how it stands. */
export function mayBeShared(known: TaskSnapshot | undefined, parts: TaskParts): boolean {
  return known === undefined || (isFinal(known) && !satisfies(known, { ...parts, secrets: false }, Infinity));
}

/** How much is known of a finished task beyond the plain fields: nothing, what a list shows, what GetTask shows, all. */
function rankOf({ hasAskedDefinition, hasAskedEventId }: TaskSnapshot): number {
  return (hasAskedDefinition ? 1 : 0) + (hasAskedEventId ? 2 : 0);
}

interface Batch {
  readonly names: Set<string>;
  readonly found: Promise<ReadonlyMap<string, TaskSnapshot>>;
}

const NOTHING_FOUND: ReadonlyMap<string, TaskSnapshot> = new Map();

export class SharedFinishedTasks {
  readonly #store: FinishedTasks;
  /** By project name: what this turn asks for. */
  readonly #batches = new Map<string, Batch>();
  /** By project name: what this turn has seen, by key text. */
  readonly #unwritten = new Map<string, Map<string, TaskSnapshot>>();

  constructor(store: FinishedTasks) {
    this.#store = store;
  }

  /** The task, where it is kept. A store that fails keeps nothing. */
  async get(key: TaskKey): Promise<TaskSnapshot | undefined> {
    const { projectName } = key;
    const keyText = toKeyText(key);
    let batch = this.#batches.get(projectName);
    if (batch === undefined) {
      const names = new Set<string>();
      const found = Promise.resolve().then(async () => {
        this.#batches.delete(projectName);
        return this.#read(projectName, [...names]).catch(() => NOTHING_FOUND);
      });
      batch = { names, found };
      this.#batches.set(projectName, batch);
    }
    batch.names.add(keyText);
    return (await batch.found).get(keyText);
  }

  /** Shares what is known of a task, where it has ended and there is more than before. Where that fails, others ask IMM. */
  put(snapshot: TaskSnapshot, before: TaskSnapshot | undefined): void {
    const isKnown = before !== undefined && isFinal(before) && rankOf(before) >= rankOf(snapshot);
    if (isKnown || !isFinal(snapshot)) return;
    const { projectName } = snapshot.key;
    let unwritten = this.#unwritten.get(projectName);
    if (unwritten === undefined) {
      unwritten = new Map();
      this.#unwritten.set(projectName, unwritten);
      queueMicrotask(() => void this.#write(projectName).catch(() => undefined));
    }
    unwritten.set(toKeyText(snapshot.key), snapshot);
  }

  async #read(projectName: string, names: readonly string[]): Promise<ReadonlyMap<string, TaskSnapshot>> {
    const texts = await this.#store.read(projectName, names);
    const found = new Map<string, TaskSnapshot>();
    for (const [index, name] of names.entries()) {
      const text = texts[index];
      const snapshot = text === undefined ? undefined : fromSharedText(text, this.#store);
      if (snapshot !== undefined && isFinal(snapshot)) found.set(name, snapshot);
    }
    return found;
  }

  async #write(projectName: string): Promise<void> {
    const snapshots = this.#unwritten.get(projectName) ?? NOTHING_FOUND;
    this.#unwritten.delete(projectName);
    const tasks = Array.from(snapshots, ([name, snapshot]) => ({
      name,
      text: toSharedText(snapshot, this.#store),
      rank: rankOf(snapshot),
    }));
    await this.#store.write(projectName, tasks);
  }
}
