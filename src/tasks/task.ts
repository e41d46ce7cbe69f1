/**
 * What a task is: its key, its snapshot, and the rules for merging what IMM's two reads say of it. Pure, no I/O.
 *
 * GetTask and ListTasks each know something the other does not: progress comes from the list, the event id from
 * GetTask. A snapshot is the sum of both, and a field that one lacks never erases what the other gave.
 */

import type { Moment } from "../clock.js";
import { BadUserInputError, UpstreamInvalidResponseError, type GatewayError } from "../errors.js";
import type { CreatedTask, CreateTaskInput, Given, ImmTask, ImmTaskFields, ImmTaskInfo } from "../imm/imm-client.js";
import { RETENTION_DAYS } from "../imm/operations/operations.js";
import { parseInstant } from "./instant.js";
import { misfitsOf, misfitsText, mergeMisfits, valueOf, type Misfits } from "./misfits.js";

/** What identifies a task. The id alone does not: IMM finds a task by all three. */
export interface TaskKey {
  readonly projectName: string;
  readonly taskType: string;
  readonly taskId: string;
}

/** SUCCEEDED and FAILED are final. UNKNOWN is a word of IMM that nobody knows yet: not finished, unless an end time says so. */
export type TaskStatus = "RUNNING" | "SUCCEEDED" | "FAILED" | "UNKNOWN";

/** The parts of a task that cost something extra: what a reader needs beyond the plain fields. */
export interface TaskParts {
  /** The request definition: an extra parameter of GetTask. */
  readonly definition: boolean;
  /** The progress of a running task: a ListTasks call. */
  readonly progress: boolean;
  /** The event id: only GetTask has it. */
  readonly eventId: boolean;
}

/** The plain fields only. */
export const NO_PARTS: TaskParts = { definition: false, progress: false, eventId: false };

/** One task as it was seen at one instant. Text that IMM left empty is null. */
export interface TaskSnapshot {
  readonly key: TaskKey;
  readonly status: TaskStatus;
  /** IMM's own word for the status; empty where it gave none. */
  readonly statusText: string;
  /** Percent, 0 to 100, of a task that runs; 100 once SUCCEEDED. Null when IMM does not say, and in every other state. */
  readonly progress: number | null;
  readonly code: string | null;
  readonly message: string | null;
  /** RFC 3339 as IMM wrote it, nanoseconds included. */
  readonly startTime: string | null;
  readonly endTime: string | null;
  readonly eventId: string | null;
  /** Of the answer this snapshot was last taken from. */
  readonly requestId: string | null;
  readonly userData: string | null;
  readonly tags: Readonly<Record<string, unknown>> | null;
  /** The request definition as IMM stored it, secrets included. Never leaves the gateway unredacted. */
  readonly definition: string | null;
  /** Whether the definition was asked for, so that null means "there is none". */
  readonly hasAskedDefinition: boolean;
  /** Whether a read has shown it. What only its create has said completes a snapshot, and never answers alone. */
  readonly hasBeenRead: boolean;
  /** Whether GetTask was asked, so that a null event id means "there is none". */
  readonly hasAskedEventId: boolean;
  /** When the progress was last asked for, or null. */
  readonly progressAskedTick: number | null;
  /** When IMM was last asked: as it is shown, in milliseconds since the epoch. */
  readonly observedAt: number;
  /** The same instant, as its age is counted. */
  readonly observedTick: number;
  /** Why the progress could not be had, when the rest could. Never cached. */
  readonly progressError: GatewayError | null;
  readonly misfits: Misfits;
}

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
  return JSON.stringify([projectName, taskType, taskId]);
}

/** What two readers need together. */
export function mergeParts(a: TaskParts, b: TaskParts): TaskParts {
  return {
    definition: a.definition || b.definition,
    progress: a.progress || b.progress,
    eventId: a.eventId || b.eventId,
  };
}

/** Whether an answer to `asked` also answers `wanted`. */
export function includesParts(asked: TaskParts, wanted: TaskParts): boolean {
  return (
    (asked.definition || !wanted.definition) &&
    (asked.progress || !wanted.progress) &&
    (asked.eventId || !wanted.eventId)
  );
}

/**
 * Whether the task has ended. Only IMM's word makes it so, never its absence from a list: a word that is known for final, or
 * one that nobody knows together with an end time.
 */
export function isFinal({ status, statusText, endTime }: TaskSnapshot): boolean {
  if (status === "UNKNOWN") return statusText !== "" && toEpochMs(endTime) !== null;
  return status !== "RUNNING";
}

/**
 * Whether a snapshot answers `parts` without asking IMM again. A final one is never too old; a running one must have
 * been observed, and its progress asked for, at the tick `notBefore` or later.
 */
export function satisfies(snapshot: TaskSnapshot, parts: TaskParts, notBefore: number): boolean {
  if (!snapshot.hasBeenRead) return false;
  if (parts.definition && !snapshot.hasAskedDefinition) return false;
  if (parts.eventId && !snapshot.hasAskedEventId) return false;
  if (isFinal(snapshot)) return true;
  if (snapshot.observedTick < notBefore) return false;
  return !parts.progress || (snapshot.progressAskedTick !== null && snapshot.progressAskedTick >= notBefore);
}

/** Whether somebody who needs `parts` would see a difference. When IMM was asked, and in which call, is none. */
export function hasChanged(before: TaskSnapshot, after: TaskSnapshot, parts: TaskParts): boolean {
  return (
    before.status !== after.status ||
    before.code !== after.code ||
    before.message !== after.message ||
    before.startTime !== after.startTime ||
    before.endTime !== after.endTime ||
    before.userData !== after.userData ||
    (before.tags !== after.tags && JSON.stringify(before.tags) !== JSON.stringify(after.tags)) ||
    misfitsText(before) !== misfitsText(after) ||
    (parts.progress &&
      (before.progress !== after.progress || before.progressError?.code !== after.progressError?.code)) ||
    (parts.eventId && before.eventId !== after.eventId) ||
    (parts.definition && before.definition !== after.definition)
  );
}

/** The snapshot that a GetTask answer gives. */
export function fromGetTask(
  key: TaskKey,
  task: ImmTask,
  { askedDefinition, observed }: { readonly askedDefinition: boolean; readonly observed: Moment },
): TaskSnapshot {
  const fields = fromFields(key, task, observed);
  // GetTask may answer 0 for "not supported"; a real figure is a positive one.
  const progress = fields.progress === 0 ? null : fields.progress;
  return {
    ...fields,
    progress,
    progressAskedTick: progress === null ? null : observed.tick,
    eventId: textOrNull(task.eventId),
    hasAskedEventId: true,
    requestId: textOrNull(task.requestId),
    hasAskedDefinition: askedDefinition,
  };
}

/** The snapshot that an item of a ListTasks page gives. */
export function fromListedTask(
  projectName: string,
  task: ImmTaskInfo,
  { requestId, observed }: { readonly requestId: string | undefined; readonly observed: Moment },
): TaskSnapshot {
  const key = { projectName, taskType: task.taskType, taskId: task.taskId };
  const fields = fromFields(key, task, observed);
  return {
    ...fields,
    requestId: textOrNull(requestId),
    progressAskedTick: observed.tick,
    // A list that shows no definition proves nothing: GetTask may have one.
    hasAskedDefinition: fields.definition !== null,
  };
}

function fromFields(
  key: TaskKey,
  fields: ImmTaskFields & { readonly eventId?: Given<string> },
  observed: Moment,
): TaskSnapshot {
  const startTime = toInstant("StartTime", fields.startTime);
  const endTime = toInstant("EndTime", fields.endTime);
  const status = toStatus(fields.status);
  return {
    key,
    status,
    statusText: fields.status,
    progress: toProgress(status, valueOf(fields.progress)),
    code: textOrNull(fields.code),
    message: textOrNull(fields.message),
    startTime: textOrNull(startTime),
    endTime: textOrNull(endTime),
    eventId: null,
    requestId: null,
    userData: textOrNull(fields.userData),
    tags: valueOf(fields.tags) ?? null,
    definition: textOrNull(fields.taskRequestDefinition),
    hasBeenRead: true,
    hasAskedDefinition: false,
    hasAskedEventId: false,
    progressAskedTick: null,
    observedAt: observed.at,
    observedTick: observed.tick,
    progressError: null,
    misfits: misfitsOf({ ...fields, startTime, endTime, definition: fields.taskRequestDefinition }),
  };
}

/** The snapshot of a task that was just started, as far as its create tells. */
export function fromCreatedTask(
  taskType: string,
  input: CreateTaskInput,
  { taskId, eventId, requestId }: CreatedTask,
  observed: Moment,
): TaskSnapshot {
  const { ProjectName: projectName, UserData: userData, Tags: tags } = input;
  const started: ImmTaskFields = {
    ...NOTHING_KNOWN,
    status: "Running",
    userData: typeof userData === "string" ? userData : undefined,
    tags: typeof tags === "object" && tags !== null ? { ...tags } : undefined,
  };
  return {
    ...fromFields({ projectName, taskType, taskId }, started, observed),
    eventId: textOrNull(eventId),
    hasAskedEventId: textOrNull(eventId) !== null,
    requestId: textOrNull(requestId),
    hasBeenRead: false,
  };
}

const NOTHING_KNOWN: Omit<ImmTaskFields, "status"> = {
  progress: undefined,
  code: undefined,
  message: undefined,
  startTime: undefined,
  endTime: undefined,
  userData: undefined,
  tags: undefined,
  taskRequestDefinition: undefined,
};

/**
 * One snapshot out of two of the same task. The later observation says how the task stands, but a final state is never
 * taken back and progress never runs backwards; whatever only one of them knows is kept.
 */
export function mergeSnapshots(a: TaskSnapshot, b: TaskSnapshot): TaskSnapshot {
  const [older, newer] = isNewer(a, b) ? [b, a] : [a, b];
  return {
    ...newer,
    progress: newer.status === "RUNNING" ? further(older.progress, newer.progress) : newer.progress,
    // Both of IMM's reads tell the code and the message: where the later one tells none, there is none any more.
    code: newer.code,
    message: newer.message,
    startTime: newer.startTime ?? older.startTime,
    endTime: newer.endTime ?? older.endTime,
    eventId: newer.eventId ?? older.eventId,
    requestId: newer.requestId ?? older.requestId,
    userData: newer.userData ?? older.userData,
    tags: newer.tags ?? older.tags,
    definition: newer.definition ?? older.definition,
    hasBeenRead: newer.hasBeenRead || older.hasBeenRead,
    hasAskedDefinition: newer.hasAskedDefinition || older.hasAskedDefinition,
    hasAskedEventId: newer.hasAskedEventId || older.hasAskedEventId,
    progressAskedTick: further(newer.progressAskedTick, older.progressAskedTick),
    ...lastObservation(newer, older),
    misfits: mergeMisfits(older.misfits, newer.misfits),
  };
}

/** A final snapshot is newer than any that is not, however late the other arrived. Of equals, `b` is. */
function isNewer(a: TaskSnapshot, b: TaskSnapshot): boolean {
  if (isFinal(a) !== isFinal(b)) return isFinal(a);
  return a.observedTick > b.observedTick;
}

/** A final snapshot may have been observed before one that is not. */
function lastObservation(a: TaskSnapshot, b: TaskSnapshot): Pick<TaskSnapshot, "observedAt" | "observedTick"> {
  const { observedAt, observedTick } = a.observedTick < b.observedTick ? b : a;
  return { observedAt, observedTick };
}

/** The larger of two that may be missing. */
function further(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

/** IMM's word for the state, in any case. */
function toStatus(word: string): TaskStatus {
  switch (word.toLowerCase()) {
    case "running":
      return "RUNNING";
    case "succeeded":
      return "SUCCEEDED";
    case "failed":
      return "FAILED";
    default:
      return "UNKNOWN";
  }
}

function toProgress(status: TaskStatus, progress: number | undefined): number | null {
  if (status === "SUCCEEDED") return 100;
  if (status !== "RUNNING" || progress === undefined) return null;
  return Math.round(Math.min(100, Math.max(0, progress)));
}

function textOrNull(given: Given<string>): string | null {
  return valueOf(given) || null;
}

/** What IMM gave for an instant, as it wrote it, or the error that stands in its place. */
function toInstant(member: string, given: Given<string>): Given<string> {
  if (typeof given !== "string" || given === "" || parseInstant(given) !== null) return given;
  return new UpstreamInvalidResponseError(`Expected ${member} of IMM's answer to be RFC 3339 text with a zone.`);
}

/** The years that a time of IMM may lie in; arithmetic beyond them leaves what a date can hold. */
const MAX_EPOCH_MS = Date.UTC(9_999, 0);

/** An instant of IMM in milliseconds since the epoch, or null when there is none or it is no plausible time. */
export function toEpochMs(instant: string | null): number | null {
  if (instant === null) return null;
  const epochMs = parseInstant(instant);
  return epochMs !== null && epochMs >= 0 && epochMs < MAX_EPOCH_MS ? epochMs : null;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

/** When IMM forgets the task, in milliseconds since the epoch: seven days after its start. Null without a start. */
export function expiresAtMs(snapshot: TaskSnapshot): number | null {
  const startedAt = toEpochMs(snapshot.startTime);
  return startedAt === null ? null : startedAt + RETENTION_DAYS * DAY_MS;
}

/** GraphQL's integers end there: 24 days, where IMM forgets a task after seven. */
const MAX_ELAPSED_MS = 2 ** 31 - 1;

/**
 * How long the task has run: until its end, or until it was last observed. Whole milliseconds; null without a start, and
 * where IMM's times make it longer than IMM knows any task.
 */
export function elapsedMs(snapshot: TaskSnapshot): number | null {
  const startedAt = toEpochMs(snapshot.startTime);
  if (startedAt === null) return null;
  const elapsed = Math.round(Math.max(0, (toEpochMs(snapshot.endTime) ?? snapshot.observedAt) - startedAt));
  return elapsed <= MAX_ELAPSED_MS ? elapsed : null;
}
