import { beforeEach, describe, expect, it } from "@jest/globals";
import { UpstreamUnavailableError } from "../../../src/errors.js";
import { CallPriority, type ImmClient, type ImmTask } from "../../../src/imm/imm-client.js";
import { CallBudget } from "../../../src/imm/policy/call-budget.js";
import {
  InMemoryCallGrants,
  type CallGrants,
  type CallGrantsStore,
  type Grant,
  type ProjectGrants,
} from "../../../src/imm/policy/call-grants.js";
import { GuardedImmClient } from "../../../src/imm/policy/call-policy.js";
import { completeOptions, type GivenOptions } from "../../../src/options/options.js";
import { describeCallGrants } from "../../support/call-grants-suite.js";
import { ManualClock } from "../../support/manual-clock.js";
import { uncalled } from "../../support/uncalled.js";

describeCallGrants("in memory", async () => {
  const clock = new ManualClock();
  const store: CallGrantsStore = new Map();
  return {
    clock,
    join: async (maxCallsPerSecond) => new InMemoryCallGrants({ clock, maxCallsPerSecond, store }),
    pass: async (ms) => {
      await clock.advance(0);
      await clock.advance(ms);
    },
  };
});

/** A question that waits for the test to answer it. */
interface OpenQuestion {
  readonly projectName: string;
  readonly most: number;
  /** What waits when it is answered. */
  readonly sizes: () => readonly (readonly [priority: number, count: number])[];
  readonly answer: (grant: Grant) => void;
  readonly fail: (error: Error) => void;
}

/** Grants that others have to be asked for: the test answers. */
class AskedGrants implements CallGrants {
  readonly isAsked = true;
  readonly questions: OpenQuestion[] = [];
  readonly released: string[] = [];

  of(projectName: string): ProjectGrants {
    return {
      left: 7,
      isUnused: true,
      take: async (waiting, most) =>
        new Promise((answer, fail) => {
          this.questions.push({ projectName, most, sizes: () => [...waiting.sizes], answer, fail });
        }),
      release: () => void this.released.push(projectName),
    };
  }

  /** The one question that is open. */
  take(): OpenQuestion {
    const [question, another] = this.questions.splice(0);
    if (question === undefined || another !== undefined) throw new Error("Expected one question.");
    return question;
  }
}

const { progress, query } = CallPriority;
const all = (calls: number, againMs = 0): Grant => ({ calls, againMs });

let clock: ManualClock;
let grants: AskedGrants;

beforeEach(() => {
  clock = new ManualClock();
  grants = new AskedGrants();
});

describe("a budget whose grants have to be asked for", () => {
  let sent: string[];
  let refused: string[];
  let maySend: boolean;
  let budget: CallBudget;

  function open(maxConcurrentCalls: number): void {
    const limits = { maxCallsPerSecond: 100, maxConcurrentCalls, maxQueuedCalls: 100 };
    budget = new CallBudget({ ...limits, clock, grants, maySend: () => maySend, admit: () => undefined });
  }

  beforeEach(() => {
    sent = [];
    refused = [];
    maySend = true;
    open(100);
  });

  function call(name: string, priority: number = query, projectName = "p"): void {
    const send = async (): Promise<unknown> => sent.push(name);
    budget.take(projectName, priority, send).catch((error: Error) => refused.push(`${name}: ${error.message}`));
  }

  it("asks one question at a time, for all that wait, and sends in their order what is granted", async () => {
    call("a");
    call("b");
    call("c");
    await clock.advance(0);
    const first = grants.take();
    expect(first.sizes()).toEqual([[query, 3]]);
    expect(sent).toEqual([]);
    first.answer(all(2, 300));
    await clock.advance(0);
    expect(sent).toEqual(["a", "b"]);
    call("d");
    await clock.advance(299);
    expect(grants.questions).toEqual([]);
    await clock.advance(1);
    expect(grants.take().sizes()).toEqual([[query, 2]]);
  });

  it("asks again at once for what has begun to wait meanwhile, when all was granted", async () => {
    call("a");
    await clock.advance(0);
    const first = grants.take();
    call("b", progress);
    first.answer({ calls: 1, byUrgency: new Map([[query, 1]]), againMs: 0 });
    await clock.advance(0);
    expect(sent).toEqual(["a"]);
    grants.take().answer(all(1));
    await clock.advance(0);
    expect(sent).toEqual(["a", "b"]);
  });

  it("sends of each urgency what is granted to it, however urgent the others that wait", async () => {
    for (const name of ["q1", "q2", "q3"]) call(name, query);
    for (const name of ["p1", "p2", "p3"]) call(name, progress);
    await clock.advance(0);
    const byUrgency = new Map([
      [query, 1],
      [progress, 2],
    ]);
    grants.take().answer({ calls: 3, byUrgency, againMs: 100 });
    await clock.advance(0);
    expect(sent.toSorted()).toEqual(["p1", "p2", "q1"]);
  });

  it("keeps a place in flight for each call that is asked for, of whichever project", async () => {
    open(3);
    for (const name of ["p1", "p2", "p3"]) call(name, query, "p");
    for (const name of ["q1", "q2", "q3"]) call(name, query, "q");
    call("r1", query, "r");
    await clock.advance(0);
    const asked = grants.questions.map(({ projectName, most }) => [projectName, most]);
    expect(asked).toEqual([
      ["p", 1],
      ["q", 1],
      ["r", 1],
    ]);
    const [, , ofR] = grants.questions.splice(0);
    ofR?.answer(all(1));
    await clock.advance(0);
    // Whose question is open has to wait for its answer.
    expect([sent, grants.questions]).toEqual([["r1"], []]);
  });

  it("loses what it may not send when it is granted, and asks again once it may", async () => {
    call("a");
    await clock.advance(0);
    const first = grants.take();
    maySend = false;
    first.answer(all(1));
    await clock.advance(60_000);
    expect([sent, grants.questions]).toEqual([[], []]);
    maySend = true;
    budget.sendWaiting();
    grants.take().answer(all(1));
    await clock.advance(0);
    expect(sent).toEqual(["a"]);
  });

  it("refuses all that wait when the question fails, and asks again for the next call", async () => {
    call("a");
    call("b");
    await clock.advance(0);
    grants.take().fail(new Error("gone"));
    await clock.advance(0);
    expect(refused).toEqual(["a: gone", "b: gone"]);
    call("c");
    await clock.advance(0);
    grants.take().answer(all(1));
    await clock.advance(0);
    expect(sent).toEqual(["c"]);
  });

  it("refuses what waits for an answer when the gateway stops, sends nothing when it comes, and leaves no timer", async () => {
    call("a");
    await clock.advance(0);
    const question = grants.take();
    budget.dispose(new Error("stopping"));
    await clock.advance(0);
    expect(refused).toEqual(["a: stopping"]);
    question.answer(all(1, 500));
    await clock.advance(0);
    expect([sent, grants.questions, clock.pendingTimers]).toEqual([[], [], 0]);
    expect(grants.released).toEqual(["p"]);
  });

  it("says how many calls are left as far as is known", () => {
    expect(budget.left).toBe(100);
    call("a");
    expect(budget.left).toBe(7);
  });
});

describe("a guarded client whose grants have to be asked for", () => {
  const request = { projectName: "p", taskType: "FileCompression", taskId: "t" };
  const task: ImmTask = { status: "Running", requestId: "R", eventId: undefined };

  let reached: number;
  let isDown: boolean;

  function guard(given: GivenOptions): GuardedImmClient {
    reached = 0;
    isDown = false;
    const getTask = async (): Promise<ImmTask> => {
      reached += 1;
      if (isDown) throw new UpstreamUnavailableError("down");
      return task;
    };
    const client: ImmClient = { ...uncalled, getTask };
    return new GuardedImmClient(client, { limits: completeOptions(given, false), clock, grants });
  }

  it("refuses what waits for an answer when the breaker opens meanwhile", async () => {
    const client = guard({ breakerThreshold: 1, maxRetries: 0, maxConcurrentCalls: 10 });
    isDown = true;
    const failing = client.getTask(request).catch((error: unknown) => error);
    const others = [1, 2].map(async () =>
      client.getTask({ ...request, projectName: "q" }).catch((error: unknown) => error),
    );
    await clock.advance(0);
    const [ofP, ofQ] = grants.questions.splice(0);
    ofP?.answer(all(1));
    await failing;
    expect(client.trouble).toBe("breaker");
    ofQ?.answer(all(2));
    for (const other of await Promise.all(others)) {
      expect(other).toMatchObject({ code: "UPSTREAM_UNAVAILABLE", mayHaveArrived: false });
    }
    expect(reached).toBe(1);
  });

  it("asks again for what was refused since nothing could be known, which does not open the breaker", async () => {
    const client = guard({ breakerThreshold: 1, maxRetries: 2, retryDelayMs: 100 });
    const read = client.getTask(request);
    await clock.advance(0);
    grants.take().fail(new UpstreamUnavailableError("not reached yet", { mayHaveArrived: false }));
    await clock.advance(0);
    await clock.advance(100);
    expect(client.trouble).toBeUndefined();
    grants.take().answer(all(1));
    await expect(read).resolves.toBe(task);
    expect(client.readings()).toMatchObject({ callsLeft: 7, callsWaiting: { query: 0 } });
  });
});
