/**
 * An HTTP server that speaks the wire protocol of IMM's task APIs, so that everything runs without an account.
 *
 * `startEmulator` joins the parts and returns the handle with which tests, benchmarks and the command line drive it:
 * tasks are added, or created by clients, with their whole life planned, and time does the rest. The answers are made in `imm-service.ts`,
 * the HTTP side in `imm-http-server.ts`. Nothing here ever calls out.
 */

import { type Clock, systemClock } from "../clock.js";
import { ConfigurationError } from "../errors.js";
import { Authenticator } from "./authenticator.js";
import { CallLog, type ReceivedCall } from "./call-log.js";
import type { LifePlanner } from "./created-tasks.js";
import { type FaultRule, Faults } from "./faults.js";
import { ImmHttpServer } from "./imm-http-server.js";
import { ImmService } from "./imm-service.js";
import { type Task, taskAt, type TaskIdentity, type TaskOutcome } from "./task-life.js";
import { type NewTask, planTask } from "./task-plan.js";
import { TaskStore } from "./task-store.js";

export type { ReceivedCall } from "./call-log.js";
export type { CreateRequest, LifePlanner, TaskLife } from "./created-tasks.js";
export type { FaultKind, FaultRule } from "./faults.js";
export type { Pace, TaskOutcome } from "./task-life.js";
export { EMULATOR_REGION } from "./names.js";
export type { NewTask } from "./task-plan.js";

/** How the emulator behaves. */
export interface EmulatorOptions {
  /** Where time and chance come from. @default systemClock */
  readonly clock?: Clock;
  /** The address to listen on. @default "127.0.0.1" */
  readonly host?: string;
  /** The port to listen on; 0 takes any free one. @default 0 */
  readonly port?: number;
  /** The only access key that is known. @default "emulator" */
  readonly accessKeyId?: string;
  /** Its secret, with which requests must be signed. @default "emulator" */
  readonly accessKeySecret?: string;
  /** When set, every request must carry this STS token. @default a token is neither required nor looked at */
  readonly securityToken?: string;
  /**
   * How far a request's date may be off the emulator's clock, before or after. `Infinity` suits tests that move a clock
   * by hand while the client signs with the machine's time.
   *
   * @default 900_000 // 15 minutes, as at IMM
   */
  readonly maxClockSkewMs?: number;
  /** The projects that exist; any other is `ResourceNotFound`. @default ["immtest"] */
  readonly projects?: readonly string[];
  /** Requests of one project in one second; those above are refused with `Throttling.User`. @default 100 */
  readonly maxRequestsPerSecond?: number;
  /** Answers GetTask with `Progress`, as IMM did before June 2026. @default false */
  readonly progressInGetTask?: boolean;
  /** Divides the durations of the tasks added or created: 10 makes them ten times faster. @default 1 */
  readonly timeScale?: number;
  /**
   * How the tasks that clients create live; called for each, after the request has passed all checks. What it leaves out
   * is as by default: some seconds, as long as suits the type; success, or `ResourceNotFound` after two seconds when the
   * name of a source object holds "missing"; a plausible result.
   *
   * @example createdTasks: () => ({ durationMs: Infinity }) // until finishTask or failTask
   */
  readonly createdTasks?: LifePlanner;
}

/** A task that was added. The members are live: they change when the task starts, is finished or failed. */
export interface EmulatedTask extends TaskIdentity {
  /** Milliseconds since the epoch; `Infinity` while it waits to be seen. */
  readonly startedAt: number;
  /** When it ends or ended, in milliseconds since the epoch; `Infinity` when only a drive method will end it. */
  readonly endsAt: number;
  readonly outcome: TaskOutcome;
}

/** A running emulator. The drive methods act at once, at the clock's present time. */
export interface Emulator {
  /** For example `http://127.0.0.1:49152`. */
  readonly url: string;
  /**
   * Every request received, in the order of arrival, refused and faulted ones among them. A live array: it grows as
   * requests arrive, and drops the oldest beyond 100,000.
   */
  readonly calls: readonly ReceivedCall[];
  /** The most requests that were in flight at once, since the start or the last `clearCalls`. */
  readonly maxConcurrentCalls: number;
  /** Empties `calls` and measures `maxConcurrentCalls` anew. */
  clearCalls(): void;
  /**
   * Adds a task.
   *
   * @throws Error - when the project does not exist or the id is taken
   * @throws RangeError - when a number is out of its range
   */
  addTask(task: NewTask): EmulatedTask;
  /** Lets a running task succeed now. @throws Error - when there is no such task or it is not running */
  finishTask(taskId: string): void;
  /**
   * Lets a running task fail now, with the progress it has.
   *
   * @param code the task's own error code. @default "InternalError"
   * @throws Error - when there is no such task or it is not running
   */
  failTask(taskId: string, code?: string, message?: string): void;
  /**
   * Shows this progress, 0 to 100, until it is set again, whatever the time. The task keeps running until its duration
   * is over or it is finished or failed explicitly.
   *
   * @throws Error - when there is no such task or it is not running
   */
  setProgress(taskId: string, progress: number): void;
  /** Removes a task, as if its seven days were over. @throws Error - when there is no such task */
  forgetTask(taskId: string): void;
  /** Makes calls go wrong. Several rules work side by side, see `FaultRule.rate`. @returns removes the rule */
  injectFault(rule: FaultRule): () => void;
  /** Removes every fault rule. Calls that are stalled or delayed stay so. */
  clearFaults(): void;
  /** Stops listening, cuts every connection and cancels every timer. Calling it again changes nothing. */
  close(): Promise<void>;
}

/**
 * Starts an emulator that has no tasks yet.
 *
 * @throws ConfigurationError - when an option is out of its range, or the address cannot be used
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const {
    clock = systemClock,
    host = "127.0.0.1",
    port = 0,
    accessKeyId = "emulator",
    accessKeySecret = "emulator",
    securityToken,
    maxClockSkewMs = 900_000,
    projects = ["immtest"],
    maxRequestsPerSecond = 100,
    progressInGetTask = false,
    timeScale = 1,
    createdTasks,
  } = options;
  checkOptions({ port, projects, maxClockSkewMs, maxRequestsPerSecond, timeScale });
  const stores = new Map(projects.map((name) => [name, new TaskStore()]));
  const faults = new Faults(clock);
  const log = new CallLog();
  const server = new ImmHttpServer({
    clock,
    authenticator: new Authenticator({ accessKeyId, accessKeySecret, securityToken, maxClockSkewMs }, clock),
    service: new ImmService({
      clock,
      projects: stores,
      maxRequestsPerSecond,
      progressInGetTask,
      timeScale,
      createdTasks,
    }),
    faults,
    log,
  });
  const url = await server.open(host, port);
  const tasks = new DrivenTasks(stores, timeScale, clock);
  return {
    url,
    calls: log.calls,
    get maxConcurrentCalls() {
      return log.maxInFlight;
    },
    clearCalls: () => log.clear(),
    addTask: (task) => tasks.add(task),
    finishTask: (taskId) => tasks.finish(taskId),
    failTask: (taskId, code, message) => tasks.fail(taskId, code, message),
    setProgress: (taskId, progress) => tasks.setProgress(taskId, progress),
    forgetTask: (taskId) => tasks.forget(taskId),
    injectFault: (rule) => faults.inject(rule),
    clearFaults: () => faults.clear(),
    close: async () => server.close(),
  };
}

type CheckedOption = "port" | "projects" | "maxClockSkewMs" | "maxRequestsPerSecond" | "timeScale";

function checkOptions({ projects, ...numbers }: Required<Pick<EmulatorOptions, CheckedOption>>): void {
  const { port, maxClockSkewMs, maxRequestsPerSecond, timeScale } = numbers;
  if (projects.length === 0) throw new ConfigurationError("Expected `projects` to name at least one project, got none");
  const checks = [
    ["port", Number.isInteger(port) && port >= 0 && port <= 65_535, "an integer from 0 to 65535"],
    ["maxClockSkewMs", maxClockSkewMs >= 0, "0 or more"],
    ["maxRequestsPerSecond", maxRequestsPerSecond >= 1, "1 or more"],
    ["timeScale", timeScale > 0 && timeScale < Infinity, "above 0 and finite"],
  ] as const;
  for (const [name, isRight, expected] of checks) {
    if (!isRight) throw new ConfigurationError(`Expected \`${name}\` to be ${expected}, got \`${numbers[name]}\``);
  }
}

interface FoundTask {
  readonly task: Task;
  readonly store: TaskStore;
}

/** The tasks as the drive methods change them, at the clock's present time. */
class DrivenTasks {
  readonly #stores: ReadonlyMap<string, TaskStore>;
  readonly #timeScale: number;
  readonly #clock: Clock;

  constructor(stores: ReadonlyMap<string, TaskStore>, timeScale: number, clock: Clock) {
    this.#stores = stores;
    this.#timeScale = timeScale;
    this.#clock = clock;
  }

  add(newTask: NewTask): EmulatedTask {
    const [firstProject] = this.#stores.keys();
    const projectName = newTask.projectName ?? firstProject ?? "";
    const store = this.#stores.get(projectName);
    if (store === undefined) throw new Error(`The emulator has no project \`${projectName}\``);
    const now = this.#clock.now();
    const task = planTask(newTask, projectName, this.#timeScale, now);
    if (this.#find(task.taskId) !== undefined) throw new Error(`The emulator already has a task \`${task.taskId}\``);
    store.add(task, now);
    return task;
  }

  finish(taskId: string): void {
    const { task, store } = this.#running(taskId);
    store.end(task, { status: "Succeeded" }, this.#clock.now());
  }

  fail(taskId: string, code = "InternalError", message = "The task failed."): void {
    const { task, store } = this.#running(taskId);
    const now = this.#clock.now();
    const atProgress = taskAt(task, now).progress;
    store.end(task, { status: "Failed", code, message, atProgress }, now);
  }

  setProgress(taskId: string, progress: number): void {
    if (!Number.isInteger(progress) || progress < 0 || progress > 100) {
      throw new RangeError(`Expected \`progress\` to be an integer from 0 to 100, got \`${progress}\``);
    }
    this.#running(taskId).task.pinnedProgress = progress;
  }

  forget(taskId: string): void {
    const { task, store } = this.#require(taskId);
    store.forget(task);
  }

  #find(taskId: string): FoundTask | undefined {
    const now = this.#clock.now();
    for (const store of this.#stores.values()) {
      const task = store.find(taskId, now);
      if (task !== undefined) return { task, store };
    }
    return undefined;
  }

  #require(taskId: string): FoundTask {
    const found = this.#find(taskId);
    if (found === undefined) throw new Error(`The emulator has no task \`${taskId}\``);
    return found;
  }

  /** A final state never changes, and a task that waits to be seen has none to change yet. */
  #running(taskId: string): FoundTask {
    const found = this.#require(taskId);
    const { task } = found;
    if (task.startedAt === Infinity) throw new Error(`The task \`${taskId}\` has not started`);
    const { status } = taskAt(task, this.#clock.now());
    if (status !== "Running") throw new Error(`The task \`${taskId}\` has already ended: ${status}`);
    return found;
  }
}
