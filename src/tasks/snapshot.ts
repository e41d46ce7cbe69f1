/**
 * One task as it was seen, and the rules for merging what IMM's two reads say of it. Pure, no I/O.
 *
 * GetTask and ListTasks each know something the other does not. A snapshot is the sum of both, and a field that one lacks
 * never erases what the other gave. What both give by itself lies in `facts`: read, merged and compared by key.
 */

import type { Moment } from "../clock.js";
import { GatewayError, UpstreamInvalidResponseError } from "../errors.js";
import type { CreatedTask, CreateTaskInput, Given, ImmTask, ImmTaskFields, ImmTaskInfo } from "../imm/imm-client.js";
import { RETENTION_DAYS } from "../imm/operations/operations.js";
import { isInstant, toEpochMs } from "./instant.js";
import type { TaskKey, TaskParts } from "./task.js";

/** SUCCEEDED and FAILED are final. UNKNOWN is a word of IMM that is not known yet: not finished, unless an end time says so. */
export type TaskStatus = "RUNNING" | "SUCCEEDED" | "FAILED" | "UNKNOWN";

/** What an answer says of a task. */
type Answer = Partial<ImmTaskFields>;

/** The plain fields, as an answer of IMM gives each, or why it does not. A new one is a member here and a field of the schema. */
const FACTS = {
  code: ({ code }: Answer) => textOf(code),
  message: ({ message }: Answer) => textOf(message),
  /** RFC 3339 as IMM wrote it, nanoseconds included. */
  startTime: ({ startTime }: Answer) => instantOf("StartTime", startTime),
  endTime: ({ endTime }: Answer) => instantOf("EndTime", endTime),
  userData: ({ userData }: Answer) => textOf(userData),
  tags: ({ tags }: Answer) => tags,
};
type FactName = keyof typeof FACTS;
export const FACT_NAMES = Object.keys(FACTS) as readonly FactName[];

/** The plain fields. What IMM left empty, and what does not fit, is null. */
export type TaskFacts = {
  readonly [Name in FactName]: Exclude<ReturnType<(typeof FACTS)[Name]>, undefined | GatewayError> | null;
};

export const PART_NAMES = ["progress", "eventId", "definition"] as const;
type PartName = (typeof PART_NAMES)[number];

/** What changes while a task runs: where the later of two answers has none, there is none any more. */
const PASSING: Readonly<Record<string, undefined>> = { code: undefined, message: undefined };

/** Why a field is null, where IMM gave a value that does not fit. Of no meaning where the field has a value. */
export type Misfits = { readonly [Name in FactName | PartName]?: GatewayError | undefined };

export const NO_MISFITS: Misfits = {};

/**
 * One task as it was seen at one instant. Text that IMM left empty is null. It is never changed, but for the instant, by
 * `seeAgain`.
 */
export interface TaskSnapshot {
  readonly key: TaskKey;
  readonly status: TaskStatus;
  /** IMM's own word for the status; empty where it gave none. */
  readonly statusText: string;
  readonly facts: TaskFacts;
  /** Percent, 0 to 100, of a task that runs; 100 once SUCCEEDED. Null when IMM does not say, and in every other state. */
  readonly progress: number | null;
  readonly eventId: string | null;
  /** Of the answer this snapshot was last taken from, or that has shown it again. */
  requestId: string | null;
  /** The request definition as IMM stored it, secrets included. Never leaves the gateway unredacted. */
  readonly definition: string | null;
  /** Whether secrets were taken out of the definition, when another instance shared it. */
  readonly isRedacted: boolean;
  /** Whether the definition was asked for, so that null means "there is none". */
  readonly hasAskedDefinition: boolean;
  /** Whether a read has shown it. What only its create has said completes a snapshot, and never answers alone. */
  readonly hasBeenRead: boolean;
  /** Whether GetTask was asked, so that a null event id means "there is none". */
  readonly hasAskedEventId: boolean;
  /** When the progress was last asked for, or null. */
  readonly progressAskedTick: number | null;
  /** When IMM was last asked: as it is shown, in milliseconds since the epoch. */
  observedAt: number;
  /** The same instant, as its age is counted. */
  observedTick: number;
  /** Why the progress could not be had, when the rest could. Never cached. */
  readonly progressError: GatewayError | null;
  readonly misfits: Misfits;
}

/** A plain field as it is shown: its value, or why there is none. */
export function factOf<Name extends FactName>(
  { facts, misfits }: TaskSnapshot,
  name: Name,
): NonNullable<TaskFacts[Name]> | GatewayError | null {
  return facts[name] ?? misfits[name] ?? null;
}

/** A part as it is shown: its value, or why there is none. */
export function partOf<Name extends PartName>(
  snapshot: TaskSnapshot,
  name: Name,
): NonNullable<TaskSnapshot[Name]> | GatewayError | null {
  return snapshot[name] ?? snapshot.misfits[name] ?? null;
}

/**
 * Whether the task has ended. Only IMM's word makes it so, never its absence from a list: a word that is known for final, or
 * one that is not known together with an end time.
 */
export function isFinal({ status, statusText, facts }: TaskSnapshot): boolean {
  if (status === "UNKNOWN") return statusText !== "" && toEpochMs(facts.endTime) !== null;
  return status !== "RUNNING";
}

/**
 * Whether a snapshot answers `parts` without asking IMM again. A final one is never too old; a running one must have
 * been observed, and its progress asked for, at the tick `notBefore` or later.
 */
export function satisfies(snapshot: TaskSnapshot, parts: TaskParts, notBefore: number): boolean {
  if (!snapshot.hasBeenRead) return false;
  if (lacksDefinition(snapshot, parts)) return false;
  if (parts.eventId && !snapshot.hasAskedEventId) return false;
  if (isFinal(snapshot)) return true;
  if (snapshot.observedTick < notBefore) return false;
  return !parts.progress || (snapshot.progressAskedTick !== null && snapshot.progressAskedTick >= notBefore);
}

/** Whether IMM has to be asked for the definition. */
export function lacksDefinition(known: TaskSnapshot | undefined, { definition, secrets }: TaskParts): boolean {
  return definition && (known?.hasAskedDefinition !== true || (secrets && known.isRedacted));
}

/** Whether a reader of `parts` would see a difference. When IMM was asked, and in which call, is none. */
export function hasChanged(before: TaskSnapshot, after: TaskSnapshot, parts: TaskParts): boolean {
  return (
    before.status !== after.status ||
    FACT_NAMES.some((name) => !isSame(before.facts[name], after.facts[name])) ||
    PART_NAMES.some(
      (name) => parts[name] && before[name] !== after[name] && (name !== "definition" || !before.isRedacted),
    ) ||
    (parts.progress && before.progressError?.code !== after.progressError?.code) ||
    misfitsText(before) !== misfitsText(after)
  );
}

/** Tags are objects; each answer has its own. */
function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}

/** The fields that are errors, each with its reason, as one text. */
function misfitsText(snapshot: TaskSnapshot): string {
  const { misfits, facts } = snapshot;
  if (misfits === NO_MISFITS) return "";
  const names = [
    ...FACT_NAMES.filter((name) => facts[name] === null),
    ...PART_NAMES.filter((name) => snapshot[name] === null),
  ];
  return names.flatMap((name) => (misfits[name] === undefined ? [] : `${name}: ${misfits[name].message}`)).join("\n");
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
    eventId: valueOf(textOf(task.eventId)),
    hasAskedEventId: true,
    requestId: task.requestId || null,
    hasAskedDefinition: askedDefinition,
  };
}

/** When and by which answer a page of a list was seen. */
export interface Sighting {
  readonly requestId: string | undefined;
  readonly observed: Moment;
}

/** The snapshot that an item of a ListTasks page gives. */
export function fromListedTask(
  projectName: string,
  task: ImmTaskInfo,
  { requestId, observed }: Sighting,
): TaskSnapshot {
  const key = { projectName, taskType: task.taskType, taskId: task.taskId };
  const fields = fromFields(key, task, observed);
  return {
    ...fields,
    requestId: requestId || null,
    progressAskedTick: observed.tick,
    // A list that shows no definition proves nothing: GetTask may have one.
    hasAskedDefinition: fields.definition !== null,
  };
}

/**
 * Whether an item of a list says of a task that has ended what is known of it; if so, the snapshot is as of now. Such items
 * are most of a list, and taking them in has to cost next to nothing: so it is the same snapshot, and not a copy.
 */
export function seeAgain(known: TaskSnapshot, task: ImmTaskInfo, { requestId, observed }: Sighting): boolean {
  const { status, statusText, facts, misfits, hasBeenRead, definition } = known;
  const isEnd = status === "SUCCEEDED" || status === "FAILED";
  if (!isEnd || !hasBeenRead || statusText !== task.status || misfits !== NO_MISFITS) return false;
  if (observed.tick < known.observedTick) return false;
  if ((definition === null || known.isRedacted) && textOf(task.taskRequestDefinition) !== undefined) return false;
  const { tags, userData, startTime, endTime, code, message } = task;
  const isSameEnd = (code || null) === facts.code && (message || null) === facts.message;
  const hasNews =
    (tags !== undefined && (facts.tags === null || !isSame(tags, facts.tags))) ||
    (userData || facts.userData) !== facts.userData ||
    (startTime || facts.startTime) !== facts.startTime ||
    (endTime || facts.endTime) !== facts.endTime;
  if (!isSameEnd || hasNews) return false;
  known.requestId = requestId || known.requestId;
  known.observedAt = observed.at;
  known.observedTick = observed.tick;
  return true;
}

function fromFields(
  key: TaskKey,
  fields: Answer & { readonly status: string; readonly eventId?: Given<string> },
  observed: Moment,
): TaskSnapshot {
  const status = toStatus(fields.status);
  const { progress, eventId, taskRequestDefinition: definition } = fields;
  const facts: Record<string, unknown> = {};
  let misfits: Record<string, GatewayError> | undefined;
  for (const name of FACT_NAMES) {
    const given = FACTS[name](fields);
    if (given instanceof GatewayError) (misfits ??= {})[name] = given;
    facts[name] = valueOf<unknown>(given);
  }
  const parts = { progress, eventId, definition };
  for (const name of PART_NAMES) {
    const given = parts[name];
    if (given instanceof GatewayError) (misfits ??= {})[name] = given;
  }
  return {
    key,
    status,
    statusText: fields.status,
    facts: facts as TaskFacts,
    progress: toProgress(status, valueOf(progress)),
    eventId: null,
    requestId: null,
    definition: valueOf(textOf(definition)),
    isRedacted: false,
    hasBeenRead: true,
    hasAskedDefinition: false,
    hasAskedEventId: false,
    progressAskedTick: null,
    observedAt: observed.at,
    observedTick: observed.tick,
    progressError: null,
    misfits: misfits ?? NO_MISFITS,
  };
}

/** The snapshot of a task that was just started, as far as its create says it. */
export function fromCreatedTask(
  taskType: string,
  input: CreateTaskInput,
  { taskId, eventId, requestId }: CreatedTask,
  observed: Moment,
): TaskSnapshot {
  const { ProjectName: projectName, UserData: userData, Tags: tags } = input;
  const started = {
    status: "Running",
    userData: typeof userData === "string" ? userData : undefined,
    tags: typeof tags === "object" && tags !== null ? { ...tags } : undefined,
  };
  return {
    ...fromFields({ projectName, taskType, taskId }, started, observed),
    eventId: eventId || null,
    hasAskedEventId: Boolean(eventId),
    requestId: requestId || null,
    hasBeenRead: false,
  };
}

/**
 * One snapshot out of two of the same task. The later observation says how the task stands, but a final state is never
 * taken back and progress never runs backwards; whatever only one of them knows is kept.
 */
export function mergeSnapshots(a: TaskSnapshot | undefined, b: TaskSnapshot): TaskSnapshot {
  if (a === undefined) return b;
  const [older, newer] = isNewer(a, b) ? [b, a] : [a, b];
  const last = a.observedTick < b.observedTick ? b : a;
  const isOlderFuller = newer.definition === null || (newer.isRedacted && older.definition !== null);
  const { definition, isRedacted } = isOlderFuller ? older : newer;
  // Member by member: to spread what has come by several ways takes V8 ten times as long.
  return {
    key: newer.key,
    status: newer.status,
    statusText: newer.statusText,
    facts: withoutGaps(older.facts, newer.facts),
    progress: newer.status === "RUNNING" ? further(older.progress, newer.progress) : newer.progress,
    eventId: newer.eventId ?? older.eventId,
    requestId: newer.requestId ?? older.requestId,
    definition,
    isRedacted,
    hasBeenRead: newer.hasBeenRead || older.hasBeenRead,
    hasAskedDefinition: newer.hasAskedDefinition || older.hasAskedDefinition,
    hasAskedEventId: newer.hasAskedEventId || older.hasAskedEventId,
    progressAskedTick: further(newer.progressAskedTick, older.progressAskedTick),
    // A final snapshot may have been observed before one that is not.
    observedAt: last.observedAt,
    observedTick: last.observedTick,
    progressError: newer.progressError,
    misfits: mergeMisfits(older.misfits, newer.misfits),
  };
}

/** The newer facts, and the older ones where those are null, unless they pass. */
function withoutGaps(older: TaskFacts, newer: TaskFacts): TaskFacts {
  const facts: Record<string, unknown> = {};
  for (const name of FACT_NAMES) facts[name] = newer[name] ?? (name in PASSING ? null : older[name]);
  return facts as TaskFacts;
}

/** The misfits of both; of what changes while a task runs, only the newer's. */
function mergeMisfits(older: Misfits, newer: Misfits): Misfits {
  if (older === NO_MISFITS) return newer;
  return { ...older, progress: undefined, ...PASSING, ...newer };
}

/** A final snapshot is newer than any that is not, however late the other arrived. Of equals, `b` is. */
function isNewer(a: TaskSnapshot, b: TaskSnapshot): boolean {
  if (isFinal(a) !== isFinal(b)) return isFinal(a);
  return a.observedTick > b.observedTick;
}

/** The larger of two that may be missing. */
function further(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

/** IMM's words for the state, in lower case. */
const STATUSES: ReadonlyMap<string, TaskStatus> = new Map([
  ["running", "RUNNING"],
  ["succeeded", "SUCCEEDED"],
  ["failed", "FAILED"],
]);

/** The status by IMM's word for it. */
export function toStatus(statusText: string): TaskStatus {
  return STATUSES.get(statusText.toLowerCase()) ?? "UNKNOWN";
}

function toProgress(status: TaskStatus, progress: number | null): number | null {
  if (status === "SUCCEEDED") return 100;
  if (status !== "RUNNING" || progress === null) return null;
  return Math.round(Math.min(100, Math.max(0, progress)));
}

/** The value, where there is one and it fits. */
function valueOf<T>(given: Given<T>): T | null {
  return given instanceof GatewayError ? null : (given ?? null);
}

/** Empty text is none. */
function textOf(given: Given<string>): Given<string> {
  return given === "" ? undefined : given;
}

/** What IMM gave for an instant, as it wrote it, or the error that stands in its place. */
function instantOf(member: string, given: Given<string>): Given<string> {
  const text = textOf(given);
  if (typeof text !== "string" || isInstant(text)) return text;
  return new UpstreamInvalidResponseError(`Expected ${member} of IMM's answer to be RFC 3339 text with a zone.`);
}

const DAY_MS = 24 * 60 * 60 * 1_000;

/** When IMM forgets the task, in milliseconds since the epoch: seven days after its start. Null without a start. */
export function expiresAtMs(snapshot: TaskSnapshot): number | null {
  const startedAt = toEpochMs(snapshot.facts.startTime);
  return startedAt === null ? null : startedAt + RETENTION_DAYS * DAY_MS;
}

/** GraphQL's integers end there: 24 days, where IMM forgets a task after seven. */
const MAX_ELAPSED_MS = 2 ** 31 - 1;

/**
 * How long the task has run: until its end, or until it was last observed. Whole milliseconds; null without a start, and
 * where IMM's times make it longer than IMM knows any task.
 */
export function elapsedMs(snapshot: TaskSnapshot): number | null {
  const startedAt = toEpochMs(snapshot.facts.startTime);
  if (startedAt === null) return null;
  const elapsed = Math.round(Math.max(0, (toEpochMs(snapshot.facts.endTime) ?? snapshot.observedAt) - startedAt));
  return elapsed <= MAX_ELAPSED_MS ? elapsed : null;
}
