/**
 * The process-wide read path: every question about a task passes here, so that IMM is asked as little as possible.
 *
 * The loaders and the watch hub call it, it calls the `ImmClient`. The same task wanted twice at the same time is one
 * flight; a final snapshot is kept and never fetched again for what it holds; a running one is reused for
 * `taskMaxAgeMs`. It chooses between GetTask and a narrow ListTasks page. It sets no timer.
 */

import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.js";
import { GatewayError, toError } from "../errors.js";
import type { ImmClient, TimeRange } from "../imm/imm-client.js";
import {
  fromGetTask,
  fromListedTask,
  includesNeeds,
  isFinal,
  mergeSnapshots,
  satisfies,
  toEpochMs,
  toKeyText,
  type TaskKey,
  type TaskNeeds,
  type TaskSnapshot,
} from "./task.js";

/** What a `TaskReader` is made of. */
export interface TaskReaderOptions {
  readonly client: ImmClient;
  readonly clock: Clock;
  /**
   * Milliseconds for which the snapshot of a running task may answer again. `0` asks IMM for every question that is not
   * asked at the same time.
   */
  readonly taskMaxAgeMs: number;
  /** Snapshots kept, running and final; the least recently used go first. Minimum: `1`. */
  readonly maxCachedTasks: number;
}

/** A read that is under way. */
interface Flight {
  readonly needs: TaskNeeds;
  readonly answer: Promise<TaskSnapshot>;
}

/** How far around a task's start the list is searched: the bounds of IMM's range are undocumented. */
const START_PAD_MS = 1_000;
const PAGE_SIZE = 100;
/** Pages searched for one task among those of its type that started within the same two seconds. */
const MAX_PAGES = 5;

/** Reads tasks for the whole process. */
export class TaskReader {
  readonly #client: ImmClient;
  readonly #clock: Clock;
  readonly #taskMaxAgeMs: number;
  readonly #snapshots: LRUCache<string, TaskSnapshot>;
  readonly #flights = new Map<string, Flight>();

  constructor({ client, clock, taskMaxAgeMs, maxCachedTasks }: TaskReaderOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#taskMaxAgeMs = taskMaxAgeMs;
    this.#snapshots = new LRUCache({ max: maxCachedTasks });
  }

  /**
   * The task, with at least what `needs` names, no older than `maxAgeMs`.
   *
   * @param maxAgeMs - milliseconds; the default is the reader's `taskMaxAgeMs`. Final snapshots have no age.
   * @throws NotFoundError - when IMM knows no such project or task.
   * @throws GatewayError - when the task cannot be read. A progress that alone cannot be had is no failure: the snapshot
   * carries it as `progressError`.
   */
  async read(key: TaskKey, needs: TaskNeeds, maxAgeMs: number = this.#taskMaxAgeMs): Promise<TaskSnapshot> {
    const keyText = toKeyText(key);
    const notBefore = this.#clock.now() - maxAgeMs;
    for (;;) {
      const known = this.#snapshots.get(keyText);
      if (known !== undefined && satisfies(known, needs, notBefore)) return known;
      const flight = this.#flights.get(keyText);
      if (flight === undefined) return this.#fly(key, keyText, needs);
      if (includesNeeds(flight.needs, needs)) return flight.answer;
      // What that flight brings may spare a part of this question. Its failure is its own askers' to report.
      await flight.answer.catch(() => undefined);
    }
  }

  #fly(key: TaskKey, keyText: string, needs: TaskNeeds): Promise<TaskSnapshot> {
    const answer = this.#fetch(key, keyText, needs).finally(() => this.#flights.delete(keyText));
    this.#flights.set(keyText, { needs, answer });
    return answer;
  }

  async #fetch(key: TaskKey, keyText: string, needs: TaskNeeds): Promise<TaskSnapshot> {
    const known = this.#snapshots.get(keyText);
    const isListEnough =
      needs.progress &&
      known !== undefined &&
      !isFinal(known) &&
      known.startTime !== null &&
      (known.hasAskedDefinition || !needs.definition) &&
      (known.hasAskedEventId || !needs.eventId);
    if (!isListEnough) return this.#fetchByGetTask(key, keyText, needs);
    let listed: TaskSnapshot | undefined;
    try {
      listed = await this.#findRunning(key, known.startTime);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (error.retryable) throw error;
      return this.#fetchByGetTask(key, keyText, needs, error);
    }
    // Absent from the running ones is no proof of anything: GetTask says what became of it.
    return listed === undefined ? this.#confirm(key, keyText, needs) : this.#keep(keyText, listed);
  }

  /** GetTask, and the list as well when the task runs and somebody wants its progress. */
  async #fetchByGetTask(
    key: TaskKey,
    keyText: string,
    needs: TaskNeeds,
    progressError?: GatewayError,
  ): Promise<TaskSnapshot> {
    const snapshot = await this.#getTask(key, keyText, needs);
    const askedAt = this.#clock.now();
    if (!needs.progress || isFinal(snapshot) || satisfies(snapshot, needs, snapshot.observedAt)) return snapshot;
    if (progressError !== undefined) return { ...snapshot, progressError };
    try {
      const listed = await this.#findRunning(key, snapshot.startTime);
      return this.#keep(keyText, listed ?? { ...snapshot, progressAskedAt: askedAt });
    } catch (thrown) {
      return { ...snapshot, progressError: toGatewayError(thrown) };
    }
  }

  /** GetTask after the list did not show the task: it has ended, or the list lags behind. */
  async #confirm(key: TaskKey, keyText: string, needs: TaskNeeds): Promise<TaskSnapshot> {
    const snapshot = await this.#getTask(key, keyText, needs);
    return isFinal(snapshot) ? snapshot : this.#keep(keyText, { ...snapshot, progressAskedAt: snapshot.observedAt });
  }

  async #getTask(key: TaskKey, keyText: string, needs: TaskNeeds): Promise<TaskSnapshot> {
    const isDefinitionKnown = this.#snapshots.get(keyText)?.hasAskedDefinition === true;
    const askedDefinition = needs.definition && !isDefinitionKnown;
    const observedAt = this.#clock.now();
    const task = await this.#client.getTask({ ...key, requestDefinition: askedDefinition });
    return this.#keep(keyText, fromGetTask(key, task, { askedDefinition, observedAt }));
  }

  /** The task among the running ones of its type that started when it did, or undefined when it is not there. */
  async #findRunning(key: TaskKey, startTime: string | null): Promise<TaskSnapshot | undefined> {
    const startTimeRange = rangeAround(startTime);
    let nextToken: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const observedAt = this.#clock.now();
      const { tasks, ...rest } = await this.#client.listTasks({
        projectName: key.projectName,
        taskTypes: [key.taskType],
        status: "Running",
        maxResults: PAGE_SIZE,
        ...(startTimeRange !== undefined && { startTimeRange }),
        ...(nextToken !== undefined && { nextToken }),
      });
      const found = tasks.find((task) => task.taskId === key.taskId && task.taskType === key.taskType);
      if (found !== undefined) return fromListedTask(key.projectName, found, { ...rest, observedAt });
      nextToken = rest.nextToken;
      if (nextToken === undefined) return undefined;
    }
    return undefined;
  }

  #keep(keyText: string, snapshot: TaskSnapshot): TaskSnapshot {
    const known = this.#snapshots.get(keyText);
    const merged = known === undefined ? snapshot : mergeSnapshots(known, snapshot);
    this.#snapshots.set(keyText, merged);
    return merged;
  }
}

function rangeAround(startTime: string | null): TimeRange | undefined {
  const startedAt = toEpochMs(startTime);
  if (startedAt === null) return undefined;
  return {
    start: new Date(startedAt - START_PAD_MS).toISOString(),
    end: new Date(startedAt + START_PAD_MS).toISOString(),
  };
}

/** Clients throw nothing but the errors of the house; anything else is a defect, and must not pass for a task's state. */
function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  throw toError(thrown);
}
