/** From a key to a Task, through the facade: what every resolver that reads tasks does. */

import { toError } from "../../errors.js";
import type { TaskKey, TaskParts } from "../../tasks/task.js";
import type { GatewayContext } from "../context.js";
import { Task } from "./task.type.js";

/** The task as it is now, with at least what `parts` names: at once where nothing is waited for, as `Tasks.look` has it. */
export function loadTask(key: TaskKey, parts: TaskParts, context: GatewayContext): Task | Promise<Task> {
  const snapshot = context.tasks.look(key, parts);
  return snapshot instanceof Promise ? snapshot.then((read) => new Task(read, context)) : new Task(snapshot, context);
}

/**
 * All results in order, each failure in its place: graphql-js turns an Error in a list into an error at that index. At once
 * where none is waited for: a promise for each of a hundred tasks costs as much as all else that is done for them.
 */
export function settleAll<T, R>(
  items: readonly T[],
  load: (item: T, index: number) => R | Promise<R>,
): (R | Error)[] | Promise<(R | Error)[]> {
  let isWaiting = false;
  const settled = items.map((item, index): R | Error | Promise<R | Error> => {
    try {
      const result = load(item, index);
      if (!(result instanceof Promise)) return result;
      isWaiting = true;
      return result.catch(toError);
    } catch (thrown) {
      return toError(thrown);
    }
  });
  // The casts: where none is waited for, none is a promise; what is no promise may stand among those that are.
  return isWaiting ? Promise.all(settled as Promise<R | Error>[]) : (settled as (R | Error)[]);
}
