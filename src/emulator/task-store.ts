/**
 * The tasks of one project: kept, changed, forgotten after seven days, and listed page by page. Called by
 * `imm-service.ts` to answer and by `emulator.ts` to drive; every method takes the time of asking.
 *
 * A page is a filter over all tasks and a sort of what passes: of a week of the demo, 60,000 tasks, it takes up to 40 ms.
 */

import { assertNever } from "../errors.js";
import { isForgotten, type Task, taskAt, type TaskOutcome, type TaskState, type TaskStatus } from "./task-life.js";
import { comparePositions, encodeToken, type Position, type SortKey } from "./task-order.js";

/** What is forgotten takes memory no longer than this. */
const PRUNE_INTERVAL_MS = 60_000;

/** A span of instants, both ends included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What ListTasks asks for, decoded. Undefined members do not filter. */
export interface TaskQuery {
  readonly taskTypes: ReadonlySet<string> | undefined;
  readonly status: TaskStatus | undefined;
  readonly startedWithin: Span | undefined;
  /** Running tasks have no end and never match. */
  readonly endedWithin: Span | undefined;
  readonly tag: { readonly key: string; readonly value: string } | undefined;
  readonly sort: SortKey;
  readonly descending: boolean;
  readonly maxResults: number;
  /** The last place of the page before, or null for the first page. */
  readonly after: Position | null;
}

/** A task and what IMM says of it at the time of asking. */
export interface ListedTask {
  readonly task: Task;
  readonly state: TaskState;
}

/** One page. `nextToken` is null when no task follows. */
export interface TaskPage {
  readonly items: readonly ListedTask[];
  readonly nextToken: string | null;
}

export class TaskStore {
  /** Every task by id, those that wait to be seen included. */
  readonly #tasks = new Map<string, Task>();
  #prunedAt = -Infinity;

  /** Keeps `task`. It is listed from now on, unless it waits to be seen (`startedAt` is `Infinity`). */
  add(task: Task, now: number): void {
    this.#prune(now);
    this.#tasks.set(task.taskId, task);
  }

  /** The task, or undefined when there is none or it has been forgotten. Does not start a task that waits. */
  find(taskId: string, now: number): Task | undefined {
    const task = this.#tasks.get(taskId);
    return task === undefined || isForgotten(task, now) ? undefined : task;
  }

  /** Starts a task that waits to be seen; leaves any other as it is. */
  startIfWaiting(task: Task, now: number): void {
    if (task.startedAt !== Infinity) return;
    task.startedAt = now;
    task.endsAt = now + task.durationMs;
  }

  end(task: Task, outcome: TaskOutcome, now: number): void {
    task.endsAt = now;
    task.outcome = outcome;
  }

  /** Removes the task, as if its seven days were over. */
  forget(task: Task): void {
    this.#tasks.delete(task.taskId);
  }

  /**
   * One page of the tasks that match.
   *
   * A page continues after the last place of the page before, so under `TaskId` and `StartTime` a task that starts or
   * ends between two pages is neither lost nor shown twice. Under `EndTime` ending changes a task's place.
   */
  page(query: TaskQuery, now: number): TaskPage {
    const { sort, maxResults } = query;
    const matches = inOrder([...filterTasks(this.#tasks.values(), query, now)], query);
    const items = matches.slice(0, maxResults);
    const last = items.at(-1);
    const isLastPage = last === undefined || matches.length <= maxResults;
    return { items, nextToken: isLastPage ? null : encodeToken(sort, placeOf(sort, last)) };
  }

  #prune(now: number): void {
    if (now - this.#prunedAt < PRUNE_INTERVAL_MS) return;
    this.#prunedAt = now;
    for (const [taskId, task] of this.#tasks) if (isForgotten(task, now)) this.#tasks.delete(taskId);
  }
}

/** What never changes about a task is looked at first: most tasks then need no state. */
function* filterTasks(tasks: Iterable<Task>, query: TaskQuery, now: number): Generator<ListedTask> {
  for (const task of tasks) {
    if (task.startedAt === Infinity || isForgotten(task, now) || !identityMatches(task, query)) continue;
    const state = taskAt(task, now);
    if (stateMatches(state, query)) yield { task, state };
  }
}

function identityMatches(task: Task, { taskTypes, startedWithin, tag }: TaskQuery): boolean {
  if (taskTypes !== undefined && !taskTypes.has(task.taskType)) return false;
  if (startedWithin !== undefined && !isWithin(task.startedAt, startedWithin)) return false;
  if (tag === undefined) return true;
  return task.tags !== undefined && Object.hasOwn(task.tags, tag.key) && task.tags[tag.key] === tag.value;
}

function stateMatches(state: TaskState, { status, endedWithin }: TaskQuery): boolean {
  if (status !== undefined && state.status !== status) return false;
  return endedWithin === undefined || (state.endedAt !== null && isWithin(state.endedAt, endedWithin));
}

function isWithin(instant: number, span: Span): boolean {
  return span.from <= instant && instant <= span.to;
}

/** Sorts `items` and drops those up to the end of the page before. */
function inOrder(items: readonly ListedTask[], { sort, after, descending }: TaskQuery): ListedTask[] {
  const direction = descending ? -1 : 1;
  const placed = items.map((item) => ({ item, place: placeOf(sort, item) }));
  const rest = after === null ? placed : placed.filter(({ place }) => direction * comparePositions(place, after) > 0);
  return rest.toSorted((left, right) => direction * comparePositions(left.place, right.place)).map(({ item }) => item);
}

/** Where a listed task stands. A running one has no end yet and stands after all that have, in ascending order. */
function placeOf(sort: SortKey, { task, state }: ListedTask): Position {
  const { taskId } = task;
  switch (sort) {
    case "TaskId":
      return { key: 0, taskId };
    case "StartTime":
      return { key: task.startedAt, taskId };
    case "EndTime":
      return { key: state.endedAt ?? Infinity, taskId };
    default:
      return assertNever(sort);
  }
}
