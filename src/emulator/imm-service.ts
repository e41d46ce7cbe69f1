/**
 * What IMM answers, without HTTP: the action and its parameters in, the members of the answer out. Called by
 * `imm-http-server.ts` for genuine requests; reads the tasks that `emulator.ts` adds, and adds those that clients create.
 */

import type { Clock } from "../clock.js";
import {
  type Action,
  API_VERSION,
  type CreateAction,
  createOperations,
  operations,
  type ResultOperation,
  resultOperations,
  taskTypes,
} from "../imm/operations/operations.js";
import { type LifePlanner, toNewTask } from "./created-tasks.js";
import { toTaskQuery } from "./list-query.js";
import { type DecodedParameters, decodeParameters, type SentParameters, takeInPlace } from "./parameters.js";
import { Refusal, resourceNotFound, throttled } from "./refusal.js";
import { eventIdOf, formatInstant, type Task, taskAt, type TaskState } from "./task-life.js";
import { planTask } from "./task-plan.js";
import type { ListedTask, TaskStore } from "./task-store.js";

/** A genuine request. */
export interface ServiceRequest {
  readonly action: string;
  readonly version: string;
  readonly sent: SentParameters;
}

/** The members of an answer but for `RequestId`; undefined ones are left out. */
export type AnswerMembers = Readonly<Record<string, unknown>>;

export interface ServiceSettings {
  readonly clock: Clock;
  /** One store per project; other projects do not exist. */
  readonly projects: ReadonlyMap<string, TaskStore>;
  readonly maxRequestsPerSecond: number;
  readonly progressInGetTask: boolean;
  /** Divides the durations of the tasks that are created. @default 1 */
  readonly timeScale?: number | undefined;
  /** How the tasks that are created live. @default as their type and their sources suggest */
  readonly createdTasks?: LifePlanner | undefined;
}

/** Requests of one action that a user may make in a second, beside what the project grants. */
const MAX_USER_REQUESTS_PER_SECOND: ReadonlyMap<string, number> = new Map([["CreateOfficeConversionTask", 50]]);

interface Window {
  readonly second: number;
  count: number;
}

export class ImmService {
  readonly #settings: ServiceSettings;
  /** The requests of the present second, by what they are counted against. */
  readonly #windows = new Map<string, Window>();

  constructor(settings: ServiceSettings) {
    this.#settings = settings;
  }

  /**
   * The members of IMM's answer.
   *
   * @throws Refusal - when IMM would refuse the request
   */
  answer({ action, version, sent }: ServiceRequest): AnswerMembers {
    this.#admit(action, sent.query.get("ProjectName") ?? sent.form.get("ProjectName") ?? "");
    if (version !== API_VERSION) {
      throw new Refusal(400, "InvalidVersion", "Specified parameter Version is not valid.");
    }
    if (!isAction(action)) {
      throw new Refusal(404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.");
    }
    const texts = takeInPlace(action, sent);
    if (action === "GetTask") return this.#getTask(texts);
    if (action === "ListTasks") return this.#listTasks(texts);
    return isCreateAction(action) ? this.#create(action, texts) : this.#readResult(action, texts);
  }

  #getTask(texts: ReadonlyMap<string, string>): AnswerMembers {
    const { RequestDefinition, ...name } = decodeParameters("GetTask", texts);
    const { task, state } = this.#find(name);
    return {
      ...singleMembers(task, state),
      Progress: this.#settings.progressInGetTask ? state.progress : undefined,
      TaskRequestDefinition:
        RequestDefinition && typesWithDefinition.has(task.taskType) ? task.requestDefinition : undefined,
    };
  }

  #listTasks(texts: ReadonlyMap<string, string>): AnswerMembers {
    const parameters = decodeParameters("ListTasks", texts);
    const store = this.#project(parameters.ProjectName);
    const page = store.page(toTaskQuery(parameters), this.#settings.clock.now());
    return {
      ProjectName: parameters.ProjectName,
      MaxResults: String(parameters.MaxResults),
      NextToken: page.nextToken ?? undefined,
      Tasks: page.items.map((item) => listItem(item, parameters.RequestDefinition)),
    };
  }

  #create(action: CreateAction, texts: ReadonlyMap<string, string>): AnswerMembers {
    const { clock, timeScale = 1, createdTasks } = this.#settings;
    const parameters = decodeParameters(action, texts);
    const store = this.#project(parameters.ProjectName);
    const request = { action, taskType: createOperations[action].taskType, parameters };
    const now = clock.now();
    const task = planTask(toNewTask(request, texts, clock, createdTasks), parameters.ProjectName, timeScale, now);
    store.add(task, now);
    return { TaskId: task.taskId, EventId: eventIdOf(task.taskId) };
  }

  /** What IMM answers before a task has succeeded is not documented: here it is the task without an outcome. */
  #readResult(action: ResultAction, texts: ReadonlyMap<string, string>): AnswerMembers {
    const { taskType, response, outcome }: ResultOperation = resultOperations[action];
    const name = decodeParameters(action, texts);
    if (name.TaskType !== taskType) throw resourceNotFound("TaskId");
    const { task, state } = this.#find(name);
    const members = {
      ...singleMembers(task, state),
      [outcome]: state.status === "Succeeded" ? task.result : undefined,
    };
    return Object.fromEntries(Object.entries(members).filter(([member]) => Object.hasOwn(response, member)));
  }

  /** The task of that name. One that waits to be seen starts. */
  #find({ ProjectName, TaskType, TaskId }: TaskName): ListedTask {
    const store = this.#project(ProjectName);
    const now = this.#settings.clock.now();
    const task = store.find(TaskId, now);
    if (task === undefined || task.taskType !== TaskType) throw resourceNotFound("TaskId");
    store.startIfWaiting(task, now);
    return { task, state: taskAt(task, now) };
  }

  #project(name: string): TaskStore {
    const store = this.#settings.projects.get(name);
    if (store === undefined) throw resourceNotFound("project");
    return store;
  }

  /** Counts the request against the budget of its project, and of its user where the action has one. */
  #admit(action: string, projectName: string): void {
    const { projects, maxRequestsPerSecond } = this.#settings;
    if (projects.has(projectName)) this.#count(`project ${projectName}`, maxRequestsPerSecond);
    // The emulator has a single account, so its user is each caller.
    this.#count(`action ${action}`, MAX_USER_REQUESTS_PER_SECOND.get(action) ?? Infinity);
  }

  /** Windows are the clock's whole seconds. */
  #count(budget: string, maxPerSecond: number): void {
    if (maxPerSecond === Infinity) return;
    const second = Math.floor(this.#settings.clock.now() / 1_000);
    const present = this.#windows.get(budget);
    const window = present?.second === second ? present : { second, count: 0 };
    this.#windows.set(budget, window);
    window.count += 1;
    if (window.count > maxPerSecond) throw throttled();
  }
}

type ResultAction = keyof typeof resultOperations;

/** The three names that find a task. */
type TaskName = Omit<DecodedParameters<"GetTask">, "RequestDefinition">;

function isAction(action: string): action is Action {
  return Object.hasOwn(operations, action);
}

function isCreateAction(action: Action): action is CreateAction {
  return Object.hasOwn(createOperations, action);
}

const typesWithDefinition: ReadonlySet<string> = new Set(
  taskTypes.filter(({ hasRequestDefinition }) => hasRequestDefinition).map(({ name }) => name),
);

/** An item of ListTasks: no `EventId`, no `ProjectName`, but `Progress`, and the definition of every type that has one. */
function listItem({ task, state }: ListedTask, withDefinition: boolean): AnswerMembers {
  return {
    ...commonMembers(task, state),
    Progress: state.progress,
    TaskRequestDefinition: withDefinition ? task.requestDefinition : undefined,
  };
}

/** What the answers about a single task have in common. */
function singleMembers(task: Task, state: TaskState): AnswerMembers {
  return { ProjectName: task.projectName, ...commonMembers(task, state), EventId: eventIdOf(task.taskId) };
}

function commonMembers(task: Task, state: TaskState): AnswerMembers {
  return {
    TaskType: task.taskType,
    TaskId: task.taskId,
    Status: state.status,
    StartTime: formatInstant(task.startedAt),
    EndTime: state.endedAt === null ? undefined : formatInstant(state.endedAt),
    Code: state.error?.code,
    Message: state.error?.message,
    UserData: task.userData,
    Tags: task.tags,
  };
}
