/**
 * What IMM answers, without HTTP: the action and its parameters in, the members of the answer out. Called by
 * `http-door.ts` for genuine requests; reads the tasks that `emulator.ts` adds.
 */

import type { Clock } from "../clock.js";
import { API_VERSION, taskTypes } from "../imm/operations.js";
import { toTaskQuery } from "./list-query.js";
import { decodeParameters } from "./parameters.js";
import { Refusal, resourceNotFound, throttled } from "./refusal.js";
import { eventIdOf, formatInstant, type Task, taskAt, type TaskState } from "./task-life.js";
import type { ListedTask, TaskStore } from "./task-store.js";

/** A genuine request. */
export interface ServiceRequest {
  readonly action: string;
  readonly version: string;
  /** The texts by name, from the query and the form body alike. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** The members of an answer but for `RequestId`; undefined ones are left out. */
export type AnswerMembers = Readonly<Record<string, unknown>>;

/** How the service behaves. */
export interface ServiceSettings {
  readonly clock: Clock;
  /** One store per project; other projects do not exist. */
  readonly projects: ReadonlyMap<string, TaskStore>;
  readonly maxRequestsPerSecond: number;
  readonly progressInGetTask: boolean;
}

interface Window {
  readonly second: number;
  count: number;
}

/** The task APIs of IMM. */
export class ImmService {
  readonly #settings: ServiceSettings;
  /** The requests of the present second, by project. */
  readonly #windows = new Map<string, Window>();

  constructor(settings: ServiceSettings) {
    this.#settings = settings;
  }

  /**
   * The members of IMM's answer.
   *
   * @throws Refusal - when IMM would refuse the request
   */
  answer({ action, version, parameters }: ServiceRequest): AnswerMembers {
    this.#admit(parameters.get("ProjectName") ?? "");
    if (version !== API_VERSION) {
      throw new Refusal(400, "InvalidVersion", "Specified parameter Version is not valid.");
    }
    switch (action) {
      case "GetTask":
        return this.#getTask(parameters);
      case "ListTasks":
        return this.#listTasks(parameters);
      default:
        throw new Refusal(
          404,
          "InvalidAction.NotFound",
          "Specified api is not found, please check your url and method.",
        );
    }
  }

  #getTask(sent: ReadonlyMap<string, string>): AnswerMembers {
    const { ProjectName, TaskType, TaskId, RequestDefinition } = decodeParameters("GetTask", sent);
    const store = this.#project(ProjectName);
    const now = this.#settings.clock.now();
    const task = store.find(TaskId, now);
    if (task === undefined || task.taskType !== TaskType) throw resourceNotFound("TaskId");
    store.startIfWaiting(task, now);
    const state = taskAt(task, now);
    return {
      ProjectName,
      ...commonMembers(task, state),
      EventId: eventIdOf(task.taskId),
      Progress: this.#settings.progressInGetTask ? state.progress : undefined,
      TaskRequestDefinition:
        RequestDefinition && typesWithDefinition.has(task.taskType) ? task.requestDefinition : undefined,
    };
  }

  #listTasks(sent: ReadonlyMap<string, string>): AnswerMembers {
    const parameters = decodeParameters("ListTasks", sent);
    const store = this.#project(parameters.ProjectName);
    const page = store.page(toTaskQuery(parameters), this.#settings.clock.now());
    return {
      ProjectName: parameters.ProjectName,
      MaxResults: String(parameters.MaxResults),
      NextToken: page.nextToken ?? undefined,
      Tasks: page.items.map((item) => listItem(item, parameters.RequestDefinition)),
    };
  }

  #project(name: string): TaskStore {
    const store = this.#settings.projects.get(name);
    if (store === undefined) throw resourceNotFound("project");
    return store;
  }

  /** Counts the request against its project's budget. Windows are the clock's whole seconds. */
  #admit(projectName: string): void {
    if (!this.#settings.projects.has(projectName)) return;
    const second = Math.floor(this.#settings.clock.now() / 1_000);
    const present = this.#windows.get(projectName);
    const window = present?.second === second ? present : { second, count: 0 };
    this.#windows.set(projectName, window);
    window.count += 1;
    if (window.count > this.#settings.maxRequestsPerSecond) throw throttled();
  }
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
