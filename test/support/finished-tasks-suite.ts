/** What every store of finished tasks does, and what readers do with it that share one. */

import { describe, expect, it } from "@jest/globals";
import type { Clock } from "../../src/clock.js";
import { SharedStateAwayError } from "../../src/errors.js";
import { CallTally } from "../../src/tasks/call-tally.js";
import type { FinishedTask, FinishedTasks } from "../../src/tasks/read/finished-tasks.js";
import { TaskReader } from "../../src/tasks/read/task-reader.js";
import type { TaskSnapshot } from "../../src/tasks/snapshot.js";
import { NO_PARTS, type TaskParts } from "../../src/tasks/task.js";
import { WatchHub } from "../../src/tasks/watch/watch-hub.js";
import { RecordingLogger } from "./recording-logger.js";
import { disposeAfterTest } from "./dispose-after-test.js";
import { actionsOf, readOne, startReader, type RunningReader } from "./start-reader.js";
import { keyOf } from "./tasks.js";

/** A store as two instances have it. */
export interface OpenedFinishedTasks {
  readonly here: FinishedTasks;
  readonly there: FinishedTasks;
  /** Cannot be reached any more, by either. */
  readonly goAway: () => Promise<void>;
  /** All keys and values that are in it. */
  readonly dump: () => Promise<string>;
}

/** @param maxTasks - kept of a project. */
export type OpenFinishedTasks = (clock: Clock, maxTasks: number) => Promise<OpenedFinishedTasks>;

/** A handle that counts what is asked, and knows when all is written. */
class Counted implements FinishedTasks {
  readonly #store: FinishedTasks;
  readonly #writes: Promise<void>[] = [];
  /** How many names each question had, and each write tasks. */
  readonly reads: number[] = [];
  readonly written: number[] = [];

  constructor(store: FinishedTasks) {
    this.#store = store;
  }

  timeAt(tick: number): number {
    return this.#store.timeAt(tick);
  }

  tickAt(timeMs: number): number {
    return this.#store.tickAt(timeMs);
  }

  async read(projectName: string, names: readonly string[]): Promise<readonly (string | undefined)[]> {
    this.reads.push(names.length);
    return this.#store.read(projectName, names);
  }

  async write(projectName: string, tasks: readonly FinishedTask[]): Promise<void> {
    this.written.push(tasks.length);
    const write = this.#store.write(projectName, tasks);
    this.#writes.push(write);
    return write;
  }

  async settled(): Promise<void> {
    // What this turn has seen is written at its end.
    await Promise.resolve();
    await Promise.allSettled(this.#writes);
  }
}

interface TwoReaders extends RunningReader {
  readonly store: OpenedFinishedTasks;
  readonly here: Counted;
  readonly there: Counted;
  /** Of another instance. */
  readonly other: TaskReader;
}

const EVENT_ID: TaskParts = { ...NO_PARTS, eventId: true };
const DEFINITION: TaskParts = { ...NO_PARTS, definition: true };
const WHOLE: TaskParts = { ...DEFINITION, secrets: true };
const SECRET = "hunter2";

export function describeFinishedTasks(name: string, open: OpenFinishedTasks): void {
  const text = (taskName: string, rank: number, says: string): FinishedTask => ({ name: taskName, rank, text: says });

  describe(`a store of finished tasks, ${name}`, () => {
    const opened = async (maxTasks = 100): Promise<OpenedFinishedTasks> => {
      const { clock } = await startReader();
      return open(clock, maxTasks);
    };

    it("gives another instance what is kept, in the order of the names, of each project its own", async () => {
      const { here, there } = await opened(2_000);
      await here.write("p", [text("a", 0, "1"), text("b é {x} %", 3, "2"), text("c", 0, "")]);
      expect(await there.read("p", ["c", "none", "b é {x} %", "a"])).toEqual(["", undefined, "2", "1"]);
      expect(await there.read("q", ["a"])).toEqual([undefined]);
      const names = Array.from({ length: 1_200 }, (_, index) => String(index));
      await there.write(
        "many",
        names.map((each) => text(each, 0, `text ${each}`)),
      );
      expect(await here.read("many", names)).toEqual(names.map((each) => `text ${each}`));
    });

    it("keeps the text that says most, of equals the later", async () => {
      const { here, there } = await opened();
      for (const [rank, says] of [
        [1, "list"],
        [3, "all"],
        [2, "less"],
        [3, "all, later"],
        [0, "least"],
      ] as const) {
        await here.write("p", [text("a", rank, says)]);
      }
      expect(await there.read("p", ["a"])).toEqual(["all, later"]);
    });

    it("keeps so many of a project, and lets those go that were written first", async () => {
      const { here, there } = await opened(3);
      for (const each of ["a", "b", "c", "d", "e"]) await here.write("p", [text(each, 0, each)]);
      await here.write("q", [text("a", 0, "a")]);
      expect(await there.read("p", ["a", "b", "c", "d", "e"])).toEqual([undefined, undefined, "c", "d", "e"]);
      expect(await there.read("q", ["a"])).toEqual(["a"]);
    });

    it("rejects while it is away", async () => {
      const { here, there, goAway } = await opened();
      await goAway();
      await expect(here.write("p", [text("a", 0, "1")])).rejects.toThrow(SharedStateAwayError);
      await expect(there.read("p", ["a"])).rejects.toThrow(SharedStateAwayError);
    });
  });

  describe(`readers that share finished tasks, ${name}`, () => {
    const start = async (maxCachedTasks = 100): Promise<TwoReaders> => {
      const running = await startReader();
      const { client, clock } = running;
      const store = await open(clock, 1_000);
      const [here, there] = [new Counted(store.here), new Counted(store.there)];
      const options = { client, clock, taskMaxAgeMs: 1_000 };
      return {
        ...running,
        store,
        here,
        there,
        reader: new TaskReader({ ...options, maxCachedTasks: 100, finished: here }),
        other: new TaskReader({ ...options, maxCachedTasks, finished: there }),
      };
    };
    const addEnded = (emulator: RunningReader["emulator"], taskId: string, requestDefinition = "{}"): void =>
      void emulator.addTask({ taskType: "FileCompression", taskId, startedAgoMs: 60_000, requestDefinition });

    it("ask no call of IMM for what another has seen ended, however small their memory, and count it as remembered", async () => {
      const { emulator, reader, other, here, there } = await start(10);
      const taskIds = Array.from({ length: 100 }, (_, index) => `t${index}`);
      for (const taskId of taskIds) addEnded(emulator, taskId);
      const seen = await Promise.all(readEach(reader, taskIds));
      await here.settled();
      const calls = emulator.calls.length;
      const tally = new CallTally();
      const shared = await Promise.all(readEach(other, taskIds, tally));
      expect(emulator.calls.length).toBe(calls);
      expect(shared.map(({ key, status, eventId }) => [key, status, eventId])).toEqual(
        seen.map(({ key, status, eventId }) => [key, status, eventId]),
      );
      expect(tally.report(0)).toMatchObject({ calls: 0, cachedTasks: 100, sharedTasks: 0 });
      // What was forgotten is asked for again, all of one turn at once, and no more of it is written.
      await Promise.all([...readEach(other, taskIds.slice(0, 40)), ...readEach(other, taskIds.slice(20, 60))]);
      expect(emulator.calls.length).toBe(calls);
      expect([there.reads, there.written]).toEqual([[100, 60], []]);
    });

    it("share what one learns later, too, and of a list all that has ended", async () => {
      const { emulator, client, clock, reader, other, here } = await start();
      for (const taskId of ["a", "b"]) addEnded(emulator, taskId);
      emulator.addTask({ taskType: "FileCompression", taskId: "run" });
      const { tasks } = await client.listTasks({ projectName: keyOf("a").projectName, maxResults: 10 });
      const observed = { at: clock.now(), tick: clock.tick() };
      reader.learnListed(keyOf("a").projectName, tasks, { requestId: "list", observed });
      await here.settled();
      await readOne(reader, keyOf("a"), EVENT_ID);
      await here.settled();
      expect(here.written).toEqual([2, 1]);
      const calls = emulator.calls.length;
      await readOne(other, keyOf("a"), EVENT_ID);
      await readOne(other, keyOf("b"), NO_PARTS);
      expect(emulator.calls.length).toBe(calls);
      // A task that runs is asked for, and so is what is not known of one that has ended.
      await readOne(other, keyOf("run"), NO_PARTS);
      await readOne(other, keyOf("b"), EVENT_ID);
      expect(actionsOf(emulator).slice(calls)).toEqual(["GetTask", "GetTask"]);
    });

    it("answer subscribers that come to tasks which have ended", async () => {
      const { emulator, clock, reader, other, here } = await start();
      const taskIds = ["a", "b", "c"];
      for (const taskId of taskIds) addEnded(emulator, taskId);
      await Promise.all(readEach(reader, taskIds));
      await here.settled();
      const calls = emulator.calls.length;
      const rate = { watchCallsPerSecond: 0.5, minPollIntervalMs: 1_000, maxPollIntervalMs: 15_000 };
      const bounds = { refusalGraceMs: 600_000, maxWatchedTasks: 100, maxFollowedProjects: 100 };
      const hub = new WatchHub({ reader: other, clock, logger: new RecordingLogger(), rate, ...bounds });
      disposeAfterTest(() => hub.dispose());
      const stream = hub.watch({ keys: taskIds.map((taskId) => keyOf(taskId)), parts: EVENT_ID });
      const taskIdsSeen: unknown[] = [];
      for await (const event of stream) taskIdsSeen.push(event.kind === "snapshot" && event.snapshot.key.taskId);
      expect(taskIdsSeen).toEqual(taskIds);
      expect(emulator.calls.length).toBe(calls);
    });

    it("share a definition without its secrets, which IMM alone tells", async () => {
      const { emulator, reader, other, here, store } = await start();
      addEnded(emulator, "a", JSON.stringify({ Password: SECRET, Deep: [{ Inner: `{"Password":"${SECRET}"}` }] }));
      addEnded(emulator, "plain", '{ "Format": "zip" }');
      for (const taskId of ["a", "plain"]) await readOne(reader, keyOf(taskId), WHOLE);
      await here.settled();
      expect(await store.dump()).toContain("Password");
      expect(await store.dump()).not.toContain(SECRET);
      const calls = emulator.calls.length;
      const redacted = await readOne(other, keyOf("a"), DEFINITION);
      expect(redacted.definition).toContain("[redacted]");
      const plain = await readOne(other, keyOf("plain"), WHOLE);
      expect(plain.definition).toBe('{ "Format": "zip" }');
      expect(emulator.calls.length).toBe(calls);
      for (const parts of [WHOLE, WHOLE, DEFINITION]) {
        expect((await readOne(other, keyOf("a"), parts)).definition).toContain(SECRET);
      }
      expect(emulator.calls.length).toBe(calls + 1);
      expect(await store.dump()).not.toContain(SECRET);
    });

    it("ask IMM while the store is away", async () => {
      const { emulator, reader, other, here, store } = await start();
      addEnded(emulator, "a");
      await readOne(reader, keyOf("a"), NO_PARTS);
      await here.settled();
      await store.goAway();
      expect(await readOne(other, keyOf("a"), NO_PARTS)).toMatchObject({ status: "SUCCEEDED" });
      expect(actionsOf(emulator)).toEqual(["GetTask", "GetTask"]);
    });
  });
}

function readEach(reader: TaskReader, taskIds: readonly string[], tally?: CallTally): readonly Promise<TaskSnapshot>[] {
  return reader.readEach(
    taskIds.map((taskId) => ({ key: keyOf(taskId), parts: EVENT_ID })),
    { tally },
  );
}
