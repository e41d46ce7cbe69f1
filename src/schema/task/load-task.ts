/** From a key to a Task, through the facade: what every resolver that reads tasks does. */

import { toError } from "../../errors.js";
import type { TaskKey, TaskParts } from "../../tasks/task.js";
import type { GatewayContext } from "../context.js";
import { Task } from "./task.type.js";

/** The task as it is now, with at least what `parts` names. */
export async function loadTask(key: TaskKey, parts: TaskParts, context: GatewayContext): Promise<Task> {
  return new Task(await context.tasks.read(key, parts), context);
}

/** All results in order, each failure in its place: graphql-js turns an Error in a list into an error at that index. */
export async function settleAll<T, R>(
  items: readonly T[],
  load: (item: T, index: number) => Promise<R>,
): Promise<(R | Error)[]> {
  return Promise.all(items.map(async (item, index) => load(item, index).catch(toError)));
}
