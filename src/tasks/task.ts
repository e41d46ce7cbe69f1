/** What identifies a task, and which parts of it can be asked for. Pure. */

import { BadUserInputError } from "../errors.js";

/** What identifies a task. The id alone does not: IMM finds a task by all three. */
export interface TaskKey {
  readonly projectName: string;
  readonly taskType: string;
  readonly taskId: string;
}

/** The parts of a task that cost something extra: what a reader needs beyond the plain fields. */
export interface TaskParts {
  /** The request definition: an extra parameter of GetTask. */
  readonly definition: boolean;
  /** Of the definition what redaction removes, too: of what another instance has shared only IMM knows it. */
  readonly secrets: boolean;
  /** The progress of a running task: a ListTasks call. */
  readonly progress: boolean;
  /** The event id: only GetTask has it. */
  readonly eventId: boolean;
}

/** The plain fields only. */
export const NO_PARTS: TaskParts = { definition: false, secrets: false, progress: false, eventId: false };

const MAX_NAME_LENGTH = 512;

/**
 * Checks the three names of a task.
 *
 * @param argument - where the key was given, for example `keys[2]`.
 * @throws BadUserInputError - naming the member, such as `key.taskId`, that is empty, too long, or holds control characters.
 */
export function parseTaskKey(key: TaskKey, argument = "key"): TaskKey {
  return {
    projectName: parseName(`${argument}.projectName`, key.projectName),
    taskType: parseName(`${argument}.taskType`, key.taskType),
    taskId: parseName(`${argument}.taskId`, key.taskId),
  };
}

/**
 * Checks one name as IMM takes it.
 *
 * @throws BadUserInputError - naming the argument when it is empty, too long, or holds control characters.
 */
export function parseName(argument: string, value: string): string {
  const expected = `Expected \`${argument}\` to be a non-empty string of at most ${MAX_NAME_LENGTH} characters`;
  if (value.trim() === "") throw new BadUserInputError(argument, `${expected}, got an empty one.`);
  if (value.length > MAX_NAME_LENGTH) throw new BadUserInputError(argument, `${expected}, got ${value.length}.`);
  if (/[\p{Cc}\p{Cs}]/u.test(value)) {
    throw new BadUserInputError(argument, `${expected}, without control characters or halves of characters.`);
  }
  return value;
}

/** A key as one text, equal exactly when the keys are. */
export function toKeyText({ projectName, taskType, taskId }: TaskKey): string {
  return `${projectName.length} ${taskType.length} ${projectName}${taskType}${taskId}`;
}

/** What two readers need together. */
export function mergeParts(a: TaskParts, b: TaskParts): TaskParts {
  return {
    definition: a.definition || b.definition,
    secrets: a.secrets || b.secrets,
    progress: a.progress || b.progress,
    eventId: a.eventId || b.eventId,
  };
}

/** Whether an answer to `asked` also answers `wanted`. */
export function includesParts(asked: TaskParts, wanted: TaskParts): boolean {
  return (
    (asked.definition || !wanted.definition) &&
    (asked.secrets || !wanted.secrets) &&
    (asked.progress || !wanted.progress) &&
    (asked.eventId || !wanted.eventId)
  );
}
