/**
 * The global id of a task: its region and its whole key in one opaque text, so that `node(id:)` and a client's cache need
 * nothing else, and gateways of two regions never mean two tasks by one id. Pure.
 *
 * @see the Relay object identification specification
 */

import { BadUserInputError } from "../errors.js";
import { parseTaskKey, type TaskKey } from "./task.js";

/** The first part of an id: what the others mean. Ids are stored by clients, so another form takes another number. */
const VERSION = 1;

/** What identifies a task among those of all regions: IMM's names are unique within one only. */
export interface RegionalTaskKey extends TaskKey {
  /** For example `cn-hangzhou`. */
  readonly region: string;
}

/** By the key that a snapshot keeps: the ids of what is remembered are made once. */
const ids = new WeakMap<TaskKey, { readonly region: string; readonly id: string }>();

/** The id of the task of a key that stays the same object for as long as its task is remembered. */
export function idOf(region: string, key: TaskKey): string {
  let known = ids.get(key);
  if (known?.region !== region) {
    known = { region, id: toGlobalTaskId({ region, ...key }) };
    ids.set(key, known);
  }
  return known.id;
}

/** The id of a task, the same on every instance and at any time. */
export function toGlobalTaskId({ region, projectName, taskType, taskId }: RegionalTaskKey): string {
  return Buffer.from(JSON.stringify([VERSION, region, projectName, taskType, taskId])).toString("base64url");
}

/** A region and three names of 512 characters each, as UTF-8 in base64, and what stands between them. */
const MAX_ID_LENGTH = 8_192;

/**
 * The key that an id stands for.
 *
 * @throws BadUserInputError - when the text is no id that `toGlobalTaskId` made; the argument is `argument`.
 */
export function parseGlobalTaskId(id: string, argument = "id"): RegionalTaskKey {
  const refusal = new BadUserInputError(argument, `Expected \`${argument}\` to be the id of a Task, got another text.`);
  if (id.length > MAX_ID_LENGTH) throw refusal;
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(id, "base64url").toString("utf8"));
  } catch {
    throw refusal;
  }
  if (!Array.isArray(parts) || parts.length !== 5) throw refusal;
  const [version, ...names] = parts as readonly unknown[];
  if (version !== VERSION || !names.every((name) => typeof name === "string")) throw refusal;
  const [region, projectName, taskType, taskId] = names as [string, string, string, string];
  const key = { region, projectName, taskType, taskId };
  // One task, one id: a second spelling would be a second entry in a client's cache.
  if (region === "" || toGlobalTaskId(key) !== id) throw refusal;
  try {
    return { region, ...parseTaskKey(key, argument) };
  } catch {
    // It would name an argument that the client has not given.
    throw refusal;
  }
}

/**
 * The key that an id stands for, where it is one of a task in this region.
 *
 * @throws BadUserInputError - when it is no id of a task, or one of another region, which is asked by another gateway.
 */
export function parseTaskIdOf(region: string, id: string, argument = "id"): TaskKey {
  const { region: given, ...key } = parseGlobalTaskId(id, argument);
  checkRegion(region, given, argument);
  return key;
}

/** @throws BadUserInputError - when a task is of another region than that which is asked. */
export function checkRegion(region: string, given: string, argument: string): void {
  if (given === region) return;
  throw new BadUserInputError(argument, `Expected \`${argument}\` to be of the region ${region}, got another one.`);
}
