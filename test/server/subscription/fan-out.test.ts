import { describe, expect, it, jest } from "@jest/globals";
import type { FormattedExecutionResult } from "graphql";
import { eventually } from "../../support/eventually.js";
import { EVERY_SECOND, nextPoll } from "../../support/next-poll.js";
import { keyArguments, keyLiteral } from "../../support/query.js";
import { startGateway } from "../../support/start-gateway.js";
import { subscribeByMultipart, subscribeBySse } from "../../support/stream-request.js";
import { connect, subscribe } from "../../support/subscribe.js";
import { RUN } from "../../support/tasks.js";

const FOLLOW = `subscription { taskProgress(${keyArguments(RUN)}) { taskId status progress } }`;
const FOLLOW_BOTH = `subscription { taskEvents(keys: [${["a", "b"]
  .map((taskId) => keyLiteral({ ...RUN, taskId }))
  .join(", ")}]) { task { taskId status progress } } }`;

/** Gives the next result of one subscriber, and everything to the end after that. */
interface Subscriber {
  readonly next: () => Promise<unknown>;
  readonly rest: () => Promise<readonly unknown[]>;
}

type Follow = (url: string, document: string) => Promise<Subscriber>;

async function followBySse(url: string, document: string): Promise<Subscriber> {
  const stream = await subscribeBySse(url, document);
  return {
    next: async () => stream.result(),
    rest: async () => (await stream.rest()).filter(({ event }) => event === "next").map(({ data }) => data),
  };
}

async function followByMultipart(url: string, document: string): Promise<Subscriber> {
  const stream = await subscribeByMultipart(url, document);
  const payload = async (): Promise<unknown> => {
    for (;;) {
      const part = await stream.next();
      // A part without a payload is a heartbeat.
      if (part === null || part["payload"] !== undefined) return part?.["payload"];
    }
  };
  return {
    next: payload,
    rest: async () => {
      const payloads: unknown[] = [];
      for (let next = await payload(); next !== undefined; next = await payload()) payloads.push(next);
      return payloads;
    },
  };
}

async function followByWebSocket(url: string, document: string): Promise<Subscriber> {
  const subscription = subscribe(connect(url), document);
  return { next: async () => subscription.next(), rest: async () => subscription.rest() };
}

const doors: readonly (readonly [door: string, follow: Follow])[] = [
  ["SSE", followBySse],
  ["multipart", followByMultipart],
  ["WebSocket", followByWebSocket],
];

/** How often a result that shows this progress was turned into text, from now on. */
function countSerializations(progress: number): () => number {
  const stringify = jest.spyOn(JSON, "stringify");
  const isMeant = (value: unknown): boolean => {
    const { data } = (value ?? {}) as FormattedExecutionResult<{ taskProgress?: { progress?: number } }>;
    return data?.taskProgress?.progress === progress;
  };
  return () => {
    const count = stringify.mock.calls.filter(([value]) => isMeant(value)).length;
    stringify.mockRestore();
    return count;
  };
}

describe("a change of a task with many subscribers", () => {
  it("is serialized once, whatever the doors, and all see the same", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator } = running;
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.setProgress("run", 1);
    const subscribers = await Promise.all(
      doors.flatMap(([, follow]) => Array.from({ length: 20 }, async () => follow(url, FOLLOW))),
    );
    await Promise.all(subscribers.map(async ({ next }) => next()));
    const countOfSecond = countSerializations(2);
    emulator.setProgress("run", 2);
    await nextPoll(running);
    const seen = await Promise.all(subscribers.map(async ({ next }) => next()));
    expect(countOfSecond()).toBe(1);
    const second = { data: { taskProgress: { taskId: "run", status: "RUNNING", progress: 2 } } };
    expect(seen).toEqual(subscribers.map(() => second));
    emulator.finishTask("run");
    await nextPoll(running);
    const last = { data: { taskProgress: { taskId: "run", status: "SUCCEEDED", progress: 100 } } };
    for (const { rest } of subscribers) expect(await rest()).toEqual([last]);
    expect(running.clock.pendingTimers).toBe(0);
  });
});

describe("a newcomer to a project that others follow", () => {
  it.each(doors)("is told how each task stands that runs, and of none that has ended: %s", async (_door, follow) => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator } = running;
    const document = 'subscription { projectEvents(projectName: "immtest") { task { taskId status progress } } }';
    for (const taskId of ["a", "b"]) {
      emulator.addTask({ ...RUN, taskId, durationMs: Infinity });
      emulator.setProgress(taskId, 1);
    }
    const first = await followByWebSocket(url, document);
    // Both, and that there are no more.
    for (let known = 0; known < 3; known += 1) await first.next();
    emulator.finishTask("a");
    emulator.setProgress("b", 2);
    await nextPoll(running);
    for (let changed = 0; changed < 2; changed += 1) await first.next();
    const callsBefore = emulator.calls.length;
    const late = await follow(url, document);
    expect(await late.next()).toEqual({
      data: { projectEvents: { task: { taskId: "b", status: "RUNNING", progress: 2 } } },
    });
    expect(await late.next()).toEqual({ data: { projectEvents: { task: null } } });
    expect(emulator.calls).toHaveLength(callsBefore);
    emulator.setProgress("b", 3);
    await nextPoll(running);
    const third = { data: { projectEvents: { task: { taskId: "b", status: "RUNNING", progress: 3 } } } };
    expect([await first.next(), await late.next()]).toEqual([third, third]);
  });
});

describe("a newcomer to several tasks that others follow", () => {
  it.each(doors)("is told how each of them stands, at once and without a call: %s", async (_door, follow) => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator, gateway } = running;
    for (const taskId of ["a", "b"]) {
      emulator.addTask({ ...RUN, taskId, durationMs: Infinity });
      emulator.setProgress(taskId, 1);
    }
    const first = await followByWebSocket(url, FOLLOW_BOTH);
    // Both, and that there are no more.
    for (let known = 0; known < 3; known += 1) await first.next();
    emulator.finishTask("a");
    emulator.setProgress("b", 2);
    await nextPoll(running);
    for (let changed = 0; changed < 2; changed += 1) await first.next();
    const callsBefore = emulator.calls.length;
    const late = await follow(url, FOLLOW_BOTH);
    const present = [await late.next(), await late.next(), await late.next()];
    expect(present).toEqual([
      { data: { taskEvents: { task: { taskId: "a", status: "SUCCEEDED", progress: 100 } } } },
      { data: { taskEvents: { task: { taskId: "b", status: "RUNNING", progress: 2 } } } },
      { data: { taskEvents: { task: null } } },
    ]);
    expect(emulator.calls).toHaveLength(callsBefore);
    emulator.finishTask("b");
    await nextPoll(running);
    await eventually(() => gateway.watchedTasks === 0);
    const last = { data: { taskEvents: { task: { taskId: "b", status: "SUCCEEDED", progress: 100 } } } };
    expect([await first.rest(), await late.rest()]).toEqual([[last], [last]]);
  });
});

describe("a newcomer after looks that showed no change", () => {
  it("is told how the task stood at the last look, without a call, and nobody else is told anything", async () => {
    const running = await startGateway({ gateway: EVERY_SECOND });
    const { url, emulator, clock } = running;
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.setProgress(RUN.taskId, 10);
    const document = `subscription { taskProgress(${keyArguments(RUN)}) { progress observedAt } }`;
    interface Data {
      readonly taskProgress: { readonly progress: number; readonly observedAt: string };
    }
    const first = subscribe<Data>(connect(url), document);
    const told = (await first.next()).data?.taskProgress;
    for (let look = 0; look < 5; look += 1) await nextPoll(running);
    const calls = emulator.calls.length;
    const later = (await subscribe<Data>(connect(url), document).next()).data?.taskProgress;
    expect(Date.parse(later?.observedAt ?? "") - Date.parse(told?.observedAt ?? "")).toBe(5_000);
    expect(later?.progress).toBe(10);
    expect(emulator.calls).toHaveLength(calls);
    emulator.setProgress(RUN.taskId, 11);
    await nextPoll(running);
    expect((await first.next()).data?.taskProgress.progress).toBe(11);
    expect(clock.pendingTimers).toBeGreaterThan(0);
  });
});
