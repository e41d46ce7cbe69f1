/**
 * IMM as a model in memory: for properties that need thousands of histories. What the wire adds is proven elsewhere,
 * against the emulator.
 */

import {
  NotFoundError,
  UpstreamThrottledError,
  UpstreamUnavailableError,
  type GatewayError,
} from "../../src/errors.js";
import type { GetTaskRequest, ImmClient, ImmTask, ImmTaskPage, ListTasksRequest } from "../../src/imm/imm-client.js";

interface ModelTask {
  status: "Running" | "Succeeded" | "Failed";
  progress: number;
}

export type ModelFailure = "throttle" | "outage";

export class ModelClient implements ImmClient {
  readonly tasks = new Map<string, ModelTask>();
  readonly calls: { readonly action: "GetTask" | "ListTasks"; readonly taskId: string | null }[] = [];
  /** What becomes of the next calls, one by one; then they succeed. */
  readonly failures: ModelFailure[] = [];
  readonly #pageSize: number;

  /** @param pageSize - items on a page, however many are asked for: small ones make many pages. */
  constructor(pageSize: number) {
    this.#pageSize = pageSize;
  }

  async getTask({ taskId }: GetTaskRequest): Promise<ImmTask> {
    this.calls.push({ action: "GetTask", taskId });
    this.#fail();
    const task = this.tasks.get(taskId);
    if (task === undefined) throw new NotFoundError("No such task.");
    return { ...toFields(task), progress: undefined, requestId: "get", eventId: "event" };
  }

  async listTasks({ status, nextToken = "" }: ListTasksRequest): Promise<ImmTaskPage> {
    this.calls.push({ action: "ListTasks", taskId: null });
    this.#fail();
    const rest = [...this.tasks]
      .filter(([taskId, task]) => taskId > nextToken && (status === undefined || task.status === status))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    const page = rest.slice(0, this.#pageSize);
    return {
      requestId: "list",
      tasks: page.map(([taskId, task]) => ({ ...toFields(task), taskId, taskType: "T" })),
      nextToken: rest.length > page.length ? page.at(-1)?.[0] : undefined,
    };
  }

  #fail(): void {
    const failure = this.failures.shift();
    if (failure !== undefined) throw toError(failure);
  }
}

function toError(failure: ModelFailure): GatewayError {
  return failure === "throttle" ? new UpstreamThrottledError("Slow down.") : new UpstreamUnavailableError("Down.");
}

function toFields({ status, progress }: ModelTask): Omit<ImmTask, "requestId" | "eventId"> {
  return {
    status,
    progress,
    code: undefined,
    message: undefined,
    startTime: "2026-01-15T08:00:00Z",
    endTime: undefined,
    userData: undefined,
    tags: undefined,
    taskRequestDefinition: undefined,
  };
}
