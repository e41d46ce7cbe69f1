/**
 * The port through which everything else sees IMM: the reads, and the values that cross it, in camelCase.
 *
 * `OpenApiImmClient` implements it over HTTPS, `GuardedImmClient` wraps any implementation with limits and retries.
 * Implementations throw nothing but `GatewayError`s.
 *
 * @see GetTask and ListTasks of `@alicloud/imm20200930` 5.0.1
 */

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

/** What GetTask and the items of ListTasks have in common. Members that IMM left out are undefined. */
export interface ImmTaskFields {
  /** `Running`, `Succeeded`, `Failed`, in any case, or a word that nobody knows yet. */
  readonly status: string;
  /** Percent. Only ListTasks gives a real value. */
  readonly progress: number | undefined;
  /** The task's own error, not the request's. May be empty text. */
  readonly code: string | undefined;
  readonly message: string | undefined;
  /** RFC 3339, up to nine digits of seconds. */
  readonly startTime: string | undefined;
  readonly endTime: string | undefined;
  readonly userData: string | undefined;
  readonly tags: Readonly<Record<string, unknown>> | undefined;
  /** The parameters the task was created with, as text that is normally JSON. */
  readonly taskRequestDefinition: string | undefined;
}

/** A task as GetTask answers it. */
export interface ImmTask extends ImmTaskFields {
  readonly requestId: string | undefined;
  readonly eventId: string | undefined;
}

/** A task as ListTasks lists it: without event id and project. */
export interface ImmTaskInfo extends ImmTaskFields {
  readonly taskType: string;
  readonly taskId: string;
}

/** One page of ListTasks. */
export interface ImmTaskPage {
  readonly requestId: string | undefined;
  readonly tasks: readonly ImmTaskInfo[];
  /** Undefined on the last page. */
  readonly nextToken: string | undefined;
}

/** Whose turn it is when calls have to wait: the higher goes first. */
export const CallPriority = { progress: 0, confirmation: 1, query: 2 } as const;

/** How one call is to be made. */
export interface CallOptions {
  /** @default CallPriority.query */
  readonly priority?: number | undefined;
  /** Called before each attempt that is sent. */
  readonly onAttempt?: (() => void) | undefined;
}

/** The reads of IMM that the gateway makes. */
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
}
