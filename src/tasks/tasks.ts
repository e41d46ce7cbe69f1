/**
 * The facade: all that one operation can do with tasks, for the principal that asks. Made once per operation, and all that
 * its resolvers have of `tasks/`.
 *
 * The access policy is asked here and nowhere else: about what a key or an input names before any call, and about each
 * snapshot, of a list and of an event too, before it leaves. What is shared below knows of no principal.
 */

import { createAccessPolicy, type AccessPolicy, type AccessRules, type Verdict } from "../access/access-policy.js";
import { RIGHTS, type AccessTarget, type Principal, type Right } from "../access/principal.js";
import { ForbiddenError, toError } from "../errors.js";
import type { Interest } from "../interest.js";
import type { ImmTaskResult } from "../imm/imm-client.js";
import { createOperations } from "../imm/operations/operations.js";
import type { CallTally } from "./call-tally.js";
import { signInput } from "./create/owned-input.js";
import { rerunRequestOf } from "./create/rerun-input.js";
import { TaskStarter, type StartOutcome, type StartRequest, type TaskStarterOptions } from "./create/task-starter.js";
import type { ShownDefinition } from "./definition/request-definition.js";
import { TaskTexts } from "./definition/task-texts.js";
import type { ListQuery } from "./list/list-query.js";
import { narrowList, refusedTypeOf } from "./list/narrowed-list.js";
import { TaskLister, type ListPart, type TaskListing } from "./list/task-lister.js";
import { MissingTasks, noSuchTask } from "./read/missing-tasks.js";
import { TaskLoader } from "./read/task-loader.js";
import { TaskReader, type TaskReaderOptions } from "./read/task-reader.js";
import { hasResult, TaskResults, type TaskResultsOptions } from "./read/task-results.js";
import type { TypicalDurations } from "./read/typical-durations.js";
import { mergeParts, NO_PARTS, toKeyText, type TaskKey, type TaskParts } from "./task.js";
import { partOf, type TaskSnapshot } from "./snapshot.js";
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
  readonly policy: AccessPolicy;
  readonly reader: TaskReader;
  readonly missing: MissingTasks;
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
    policy: createAccessPolicy(options),
    reader,
    missing: new MissingTasks(options),
    lister: new TaskLister({ ...options, learn: (...page) => reader.learnListed(...page) }),
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
  readonly signal: Interest;
}

/** The principal, and what it may do. */
export interface Viewer extends Pick<Principal, "caller" | "expiresAt"> {
  /** Names, and beginnings of names with a `*` behind them. */
  readonly projects: readonly string[];
  /** What it may do in a project, or in any. */
  rightsIn(projectName: string | undefined): readonly Right[];
}

/** What one operation can do with tasks. Every method refuses with a `ForbiddenError` what the principal may not do. */
export class Tasks {
  /** What tasks of each type have taken, for a first guess. */
  readonly typicalDurations: TypicalDurations;
  readonly #services: TaskServices;
  readonly #options: TasksOptions;
  /** The operation's fields share their reads. */
  readonly #loader: TaskLoader;

  constructor(services: TaskServices, options: TasksOptions) {
    const { reader, maxTasksPerOperation } = services;
    const { tally, signal } = options;
    this.typicalDurations = reader.typicalDurations;
    this.#services = services;
    this.#options = options;
    this.#loader = new TaskLoader({
      readEach: (requests, readOptions) => reader.readEach(requests, readOptions),
      ended: (keyText, parts) => reader.ended(keyText, parts),
      maxTasksPerOperation,
      tally,
      isWanted: () => !signal.aborted,
    });
  }

  get viewer(): Viewer {
    const { principal } = this.#options;
    const { caller, expiresAt } = principal;
    const projects = this.#services.policy.projectsOf(principal);
    const rightsIn = (projectName: string | undefined): readonly Right[] =>
      RIGHTS.filter((right) => this.#judge(right, { projectName }) !== "forbidden");
    return { caller, expiresAt, projects, rightsIn };
  }

  /**
   * The task as it is now, with at least what `parts` names and the principal may see. Reads of one turn share their calls.
   *
   * @throws BadUserInputError - when the operation asks for too many different tasks.
   * @throws NotFoundError - when there is no such task, or it is another's.
   * @throws GatewayError - when it cannot be read.
   */
  async read(key: TaskKey, parts: TaskParts): Promise<TaskSnapshot> {
    return this.look(key, parts);
  }

  /** The same, at once where its end is known for good. */
  look(key: TaskKey, parts: TaskParts): TaskSnapshot | Promise<TaskSnapshot> {
    const mayDepend = this.#check("read", key) === "depends";
    const granted = this.#granted(key, parts);
    return mayDepend ? this.#readOwn(key, granted) : this.#loader.load(key, granted);
  }

  /** A task that the principal may see if it is its own. */
  async #readOwn(key: TaskKey, granted: TaskParts): Promise<TaskSnapshot> {
    // What is another's costs as much as what is not there: nothing while it is remembered, whatever is asked of it, and GetTask
    // alone until it is known whose it is.
    const known = this.#services.reader.known(key);
    if (known !== undefined) this.#shown(known);
    const seen = await this.#services.missing.around(key, async () =>
      this.#loader.load(key, { ...granted, progress: false }),
    );
    this.#shown(seen);
    return granted.progress ? this.#loader.load(key, granted) : seen;
  }

  /** A part of a list, as `TaskLister.list` has it, of the tasks that the principal may see. */
  async list(query: ListQuery, part: Omit<ListPart, "signal" | "tally" | "isShown">): Promise<TaskListing> {
    const { projectName } = query;
    this.#check("read", { projectName });
    const grants = this.#grantsOf(query);
    const { query: narrowed, isShown } = narrowList(query, grants);
    const { first, after } = part;
    const { signal, tally } = this.#options;
    return this.#services.lister.list(narrowed, {
      first,
      after,
      signal,
      tally,
      definition: part.definition && this.#judge("definitions", { projectName }) !== "forbidden",
      isShown: isShown && ((snapshot) => isShown(snapshot) && this.#sees(snapshot)),
    });
  }

  /** The task once it has ended, or as it is after `timeoutMs`. Fails as `read` and `TaskWaiter.wait` do. */
  async awaitEnd(key: TaskKey, parts: TaskParts, timeoutMs: number): Promise<TaskSnapshot> {
    const { signal, tally } = this.#options;
    const mayDepend = this.#check("read", key) === "depends";
    this.#loader.admitWait(key);
    tally.countFollowed(this.#services.hub.unwatched([key]));
    const granted = this.#granted(key, parts);
    if (mayDepend) await this.read(key, { ...granted, progress: false });
    const snapshot = await this.#services.waiter.wait({
      key,
      parts: granted,
      timeoutMs,
      signal,
      waiting: tally.waiting,
    });
    // The calls are the watch's, which is shared.
    tally.countShared(1);
    tally.countAnswer(snapshot, parts);
    return this.#shown(snapshot);
  }

  /** Follows tasks as `WatchHub.watch` does. One that the principal may not see fails alone. */
  async follow(request: WatchRequest): Promise<WatchStream> {
    const byText = new Map(request.keys.map((key) => [toKeyText(key), key]));
    const settled = await Promise.all(
      [...byText.values()].map(async (key) => ({ key, error: await this.#refusalOf(key, request.parts) })),
    );
    const keys = settled.flatMap(({ key, error }) => (error === undefined ? [key] : []));
    const parts = keys.map((key) => this.#granted(key, request.parts)).reduce(mergeParts, NO_PARTS);
    const needs = { targets: keys, ...needsOf(parts) };
    const { tally } = this.#options;
    tally.countFollowed(this.#services.hub.unwatched(keys));
    const shared = { keys, parts, needs, waiting: tally.waiting, sees: (task: TaskSnapshot) => this.#sees(task) };
    const stream = this.#services.hub.watch(Object.assign({}, request, shared));
    for (const { key, error } of settled) if (error !== undefined) stream.open(toKeyText(key));
    for (const { key, error } of settled) {
      if (error !== undefined) stream.push(toKeyText(key), { kind: "failure", key, error }, true);
    }
    return stream;
  }

  /** Follows a project as `WatchHub.watchProject` does. One that the principal may not see is a stream that fails. */
  followProject(request: WatchProjectRequest): WatchStream {
    const { projectName, filter } = request;
    const target = { projectName };
    try {
      this.#check("read", target);
      this.#grantsOf({ projectName, ...filter });
    } catch (thrown) {
      const stream = new WatchStream([], { onLeave: () => undefined });
      stream.fail(toError(thrown));
      return stream;
    }
    const parts = this.#granted(target, request.parts);
    const needs = { targets: [target], ...needsOf(parts) };
    const { tally } = this.#options;
    tally.countFollowed(1);
    const shared = { parts, needs, waiting: tally.waiting, sees: (task: TaskSnapshot) => this.#sees(task) };
    return this.#services.hub.watchProject(Object.assign({}, request, shared));
  }

  /** Milliseconds after which asking for a task of the project again is worth it. */
  pollIntervalMs(projectName: string): number {
    return this.#services.hub.pollIntervalMs(projectName);
  }

  /** What the task was created with, as the principal may see it; null where IMM does not say, or why there is none. */
  definitionOf(snapshot: TaskSnapshot): ShownDefinition | Error | null {
    const definition = this.#definitionTextOf(snapshot);
    if (typeof definition !== "string") return definition;
    return this.#services.texts.definitionOf(definition, this.#judge("secrets", toTarget(snapshot)) === "allowed");
  }

  /** The OSS URIs that its definition names; null where it names none, or why there are none. */
  outputsOf(snapshot: TaskSnapshot): readonly string[] | Error | null {
    const definition = this.#definitionTextOf(snapshot);
    if (typeof definition !== "string") return definition;
    return this.#services.texts.outputsOf(snapshot.key.taskType, definition);
  }

  /** User data as a JSON value: null where it is none, an error where it is nested too deep. */
  jsonOf(userData: string): unknown {
    return this.#services.texts.jsonOf(userData);
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

  /** Starts a task, as `TaskStarter.start` does. Where the principal may start its own alone, the task is marked as that. */
  async start(request: Omit<StartRequest, "caller">): Promise<StartOutcome> {
    const { principal, tally } = this.#options;
    const { taskType } = createOperations[request.action];
    const target = { projectName: request.input.ProjectName, taskType };
    const mayDepend = this.#check("create", target) === "depends";
    const grants = mayDepend ? this.#services.policy.grantsOf(principal, "create", target) : [];
    const input = mayDepend ? signInput(request, grants) : request.input;
    return this.#services.starter.start({ ...request, input, caller: principal.caller }, { tally });
  }

  /**
   * Starts a task once more, from its recorded definition.
   *
   * @throws BadUserInputError - naming `input.id`, when it is no pattern that another task can be started from.
   * @throws GatewayError - as `read` and `start` do.
   */
  async rerun(key: TaskKey, idempotencyKey: string | undefined): Promise<StartOutcome> {
    this.#check("create", key);
    this.#check("read", key);
    this.#check("definitions", key);
    const read = async (): Promise<TaskSnapshot> => {
      const snapshot = await this.read(key, { ...NO_PARTS, definition: true, secrets: true });
      const definition = this.#definitionTextOf(snapshot);
      if (definition instanceof ForbiddenError) throw definition;
      return snapshot;
    };
    return this.start({ ...(await rerunRequestOf(key.taskType, read)), idempotencyKey });
  }

  #judge(right: Right, target: AccessTarget): Verdict {
    return this.#services.policy.judge(this.#options.principal, right, target);
  }

  #check(right: Right, target: AccessTarget): Verdict {
    const verdict = this.#judge(right, target);
    if (verdict === "forbidden") throw this.#services.policy.refusal(right, target);
    return verdict;
  }

  /** The parts of a task that its key does not rule out, and with a definition its secrets, where they may be shown. */
  #granted(target: AccessTarget, parts: TaskParts): TaskParts {
    if (!parts.definition) return parts;
    if (this.#judge("definitions", target) === "forbidden") return { ...parts, definition: false, secrets: false };
    const mayShow = !this.#services.texts.isRedacted || this.#judge("secrets", target) !== "forbidden";
    return { ...parts, secrets: parts.secrets || mayShow };
  }

  /** The grants to what a list asks for. @throws ForbiddenError - when it names a type that is not among them. */
  #grantsOf(query: Pick<ListQuery, "projectName" | "taskTypes">): ReturnType<AccessPolicy["grantsOf"]> {
    const { policy } = this.#services;
    const grants = policy.grantsOf(this.#options.principal, "read", { projectName: query.projectName });
    const taskType = refusedTypeOf(query, grants);
    if (taskType !== undefined) throw policy.refusal("read", { projectName: query.projectName, taskType });
    return grants;
  }

  /** Why a task cannot be followed; undefined where it can. */
  async #refusalOf(key: TaskKey, parts: TaskParts): Promise<Error | undefined> {
    try {
      const mayDepend = this.#check("read", key) === "depends";
      if (mayDepend) await this.read(key, { ...parts, progress: false });
      return undefined;
    } catch (thrown) {
      return toError(thrown);
    }
  }

  #definitionTextOf(snapshot: TaskSnapshot): string | Error | null {
    const target = toTarget(snapshot);
    if (this.#judge("definitions", target) === "allowed") return partOf(snapshot, "definition");
    return this.#services.policy.refusal("definitions", target);
  }

  #sees(snapshot: TaskSnapshot): boolean {
    return this.#judge("read", toTarget(snapshot)) === "allowed";
  }

  /** The snapshot, which is to leave. */
  #shown(snapshot: TaskSnapshot): TaskSnapshot {
    if (this.#check("read", toTarget(snapshot)) === "hidden") throw noSuchTask();
    return snapshot;
  }
}

/** The rights that a stream of these parts lives by. */
function needsOf({ definition }: TaskParts): { readonly rights: readonly Right[] } {
  return { rights: definition ? ["read", "definitions", "secrets"] : ["read"] };
}

function toTarget({ key, facts: { tags, userData } }: TaskSnapshot): AccessTarget {
  const { projectName, taskType } = key;
  return { projectName, taskType, tags, userData };
}
