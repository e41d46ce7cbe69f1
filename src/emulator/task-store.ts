/**
 * The tasks of one project: kept, changed, forgotten after seven days, and listed page by page. Called by
 * `imm-service.ts` to answer and by `emulator.ts` to drive; every method takes the time of asking.
 *
 * Three sorted indexes hold every started task, by id, by start and by end. A task's end is known in advance, so the
 * running tasks are the tail of the index by end. A page costs O(log n) to find its beginning, plus
 *
 * - at most `MAX_GATHERED` tasks looked at and sorted, where status or time ranges leave no more than that, or else
 * - a walk in the order asked for until the page is full: O(page) when most tasks match, O(n) at worst.
 *
 * Sorting by EndTime has no index to walk, because running tasks come last: it sorts what status and ranges leave.
 */

import { assertNever } from "../errors.js";
import { isForgotten, type Task, taskAt, type TaskOutcome, type TaskState, type TaskStatus } from "./task-life.js";
import { comparePositions, encodeToken, type Position, type SortKey, TaskIndex } from "./task-order.js";

/** Below this many candidates, sorting them is cheaper than walking past the tasks between them. */
const MAX_GATHERED = 1_000;

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
  readonly #byId = new TaskIndex(() => 0);
  readonly #byStart = new TaskIndex((task) => task.startedAt);
  readonly #byEnd = new TaskIndex((task) => task.endsAt);

  /** Keeps `task`. It is listed from now on, unless it waits to be seen (`startedAt` is `Infinity`). */
  add(task: Task, now: number): void {
    this.#prune(now);
    this.#tasks.set(task.taskId, task);
    if (task.startedAt !== Infinity) this.#index(task);
  }

  /** The task, or undefined when there is none or it has been forgotten. Does not start a task that waits. */
  find(taskId: string, now: number): Task | undefined {
    this.#prune(now);
    return this.#tasks.get(taskId);
  }

  /** Starts a task that waits to be seen; leaves any other as it is. */
  startIfWaiting(task: Task, now: number): void {
    if (task.startedAt !== Infinity) return;
    task.startedAt = now;
    task.endsAt = now + task.durationMs;
    this.#index(task);
  }

  /** Ends a running task at `now`. */
  end(task: Task, outcome: TaskOutcome, now: number): void {
    this.#byEnd.remove(task);
    task.endsAt = now;
    task.outcome = outcome;
    this.#byEnd.add(task);
  }

  /** Removes the task, as if its seven days were over. */
  forget(task: Task): void {
    this.#tasks.delete(task.taskId);
    for (const index of [this.#byId, this.#byStart, this.#byEnd]) index.remove(task);
  }

  /**
   * One page of the tasks that match.
   *
   * A page continues after the last place of the page before, so under `TaskId` and `StartTime` a task that starts or
   * ends between two pages is neither lost nor shown twice. Under `EndTime` ending changes a task's place.
   */
  page(query: TaskQuery, now: number): TaskPage {
    this.#prune(now);
    const items: ListedTask[] = [];
    for (const item of this.#matches(query, now)) {
      const last = items.at(-1);
      if (items.length === query.maxResults && last !== undefined) {
        return { items, nextToken: encodeToken(query.sort, placeOf(query.sort, last)) };
      }
      items.push(item);
    }
    return { items, nextToken: null };
  }

  /** What matches, in the order asked for, from beyond the last page's end on. */
  #matches(query: TaskQuery, now: number): Iterable<ListedTask> {
    const candidates = this.#fewestCandidates(query, now);
    if (query.sort === "EndTime" || candidates.to - candidates.from <= MAX_GATHERED) {
      const tasks = candidates.index.slice(candidates.from, candidates.to);
      return inOrder([...filterTasks(tasks, query, now)], query);
    }
    const index = query.sort === "StartTime" ? this.#byStart : this.#byId;
    return filterTasks(index.walk(query.descending, query.after), query, now);
  }

  /** The shortest stretch of an index that certainly holds every match; it may hold others. */
  #fewestCandidates(query: TaskQuery, now: number): Candidates {
    const { startedWithin, endedWithin, status } = query;
    const stretches: Candidates[] = [{ index: this.#byId, from: 0, to: this.#byId.size }];
    if (startedWithin !== undefined) stretches.push(stretch(this.#byStart, startedWithin.from, startedWithin.to));
    if (endedWithin !== undefined) stretches.push(stretch(this.#byEnd, endedWithin.from, endedWithin.to));
    if (status === "Running") stretches.push(stretch(this.#byEnd, now, Infinity));
    if (status === "Succeeded" || status === "Failed") stretches.push(stretch(this.#byEnd, -Infinity, now));
    return stretches.reduce((fewest, next) => (next.to - next.from < fewest.to - fewest.from ? next : fewest));
  }

  #index(task: Task): void {
    for (const index of [this.#byId, this.#byStart, this.#byEnd]) index.add(task);
  }

  /** Drops what IMM has forgotten. Costs a single comparison while the oldest task is young enough. */
  #prune(now: number): void {
    const oldest = this.#byStart.first();
    if (oldest === undefined || !isForgotten(oldest, now)) return;
    for (const index of [this.#byId, this.#byStart, this.#byEnd]) index.retain((task) => !isForgotten(task, now));
    for (const task of this.#tasks.values()) {
      if (isForgotten(task, now)) this.#tasks.delete(task.taskId);
    }
  }
}

interface Candidates {
  readonly index: TaskIndex;
  readonly from: number;
  readonly to: number;
}

function stretch(index: TaskIndex, min: number, max: number): Candidates {
  return { index, ...index.range(min, max) };
}

/** What never changes about a task is looked at first: most tasks then need no state. */
function* filterTasks(tasks: Iterable<Task>, query: TaskQuery, now: number): Generator<ListedTask> {
  for (const task of tasks) {
    if (!identityMatches(task, query)) continue;
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
