/**
 * The emulator without its sockets, behind the real client: for properties that need thousands of histories. What HTTP
 * adds is proven elsewhere.
 */

import {
  NotFoundError,
  UpstreamThrottledError,
  UpstreamUnavailableError,
  type GatewayError,
} from "../../src/errors.js";
import { Refusal } from "../../src/emulator/refusal.js";
import { ImmService } from "../../src/emulator/imm-service.js";
import { taskAt, type Task } from "../../src/emulator/task-life.js";
import { TaskStore } from "../../src/emulator/task-store.js";
import { OpenApiImmClient, type OpenApi } from "../../src/imm/wire/openapi-client.js";
import type { ManualClock } from "./manual-clock.js";

export type InjectedFailure = "throttle" | "outage";

/** One call that was made. */
export interface EmulatedCall {
  readonly action: string;
  readonly taskId: string | null;
  /** Whether it lists what runs. */
  readonly isOfRunning: boolean;
}

export const PROJECT = "immtest";
export const TASK_TYPE = "FileCompression";

export class EmulatedImmClient extends OpenApiImmClient {
  readonly calls: EmulatedCall[] = [];
  /** What becomes of the next calls, one by one; then they succeed. */
  readonly failures: InjectedFailure[] = [];
  readonly #tasks = new Map<string, Task>();
  readonly #store: TaskStore;
  readonly #clock: ManualClock;

  /** @param maxPage - items on a page, however many are asked for: small ones make many pages. */
  constructor(clock: ManualClock, maxPage: number) {
    const store = new TaskStore();
    const service = new ImmService({
      clock,
      projects: new Map([[PROJECT, store]]),
      maxRequestsPerSecond: Infinity,
      progressInGetTask: false,
    });
    const openApi: OpenApi = {
      callApi: async ({ action, version }, { query = {} }) => {
        this.calls.push({ action, taskId: query["TaskId"] ?? null, isOfRunning: query["Status"] === "Running" });
        const failure = this.failures.shift();
        if (failure !== undefined) throw toError(failure);
        const sent = { query: new Map(Object.entries(query)), form: new Map<string, string>() };
        if (sent.query.has("MaxResults")) sent.query.set("MaxResults", String(maxPage));
        try {
          return { statusCode: 200, body: { RequestId: "emulated", ...service.answer({ action, version, sent }) } };
        } catch (thrown) {
          // Of a project or a task that is not there.
          throw thrown instanceof Refusal ? new NotFoundError(thrown.message) : thrown;
        }
      },
    };
    super({ openApi, callTimeoutMs: 1_000 });
    this.#store = store;
    this.#clock = clock;
  }

  start(taskId: string, startedAgoMs: number): void {
    const startedAt = this.#clock.now() - startedAgoMs;
    const task: Task = {
      projectName: PROJECT,
      taskType: TASK_TYPE,
      taskId,
      durationMs: Infinity,
      pace: "steady",
      requestDefinition: undefined,
      userData: undefined,
      tags: undefined,
      startedAt,
      endsAt: Infinity,
      outcome: { status: "Succeeded" },
      pinnedProgress: 0,
    };
    this.#tasks.set(taskId, task);
    this.#store.add(task, startedAt);
  }

  isRunning(taskId: string): boolean {
    const task = this.#tasks.get(taskId);
    return task !== undefined && taskAt(task, this.#clock.now()).status === "Running";
  }

  /** Harmless for a task that has ended. */
  move(taskId: string, by: number): void {
    const task = this.#tasks.get(taskId);
    if (task !== undefined && this.isRunning(taskId)) {
      task.pinnedProgress = Math.min(99, (task.pinnedProgress ?? 0) + by);
    }
  }

  /** Harmless for a task that has ended. */
  end(taskId: string, status: "Succeeded" | "Failed"): void {
    const task = this.#tasks.get(taskId);
    if (task === undefined || !this.isRunning(taskId)) return;
    const outcome = status === "Succeeded" ? { status } : { status, code: "InternalError", message: "It failed." };
    this.#store.end(task, outcome, this.#clock.now());
  }
}

function toError(failure: InjectedFailure): GatewayError {
  return failure === "throttle" ? new UpstreamThrottledError("Slow down.") : new UpstreamUnavailableError("Down.");
}
