/** What comes of tasks that are followed: the subscriptions that ask for it, and their events as `TaskEvent` has them. */

import type { TaskKey } from "../../tasks/task.js";
import { aBoolean, aNumber, aShape, aText, nullOr } from "./answers.js";
import type { Failure, OperationResult } from "./task-source.js";

/** What is shown of a task, by the names of the schema. */
export const TASK_FIELDS =
  "id region projectName taskType taskId status statusText isDone progress startTime elapsedMs estimatedEndAt observedAt error { code message }";

/** A task, as `TASK_FIELDS` selects it. Names and messages are as IMM gave them: any text. */
export interface SeenTask extends TaskKey {
  readonly id: string;
  readonly region: string;
  readonly status: string;
  readonly statusText: string;
  readonly isDone: boolean;
  readonly progress: number | null;
  readonly startTime: string | null;
  readonly elapsedMs: number | null;
  readonly estimatedEndAt: string | null;
  readonly observedAt: string;
  readonly error: { readonly code: string | null; readonly message: string | null } | null;
}

/** What it is, where it is as the schema has it. */
export const aSeenTask = aShape({
  id: aText,
  region: aText,
  projectName: aText,
  taskType: aText,
  taskId: aText,
  status: aText,
  statusText: aText,
  isDone: aBoolean,
  progress: nullOr(aNumber),
  startTime: nullOr(aText),
  elapsedMs: nullOr(aNumber),
  estimatedEndAt: nullOr(aText),
  observedAt: aText,
  error: nullOr(aShape({ code: nullOr(aText), message: nullOr(aText) })),
} satisfies Readonly<Record<keyof SeenTask, unknown>>);

/** An event; further kinds may come with a newer gateway and are left out. */
export type FollowEvent =
  | { readonly kind: "SNAPSHOT" | "CHANGE" | "FINAL"; readonly task: SeenTask }
  /** Of one task; where `key` is null, of all that was asked for. */
  | { readonly kind: "FAILED"; readonly key: TaskKey | null; readonly error: Failure }
  | { readonly kind: "CAUGHT_UP" }
  | { readonly kind: "DELAYED"; readonly error: Failure };

const EVENT_FIELDS = `kind key { projectName taskType taskId } error { code message } task { ${TASK_FIELDS} }`;

export const FOLLOW_TASKS = `subscription WatchTasks($keys: [TaskKeyInput!]!) {
  taskEvents(keys: $keys) { ${EVENT_FIELDS} }
}`;

export const FOLLOW_PROJECT = `subscription WatchProject($projectName: String!, $filter: TaskEventFilter) {
  projectEvents(projectName: $projectName, filter: $filter) { ${EVENT_FIELDS} }
}`;

/** The schema's own form of an event. */
interface RawEvent {
  readonly kind: string;
  readonly key: TaskKey | null;
  readonly error: Failure | null;
  readonly task: SeenTask | null;
}

const anEvent = nullOr(
  aShape({
    kind: aText,
    key: nullOr(aShape({ projectName: aText, taskType: aText, taskId: aText })),
    error: nullOr(aShape({ code: aText, message: aText })),
    task: nullOr(aSeenTask),
  }),
);

/**
 * The event of a result; undefined where it has none that is known, an error alone for example.
 *
 * @throws MalformedAnswerError - when it is not as the schema has it.
 */
export function toFollowEvent({ data }: OperationResult): FollowEvent | undefined {
  for (const [name, value] of Object.entries(data ?? {})) anEvent(value, `data.${name}`);
  // The cast: as was checked.
  const event = Object.values(data ?? {})[0] as RawEvent | null | undefined;
  if (event === null || event === undefined) return undefined;
  const { kind, key, error, task } = event;
  if ((kind === "SNAPSHOT" || kind === "CHANGE" || kind === "FINAL") && task !== null) return { kind, task };
  if (kind === "FAILED" && error !== null) return { kind, key, error };
  if (kind === "DELAYED" && error !== null) return { kind, error };
  return kind === "CAUGHT_UP" ? { kind } : undefined;
}
