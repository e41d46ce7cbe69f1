/**
 * The process-wide read path: every question about a task passes here, so that IMM is asked as little as possible.
 *
 * The loaders and the watches call it, it calls the `ImmClient`. The same task wanted twice at the same time is one
 * flight; a final snapshot is kept and never fetched again for what it holds; a running one is reused for
 * `taskMaxAgeMs`. Many tasks at once are swept where `sweep-plan` says so; the rest are asked for by GetTask and a narrow
 * page of ListTasks. It sets no timer.
 */

import { LRUCache } from "lru-cache";
import { momentOf, type Clock } from "../../clock.js";
import {
  BadUserInputError,
  GatewayError,
  NotFoundError,
  UpstreamMisconfiguredError,
  UpstreamThrottledError,
  UpstreamUnavailableError,
} from "../../errors.js";
import { CallPriority, type CallOptions, type ImmClient, type ListTasksRequest } from "../../imm/imm-client.js";
import { hintAtTaskType } from "../../imm/wire/task-type-hint.js";
import type { CallTally } from "../call-tally.js";
import { readPages, type PagesOptions } from "../list/pages.js";
import { TypicalDurations } from "./typical-durations.js";
import {
  TaskSweeper,
  type SnapshotPage,
  type SweepOptions,
  type SweepResult,
  type SweepTarget,
} from "./task-sweeper.js";
import { includesParts, toKeyText, type TaskKey, type TaskParts } from "../task.js";
import { fromGetTask, fromListedTask, isFinal, mergeSnapshots, satisfies, type TaskSnapshot } from "../snapshot.js";

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

/** One task, and the parts of it that are read. */
export interface ReadRequest {
  readonly key: TaskKey;
  readonly parts: TaskParts;
  /** What the asker knows of the task, should the memory have lost it. */
  readonly snapshot?: TaskSnapshot | undefined;
  /** How old the answer may be, in milliseconds; final snapshots have no age. @default the reader's `taskMaxAgeMs` */
  readonly maxAgeMs?: number | undefined;
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
  /**
   * Whether a watch asks: several unknown tasks are looked for in the lists first, and what passes by itself is left to its
   * next poll.
   */
  readonly isOfWatch?: boolean | undefined;
}

/** Is told of every snapshot that is newly known, merged with what the memory holds of its task. */
export type SnapshotListener = (keyText: string, snapshot: TaskSnapshot) => void;

/** One question on its way to IMM. */
interface Question {
  readonly key: TaskKey;
  readonly parts: TaskParts;
  readonly keyText: string;
  readonly notBefore: number;
  readonly options: ReadOptions;
  /** What the asker knows of the task. */
  readonly given: TaskSnapshot | undefined;
  /** What the lists of the project have just shown of many; undefined where they were not asked. */
  readonly sweep?: SweepResult | undefined;
}

/** A read that is under way. */
interface Flight {
  readonly parts: TaskParts;
  readonly answer: Promise<TaskSnapshot>;
}

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
  /** How long the tasks that were seen to end had taken. */
  readonly typicalDurations = new TypicalDurations();

  constructor({ client, clock, taskMaxAgeMs, maxCachedTasks }: TaskReaderOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#taskMaxAgeMs = taskMaxAgeMs;
    this.#maxCachedTasks = maxCachedTasks;
    this.#snapshots = new LRUCache({ max: maxCachedTasks });
    this.#sweeper = new TaskSweeper({
      clock,
      list: async (request, options, wanted) => this.#readPage(request, options, wanted),
    });
  }

  /** Takes what a list shows, and answers with all that is known of the task now. */
  learn(snapshot: TaskSnapshot): TaskSnapshot {
    return this.#keepListed(snapshot, new Set());
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
    const sweeps = this.#sweepMany(unknown, options);
    return questions.map(async (question) => {
      const known = this.#knownAnswer(question);
      return known ?? this.#answer({ ...question, sweep: await sweeps.get(question.keyText) });
    });
  }

  /** A list of a project's tasks, page by page, each task merged with what is known of it. */
  list(request: ListTasksRequest, options: ReadOptions, pages: PagesOptions): AsyncGenerator<SnapshotPage, void> {
    return readPages(request, async (page) => this.#readPage(page, toCallOptions(options), new Set()), pages);
  }

  /** Takes in what a create has told of its task, and answers with all that is known of it now. */
  learnCreated(snapshot: TaskSnapshot): TaskSnapshot {
    return this.#keep(snapshot);
  }

  /** What time it was at IMM at that tick, or later, in milliseconds since the epoch; `-Infinity` when nobody knows. */
  immTimeAt(projectName: string, tick: number): number {
    return this.#sweeper.immTimeAt(projectName, tick);
  }

  async #readPage(request: ListTasksRequest, options: CallOptions, wanted: ReadonlySet<string>): Promise<SnapshotPage> {
    const observed = momentOf(this.#clock);
    const { tasks, requestId, nextToken } = await this.#client.listTasks(request, options);
    const listed = tasks.map((task) => fromListedTask(request.projectName, task, { requestId, observed }));
    return { snapshots: listed.map((snapshot) => this.#keepListed(snapshot, wanted)), nextToken };
  }

  /** By key text: the sweep of several questions of the same project. A single one is asked for in a flight of its own. */
  #sweepMany(questions: readonly Question[], options: ReadOptions): ReadonlyMap<string, Promise<SweepResult>> {
    const sweeps = new Map<string, Promise<SweepResult>>();
    for (const projectName of new Set(questions.map(({ key }) => key.projectName))) {
      const ofProject = questions.filter(({ key }) => key.projectName === projectName);
      if (ofProject.length < 2) continue;
      const sweep = this.#sweepProject(projectName, ofProject, options);
      for (const { keyText } of ofProject) sweeps.set(keyText, sweep);
    }
    return sweeps;
  }

  /** One sweep of a project at a time: what the one under way brings is not asked for again. */
  async #sweepProject(projectName: string, questions: readonly Question[], options: ReadOptions): Promise<SweepResult> {
    for (;;) {
      const unknown = questions.filter((question) => this.#knownAnswer(question) === undefined);
      const targets = this.#sweeper.choose(
        unknown.map((question) => this.#toTarget(question)),
        options.isOfWatch === true,
      );
      if (targets.length === 0) return NOTHING_SWEPT;
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

  #toTarget({ key, keyText, parts, given }: Question): SweepTarget {
    return { key, keyText, parts, known: this.#snapshots.get(keyText) ?? given };
  }

  async #answer(question: Question): Promise<TaskSnapshot> {
    for (;;) {
      const known = this.#knownAnswer(question);
      if (known !== undefined) return known;
      const flight = this.#flights.get(question.keyText);
      if (flight === undefined && question.options.isWanted?.() === false) throw notWanted();
      if (flight === undefined) return this.#fly(question);
      if (includesParts(flight.parts, question.parts)) {
        question.options.tally?.countShared(1);
        return flight.answer;
      }
      // What that flight brings may spare a part of this question. Its failure is its own askers' to report.
      await flight.answer.catch(() => undefined);
    }
  }

  #knownAnswer({ keyText, parts, notBefore, given, sweep }: Question): TaskSnapshot | undefined {
    const seen = sweep?.seen.get(keyText);
    const known = this.#snapshots.get(keyText) ?? (seen && given ? mergeSnapshots(given, seen) : (seen ?? given));
    return known !== undefined && satisfies(known, parts, notBefore) ? known : undefined;
  }

  #fly(question: Question): Promise<TaskSnapshot> {
    const { keyText, parts } = question;
    const answer = this.#fetch(question).finally(() => this.#flights.delete(keyText));
    this.#flights.set(keyText, { parts, answer });
    return answer;
  }

  async #fetch(question: Question): Promise<TaskSnapshot> {
    const { keyText, key, options } = question;
    const target = this.#toTarget(question);
    const isListed = question.sweep === undefined && this.#sweeper.choose([target], false).length > 0;
    // Other callers share what is begun here: it goes on without the first of them.
    const swept = isListed
      ? await this.#sweeper.sweep(key.projectName, [target], { ...toCallOptions(options), isWanted: undefined })
      : question.sweep;
    const known = this.#knownAnswer({ ...question, sweep: swept });
    if (known !== undefined) return known;
    // Absent from the running ones is no proof of anything: GetTask says what became of it.
    return swept?.absent.has(keyText) === true
      ? this.#confirm(question)
      : this.#fetchByGetTask(question, swept?.failed.get(keyText));
  }

  /**
   * GetTask, and the list as well when the task runs and somebody wants its progress.
   *
   * @param listError - why the lists could not be had before.
   */
  async #fetchByGetTask(question: Question, listError?: GatewayError): Promise<TaskSnapshot> {
    const { key, keyText, parts, notBefore, options } = question;
    if (listError !== undefined && this.#isHopeless(question, listError)) throw listError;
    const snapshot = await this.#getTask(question);
    if (!parts.progress || isFinal(snapshot) || satisfies(snapshot, parts, notBefore)) return snapshot;
    if (listError !== undefined) return { ...snapshot, progressError: listError };
    const target = { key, keyText, parts, known: snapshot };
    const { seen, failed } = await this.#sweeper.sweep(key.projectName, [target], {
      ...toCallOptions(options),
      isWanted: undefined,
    });
    const [failure] = failed.values();
    if (failure !== undefined) return { ...snapshot, progressError: failure };
    const listed = seen.get(keyText);
    return listed === undefined
      ? this.#keep({ ...snapshot, progressAskedTick: snapshot.observedTick })
      : mergeSnapshots(snapshot, listed);
  }

  /** Whether GetTask would fail like the lists: or what a watch asks for is better left to its next poll. */
  #isHopeless({ key, options }: Question, listError: GatewayError): boolean {
    if (listError instanceof UpstreamThrottledError || listError instanceof UpstreamMisconfiguredError) return true;
    return options.isOfWatch === true && (listError.retryable || this.#sweeper.hasListed(key.projectName));
  }

  /** GetTask after a list did not show the task: it has ended, or the list lags behind. */
  async #confirm(question: Question): Promise<TaskSnapshot> {
    const { priority = CallPriority.query, onAttempt, ...options } = question.options;
    const confirming = { ...options, priority: Math.max(priority, CallPriority.confirmation) };
    const snapshot = await this.#getTask({ ...question, options: confirming });
    if (isFinal(snapshot)) return snapshot;
    // What goes on after all is no end, and the next poll asks for it in the same way.
    onAttempt?.();
    return this.#keep({ ...snapshot, progressAskedTick: snapshot.observedTick });
  }

  async #getTask({ key, keyText, parts, options }: Question): Promise<TaskSnapshot> {
    const isDefinitionKnown = this.#snapshots.get(keyText)?.hasAskedDefinition === true;
    const askedDefinition = parts.definition && !isDefinitionKnown;
    const observed = momentOf(this.#clock);
    const task = await this.#client
      .getTask({ ...key, requestDefinition: askedDefinition }, toCallOptions(options))
      .catch((thrown: unknown) => {
        throw withTaskTypeHint(thrown, key.taskType);
      });
    return this.#keep(fromGetTask(key, task, { askedDefinition, observed }));
  }

  /** Keeps what a list shows, unless nobody has asked for it and the memory is needed for what somebody has. */
  #keepListed(snapshot: TaskSnapshot, wanted: ReadonlySet<string>): TaskSnapshot {
    const isRoomy = this.#snapshots.size * 2 < this.#maxCachedTasks;
    const keyText = toKeyText(snapshot.key);
    if (wanted.has(keyText) || isRoomy || this.#snapshots.has(keyText)) return this.#keep(snapshot);
    this.#notify(keyText, snapshot);
    return snapshot;
  }

  #keep(snapshot: TaskSnapshot): TaskSnapshot {
    const keyText = toKeyText(snapshot.key);
    const known = this.#snapshots.get(keyText);
    const merged = known === undefined ? snapshot : mergeSnapshots(known, snapshot);
    this.#snapshots.set(keyText, merged);
    if (isFinal(merged) && (known === undefined || !isFinal(known))) this.typicalDurations.learn(merged);
    this.#notify(keyText, merged);
    return merged;
  }

  #notify(keyText: string, snapshot: TaskSnapshot): void {
    this.#sweeper.observe(snapshot);
    for (const listener of this.#listeners) listener(keyText, snapshot);
  }

  #toQuestion({ key, parts, snapshot, maxAgeMs = this.#taskMaxAgeMs }: ReadRequest, options: ReadOptions): Question {
    const notBefore = this.#clock.tick() - maxAgeMs;
    return { key, parts, keyText: toKeyText(key), notBefore, options, given: snapshot };
  }
}

/** Of questions that lists do not answer. */
const NOTHING_SWEPT: SweepResult = { seen: new Map(), absent: new Set(), failed: new Map() };

function toCallOptions({
  priority,
  tally,
  onAttempt = tally?.countCall,
  isWanted,
  isOfWatch,
}: ReadOptions): SweepOptions {
  return { priority, onAttempt, isWanted, isOfWatch };
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
