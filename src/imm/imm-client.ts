/**
 * The port through which everything else sees IMM: the reads, the creates, and the values that cross it, in camelCase.
 *
 * `OpenApiImmClient` implements it over HTTPS, `GuardedImmClient` wraps any implementation with limits and retries.
 * Implementations throw nothing but `GatewayError`s.
 *
 * @see GetTask, ListTasks, Create…Task and Get…Result of `@alicloud/imm20200930` 5.0.1
 */

import type { GatewayError } from "../errors.js";
import type { Cause } from "../observe.js";
import type { CreateAction, models } from "./operations/operations.js";

/** What GetTask asks for. All three names are needed to find a task. */
export interface GetTaskRequest {
  readonly projectName: string;
  readonly taskType: string;
  readonly taskId: string;
  /** Whether IMM shall add the request definition; honoured for 12 task types only. Left out of the call when false. */
  readonly requestDefinition?: boolean;
}

/** A range of instants, RFC 3339. Whether IMM includes the bounds is not documented. */
export interface TimeRange {
  readonly start?: string;
  readonly end?: string;
}

/** What ListTasks asks for. There is no filter by task id. */
export interface ListTasksRequest {
  readonly projectName: string;
  readonly taskTypes?: readonly string[];
  readonly status?: "Running" | "Succeeded" | "Failed";
  readonly startTimeRange?: TimeRange;
  readonly endTimeRange?: TimeRange;
  /** `key=value`, matched against the tags given at creation. */
  readonly tagSelector?: string;
  /** @default "TaskId" */
  readonly sort?: "TaskId" | "StartTime" | "EndTime";
  /** @default "asc" */
  readonly order?: "asc" | "desc";
  /** Page size, 1 to 100. @default 100 */
  readonly maxResults?: number;
  readonly nextToken?: string;
  readonly requestDefinition?: boolean;
}

/** A member of an answer: undefined where IMM left it out, an error where it is not of the documented shape. */
export type Given<T> = T | undefined | GatewayError;

/** What the table says of an item of ListTasks. GetTask answers the same. */
type ListedMembers = typeof models.TaskInfo.members;

/** The type of a member, by its row. */
type TypeOf<Row> = Row extends { readonly type: "string" }
  ? string
  : Row extends { readonly type: "integer" }
    ? number
    : Readonly<Record<string, unknown>>;

/**
 * What GetTask and the items of ListTasks have in common: each member of the row `TaskInfo` in `operations/`, so `startTime`
 * is IMM's `StartTime`. Of `progress` only ListTasks gives a real value; `code` and `message` are the task's own error, not
 * the request's, and may be empty; times are RFC 3339 with up to nine digits of seconds; `tags` are nested at most
 * `MAX_JSON_DEPTH` deep; `taskRequestDefinition` is text that is normally JSON.
 */
export type ImmTaskFields = {
  readonly [Name in Exclude<keyof ListedMembers, "TaskId" | "TaskType" | "Status"> as Uncapitalize<Name>]?: Given<
    TypeOf<ListedMembers[Name]>
  >;
} & {
  /** `Running`, `Succeeded`, `Failed`, in any case, or a word that is not known yet. Empty where a list says nothing. */
  readonly status: string;
};

export interface ImmTask extends ImmTaskFields {
  readonly requestId: string | undefined;
  readonly eventId: Given<string>;
}

/** A task as ListTasks lists it: without event id and project. */
export interface ImmTaskInfo extends ImmTaskFields {
  readonly taskType: string;
  readonly taskId: string;
}

/** One page of ListTasks, without the items that do not say which task they are. */
export interface ImmTaskPage {
  readonly requestId: string | undefined;
  readonly tasks: readonly ImmTaskInfo[];
  /** Undefined on the last page. */
  readonly nextToken: string | undefined;
}

/** What a task is created with, in IMM's spelling. The table says which members an action takes. */
export type CreateTaskInput = Readonly<Record<string, unknown>> & { readonly ProjectName: string };

export interface CreateTaskRequest {
  readonly action: CreateAction;
  /** Has passed `checkInput`. */
  readonly input: CreateTaskInput;
}

/** A task that IMM has accepted. */
export interface CreatedTask {
  readonly taskId: string;
  readonly eventId: string | undefined;
  readonly requestId: string | undefined;
}

/** Which task's outcome to read, of one of the types that have a result operation. */
export type GetResultRequest = Omit<GetTaskRequest, "requestDefinition">;

/**
 * What a result operation answers: the members of its row in the table, in the schema's spelling, the outcome among them.
 * Members that IMM left out are absent; one that is not of the documented shape is a GatewayError in its place.
 */
export type ImmTaskResult = Readonly<Record<string, unknown>>;

/** Whose turn it is when calls have to wait: the higher goes first, and leaves the others one turn in five. */
export const CallPriority = { progress: 0, confirmation: 1, query: 2 } as const;

/** How one call is to be made. */
export interface CallOptions {
  /** @default CallPriority.query */
  readonly priority?: number | undefined;
  /** Called before each attempt that is sent. */
  readonly onAttempt?: (() => void) | undefined;
  /** What it is made for, where that is traced. */
  readonly cause?: Cause | undefined;
  /** Aborted when the call is given up: nothing more of its answer is read, and its connection is closed. */
  readonly signal?: AbortSignal | undefined;
}

/** The calls of IMM that the gateway makes. */
export interface ImmClient {
  /**
   * Fetches one task.
   *
   * @throws NotFoundError - when IMM knows no such project or task, or the task is older than seven days.
   * @throws GatewayError - see `errors.ts` for the other outcomes.
   */
  getTask(request: GetTaskRequest, options?: CallOptions): Promise<ImmTask>;
  /**
   * Fetches one page of a project's tasks, at most 100.
   *
   * @throws NotFoundError - when IMM knows no such project.
   */
  listTasks(request: ListTasksRequest, options?: CallOptions): Promise<ImmTaskPage>;
  /**
   * Reads what one task came to.
   *
   * @throws BadUserInputError - when tasks of this type have no result to read.
   * @throws NotFoundError - when IMM knows no such project or task, or the task is older than seven days.
   */
  getResult(request: GetResultRequest, options?: CallOptions): Promise<ImmTaskResult>;
  /**
   * Starts one task. IMM has no token that would make a repeated create harmless: the error's `mayHaveArrived` says
   * whether a task may have been started all the same.
   *
   * @throws NotFoundError - when IMM knows no such project.
   */
  createTask(request: CreateTaskRequest, options?: CallOptions): Promise<CreatedTask>;
}
