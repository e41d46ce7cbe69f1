/**
 * The process-wide read path: every question about a task passes here, so that IMM is asked as little as possible.
 *
 * The loaders and the watches call it, it calls the `ImmClient`. The same task wanted twice at the same time is one
 * flight; a final snapshot is kept and never fetched again for what it holds; a running one is reused for
 * `taskMaxAgeMs`. Many tasks at once are swept where `sweep-plan` says so; the rest are asked for by GetTask and a narrow
 * page of ListTasks. It sets no timer.
 */

import { LRUCache } from "lru-cache";
import { momentOf, type Clock } from "../clock.js";
import {
  BadUserInputError,
  GatewayError,
  NotFoundError,
  toError,
  UpstreamMisconfiguredError,
  UpstreamThrottledError,
  UpstreamUnavailableError,
} from "../errors.js";
import { CallPriority, type ImmClient, type ListTasksRequest } from "../imm/imm-client.js";
import { hintAtTaskType } from "../imm/task-type-hint.js";
import type { CallTally } from "./call-tally.js";
import { pageAt, readPages, type Page } from "./list/pages.js";
import { toRunningRequest } from "./list/requests.js";
import { TypicalDurations } from "./typical-durations.js";
import { NOBODY, TaskSweeper, type SweepOptions, type SweepResult } from "./task-sweeper.js";
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

/** One task, and what somebody needs of it. */
export interface ReadRequest {
  readonly key: TaskKey;
  readonly needs: TaskNeeds;
  /** How old the answer may be, in milliseconds; final snapshots have no age. @default the reader's `taskMaxAgeMs` */
  readonly maxAgeMs?: number | undefined;
}

/** One page of a list. */
export interface SnapshotPage extends Page {
  readonly snapshots: readonly TaskSnapshot[];
}

/** On whose behalf tasks are read. */
export interface ReadOptions {
  /** Whose turn it is when calls have to wait. @default CallPriority.query */
  readonly priority?: number | undefined;
  /** Counts what is done for the operation. @default nobody counts */
  readonly tally?: CallTally | undefined;
  /** Called with each attempt of a call. @default nobody wants to know */
  readonly onAttempt?: (() => void) | undefined;
  /** Whether the caller still waits: what it alone would cause is not begun once it does not. @default it does */
  readonly isWanted?: (() => boolean) | undefined;
}

/** Is told of every snapshot that is newly known, merged with what the memory holds of its task. */
export type SnapshotListener = (keyText: string, snapshot: TaskSnapshot) => void;

/** One question on its way to IMM. */
interface Question {
  readonly key: TaskKey;
  readonly needs: TaskNeeds;
  readonly keyText: string;
  readonly notBefore: number;
  readonly options: ReadOptions;
  /** Whether a complete list has just not shown the task. */
  readonly isAbsent: boolean;
  /** Why a list of the project could just not be had. */
  readonly listError?: GatewayError | undefined;
}

/** A read that is under way. */
interface Flight {
  readonly needs: TaskNeeds;
  readonly answer: Promise<TaskSnapshot>;
}

/** Projects of which it is remembered when IMM last answered for them. */
const MAX_PROJECTS = 1_000;
/** Pages searched for one task among those of its type that started within the same two seconds. */
const MAX_PAGES = 5;

/** Reads tasks for the whole process. */
export class TaskReader {
  readonly #client: ImmClient;
  readonly #clock: Clock;
  readonly #taskMaxAgeMs: number;
  readonly #maxCachedTasks: number;
  readonly #snapshots: LRUCache<string, TaskSnapshot>;
  readonly #flights = new Map<string, Flight>();
  /** By project name. */
  readonly #sweeps = new Map<string, Promise<SweepResult>>();
  readonly #sweeper: TaskSweeper;
  readonly #listeners = new Set<SnapshotListener>();
  /** When IMM last answered a question about a project's tasks. */
  readonly #answeredTicks = new LRUCache<string, number>({ max: MAX_PROJECTS });
  /** How long the tasks that were seen to end had taken. */
  readonly typicalDurations = new TypicalDurations();

  constructor({ client, clock, taskMaxAgeMs, maxCachedTasks }: TaskReaderOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#taskMaxAgeMs = taskMaxAgeMs;
    this.#maxCachedTasks = maxCachedTasks;
    this.#snapshots = new LRUCache({ max: maxCachedTasks });
    this.#sweeper = new TaskSweeper({
      client,
      clock,
      onListed: (snapshot, isWanted) => this.#keepListed(snapshot, isWanted),
    });
  }

  /** Takes what a list shows, and answers with all that is known of the task now. */
  learn(snapshot: TaskSnapshot): TaskSnapshot {
    return this.#keepListed(snapshot, false);
  }

  /** Calls `listener` with every snapshot that is newly known. */
  listen(listener: SnapshotListener): void {
    this.#listeners.add(listener);
  }

  /**
   * Several tasks, in the order of the requests, each as soon as it is known. Costs a sweep of each project where that is
   * cheaper than asking for each task.
   *
   * Each promise rejects with a NotFoundError when IMM knows no such project or task, with another GatewayError when the
   * task cannot be read. A progress that alone cannot be had is no failure: the snapshot carries it as `progressError`.
   */
  readEach(requests: readonly ReadRequest[], options: ReadOptions = {}): readonly Promise<TaskSnapshot>[] {
    const questions = requests.map((request) => this.#toQuestion(request, options));
    const unknown = questions.filter((question) => this.#knownAnswer(question) === undefined);
    options.tally?.countCached(questions.length - unknown.length);
    const sweep = this.#sweep(unknown, options);
    return questions.map(async (question) => {
      const { absent, failed } = await sweep;
      const { keyText } = question;
      return this.#answer({ ...question, isAbsent: absent.has(keyText), listError: failed.get(keyText) });
    });
  }

  /** One page of a project's tasks, each merged with what is known of it. */
  async list(request: ListTasksRequest, options: ReadOptions = {}): Promise<SnapshotPage> {
    const observed = momentOf(this.#clock);
    const { tasks, requestId, nextToken } = await this.#client.listTasks(request, toCallOptions(options));
    this.#answeredTicks.set(request.projectName, observed.tick);
    const listed = tasks.map((task) => fromListedTask(request.projectName, task, { requestId, observed }));
    return { snapshots: listed.map((snapshot) => this.#keepListed(snapshot, false)), nextToken };
  }

  /** What answers the request without a call, if anything does. */
  known(request: ReadRequest): TaskSnapshot | undefined {
    return this.#knownAnswer(this.#toQuestion(request, {}));
  }

  /** One task by GetTask, after the lists have not shown it or do not tell what is needed. */
  async confirm({ key, needs }: ReadRequest, options: ReadOptions): Promise<TaskSnapshot> {
    return this.#answer({ ...this.#toQuestion({ key, needs, maxAgeMs: 0 }, options), isAbsent: true });
  }

  /** Takes in what a create has told of its task, and answers with all that is known of it now. */
  learnCreated(snapshot: TaskSnapshot): TaskSnapshot {
    return this.#keep(snapshot);
  }

  /** The tick at which IMM last answered a question about the project's tasks; `-Infinity` when that is not known. */
  answeredTick(projectName: string): number {
    return this.#answeredTicks.get(projectName) ?? -Infinity;
  }

  /** One task: what `readEach` does for many. */
  async read(key: TaskKey, needs: TaskNeeds, maxAgeMs?: number): Promise<TaskSnapshot> {
    return this.#answer(this.#toQuestion({ key, needs, maxAgeMs }, {}));
  }

  /** Sweeps the projects of these questions, each by itself. */
  async #sweep(questions: readonly Question[], options: ReadOptions): Promise<SweepResult> {
    const byProject = new Map<string, Question[]>();
    for (const question of questions) {
      const ofProject = byProject.get(question.key.projectName);
      if (ofProject === undefined) byProject.set(question.key.projectName, [question]);
      else ofProject.push(question);
    }
    const results = await Promise.all(
      [...byProject].map(async ([projectName, ofProject]) => this.#sweepProject(projectName, ofProject, options)),
    );
    return {
      absent: new Set(results.flatMap(({ absent }) => [...absent])),
      failed: new Map(results.flatMap(({ failed }) => [...failed])),
    };
  }

  /** One sweep of a project at a time: what the one under way brings is not asked for again. */
  async #sweepProject(projectName: string, questions: readonly Question[], options: ReadOptions): Promise<SweepResult> {
    for (;;) {
      const unknown = questions.filter((question) => this.#knownAnswer(question) === undefined);
      const targets = unknown.map(({ key, needs, keyText }) => ({ key, needs, known: this.#snapshots.get(keyText) }));
      if (this.#sweeper.plan(projectName, targets) === 0) return NOBODY;
      const underWay = this.#sweeps.get(projectName);
      if (underWay === undefined) {
        const sweep = this.#sweeper
          .sweep(projectName, targets, toCallOptions(options))
          .finally(() => this.#sweeps.delete(projectName));
        this.#sweeps.set(projectName, sweep);
        return sweep;
      }
      await underWay;
      const answered = unknown.filter((question) => this.#knownAnswer(question) !== undefined);
      options.tally?.countShared(answered.length);
    }
  }

  async #answer(question: Question): Promise<TaskSnapshot> {
    for (;;) {
      const known = this.#knownAnswer(question);
      if (known !== undefined) return known;
      const flight = this.#flights.get(question.keyText);
      if (flight === undefined && question.options.isWanted?.() === false) throw notWanted();
      if (flight === undefined) return this.#fly(question);
      if (includesNeeds(flight.needs, question.needs)) {
        question.options.tally?.countShared(1);
        return flight.answer;
      }
      // What that flight brings may spare a part of this question. Its failure is its own askers' to report.
      await flight.answer.catch(() => undefined);
    }
  }

  #knownAnswer({ keyText, needs, notBefore }: Question): TaskSnapshot | undefined {
    const known = this.#snapshots.get(keyText);
    return known !== undefined && satisfies(known, needs, notBefore) ? known : undefined;
  }

  #fly(question: Question): Promise<TaskSnapshot> {
    const { keyText, needs } = question;
    const answer = this.#fetch(question).finally(() => this.#flights.delete(keyText));
    this.#flights.set(keyText, { needs, answer });
    return answer;
  }

  async #fetch(question: Question): Promise<TaskSnapshot> {
    const { key, keyText, needs, listError } = question;
    // Absent from the running ones is no proof of anything: GetTask says what became of it.
    if (question.isAbsent) return this.#confirm(question);
    if (listError !== undefined) return this.#fetchByGetTask(question, listError);
    const known = this.#snapshots.get(keyText);
    const isListEnough =
      needs.progress &&
      known !== undefined &&
      !isFinal(known) &&
      known.startTime !== null &&
      (known.hasAskedDefinition || !needs.definition) &&
      (known.hasAskedEventId || !needs.eventId);
    if (!isListEnough) return this.#fetchByGetTask(question);
    let listed: TaskSnapshot | undefined;
    try {
      listed = await this.#findRunning(key, known.startTime, question.options);
    } catch (thrown) {
      return this.#fetchByGetTask(question, toGatewayError(thrown));
    }
    return listed === undefined ? this.#confirm(question) : this.#keep(mergeSnapshots(known, listed));
  }

  /**
   * GetTask, and the list as well when the task runs and somebody wants its progress.
   *
   * @param listError - why the list could not be had before. While IMM throttles or refuses the gateway's credentials, GetTask is not tried either.
   */
  async #fetchByGetTask(question: Question, listError?: GatewayError): Promise<TaskSnapshot> {
    const { key, needs, notBefore, options } = question;
    if (listError instanceof UpstreamThrottledError || listError instanceof UpstreamMisconfiguredError) throw listError;
    const snapshot = await this.#getTask(question);
    if (!needs.progress || isFinal(snapshot) || satisfies(snapshot, needs, notBefore)) return snapshot;
    if (listError !== undefined) return { ...snapshot, progressError: listError };
    try {
      const listed = await this.#findRunning(key, snapshot.startTime, options);
      return this.#keep(
        listed === undefined
          ? { ...snapshot, progressAskedTick: snapshot.observedTick }
          : mergeSnapshots(snapshot, listed),
      );
    } catch (thrown) {
      return { ...snapshot, progressError: toGatewayError(thrown) };
    }
  }

  /** GetTask after a list did not show the task: it has ended, or the list lags behind. */
  async #confirm(question: Question): Promise<TaskSnapshot> {
    const { priority = CallPriority.query, ...options } = question.options;
    const confirming = { ...options, priority: Math.max(priority, CallPriority.confirmation) };
    const snapshot = await this.#getTask({ ...question, options: confirming });
    return isFinal(snapshot) ? snapshot : this.#keep({ ...snapshot, progressAskedTick: snapshot.observedTick });
  }

  async #getTask({ key, keyText, needs, options }: Question): Promise<TaskSnapshot> {
    const isDefinitionKnown = this.#snapshots.get(keyText)?.hasAskedDefinition === true;
    const askedDefinition = needs.definition && !isDefinitionKnown;
    const observed = momentOf(this.#clock);
    const task = await this.#client
      .getTask({ ...key, requestDefinition: askedDefinition }, toCallOptions(options))
      .catch((thrown: unknown) => {
        throw withTaskTypeHint(thrown, key.taskType);
      });
    return this.#keep(fromGetTask(key, task, { askedDefinition, observed }));
  }

  /** The task among the running ones of its type that started when it did, if it is there. Keeps what else it meets. */
  async #findRunning(key: TaskKey, startTime: string | null, options: ReadOptions): Promise<TaskSnapshot | undefined> {
    const startedAt = toEpochMs(startTime);
    const request = toRunningRequest([key], startedAt === null ? undefined : { from: startedAt, to: startedAt });
    const readPage = async (nextToken: string | undefined): Promise<SnapshotPage> =>
      this.list({ ...request, ...pageAt(nextToken) }, options);
    // Other callers share what is begun here: it goes on without the first of them.
    for await (const { snapshots } of readPages(readPage, { maxPages: MAX_PAGES })) {
      const found = snapshots.find(
        ({ key: { taskId, taskType } }) => taskId === key.taskId && taskType === key.taskType,
      );
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Keeps what a list shows, unless nobody has asked for it and the memory is needed for what somebody has. */
  #keepListed(snapshot: TaskSnapshot, isWanted: boolean): TaskSnapshot {
    const isRoomy = this.#snapshots.size * 2 < this.#maxCachedTasks;
    const keyText = toKeyText(snapshot.key);
    if (isWanted || isRoomy || this.#snapshots.has(keyText)) return this.#keep(snapshot);
    for (const listener of this.#listeners) listener(keyText, snapshot);
    return snapshot;
  }

  #keep(snapshot: TaskSnapshot): TaskSnapshot {
    const keyText = toKeyText(snapshot.key);
    const known = this.#snapshots.get(keyText);
    const merged = known === undefined ? snapshot : mergeSnapshots(known, snapshot);
    this.#snapshots.set(keyText, merged);
    this.#answeredTicks.set(snapshot.key.projectName, snapshot.observedTick);
    if (isFinal(merged) && (known === undefined || !isFinal(known))) this.typicalDurations.learn(merged);
    for (const listener of this.#listeners) listener(keyText, merged);
    return merged;
  }

  #toQuestion({ key, needs, maxAgeMs = this.#taskMaxAgeMs }: ReadRequest, options: ReadOptions): Question {
    const notBefore = this.#clock.tick() - maxAgeMs;
    return { key, needs, keyText: toKeyText(key), notBefore, options, isAbsent: false };
  }
}

function toCallOptions({ priority, tally, onAttempt = tally?.countCall, isWanted }: ReadOptions): SweepOptions {
  return { priority, onAttempt, isWanted };
}

function notWanted(): GatewayError {
  return new UpstreamUnavailableError("IMM was not asked, since the client has gone.", { mayHaveArrived: false });
}

/** Where IMM does not find a task, its type may be wrong. */
function withTaskTypeHint(thrown: unknown, taskType: string): unknown {
  const hint = hintAtTaskType(taskType);
  if (hint === null) return thrown;
  if (thrown instanceof NotFoundError) return new NotFoundError(`${thrown.message} ${hint}`, thrown);
  if (thrown instanceof BadUserInputError) {
    return new BadUserInputError(thrown.argument, `${thrown.message} ${hint}`, thrown);
  }
  return thrown;
}

/** Clients throw nothing but the errors of the house; anything else is a defect, and must not pass for a task's state. */
function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  throw toError(thrown);
}
