/**
 * The facade: all that one operation can do with tasks, for the principal that asks. Made once per operation, and all that
 * its resolvers have of `tasks/`.
 *
 * The access policy is asked here and nowhere else: about what a key or an input names before any call, and again about each
 * snapshot, of a list and of an event too, before it leaves. What is shared below knows of no principal.
 */

import {
  createAccessPolicy,
  type AccessPolicy,
  type AccessRules,
  type AccessTarget,
  type Right,
} from "../access/access-policy.js";
import type { Principal } from "../access/principal.js";
import type { ForbiddenError } from "../errors.js";
import type { ImmTaskResult } from "../imm/imm-client.js";
import { createOperations } from "../imm/operations/operations.js";
import type { CallTally } from "./call-tally.js";
import { rerunRequestOf } from "./create/rerun-input.js";
import { TaskStarter, type StartOutcome, type StartRequest, type TaskStarterOptions } from "./create/task-starter.js";
import { TaskTexts } from "./definition/task-texts.js";
import type { ListQuery } from "./list/list-query.js";
import { TaskLister, type ListPart, type TaskListing } from "./list/task-lister.js";
import { TaskLoader } from "./read/task-loader.js";
import { TaskReader, type TaskReaderOptions } from "./read/task-reader.js";
import { hasResult, TaskResults, type TaskResultsOptions } from "./read/task-results.js";
import type { TypicalDurations } from "./read/typical-durations.js";
import { NO_PARTS, toKeyText, type TaskKey, type TaskParts } from "./task.js";
import type { TaskSnapshot } from "./snapshot.js";
import type { PollRate } from "./watch/poll-plan.js";
import { TaskWaiter, type TaskWaiterOptions } from "./watch/task-waiter.js";
import { WatchHub, type WatchHubOptions, type WatchProjectRequest, type WatchRequest } from "./watch/watch-hub.js";
import { WatchStream } from "./watch/watch-stream.js";

/** What `createTaskServices` takes: the options of all that it makes. */
export type TaskServicesOptions = AccessRules &
  TaskReaderOptions &
  TaskResultsOptions &
  PollRate &
  Omit<TaskStarterOptions, "reader"> &
  Omit<WatchHubOptions, "reader" | "rate"> &
  Omit<TaskWaiterOptions, "hub"> & {
    readonly redactDefinitions: boolean;
    readonly maxTasksPerOperation: number;
  };

/** What the operations of a process share. The owner disposes of the hub. */
export interface TaskServices {
  readonly refuse: AccessPolicy;
  readonly reader: TaskReader;
  readonly lister: TaskLister;
  readonly results: TaskResults;
  readonly starter: TaskStarter;
  readonly texts: TaskTexts;
  readonly hub: WatchHub;
  readonly waiter: TaskWaiter;
  readonly maxTasksPerOperation: number;
}

/** Makes what the operations of a process share. */
export function createTaskServices(options: TaskServicesOptions): TaskServices {
  const reader = new TaskReader(options);
  const hub = new WatchHub({ ...options, reader, rate: options });
  return {
    refuse: createAccessPolicy(options),
    reader,
    lister: new TaskLister({ ...options, learn: (snapshot) => reader.learn(snapshot) }),
    results: new TaskResults(options),
    starter: new TaskStarter({ ...options, reader }),
    texts: new TaskTexts({ isRedacted: options.redactDefinitions }),
    hub,
    waiter: new TaskWaiter({ ...options, hub }),
    maxTasksPerOperation: options.maxTasksPerOperation,
  };
}

/** The operation that tasks are asked for by. */
export interface TasksOptions {
  readonly principal: Principal;
  /** Counts what the operation costs. */
  readonly tally: CallTally;
  /** Aborted when the answer is not wanted any more. */
  readonly signal: AbortSignal;
}

/** What one operation can do with tasks. Every method refuses with a `ForbiddenError` what the principal may not do. */
export class Tasks {
  /** Reads what is asked for of request definitions and user data. */
  readonly texts: TaskTexts;
  /** What tasks of each type have taken, for a first guess. */
  readonly typicalDurations: TypicalDurations;
  readonly #services: TaskServices;
  readonly #options: TasksOptions;
  /** The operation's fields share their reads. */
  readonly #loader: TaskLoader;

  constructor(services: TaskServices, options: TasksOptions) {
    const { reader, texts, maxTasksPerOperation } = services;
    const { tally, signal } = options;
    this.texts = texts;
    this.typicalDurations = reader.typicalDurations;
    this.#services = services;
    this.#options = options;
    this.#loader = new TaskLoader({
      readEach: (requests, readOptions) => reader.readEach(requests, readOptions),
      maxTasksPerOperation,
      tally,
      isWanted: () => !signal.aborted,
    });
  }

  /**
   * The task as it is now, with at least what `parts` names. Reads of one turn share their calls.
   *
   * @throws BadUserInputError - when the operation asks for too many different tasks.
   * @throws GatewayError - when it cannot be read.
   */
  async read(key: TaskKey, parts: TaskParts): Promise<TaskSnapshot> {
    this.#check("read", key);
    return this.#shown(await this.#loader.load(key, parts));
  }

  /** A part of a list, as `TaskLister.list` has it, of the tasks that the principal may see. */
  async list(query: ListQuery, part: Omit<ListPart, "signal" | "tally">): Promise<TaskListing> {
    const { projectName } = query;
    this.#check("read", { projectName });
    const listing = await this.#services.lister.list(query, { ...part, ...this.#options });
    return { ...listing, items: listing.items.filter(({ snapshot }) => this.#sees(snapshot)) };
  }

  /** The task once it has ended, or as it is after `timeoutMs`. Fails as `TaskWaiter.wait` does. */
  async awaitEnd(key: TaskKey, parts: TaskParts, timeoutMs: number): Promise<TaskSnapshot> {
    const { signal, tally } = this.#options;
    this.#check("read", key);
    this.#loader.admitWait(key);
    tally.countFollowed(1);
    const snapshot = await this.#services.waiter.wait({ key, parts, timeoutMs, signal });
    // The calls are the watch's, which is shared.
    tally.countShared(1);
    tally.countAnswer(snapshot, parts);
    return this.#shown(snapshot);
  }

  /** Follows tasks as `WatchHub.watch` does. One that the principal may not see fails alone. */
  follow(request: WatchRequest): WatchStream {
    const refusals = new Map(request.keys.map((key) => [key, this.#refuse("read", key)]));
    const keys = request.keys.filter((key) => refusals.get(key) === undefined);
    this.#options.tally.countFollowed(keys.length);
    const stream = this.#services.hub.watch({ ...request, keys, sees: (snapshot) => this.#sees(snapshot) });
    const failures = [...refusals].flatMap(([key, error]) => (error ? [{ kind: "failure", key, error } as const] : []));
    for (const { key } of failures) stream.open(toKeyText(key));
    for (const failure of failures) stream.push(toKeyText(failure.key), failure, true);
    return stream;
  }

  /** Follows a project as `WatchHub.watchProject` does. One that the principal may not see is a stream that fails. */
  followProject(request: WatchProjectRequest): WatchStream {
    const refusal = this.#refuse("read", { projectName: request.projectName });
    if (refusal === undefined) {
      this.#options.tally.countFollowed(1);
      return this.#services.hub.watchProject({ ...request, sees: (snapshot) => this.#sees(snapshot) });
    }
    const stream = new WatchStream([], { onLeave: () => undefined });
    stream.fail(refusal);
    return stream;
  }

  /** Milliseconds after which asking for a task of the project again is worth it. */
  pollIntervalMs(projectName: string): number {
    return this.#services.hub.pollIntervalMs(projectName);
  }

  /**
   * What the task came to, as `TaskResults.load` has it.
   *
   * @param isListed - whether it counts towards the tasks that one operation may ask for: a list gives many more.
   */
  async result(snapshot: TaskSnapshot, isListed: boolean): Promise<ImmTaskResult | null> {
    this.#shown(snapshot);
    if (isListed && hasResult(snapshot)) this.#loader.admit(snapshot.key);
    return this.#services.results.load(snapshot, this.#options.tally);
  }

  /** Refuses a principal that may start no task whatever, before its input is looked at. */
  checkStart(): void {
    this.#check("create", {});
  }

  /** Starts a task, as `TaskStarter.start` does. */
  async start(request: Omit<StartRequest, "caller">): Promise<StartOutcome> {
    const { principal, tally } = this.#options;
    const { taskType } = createOperations[request.action];
    const { ProjectName: projectName, Tags: tags, UserData: userData } = request.input;
    this.#check("create", { projectName, taskType, tags, userData });
    return this.#services.starter.start({ ...request, caller: principal.caller }, { tally });
  }

  /**
   * Starts a task once more, from its recorded definition.
   *
   * @throws BadUserInputError - naming `input.id`, when it is no pattern that another task can be started from.
   * @throws GatewayError - as `read` and `start` do.
   */
  async rerun(key: TaskKey, idempotencyKey: string | undefined): Promise<StartOutcome> {
    const read = async (): Promise<TaskSnapshot> => this.read(key, { ...NO_PARTS, definition: true });
    return this.start({ ...(await rerunRequestOf(key.taskType, read)), idempotencyKey });
  }

  #refuse(right: Right, target: AccessTarget): ForbiddenError | undefined {
    return this.#services.refuse(this.#options.principal, right, target);
  }

  #check(right: Right, target: AccessTarget): void {
    const refusal = this.#refuse(right, target);
    if (refusal !== undefined) throw refusal;
  }

  #sees(snapshot: TaskSnapshot): boolean {
    return this.#refuse("read", toTarget(snapshot)) === undefined;
  }

  /** The snapshot, which is to leave. */
  #shown(snapshot: TaskSnapshot): TaskSnapshot {
    this.#check("read", toTarget(snapshot));
    return snapshot;
  }
}

function toTarget({ key, facts: { tags, userData } }: TaskSnapshot): AccessTarget {
  const { projectName, taskType } = key;
  return { projectName, taskType, tags, userData };
}
