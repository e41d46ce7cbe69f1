/**
 * The process-wide read path: every question about a task passes here, so that IMM is asked as little as possible.
 *
 * The loaders and the watches call it, it calls the `ImmClient`. The same task wanted twice at the same time is one
 * flight; a final snapshot is kept and never fetched again for what it holds; a running one is reused for
 * `taskMaxAgeMs`. Many tasks at once are swept by the lists of their project; `read-plan` says which, and what the rest is asked
 * for. It sets no timer.
 */

import { LRUCache } from "lru-cache";
import { momentOf, type Clock } from "../../clock.js";
import { type GatewayError, UpstreamUnavailableError } from "../../errors.js";
import {
  CallPriority,
  type CallOptions,
  type ImmClient,
  type ImmTaskInfo,
  type ListTasksRequest,
} from "../../imm/imm-client.js";
import { withTaskTypeHint } from "./task-type-hint.js";
import { UNOBSERVED, type Cause, type Observers, type Readings } from "../../observe.js";
import type { CallTally } from "../call-tally.js";
import { readPages, type PagesOptions } from "../list/pages.js";
import { TypicalDurations } from "./typical-durations.js";
import { mayBeShared, SharedFinishedTasks, type FinishedTasks } from "./finished-tasks.js";
import { chooseListed, nextQuestion, purposeOf, type ReadState } from "./read-plan.js";
import { TaskSweeper, type SnapshotPage, type SweepOptions, type SweepResult } from "./task-sweeper.js";
import { SingleFlight } from "../single-flight.js";
import { includesParts, NO_PARTS, toKeyText, type TaskKey, type TaskParts } from "../task.js";
import {
  fromGetTask,
  fromListedTask,
  isFinal,
  mergeSnapshots,
  satisfies,
  seeAgain,
  type Sighting,
  type TaskSnapshot,
} from "../snapshot.js";

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
  /** Are called for each sweep. @default none */
  readonly observers?: Observers | undefined;
  /** Where instances share the tasks that have ended: asked before IMM. @default they are known to this process alone */
  readonly finished?: FinishedTasks | undefined;
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
  /** Counts what is done for the operation. @default it is not counted */
  readonly tally?: CallTally | undefined;
  /** Called with each attempt of a call. @default nothing is called */
  readonly onAttempt?: (() => void) | undefined;
  /** What calls are made for, where that is traced. @default the operation */
  readonly cause?: Cause | undefined;
  /** Whether the caller still waits: what it alone would cause is not begun once it does not. @default it does */
  readonly isWanted?: (() => boolean) | undefined;
  /**
   * Whether a watch asks: several unknown tasks are looked for in the lists first, and what passes by itself is left to its
   * next poll.
   */
  readonly isOfWatch?: boolean | undefined;
}

/** Called with each snapshot that is newly known, merged with what the memory holds of its task. */
export type SnapshotListener = (keyText: string, snapshot: TaskSnapshot) => void;

interface Question extends Pick<ReadRequest, "key" | "parts"> {
  readonly keyText: string;
  /** What the asker knows, and what other instances have shared. */
  snapshot: TaskSnapshot | undefined;
  readonly notBefore: number;
}

export class TaskReader {
  readonly #options: TaskReaderOptions;
  readonly #snapshots: LRUCache<string, TaskSnapshot>;
  /** Of the snapshots those that are final. */
  #finished = 0;
  /** By key text, each for the parts that it brings. */
  readonly #flights = new SingleFlight<TaskSnapshot, TaskParts>();
  /** By project name. */
  readonly #sweeps = new SingleFlight<SweepResult>();
  readonly #sweeper: TaskSweeper;
  readonly #shared: SharedFinishedTasks | undefined;
  readonly #listeners = new Set<SnapshotListener>();
  /** How long the tasks that were seen to end had taken. */
  readonly typicalDurations = new TypicalDurations();

  constructor(options: TaskReaderOptions) {
    this.#options = options;
    this.#shared = options.finished && new SharedFinishedTasks(options.finished);
    this.#snapshots = new LRUCache({
      max: options.maxCachedTasks,
      noDisposeOnSet: true,
      dispose: (forgotten) => void (this.#finished -= isFinal(forgotten) ? 1 : 0),
    });
    this.#sweeper = new TaskSweeper({
      clock: options.clock,
      observers: options.observers ?? UNOBSERVED,
      list: async (...page) => this.#readPage(...page),
    });
  }

  /** What is to be known of it from outside, at this moment. */
  readings(): Pick<Readings, "finishedTasks" | "runningTasks"> {
    return { finishedTasks: this.#finished, runningTasks: this.#snapshots.size - this.#finished };
  }

  /** Takes in a page of a list, and answers with all that is known of each of its tasks now. */
  learnListed(projectName: string, tasks: readonly ImmTaskInfo[], seen: Sighting): readonly TaskSnapshot[] {
    return tasks.map((task) => this.#learnListed(projectName, task, seen, NOTHING_WANTED));
  }

  /** What a read of the plain fields answers without a call; undefined where it takes one. */
  known(key: TaskKey): TaskSnapshot | undefined {
    return this.#answerOf(this.#toQuestion({ key, parts: NO_PARTS }));
  }

  /** What is remembered of a task that has ended, where it holds these parts: it never changes. */
  ended(keyText: string, parts: TaskParts): TaskSnapshot | undefined {
    const known = this.#snapshots.get(keyText);
    return known !== undefined && isFinal(known) && satisfies(known, parts, Infinity) ? known : undefined;
  }

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
    const questions = requests.map((request) => this.#toQuestion(request));
    const open = questions.filter((question) => this.#answerOf(question) === undefined);
    options.tally?.countCached(questions.length - open.length);
    const sweeps = this.#sweepEach(open, options);
    return questions.map(
      async (question) =>
        this.#answerOf(question) ?? this.#answer(question, options, await sweeps.get(question.key.projectName)),
    );
  }

  /** A list of a project's tasks, page by page, each task merged with what is known of it. */
  list(request: ListTasksRequest, options: ReadOptions, pages: PagesOptions): AsyncGenerator<SnapshotPage, void> {
    return readPages(request, async (page) => this.#readPage(page, toCallOptions(options), new Set()), pages);
  }

  /** Takes in what a create has answered about its task, and answers with all that is known of it now. */
  learnCreated(snapshot: TaskSnapshot): TaskSnapshot {
    return this.#keep(snapshot);
  }

  /** Takes in what another instance has seen of a task, and answers with all that is known of it now. */
  learnShared(snapshot: TaskSnapshot): TaskSnapshot {
    return this.#keep(snapshot, toKeyText(snapshot.key), true);
  }

  /** What time it was at IMM at that tick, or later, in milliseconds since the epoch; `-Infinity` when that is not known. */
  immTimeAt(projectName: string, tick: number): number {
    return this.#sweeper.immTimeAt(projectName, tick);
  }

  async #readPage(request: ListTasksRequest, options: CallOptions, wanted: ReadonlySet<string>): Promise<SnapshotPage> {
    const observed = momentOf(this.#options.clock);
    const { tasks, requestId, nextToken } = await this.#options.client.listTasks(request, options);
    const seen = { requestId, observed };
    return {
      snapshots: tasks.map((task) => this.#learnListed(request.projectName, task, seen, wanted)),
      nextToken,
    };
  }

  /**
   * By project name: the sweep of several questions, once it is known what other instances have shared. A single one is asked
   * for in a flight of its own.
   */
  #sweepEach(questions: readonly Question[], options: ReadOptions): ReadonlyMap<string, Promise<SweepResult>> {
    const sweeps = new Map<string, Promise<SweepResult>>();
    for (const projectName of new Set(questions.map(({ key }) => key.projectName))) {
      const ofProject = questions.filter(({ key }) => key.projectName === projectName);
      const learning = this.#learnFinished(ofProject, options);
      const sweep = async (): Promise<SweepResult> =>
        ofProject.length > 1 ? this.#sweepProject(projectName, ofProject, options) : NOTHING_SWEPT;
      if (learning !== undefined) sweeps.set(projectName, learning.then(sweep));
      else if (ofProject.length > 1) sweeps.set(projectName, sweep());
    }
    return sweeps;
  }

  /** Takes in what other instances have shared of what is asked for; undefined where there is nothing to wait for. */
  #learnFinished(questions: readonly Question[], { tally }: ReadOptions): Promise<void> | undefined {
    const shared = this.#shared;
    const asked =
      shared === undefined ? [] : questions.filter((question) => mayBeShared(this.#knownOf(question), question.parts));
    if (shared === undefined || asked.length === 0) return undefined;
    const learn = async (question: Question): Promise<void> => {
      const snapshot = await shared.get(question.key);
      if (snapshot !== undefined) question.snapshot = this.learnShared(snapshot);
    };
    const count = (): void =>
      tally?.countCached(asked.filter((question) => this.#answerOf(question) !== undefined).length);
    return Promise.all(asked.map(learn)).then(count);
  }

  /** One sweep of a project at a time: what the one under way brings is not asked for again. */
  async #sweepProject(projectName: string, questions: readonly Question[], options: ReadOptions): Promise<SweepResult> {
    for (;;) {
      const open = questions.filter((question) => this.#answerOf(question) === undefined);
      const targets = chooseListed(
        open.map((question) => ({ known: this.#knownOf(question), ...question })),
        options.isOfWatch === true,
      );
      if (targets.length === 0) return NOTHING_SWEPT;
      const underWay = this.#sweeps.get(projectName);
      if (underWay === undefined) {
        const calls = toCallOptions(options);
        return this.#sweeps.begin(projectName, async () => this.#sweeper.sweep(projectName, targets, calls));
      }
      await underWay.answer;
      options.tally?.countShared(open.filter((question) => this.#answerOf(question) !== undefined).length);
    }
  }

  /** @param swept - what the lists of the project have just shown of many. */
  async #answer(question: Question, options: ReadOptions, swept: SweepResult = NOTHING_SWEPT): Promise<TaskSnapshot> {
    const { keyText, parts } = question;
    for (;;) {
      const known = this.#answerOf(question, swept);
      if (known !== undefined) return known;
      const flight = this.#flights.get(keyText);
      if (flight === undefined) {
        if (options.isWanted?.() === false) throw notWanted();
        const purpose = purposeOf(parts, this.#knownOf(question, swept));
        const fetch = async (): Promise<TaskSnapshot> => this.#fetch({ ...question, parts: purpose }, options, swept);
        return this.#flights.begin(keyText, fetch, purpose);
      }
      if (includesParts(flight.purpose, parts)) {
        options.tally?.countShared(1);
        return flight.answer;
      }
      // What that flight brings may spare a part of this question. Its failure is its own askers' to report.
      await flight.answer.catch(() => undefined);
    }
  }

  /** Asks one question after the other, as `read-plan` says. Others may share it: it goes on without the first of them. */
  async #fetch(question: Question, options: ReadOptions, sweptBefore: SweepResult): Promise<TaskSnapshot> {
    const { key, keyText, parts, notBefore } = question;
    const { isOfWatch = false } = options;
    const calls = toCallOptions(options);
    let known = this.#knownOf(question, sweptBefore);
    let listed = outcomeOf(sweptBefore, keyText);
    let hasAskedTask = false;
    const mayList = (): boolean => this.#sweeper.hasListed(key.projectName);
    for (;;) {
      const next = nextQuestion({ known, parts, notBefore, listed, hasAskedTask, isOfWatch, mayList });
      switch (next.ask) {
        case "nothing":
          return listed === "absent" ? this.#keep(next.answer) : next.answer;
        case "give up":
          throw next.failure;
        case "list": {
          const target = { key, keyText, parts, known };
          const swept = await this.#sweeper.sweep(key.projectName, [target], { ...calls, isWanted: undefined });
          const seen = swept.seen.get(keyText);
          if (seen !== undefined) known = mergeSnapshots(known, seen);
          listed = outcomeOf(swept, keyText) ?? "absent";
          break;
        }
        case "task":
        case "confirm": {
          const isConfirmation = next.ask === "confirm";
          const snapshot = await this.#getTask(key, next.definition, isConfirmation ? confirming(options) : calls);
          known = mergeSnapshots(known, snapshot);
          hasAskedTask = true;
          // What goes on after all is no end, and the next poll asks for it in the same way.
          if (isConfirmation && !isFinal(snapshot)) options.onAttempt?.();
        }
      }
    }
  }

  async #getTask(key: TaskKey, askedDefinition: boolean, options: CallOptions): Promise<TaskSnapshot> {
    const observed = momentOf(this.#options.clock);
    const task = await this.#options.client
      .getTask({ requestDefinition: askedDefinition, ...key }, options)
      .catch((thrown: unknown) => {
        throw withTaskTypeHint(thrown, key.taskType);
      });
    return this.#keep(fromGetTask(key, task, { askedDefinition, observed }));
  }

  /** Keeps what a list shows, unless it was never asked for and the memory is needed for what was. */
  #learnListed(projectName: string, task: ImmTaskInfo, seen: Sighting, wanted: ReadonlySet<string>): TaskSnapshot {
    const keyText = toKeyText({ projectName, taskType: task.taskType, taskId: task.taskId });
    // What is listed and never asked for is what is forgotten first.
    const known = this.#snapshots.peek(keyText);
    if (known !== undefined && seeAgain(known, task, seen)) return known;
    const snapshot = fromListedTask(projectName, task, seen);
    const isRoomy = this.#snapshots.size * 2 < this.#options.maxCachedTasks;
    if (wanted.has(keyText) || isRoomy || known !== undefined) return this.#keep(snapshot, keyText);
    this.#notify(keyText, snapshot);
    return snapshot;
  }

  #keep(snapshot: TaskSnapshot, keyText = toKeyText(snapshot.key), isShared = false): TaskSnapshot {
    const known = this.#snapshots.get(keyText);
    const merged = mergeSnapshots(known, snapshot);
    this.#snapshots.set(keyText, merged);
    if (isFinal(merged) && (known === undefined || !isFinal(known))) {
      this.#finished += 1;
      this.typicalDurations.learn(merged);
    }
    if (!isShared) this.#shared?.put(merged, known);
    this.#notify(keyText, merged);
    return merged;
  }

  #notify(keyText: string, snapshot: TaskSnapshot): void {
    this.#sweeper.observe(snapshot);
    for (const listener of this.#listeners) listener(keyText, snapshot);
  }

  /** What is known of a task: by memory, or what has just been shown of it and what the asker knows. */
  #knownOf({ keyText, snapshot }: Question, swept = NOTHING_SWEPT): TaskSnapshot | undefined {
    const seen = swept.seen.get(keyText);
    return this.#snapshots.get(keyText) ?? (seen === undefined ? snapshot : mergeSnapshots(snapshot, seen));
  }

  /** The same, where it answers the question. */
  #answerOf(question: Question, swept = NOTHING_SWEPT): TaskSnapshot | undefined {
    const known = this.#knownOf(question, swept);
    return known !== undefined && satisfies(known, question.parts, question.notBefore) ? known : undefined;
  }

  #toQuestion({ key, parts, snapshot, maxAgeMs = this.#options.taskMaxAgeMs }: ReadRequest): Question {
    return { key, parts, snapshot, keyText: toKeyText(key), notBefore: this.#options.clock.tick() - maxAgeMs };
  }
}

/** What lists have come to for one task; undefined where they say nothing of it. */
function outcomeOf({ seen, absent, failed }: SweepResult, keyText: string): ReadState["listed"] {
  if (seen.has(keyText)) return "seen";
  return absent.has(keyText) ? "absent" : failed.get(keyText);
}

/** For GetTask after a list did not show the task: it has ended, or the list lags behind. It is not what runs. */
function confirming({ priority = CallPriority.query, tally, cause }: ReadOptions): CallOptions {
  return toCallOptions({ tally, cause, priority: Math.max(priority, CallPriority.confirmation) });
}

const NOTHING_WANTED: ReadonlySet<string> = new Set();

/** Of questions that lists do not answer. */
const NOTHING_SWEPT: SweepResult = { seen: new Map(), absent: new Set(), failed: new Map() };

function toCallOptions(options: ReadOptions): SweepOptions {
  const { priority, tally, onAttempt = tally?.countCall, cause = tally?.cause, isWanted } = options;
  return { priority, onAttempt, cause, isWanted };
}

function notWanted(): GatewayError {
  return new UpstreamUnavailableError("IMM was not asked, since the client has gone.", { mayHaveArrived: false });
}
