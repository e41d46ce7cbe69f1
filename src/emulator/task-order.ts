/**
 * The orders in which ListTasks pages, the tokens that continue them, and an index that keeps tasks in one of them.
 * Pure but for the index's own array. Used by `task-store.ts` and `list-query.ts`.
 */

import type { Task } from "./task-life.js";

/** The values of ListTasks' `Sort`. */
export type SortKey = "TaskId" | "StartTime" | "EndTime";

/** A place in an order: the sort key as a number, then the task id. Under `TaskId` every key is 0. */
export interface Position {
  readonly key: number;
  readonly taskId: string;
}

/** Negative when `left` comes first, in ascending order. Ids compare by UTF-16 code units. */
export function comparePositions(left: Position, right: Position): number {
  if (left.key !== right.key) return left.key < right.key ? -1 : 1;
  if (left.taskId === right.taskId) return 0;
  return left.taskId < right.taskId ? -1 : 1;
}

/** The token that continues after `position`. Opaque to clients; it holds nothing but the place. */
export function encodeToken(sort: SortKey, position: Position): string {
  // JSON has no Infinity, the key of running tasks under EndTime.
  const key = Number.isFinite(position.key) ? position.key : null;
  return Buffer.from(JSON.stringify([sort, key, position.taskId])).toString("base64url");
}

/** The place a token stands for, or null when it is no token of this order. */
export function decodeToken(sort: SortKey, token: string): Position | null {
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    return null;
  }
  if (!Array.isArray(decoded)) return null;
  const [tokenSort, key, taskId] = decoded as unknown[];
  if (tokenSort !== sort || typeof taskId !== "string") return null;
  if (key === null) return { key: Infinity, taskId };
  return typeof key === "number" ? { key, taskId } : null;
}

/**
 * Tasks sorted by a number and then by id. Looking up costs O(log n); adding and removing move the tail of an array,
 * which for tens of thousands of tasks is a matter of microseconds.
 *
 * A task's key must not change while it is in the index: remove it, change it, add it again.
 */
export class TaskIndex {
  readonly #keyOf: (task: Task) => number;
  #tasks: Task[] = [];

  constructor(keyOf: (task: Task) => number) {
    this.#keyOf = keyOf;
  }

  get size(): number {
    return this.#tasks.length;
  }

  /** Where `task` stands in this order. */
  positionOf(task: Task): Position {
    return { key: this.#keyOf(task), taskId: task.taskId };
  }

  add(task: Task): void {
    this.#tasks.splice(this.#countBefore(this.positionOf(task)), 0, task);
  }

  remove(task: Task): void {
    const place = this.#countBefore(this.positionOf(task));
    if (this.#tasks[place] === task) this.#tasks.splice(place, 1);
  }

  /** Keeps those that pass, in one sweep over all. */
  retain(passes: (task: Task) => boolean): void {
    this.#tasks = this.#tasks.filter(passes);
  }

  /** The first task in ascending order, or undefined when the index is empty. */
  first(): Task | undefined {
    return this.#tasks[0];
  }

  /** The offsets `[from, to)` of the tasks whose key lies within both bounds, these included. */
  range(min: number, max: number): { readonly from: number; readonly to: number } {
    const from = this.#partition((task) => this.#keyOf(task) < min);
    return {
      from,
      to: Math.max(
        from,
        this.#partition((task) => this.#keyOf(task) <= max),
      ),
    };
  }

  slice(from: number, to: number): Task[] {
    return this.#tasks.slice(from, to);
  }

  /** The tasks beyond `after` (all, when it is null), lazily, in this order or against it. */
  *walk(descending: boolean, after: Position | null): Generator<Task> {
    const step = descending ? -1 : 1;
    const start = descending ? this.#tasks.length - 1 : 0;
    let place = start;
    if (after !== null) place = descending ? this.#countBefore(after) - 1 : this.#countUpTo(after);
    for (let task = this.#tasks[place]; task !== undefined; place += step, task = this.#tasks[place]) yield task;
  }

  #countBefore(position: Position): number {
    return this.#partition((task) => comparePositions(this.positionOf(task), position) < 0);
  }

  #countUpTo(position: Position): number {
    return this.#partition((task) => comparePositions(this.positionOf(task), position) <= 0);
  }

  /** How many leading tasks fulfil `isBefore`, which must hold for a prefix and for nothing after it. */
  #partition(isBefore: (task: Task) => boolean): number {
    let low = 0;
    let high = this.#tasks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const task = this.#tasks[middle];
      if (task !== undefined && isBefore(task)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
