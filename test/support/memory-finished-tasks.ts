/** A store of finished tasks that the readers of one test share; it can be away. */

import type { Clock } from "../../src/clock.js";
import { SharedStateAwayError } from "../../src/errors.js";
import type { FinishedTask, FinishedTasks } from "../../src/tasks/read/finished-tasks.js";

export class MemoryFinishedTasks implements FinishedTasks {
  readonly #clock: Clock;
  readonly #maxTasks: number;
  /** By project name and name, those that were written first ahead. */
  readonly #projects = new Map<string, Map<string, FinishedTask>>();
  isAway = false;

  constructor(clock: Clock, maxTasks: number) {
    this.#clock = clock;
    this.#maxTasks = maxTasks;
  }

  timeAt(tick: number): number {
    return tick + 1_000_000;
  }

  tickAt(timeMs: number): number {
    return Math.min(timeMs - 1_000_000, this.#clock.tick());
  }

  async read(projectName: string, names: readonly string[]): Promise<readonly (string | undefined)[]> {
    if (this.isAway) throw new SharedStateAwayError();
    return names.map((name) => this.#projects.get(projectName)?.get(name)?.text);
  }

  async write(projectName: string, tasks: readonly FinishedTask[]): Promise<void> {
    if (this.isAway) throw new SharedStateAwayError();
    const kept = this.#projects.get(projectName) ?? new Map<string, FinishedTask>();
    this.#projects.set(projectName, kept);
    for (const task of tasks) {
      if ((kept.get(task.name)?.rank ?? -1) > task.rank) continue;
      kept.delete(task.name);
      kept.set(task.name, task);
    }
    for (const name of Array.from(kept.keys()).slice(0, Math.max(0, kept.size - this.#maxTasks))) kept.delete(name);
  }

  /** All that is in it. */
  dump(): string {
    return JSON.stringify(Array.from(this.#projects, ([name, kept]) => [name, [...kept.values()]]));
  }
}
