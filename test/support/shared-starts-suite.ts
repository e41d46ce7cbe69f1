/** What two instances do that start tasks with keys of one store, whatever keeps the keys. */

import { describe, expect, it } from "@jest/globals";
import { IdempotencyKeyReusedError, OutcomeUnknownError, UpstreamThrottledError } from "../../src/errors.js";
import { startEmulator, type Emulator } from "../../src/emulator/emulator.js";
import { longestCallMs } from "../../src/imm/policy/retries.js";
import type { ImmClient } from "../../src/imm/imm-client.js";
import type { IdempotencyKeys, KeyUse } from "../../src/tasks/create/idempotency-keys.js";
import { TaskStarter, type StartOutcome, type StartRequest } from "../../src/tasks/create/task-starter.js";
import { TaskReader } from "../../src/tasks/read/task-reader.js";
import { countAttempts } from "./count-attempts.js";
import { connectTo } from "./emulator-imm-client.js";
import { eventually } from "./eventually.js";
import type { OpenKeys } from "./idempotency-keys-suite.js";
import type { ManualClock } from "./manual-clock.js";
import { RecordingLogger } from "./recording-logger.js";
import { disposeAfterTest, manualClockNow } from "./start-gateway.js";

const TIMES = { callTimeoutMs: 60_000, maxRetries: 0, retryDelayMs: 1, maxRetryDelayMs: 1 };
const LIMITS = { ...TIMES, maxQueuedCalls: 30_000, maxCallsPerSecond: 1_000 };
export const CREATE_MS = longestCallMs(LIMITS);
/** Of `task-starter`: after this long a create that no list shows has started nothing. */
const SETTLING_MS = 60_000;

const common = { idempotencyKey: "key-1", caller: "caller" };
/** Of a type whose tasks are found again by their tag. */
export const TAGGED: StartRequest = {
  ...common,
  action: "CreateImageModerationTask",
  input: { ProjectName: "immtest", SourceURI: "oss://b/a.jpg", Tags: { team: "web" } },
};
export const UNTAGGED: StartRequest = {
  ...common,
  action: "CreateFileUncompressionTask",
  input: { ProjectName: "immtest", SourceURI: "oss://b/a.zip", TargetURI: "oss://b/a/", Password: "s3cret" },
};

export interface World {
  readonly clock: ManualClock;
  readonly emulator: Emulator;
  /** The client of each instance that has none of its own. */
  readonly imm: ImmClient;
  readonly start: (keys: IdempotencyKeys, client?: ImmClient) => TaskStarter;
}

export async function startWorld(clock = manualClockNow()): Promise<World> {
  const emulator = await startEmulator({
    maxRequestsPerSecond: Infinity,
    maxClockSkewMs: Infinity,
    createdTasks: () => ({ durationMs: Infinity }),
    clock,
  });
  disposeAfterTest(async () => emulator.close());
  const imm = countAttempts(await connectTo(emulator));
  const start = (keys: IdempotencyKeys, client = imm): TaskStarter => {
    const reader = new TaskReader({ client, clock, taskMaxAgeMs: 1_000, maxCachedTasks: 100 });
    return new TaskStarter({
      ...LIMITS,
      client,
      reader,
      clock,
      logger: new RecordingLogger(),
      maxIdempotencyKeys: 100,
      keys,
    });
  };
  return { clock, emulator, imm, start };
}

/** The outcome of `work`, with time passing until it is there: for what asks for a key again and again. */
export async function whileTimePasses<T>(elapse: (ms: number) => Promise<void>, work: Promise<T>): Promise<T> {
  let isOver = false;
  const outcome = work.finally(() => (isOver = true));
  while (!isOver) await elapse(2_000);
  return outcome;
}

export function createsOf({ calls }: Emulator): number {
  return calls.filter(({ action }) => action.startsWith("Create")).length;
}

/** What of an outcome all who share it have in common. */
export function shownOf({ snapshot, requestId, eventId }: StartOutcome): object {
  const { key, statusText, facts } = snapshot;
  return { key, statusText, facts, requestId, eventId };
}

/** The client of an instance that dies before or after its create has reached IMM: it says nothing any more. */
function dying(imm: ImmClient, at: "before" | "after"): { readonly client: ImmClient; readonly dead: Promise<void> } {
  let die = (): void => undefined;
  const dead = new Promise<void>((resolve) => (die = resolve));
  const createTask: ImmClient["createTask"] = async (...call) => {
    if (at === "after") await imm.createTask(...call);
    die();
    return new Promise(() => undefined);
  };
  return { client: { ...imm, createTask }, dead };
}

export function describeSharedStarts(name: string, open: OpenKeys): void {
  async function begin() {
    const clock = manualClockNow();
    const shared = await open(clock);
    return { ...(await startWorld(clock)), ...shared };
  }

  describe.each([
    ["a type with tags", TAGGED],
    ["a type without tags", UNTAGGED],
  ])(`two instances with keys ${name}, and %s`, (_case, request) => {
    it("start one task for one key at the same moment, and answer the same", async () => {
      const { emulator, handles, elapse, start } = await begin();
      const starters = [start(handles[0]), start(handles[1])];
      const starts = starters.flatMap((starter) => [starter.start(request), starter.start(request)]);
      await eventually(() => createsOf(emulator) === 1);
      const outcomes = await whileTimePasses(elapse, Promise.all(starts));
      expect(outcomes.filter(({ isNew }) => isNew)).toHaveLength(1);
      const [first, ...others] = outcomes.map(shownOf);
      for (const other of others) expect(other).toEqual(first);
      expect(createsOf(emulator)).toBe(1);
    });

    it("answer the task later, and after a restart, without a call, and refuse another input", async () => {
      const { emulator, handles, start } = await begin();
      const first = await start(handles[0]).start(request);
      emulator.clearCalls();
      const restarted = start(handles[1]);
      const again = await restarted.start(request);
      expect(again.isNew).toBe(false);
      expect(shownOf(again)).toEqual(shownOf(first));
      const other = { ...request, input: { ...request.input, UserData: "other" } };
      await expect(restarted.start(other)).rejects.toBeInstanceOf(IdempotencyKeyReusedError);
      expect(emulator.calls).toEqual([]);
    });

    it("go on where one dies before it has begun", async () => {
      const { emulator, handles, elapse, start } = await begin();
      let isHeld = false;
      const dead: IdempotencyKeys = {
        take: async (...args): Promise<KeyUse> => {
          const use = await handles[0].take(...args);
          isHeld = true;
          const begin = async (): Promise<boolean> => new Promise(() => undefined);
          return use.kind === "taken" ? { ...use, hold: { ...use.hold, begin } } : use;
        },
      };
      void start(dead).start(request);
      await eventually(() => isHeld);
      const waiting = start(handles[1]).start(request);
      expect(await whileTimePasses(elapse, waiting)).toMatchObject({ isNew: true });
      expect(createsOf(emulator)).toBe(1);
    });

    it("send no create whose time is over", async () => {
      const { emulator, handles, elapse, start, imm } = await begin();
      let goOn: (() => void) | undefined;
      const createTask: ImmClient["createTask"] = async (...call) => {
        await new Promise<void>((resolve) => (goOn = resolve));
        return imm.createTask(...call);
      };
      const slow = start(handles[0], { ...imm, createTask }).start(request);
      await eventually(() => goOn !== undefined);
      await elapse(CREATE_MS - TIMES.callTimeoutMs + 1);
      goOn?.();
      await expect(slow).rejects.toBeInstanceOf(UpstreamThrottledError);
      expect(createsOf(emulator)).toBe(0);
      expect(await start(handles[1]).start(request)).toMatchObject({ isNew: true });
    });

    it("start the task at the other one when the first certainly has not", async () => {
      const { emulator, handles, start } = await begin();
      emulator.injectFault({ kind: "throttle", action: request.action, times: 1 });
      await expect(start(handles[0]).start(request)).rejects.toBeInstanceOf(UpstreamThrottledError);
      expect(await start(handles[1]).start(request)).toMatchObject({ isNew: true });
      expect(createsOf(emulator)).toBe(2);
    });
  });

  describe(`an instance that dies, or an answer that is lost, with keys ${name}`, () => {
    it("is found again by its tag, where the create has reached IMM", async () => {
      const { emulator, imm, handles, elapse, start } = await begin();
      const { client, dead } = dying(imm, "after");
      void start(handles[0], client).start(TAGGED);
      await dead;
      const waiting = start(handles[1]).start(TAGGED);
      const found = await whileTimePasses(elapse, waiting);
      expect(found).toMatchObject({ isNew: false, snapshot: { facts: { tags: { team: "web" } } } });
      const again = await start(handles[1]).start(TAGGED);
      expect(again.snapshot.key).toEqual(found.snapshot.key);
      expect(createsOf(emulator)).toBe(1);
    });

    it("is started again after a minute in which no list shows a task", async () => {
      const { emulator, imm, handles, elapse, start } = await begin();
      const { client, dead } = dying(imm, "before");
      void start(handles[0], client).start(TAGGED);
      await dead;
      const second = start(handles[1]);
      await expect(whileTimePasses(elapse, second.start(TAGGED))).rejects.toMatchObject({
        code: "OUTCOME_UNKNOWN",
        retryAfterMs: expect.any(Number),
      });
      await elapse(SETTLING_MS);
      expect(await whileTimePasses(elapse, second.start(TAGGED))).toMatchObject({ isNew: true });
      expect(createsOf(emulator)).toBe(1);
    });

    it.each(["before", "after"] as const)("stays unknown for a type without tags, dead %s IMM had it", async (at) => {
      const { emulator, imm, handles, elapse, start } = await begin();
      const { client, dead } = dying(imm, at);
      void start(handles[0], client).start(UNTAGGED);
      await dead;
      const waiting = whileTimePasses(elapse, start(handles[1]).start(UNTAGGED));
      await expect(waiting).rejects.toBeInstanceOf(OutcomeUnknownError);
      await elapse(SETTLING_MS);
      await expect(start(handles[1]).start(UNTAGGED)).rejects.toBeInstanceOf(OutcomeUnknownError);
      expect(createsOf(emulator)).toBe(at === "after" ? 1 : 0);
    });

    it("is the same at both instances when IMM's answer was lost", async () => {
      const { emulator, handles, start } = await begin();
      for (const { action } of [TAGGED, UNTAGGED]) emulator.injectFault({ kind: "answerLost", action, times: 1 });
      const found = await start(handles[0]).start(TAGGED);
      expect(found).toMatchObject({ isNew: true, requestId: null });
      expect((await start(handles[1]).start(TAGGED)).snapshot.key).toEqual(found.snapshot.key);
      for (const keys of handles) {
        await expect(start(keys).start(UNTAGGED)).rejects.toBeInstanceOf(OutcomeUnknownError);
      }
      expect(createsOf(emulator)).toBe(2);
    });
  });
}
