/**
 * A task that was just started: the create's answer says that it runs, and no more. What only a read can tell is read by
 * the operation's loader when it is selected, all such fields by one read. A read that fails is an error at its fields,
 * and takes nothing away from the task that was started and is paid for.
 */

import type { TaskLoader } from "../../tasks/read/task-loader.js";
import { NO_PARTS, type TaskParts } from "../../tasks/task.js";
import type { TaskSnapshot } from "../../tasks/snapshot.js";
import { Task, type TaskView } from "../task/task.type.js";

/** How a started task is shown, and what reads it. */
export interface StartedTaskView extends TaskView {
  readonly taskLoader: TaskLoader;
}

const NEEDS_DEFINITION: TaskParts = { ...NO_PARTS, definition: true };

/** Not a type of its own in the schema: a Task, some of whose fields come later. */
export class StartedTask extends Task {
  readonly #key: TaskSnapshot["key"];
  readonly #view: StartedTaskView;

  constructor(snapshot: TaskSnapshot, view: StartedTaskView) {
    super(snapshot, view, view.taskLoader);
    this.#key = snapshot.key;
    this.#view = view;
  }

  override get progress(): Promise<number | null | Error> {
    return this.#read({ ...NO_PARTS, progress: true }, (task) => task.progress);
  }

  override get startTime(): Promise<string | null | Error> {
    return this.#read(NO_PARTS, (task) => task.startTime);
  }

  override get elapsedMs(): Promise<number | null> {
    return this.#read(NO_PARTS, (task) => task.elapsedMs);
  }

  override get expiresAt(): Promise<string | null> {
    return this.#read(NO_PARTS, (task) => task.expiresAt);
  }

  override get requestDefinition(): Promise<unknown> {
    return this.#read(NEEDS_DEFINITION, (task) => task.requestDefinition);
  }

  override get requestDefinitionText(): Promise<string | null | Error> {
    return this.#read(NEEDS_DEFINITION, (task) => task.requestDefinitionText);
  }

  override get outputs(): Promise<readonly string[] | null | Error> {
    return this.#read(NEEDS_DEFINITION, (task) => task.outputs);
  }

  async #read<T>(parts: TaskParts, pick: (task: Task) => T | Promise<T>): Promise<T> {
    return pick(new Task(await this.#view.taskLoader.load(this.#key, parts), this.#view));
  }
}
