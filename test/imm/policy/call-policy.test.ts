import { beforeEach, describe, expect, it } from "@jest/globals";
import {
  BadUserInputError,
  ForbiddenError,
  GatewayError,
  NotFoundError,
  UpstreamInvalidResponseError,
  UpstreamMisconfiguredError,
  UpstreamRejectedError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
} from "../../../src/errors.js";
import { GuardedImmClient } from "../../../src/imm/policy/call-policy.js";
import {
  CallPriority,
  type CreatedTask,
  type CreateTaskRequest,
  type GetResultRequest,
  type GetTaskRequest,
  type ImmClient,
  type ImmTask,
  type ImmTaskPage,
  type ImmTaskResult,
  type ListTasksRequest,
} from "../../../src/imm/imm-client.js";
import { WireShapeError } from "../../../src/imm/wire/wire.js";
import { ManualClock } from "../../support/manual-clock.js";
import { RecordingLogger } from "../../support/recording-logger.js";
import { completeOptions, type GivenOptions } from "../../../src/options/options.js";

const request: GetTaskRequest = { projectName: "p", taskType: "FileCompression", taskId: "t" };

const task: ImmTask = {
  status: "Running",
  requestId: "R",
  eventId: undefined,
};

const createRequest: CreateTaskRequest = {
  action: "CreateFigureClusteringTask",
  input: { ProjectName: "p", DatasetName: "d" },
};

const created: CreatedTask = { taskId: "t", eventId: undefined, requestId: "R" };

const result: ImmTaskResult = { content: "c" };

const page: ImmTaskPage = { requestId: "R", tasks: [], nextToken: undefined };

/** One call that has reached the client and waits for the test to answer it. */
interface OpenCall {
  readonly projectName: string;
  succeed(): void;
  fail(error: Error): void;
}

/** A client that keeps every call open until the test answers it, unless `answer` has one ready. */
class HeldClient implements ImmClient {
  /** When each call started, in the order of their start. */
  readonly started: { readonly projectName: string; readonly at: number }[] = [];
  readonly open: OpenCall[] = [];
  maxInFlight = 0;
  /** Answers the n-th call (from 0) at once: with a task, or by failing. Undefined holds it. */
  answer: (call: number) => "succeed" | Error | undefined = () => undefined;

  async getTask({ projectName }: GetTaskRequest): Promise<ImmTask> {
    await this.#hold(projectName);
    return task;
  }

  async listTasks({ projectName }: ListTasksRequest): Promise<ImmTaskPage> {
    await this.#hold(projectName);
    return page;
  }

  async getResult({ projectName }: GetResultRequest): Promise<ImmTaskResult> {
    await this.#hold(projectName);
    return result;
  }

  async createTask({ input }: CreateTaskRequest): Promise<CreatedTask> {
    await this.#hold(input.ProjectName);
    return created;
  }

  startsOf(projectName: string): number[] {
    return this.started.filter((call) => call.projectName === projectName).map(({ at }) => at);
  }

  async #hold(projectName: string): Promise<void> {
    const ready = this.answer(this.started.length);
    this.started.push({ projectName, at: clock.now() });
    if (ready === "succeed") return;
    if (ready !== undefined) throw ready;
    await new Promise<void>((resolve, reject) => {
      const call: OpenCall = { projectName, succeed: () => end(resolve), fail: (error) => end(() => reject(error)) };
      const end = (settle: () => void): void => {
        this.open.splice(this.open.indexOf(call), 1);
        settle();
      };
      this.open.push(call);
      this.maxInFlight = Math.max(this.maxInFlight, this.open.length);
    });
  }
}

let held: HeldClient;
let clock: ManualClock;
let guarded: GuardedImmClient;

function guard(given: GivenOptions = {}): GuardedImmClient {
  guarded = new GuardedImmClient(held, { limits: completeOptions(given, false), clock });
  return guarded;
}

/** What a call came to: its value, its error, or that it is still under way. */
interface Outcome {
  readonly state: "pending" | "done" | "failed";
  readonly error?: unknown;
}

/** Starts calls and keeps what becomes of each. */
function follow(calls: readonly Promise<unknown>[]): Outcome[] {
  const outcomes: Outcome[] = calls.map(() => ({ state: "pending" }));
  calls.forEach((call, index) => {
    const keep = (outcome: Outcome): void => void (outcomes[index] = outcome);
    call.then(
      () => keep({ state: "done" }),
      (error: unknown) => keep({ state: "failed", error }),
    );
  });
  return outcomes;
}

function getTasks(client: ImmClient, count: number, projectName = "p"): Promise<ImmTask>[] {
  return Array.from({ length: count }, async () => client.getTask({ ...request, projectName }));
}

/** The error of the one call that must have failed by now. */
function errorOf([outcome]: readonly Outcome[]): GatewayError {
  if (outcome?.error instanceof GatewayError) return outcome.error;
  throw new Error(`Expected a failed call, got ${JSON.stringify(outcome)}`);
}

/** Lets time pass, and the promises behind it settle. */
async function pass(ms: number): Promise<void> {
  await clock.advance(0);
  await clock.advance(ms);
}

/** Most starts within any window of `windowMs`, its end excluded. */
function mostWithin(windowMs: number, starts: readonly number[]): number {
  return Math.max(...starts.map((from) => starts.filter((at) => at >= from && at < from + windowMs).length));
}

function countOf(outcomes: readonly Outcome[], state: Outcome["state"]): number {
  return outcomes.filter((outcome) => outcome.state === state).length;
}

beforeEach(() => {
  clock = new ManualClock();
  held = new HeldClient();
});

it("passes the request on and the answer back", async () => {
  const client = guard();
  held.answer = () => "succeed";
  expect(await client.getTask(request)).toBe(task);
  expect(await client.listTasks({ projectName: "p" })).toBe(page);
  expect(await client.getResult(request)).toBe(result);
  expect(await client.createTask(createRequest)).toBe(created);
  expect(held.started.map(({ projectName }) => projectName)).toEqual(["p", "p", "p", "p"]);
});

it("fails with what the client fails with, whatever that is", async () => {
  const client = guard();
  for (const reason of [new DOMException("gone", "AbortError"), new Error("odd"), { code: 1 }]) {
    held.answer = () => reason as Error;
    const failed = await client.getTask(request).catch((thrown: unknown) => thrown);
    expect(failed).toBe(reason);
  }
});

describe("calls in flight", () => {
  it("are never more than maxConcurrentCalls, over all projects", async () => {
    const client = guard({ maxConcurrentCalls: 3, maxCallsPerSecond: 1_000 });
    const outcomes = follow([...getTasks(client, 4, "p"), ...getTasks(client, 4, "q")]);
    await pass(0);
    expect(held.open).toHaveLength(3);
    for (let answered = 1; answered <= 8; answered += 1) {
      held.open[0]?.succeed();
      await pass(0);
      expect(held.open).toHaveLength(Math.min(3, 8 - answered));
    }
    expect(held.maxInFlight).toBe(3);
    expect(held.started).toHaveLength(8);
    expect(countOf(outcomes, "done")).toBe(8);
  });

  it("give their place up when they fail, and when their deadline passes", async () => {
    const client = guard({ maxConcurrentCalls: 1, maxRetries: 0, callTimeoutMs: 100 });
    const outcomes = follow(getTasks(client, 3));
    await pass(0);
    held.open[0]?.fail(new NotFoundError("gone"));
    await pass(0);
    expect(held.started).toHaveLength(2);
    await pass(100);
    expect(held.started).toHaveLength(3);
    held.open.at(-1)?.succeed();
    await pass(0);
    expect(outcomes.map(({ state }) => state)).toEqual(["failed", "failed", "done"]);
  });
});

describe("the budget of a project", () => {
  it("starts never more than maxCallsPerSecond calls in any rolling second", async () => {
    const client = guard({ maxCallsPerSecond: 5, maxConcurrentCalls: 100 });
    held.answer = () => "succeed";
    // Bursts that straddle whole seconds: a window that begins anew every second would let twice as many through.
    const outcomes: Outcome[][] = [];
    for (const [waitMs, calls] of [
      [900, 3],
      [50, 4],
      [100, 6],
      [700, 1],
      [420, 9],
      [2_500, 7],
    ] as const) {
      await pass(waitMs);
      outcomes.push(follow(getTasks(client, calls)));
    }
    for (let step = 0; step < 100; step += 1) await pass(50);
    expect(held.started).toHaveLength(30);
    expect(countOf(outcomes.flat(), "done")).toBe(30);
    expect(mostWithin(1_000, held.startsOf("p"))).toBe(5);
  });

  it("lets a burst of its own size through at once, and one more call a second later", async () => {
    const client = guard({ maxCallsPerSecond: 4 });
    held.answer = () => "succeed";
    const outcomes = follow(getTasks(client, 5));
    await pass(0);
    expect(held.started).toHaveLength(4);
    await pass(999);
    expect(held.started).toHaveLength(4);
    await pass(1);
    expect(held.started).toHaveLength(5);
    expect(countOf(outcomes, "done")).toBe(5);
  });

  it("is its own: another project's calls do not wait for it", async () => {
    const client = guard({ maxCallsPerSecond: 2 });
    held.answer = () => "succeed";
    const outcomes = follow([...getTasks(client, 6, "p"), ...getTasks(client, 2, "q")]);
    await pass(0);
    expect(held.startsOf("p")).toHaveLength(2);
    expect(held.startsOf("q")).toHaveLength(2);
    await pass(2_000);
    expect(countOf(outcomes, "done")).toBe(8);
  });

  it("counts both operations and every retry", async () => {
    const client = guard({ maxCallsPerSecond: 2, retryDelayMs: 1, maxRetries: 3 });
    held.answer = (call) => (call < 2 ? new UpstreamUnavailableError("down") : "succeed");
    const outcomes = follow([client.getTask(request), client.listTasks({ projectName: "p" })]);
    await pass(500);
    expect(held.started).toHaveLength(2);
    await pass(500);
    expect(held.started).toHaveLength(4);
    await pass(1);
    expect(countOf(outcomes, "done")).toBe(2);
    expect(mostWithin(1_000, held.startsOf("p"))).toBe(2);
  });

  it("holds for the calls that start, not for those that begin to wait for a place", async () => {
    const client = guard({ maxCallsPerSecond: 5, maxConcurrentCalls: 20, callTimeoutMs: 60_000 });
    follow([...getTasks(client, 5, "a"), ...getTasks(client, 5, "b"), ...getTasks(client, 5, "c")]);
    follow(getTasks(client, 5, "d"));
    await pass(0);
    expect(held.open).toHaveLength(20);
    follow(getTasks(client, 20, "p"));
    await pass(5_000);
    expect(held.startsOf("p")).toHaveLength(0);
    for (const call of held.open.slice()) call.succeed();
    for (let step = 0; step < 100; step += 1) {
      await pass(100);
      for (const call of held.open.slice()) call.succeed();
    }
    expect(held.startsOf("p")).toHaveLength(20);
    expect(mostWithin(1_000, held.startsOf("p"))).toBeLessThanOrEqual(5);
  });

  it("refuses the call after maxQueuedCalls at once, and says when to come back", async () => {
    const client = guard({ maxCallsPerSecond: 2, maxQueuedCalls: 3 });
    held.answer = () => "succeed";
    const waiting = follow(getTasks(client, 5));
    await pass(0);
    const refused = follow(getTasks(client, 1));
    const other = follow(getTasks(client, 1, "q"));
    await pass(0);
    expect(errorOf(refused)).toBeInstanceOf(UpstreamThrottledError);
    expect(errorOf(refused).toExtensions()).toEqual({ code: "UPSTREAM_THROTTLED", retryAfterMs: 1_500 });
    expect(errorOf(refused).message).toBe("The gateway's own budget of calls for this project is spent.");
    expect(countOf(other, "done")).toBe(1);
    await pass(2_000);
    expect(countOf(waiting, "done")).toBe(5);
    // Neither the refused call nor a retry of it ever reached the client.
    await pass(60_000);
    expect(held.startsOf("p")).toHaveLength(5);
  });

  it("counts the calls of each urgency by themselves: those that watch keep no query out, nor the other way round", async () => {
    const client = guard({ maxCallsPerSecond: 2, maxQueuedCalls: 3 });
    held.answer = () => "succeed";
    const ofUrgency = (priority: number): Outcome[] =>
      follow(Array.from({ length: 4 }, async () => client.getTask(request, { priority })));
    follow(getTasks(client, 2));
    await pass(0);
    const outcomes = Object.values(CallPriority).map(ofUrgency);
    await pass(10_000);
    expect(outcomes.map((each) => [countOf(each, "done"), countOf(each, "failed")])).toEqual([
      [3, 1],
      [3, 1],
      [3, 1],
    ]);
  });

  it("bounds the calls that wait for a place in flight as well", async () => {
    const client = guard({ maxCallsPerSecond: 1_000, maxConcurrentCalls: 1, maxQueuedCalls: 3, callTimeoutMs: 60_000 });
    const outcomes = follow(getTasks(client, 10));
    await pass(0);
    expect(held.open).toHaveLength(1);
    expect(countOf(outcomes, "failed")).toBeGreaterThanOrEqual(5);
    expect(outcomes.filter(({ error }) => error instanceof UpstreamThrottledError)).toHaveLength(
      countOf(outcomes, "failed"),
    );
  });
});

describe("an IMM that throttles", () => {
  it("is asked no more in that second, and half as often in the next ones", async () => {
    const client = guard({ maxCallsPerSecond: 10, maxRetries: 0 });
    held.answer = (call) => (call === 3 ? new UpstreamThrottledError("slow down") : "succeed");
    follow(getTasks(client, 4));
    await pass(0);
    follow(getTasks(client, 20));
    await pass(999);
    expect(held.started).toHaveLength(4);
    await pass(1);
    expect(held.started).toHaveLength(6);
    await pass(1_000);
    expect(held.started).toHaveLength(9);
  });
});

describe("the deadline", () => {
  it("ends a silent call with UPSTREAM_TIMEOUT", async () => {
    const outcomes = follow(getTasks(guard({ callTimeoutMs: 5_000, maxRetries: 0 }), 1));
    await pass(4_999);
    expect(countOf(outcomes, "pending")).toBe(1);
    await pass(1);
    expect(errorOf(outcomes)).toBeInstanceOf(UpstreamTimeoutError);
    expect(errorOf(outcomes).message).toBe("IMM did not answer in time.");
    expect(held.started).toHaveLength(1);
  });

  it("is followed by a retry", async () => {
    const outcomes = follow(getTasks(guard({ callTimeoutMs: 5_000, maxRetries: 1, retryDelayMs: 200 }), 1));
    await pass(5_000);
    expect(held.started).toHaveLength(1);
    await pass(100);
    expect(held.started).toHaveLength(2);
    held.open.at(-1)?.succeed();
    await pass(0);
    expect(countOf(outcomes, "done")).toBe(1);
  });

  it("begins when the call is sent, not while it waits for its turn", async () => {
    const client = guard({ callTimeoutMs: 1_000, maxConcurrentCalls: 1, maxRetries: 0 });
    const outcomes = follow(getTasks(client, 2));
    await pass(900);
    held.open[0]?.succeed();
    await pass(900);
    expect(outcomes.map(({ state }) => state)).toEqual(["done", "pending"]);
    held.open[0]?.succeed();
    await pass(0);
    expect(countOf(outcomes, "done")).toBe(2);
  });

  it("leaves no timer behind a call that is over", async () => {
    const client = guard();
    const outcomes = follow(getTasks(client, 1));
    await pass(0);
    held.open[0]?.succeed();
    await pass(0);
    expect(countOf(outcomes, "done")).toBe(1);
    client.dispose();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("retries", () => {
  it.each<[name: string, error: GatewayError]>([
    ["throttling", new UpstreamThrottledError("slow down")],
    ["an outage", new UpstreamUnavailableError("down")],
    ["a timeout", new UpstreamTimeoutError("late")],
    ["an unreadable answer", new UpstreamInvalidResponseError("not JSON")],
  ])("follow %s, until one succeeds", async (_name, error) => {
    const client = guard({ maxRetries: 3 });
    held.answer = (call) => (call < 2 ? error : "succeed");
    const outcomes = follow(getTasks(client, 1));
    await pass(10_000);
    expect(countOf(outcomes, "done")).toBe(1);
    expect(held.started).toHaveLength(3);
  });

  it.each<[name: string, error: Error]>([
    ["a missing task", new NotFoundError("gone")],
    ["a bad argument", new BadUserInputError("taskId", "malformed")],
    ["a denial", new ForbiddenError("denied")],
    ["a misconfiguration", new UpstreamMisconfiguredError("key")],
    ["an unknown refusal", new UpstreamRejectedError("what")],
    ["a defect", new TypeError("x is not a function")],
  ])("never follow %s", async (_name, error) => {
    const client = guard({ maxRetries: 3 });
    held.answer = () => error;
    const outcomes = follow(getTasks(client, 1));
    await pass(60_000);
    expect(outcomes).toEqual([{ state: "failed", error }]);
    expect(outcomes[0]?.error).toBe(error);
    expect(held.started).toHaveLength(1);
  });

  it("are maxRetries further attempts, and the last error is the call's", async () => {
    const client = guard({ maxRetries: 2 });
    held.answer = (call) => new UpstreamUnavailableError(`failure ${call}`);
    const outcomes = follow(getTasks(client, 1));
    await pass(60_000);
    expect(held.started).toHaveLength(3);
    expect(errorOf(outcomes).message).toBe("failure 2");
  });

  it("are none when maxRetries is 0", async () => {
    held.answer = () => new UpstreamUnavailableError("down");
    const outcomes = follow(getTasks(guard({ maxRetries: 0 }), 1));
    await pass(60_000);
    expect(held.started).toHaveLength(1);
    expect(countOf(outcomes, "failed")).toBe(1);
  });

  it("come at once when chance draws 0", async () => {
    clock.nextRandom = 0;
    held.answer = (call) => (call < 3 ? new UpstreamUnavailableError("down") : "succeed");
    const outcomes = follow(getTasks(guard({ maxRetries: 3, retryDelayMs: 1_000, maxRetryDelayMs: 5_000 }), 1));
    for (let turn = 0; turn < 4; turn += 1) await pass(1);
    expect(countOf(outcomes, "done")).toBe(1);
    expect(held.started).toHaveLength(4);
  });

  it("wait up to a bound that doubles and is capped when chance draws almost 1", async () => {
    clock.nextRandom = 0.999_999;
    held.answer = () => new UpstreamUnavailableError("down");
    follow(getTasks(guard({ maxRetries: 5, retryDelayMs: 200, maxRetryDelayMs: 1_000 }), 1));
    await pass(60_000);
    const starts = held.startsOf("p");
    const waits = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
    expect(waits).toHaveLength(5);
    for (const [index, bound] of [200, 400, 800, 1_000, 1_000].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(bound - 1);
      expect(waits[index]).toBeLessThanOrEqual(bound);
    }
  });

  it("draw their wait evenly between nothing and the bound", async () => {
    clock.nextRandom = 0.25;
    held.answer = (call) => (call < 2 ? new UpstreamUnavailableError("down") : "succeed");
    follow(getTasks(guard({ maxRetries: 3, retryDelayMs: 400, maxRetryDelayMs: 5_000 }), 1));
    await pass(10_000);
    const [first = 0, second = 0, third = 0] = held.startsOf("p");
    expect([second - first, third - second]).toEqual([100, 200]);
  });

  it("wait at least as long as IMM asks", async () => {
    clock.nextRandom = 0;
    held.answer = (call) => (call === 0 ? new UpstreamThrottledError("slow", { retryAfterMs: 2_000 }) : "succeed");
    const outcomes = follow(getTasks(guard({ maxRetryDelayMs: 2_000 }), 1));
    await pass(1_999);
    expect(held.started).toHaveLength(1);
    await pass(1);
    expect(held.started).toHaveLength(2);
    expect(countOf(outcomes, "done")).toBe(1);
  });

  it("are given up at once when IMM asks for a longer wait than allowed", async () => {
    held.answer = () => new UpstreamThrottledError("slow", { retryAfterMs: 2_001 });
    const outcomes = follow(getTasks(guard({ maxRetryDelayMs: 2_000 }), 1));
    await pass(0);
    expect(errorOf(outcomes).toExtensions()).toEqual({ code: "UPSTREAM_THROTTLED", retryAfterMs: 2_001 });
    await pass(60_000);
    expect(held.started).toHaveLength(1);
  });
});

describe("creates", () => {
  const later = { retryAfterMs: 700 };

  it.each<[name: string, error: GatewayError]>([
    ["throttling", new UpstreamThrottledError("slow down")],
    ["throttling that asks for a wait", new UpstreamThrottledError("slow down", later)],
    ["a request that never left", new UpstreamUnavailableError("refused", { mayHaveArrived: false })],
  ])("are tried again after %s: nothing was started", async (_name, error) => {
    held.answer = (call) => (call === 0 ? error : "succeed");
    const outcomes = follow([guard({ maxRetryDelayMs: 1_000 }).createTask(createRequest)]);
    await pass(2_000);
    expect(outcomes).toEqual([{ state: "done" }]);
    expect(held.started).toHaveLength(2);
    expect(error.mayHaveArrived).toBe(false);
  });

  it.each<[name: string, error: GatewayError]>([
    ["a timeout", new UpstreamTimeoutError("late")],
    ["a lost connection", new UpstreamUnavailableError("reset")],
    ["5xx", new UpstreamUnavailableError("down", { imm: { code: "InternalError", requestId: "R" } })],
    ["an unreadable answer", new UpstreamInvalidResponseError("not JSON")],
  ])("are never tried again after %s: a task may have been started, and the error says so", async (_name, error) => {
    held.answer = () => error;
    const outcomes = follow([guard().createTask(createRequest)]);
    await pass(60_000);
    expect(held.started).toHaveLength(1);
    expect(errorOf(outcomes)).toBe(error);
    expect(error.mayHaveArrived).toBe(true);
  });

  it("are never tried again after the deadline", async () => {
    const outcomes = follow([guard({ callTimeoutMs: 100 }).createTask(createRequest)]);
    await pass(60_000);
    expect(held.started).toHaveLength(1);
    expect(errorOf(outcomes)).toMatchObject({ code: "UPSTREAM_TIMEOUT", mayHaveArrived: true });
  });

  it("are not tried again after a failure that is no error of the house", async () => {
    held.answer = () => new Error("a defect");
    const outcomes = follow([guard().createTask(createRequest)]);
    await pass(60_000);
    expect(outcomes).toMatchObject([{ state: "failed", error: new Error("a defect") }]);
    expect(held.started).toHaveLength(1);
  });

  it.each<[name: string, error: GatewayError]>([
    ["a wrong input", new BadUserInputError("input", "wrong")],
    ["a missing project", new NotFoundError("gone")],
    ["a denial", new ForbiddenError("no")],
    ["wrong credentials", new UpstreamMisconfiguredError("key")],
    ["an unknown refusal", new UpstreamRejectedError("why")],
  ])("are over after %s: IMM did nothing", async (_name, error) => {
    held.answer = () => error;
    const outcomes = follow([guard().createTask(createRequest)]);
    await pass(60_000);
    expect(held.started).toHaveLength(1);
    expect(errorOf(outcomes).mayHaveArrived).toBe(false);
  });

  it("that wait when the gateway stops have not arrived; those in flight may have", async () => {
    const client = guard({ maxConcurrentCalls: 1 });
    const outcomes = follow([client.createTask(createRequest), client.createTask(createRequest)]);
    await pass(0);
    client.dispose();
    await pass(0);
    expect(outcomes.map(({ error }) => error)).toMatchObject([
      { message: "The gateway is stopping.", mayHaveArrived: true },
      { message: "The gateway is stopping.", mayHaveArrived: false },
    ]);
    expect(held.started).toHaveLength(1);
  });
});

describe("results", () => {
  it("are tried again as reads are", async () => {
    held.answer = (call) => (call === 0 ? new UpstreamTimeoutError("late") : "succeed");
    const outcomes = follow([guard().getResult(request)]);
    await pass(10_000);
    expect(outcomes).toEqual([{ state: "done" }]);
    expect(held.started).toHaveLength(2);
  });
});

describe("the breaker", () => {
  const limits = { breakerThreshold: 3, breakerResetMs: 5_000, maxRetries: 0, maxCallsPerSecond: 1_000 };
  const outage = new UpstreamUnavailableError("down");

  async function fail(client: ImmClient, times: number, error: Error = outage): Promise<void> {
    held.answer = () => error;
    for (let failed = 0; failed < times; failed += 1) {
      follow(getTasks(client, 1));
      // After throttling the second has to be waited out.
      await pass(error instanceof UpstreamThrottledError ? 1_000 : 0);
    }
    held.answer = () => "succeed";
  }

  it("opens after so many outages in a row: calls fail at once, without a call, and say when to come back", async () => {
    const client = guard(limits);
    await fail(client, 3);
    const outcomes = follow(getTasks(client, 2, "q"));
    await pass(0);
    expect(countOf(outcomes, "failed")).toBe(2);
    expect(errorOf(outcomes)).toBeInstanceOf(UpstreamUnavailableError);
    expect(errorOf(outcomes)).toMatchObject({
      message: "IMM has failed repeatedly; the gateway waits before it asks again.",
      mayHaveArrived: false,
    });
    expect(errorOf(outcomes).toExtensions()).toEqual({ code: "UPSTREAM_UNAVAILABLE", retryAfterMs: 5_000 });
    expect(held.started).toHaveLength(3);
  });

  it.each<[name: string, error: GatewayError]>([
    ["timeouts", new UpstreamTimeoutError("late")],
    ["unreadable answers", new UpstreamInvalidResponseError("not JSON")],
  ])("opens after %s too", async (_name, error) => {
    const client = guard(limits);
    await fail(client, 3, error);
    expect(countOf(await settled(client), "failed")).toBe(1);
    expect(held.started).toHaveLength(3);
  });

  it.each<[name: string, error: GatewayError]>([
    ["throttling", new UpstreamThrottledError("slow")],
    ["missing tasks", new NotFoundError("gone")],
    ["bad arguments", new BadUserInputError(null, "malformed")],
    ["denials", new ForbiddenError("denied")],
    ["misconfiguration", new UpstreamMisconfiguredError("key")],
    ["whole answers of another shape", new WireShapeError("Expected answer.Status to be there.")],
  ])("does not open after %s", async (_name, error) => {
    const client = guard(limits);
    await fail(client, 10, error);
    expect(countOf(await settled(client), "done")).toBe(1);
    expect(held.started).toHaveLength(11);
  });

  it("stays closed when a success comes between the outages", async () => {
    const client = guard(limits);
    await fail(client, 2);
    expect(countOf(await settled(client), "done")).toBe(1);
    await fail(client, 2);
    expect(countOf(await settled(client), "done")).toBe(1);
    expect(held.started).toHaveLength(6);
  });

  it("takes a refusal for what it is: proof that IMM is there", async () => {
    const client = guard(limits);
    await fail(client, 2);
    held.answer = () => new NotFoundError("nothing there");
    follow(getTasks(client, 1));
    await pass(0);
    await fail(client, 2);
    expect(countOf(await settled(client), "done")).toBe(1);
  });

  it("lets one call through after breakerResetMs, and closes when it succeeds", async () => {
    const client = guard(limits);
    await fail(client, 3);
    await pass(4_999);
    expect(countOf(await settled(client), "failed")).toBe(1);
    expect(held.started).toHaveLength(3);
    await pass(1);
    held.answer = () => undefined;
    const outcomes = follow(getTasks(client, 4));
    await pass(0);
    expect(held.started).toHaveLength(4);
    held.answer = () => "succeed";
    held.open[0]?.succeed();
    await pass(0);
    expect(countOf(outcomes, "done")).toBe(4);
    expect(held.started).toHaveLength(7);
  });

  it.each([-7_200_000, 7_200_000])("counts by no wall clock: it may be set by %i ms", async (stepMs) => {
    const client = guard(limits);
    await fail(client, 3);
    clock.stepWall(stepMs);
    await pass(4_999);
    expect(countOf(await settled(client), "failed")).toBe(1);
    await pass(1);
    expect(countOf(await settled(client), "done")).toBe(1);
  });

  it("opens again when the call that it lets through fails", async () => {
    const client = guard(limits);
    await fail(client, 3);
    await pass(5_000);
    await fail(client, 1);
    expect(held.started).toHaveLength(4);
    expect(countOf(await settled(client), "failed")).toBe(1);
    expect(held.started).toHaveLength(4);
    await pass(5_000);
    expect(countOf(await settled(client), "done")).toBe(1);
  });

  it("is asked when a call is sent: those that waited when it opened fail at once, and none of them leaves", async () => {
    const client = guard({ ...limits, maxConcurrentCalls: 2, maxCallsPerSecond: 50 });
    held.answer = () => outage;
    const outcomes = follow(getTasks(client, 300));
    await pass(0);
    // The fourth was in flight when the third failed.
    expect(held.started).toHaveLength(4);
    expect(countOf(outcomes, "failed")).toBe(300);
    held.answer = () => "succeed";
    await pass(5_000);
    // Nor do the calls that were refused count as made.
    const later = follow(getTasks(client, 50));
    await pass(0);
    expect(countOf(later, "done")).toBe(50);
  });

  it("refuses what waits for a trial that fails, of whatever project, without a call", async () => {
    const client = guard(limits);
    await fail(client, 3);
    await pass(5_000);
    held.answer = () => undefined;
    const outcomes = follow([...getTasks(client, 100), ...getTasks(client, 100, "q")]);
    await pass(0);
    expect(held.started).toHaveLength(4);
    held.open[0]?.fail(outage);
    await pass(0);
    expect(held.started).toHaveLength(4);
    expect(countOf(outcomes, "failed")).toBe(200);
  });

  it("has its opening and closing in the log, and what opened it", async () => {
    const logger = new RecordingLogger();
    guarded = new GuardedImmClient(held, { limits: completeOptions(limits, false), clock, logger });
    await fail(guarded, 3);
    expect(countOf(await settled(guarded), "failed")).toBe(1);
    await pass(5_000);
    expect(countOf(await settled(guarded), "done")).toBe(1);
    expect(logger.lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: "warn", code: "UPSTREAM_UNAVAILABLE", failures: 1, projectName: "p" },
      { level: "error", failuresInARow: 3 },
      { level: "info", refused: 1, openMs: 5_000 },
    ]);
  });

  it("ends the retries of a call: they would be pointless", async () => {
    const client = guard({ ...limits, maxRetries: 10, retryDelayMs: 1 });
    held.answer = () => outage;
    const outcomes = follow(getTasks(client, 1));
    await pass(60_000);
    expect(held.started).toHaveLength(3);
    expect(errorOf(outcomes).retryAfterMs).toBe(5_000);
  });

  /** One call, given the time to settle. */
  async function settled(client: ImmClient): Promise<readonly Outcome[]> {
    const outcomes = follow(getTasks(client, 1));
    await pass(0);
    return outcomes;
  }
});

describe("dispose", () => {
  it("leaves no timer of the calls that wait for their turn, and starts none of them", async () => {
    const client = guard({ maxCallsPerSecond: 2, maxConcurrentCalls: 2 });
    held.answer = () => "succeed";
    follow([...getTasks(client, 6, "p"), ...getTasks(client, 6, "q")]);
    await pass(0);
    expect(held.started).toHaveLength(4);
    client.dispose();
    expect(clock.pendingTimers).toBe(0);
    await pass(60_000);
    expect(held.started).toHaveLength(4);
  });

  it("fails the calls in flight, and every further one", async () => {
    const client = guard({ maxConcurrentCalls: 1 });
    const outcomes = follow(getTasks(client, 2));
    await pass(0);
    client.dispose();
    await pass(0);
    const further = follow(getTasks(client, 1));
    await pass(0);
    expect([...outcomes, ...further].map(({ error }) => error instanceof Error && error.message)).toEqual([
      "The gateway is stopping.",
      "The gateway is stopping.",
      "The gateway is stopping.",
    ]);
    expect(held.started).toHaveLength(1);
    held.open[0]?.succeed();
    await pass(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it("ends the waits before a retry", async () => {
    const client = guard({ retryDelayMs: 1_000 });
    held.answer = () => new UpstreamUnavailableError("down");
    const outcomes = follow(getTasks(client, 1));
    await pass(0);
    expect(held.started).toHaveLength(1);
    client.dispose();
    await pass(60_000);
    expect(held.started).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
    expect(countOf(outcomes, "failed")).toBe(1);
  });
});

it("remembers the budgets of no more projects than it needs", async () => {
  const client = guard({ maxCallsPerSecond: 1 });
  held.answer = () => "succeed";
  const outcomes = follow(
    Array.from({ length: 2_500 }, async (_, index) => client.listTasks({ projectName: `p${index}` })),
  );
  await pass(2_000);
  expect(countOf(outcomes, "done")).toBe(2_500);
  expect(held.started).toHaveLength(2_500);
});

describe("calls under way over all projects", () => {
  const limits = { maxQueuedCalls: 3, maxConcurrentCalls: 2 };
  const listOf = async (client: ImmClient, index: number, priority?: number): Promise<unknown> =>
    client.listTasks({ projectName: `p${index}` }, { priority });

  it("are bounded for each urgency, however many projects a client names", async () => {
    const client = guard(limits);
    const queries = follow(Array.from({ length: 40 }, async (_, index) => listOf(client, index)));
    const polls = follow(Array.from({ length: 40 }, async (_, index) => listOf(client, index, CallPriority.progress)));
    await pass(0);
    for (const outcomes of [queries, polls]) {
      expect([countOf(outcomes, "pending"), countOf(outcomes, "failed")]).toEqual([30, 10]);
      expect(errorOf(outcomes.filter(({ state }) => state === "failed"))).toMatchObject({
        code: "UPSTREAM_THROTTLED",
        retryAfterMs: 1_000,
        mayHaveArrived: false,
      });
    }
    expect(held.started).toHaveLength(2);
  });

  it("give their places back when they are answered, when they fail, and when they wait for a retry in vain", async () => {
    const client = guard({ ...limits, maxRetries: 2, retryDelayMs: 1_000, breakerThreshold: 1_000 });
    for (const answer of ["succeed", new NotFoundError("gone"), new UpstreamUnavailableError("down")] as const) {
      held.answer = () => answer;
      follow(Array.from({ length: 40 }, async (_, index) => listOf(client, index)));
      await pass(60_000);
    }
    held.answer = () => "succeed";
    const outcomes = follow(Array.from({ length: 30 }, async (_, index) => listOf(client, index)));
    await pass(60_000);
    expect(countOf(outcomes, "done")).toBe(30);
  });
});
