/**
 * A task that was just started: the create's answer says that it runs, and no more. What only a read gives is read when
 * it is selected, all such fields by one read. A read that fails is an error at its fields, and takes nothing away from the
 * task that was started and is paid for.
 */

import type { TaskSnapshot } from "../../tasks/snapshot.js";
import { NO_PARTS } from "../../tasks/task.js";
import { PARTS_BY_FIELD } from "../task/selected-parts.js";
import { Task, type TaskView } from "../task/task.type.js";

/** What a create does not answer. */
const FIELDS_OF_READS = [
  "progress",
  "startTime",
  "elapsedMs",
  "expiresAt",
  "requestDefinition",
  "requestDefinitionText",
  "outputs",
] as const satisfies readonly (keyof Task)[];

/** Not a type of its own in the schema: a Task, some of whose fields come later. */
export class StartedTask extends Task {
  constructor(snapshot: TaskSnapshot, view: TaskView) {
    super(snapshot, view, true);
    for (const field of FIELDS_OF_READS) {
      const get = async (): Promise<unknown> =>
        new Task(await view.tasks.read(snapshot.key, PARTS_BY_FIELD[field] ?? NO_PARTS), view)[field];
      Object.defineProperty(this, field, { get });
    }
  }
}
