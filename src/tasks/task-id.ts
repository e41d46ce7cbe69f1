/**
 * The global id of a task: its whole key in one opaque text, so that `node(id:)` and a client's cache need nothing else.
 * Pure.
 *
 * @see the Relay object identification specification
 */

import { BadUserInputError } from "../errors.js";
import { parseTaskKey, type TaskKey } from "./task.js";

const TYPE_NAME = "Task";

/** The id of a task, the same on every instance and at any time. */
export function toGlobalTaskId({ projectName, taskType, taskId }: TaskKey): string {
  return Buffer.from(JSON.stringify([TYPE_NAME, projectName, taskType, taskId])).toString("base64url");
}

/** Three names of 512 characters each, as UTF-8 in base64, and what stands between them. */
const MAX_ID_LENGTH = 8_192;

/**
 * The key that an id stands for.
 *
 * @throws BadUserInputError - when the text is no id that `toGlobalTaskId` made; the argument is `argument`.
 */
export function parseGlobalTaskId(id: string, argument = "id"): TaskKey {
  const refusal = new BadUserInputError(argument, `Expected \`${argument}\` to be the id of a Task, got another text.`);
  if (id.length > MAX_ID_LENGTH) throw refusal;
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(id, "base64url").toString("utf8"));
  } catch {
    throw refusal;
  }
  if (!Array.isArray(parts) || parts.length !== 4 || !parts.every((part) => typeof part === "string")) throw refusal;
  const [typeName, projectName, taskType, taskId] = parts as [string, string, string, string];
  const key = { projectName, taskType, taskId };
  // One task, one id: a second spelling would be a second entry in a client's cache.
  if (typeName !== TYPE_NAME || toGlobalTaskId(key) !== id) throw refusal;
  try {
    return parseTaskKey(key, argument);
  } catch {
    // It would name an argument that the client has not given.
    throw refusal;
  }
}
