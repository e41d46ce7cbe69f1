import { describe, expect, it } from "@jest/globals";
import { NotFoundError, UpstreamThrottledError } from "../../../src/errors.js";
import { NO_PARTS, toKeyText, type TaskParts } from "../../../src/tasks/task.js";
import {
  readEntries,
  readHint,
  readNews,
  readWants,
  toFailureEntry,
  toFilterEntry,
  toFilterWant,
  toNews,
  toPollEntry,
  toStalenessWant,
  toTaskWant,
} from "../../../src/tasks/watch/shared-entries.js";
import { toFilterText } from "../../../src/tasks/watch/task-discovery.js";
import { MemoryExchangeStore } from "../../../src/tasks/watch/memory-exchange.js";
import type { WatchStream } from "../../../src/tasks/watch/watch-stream.js";
import { EmulatedImmClient, PROJECT } from "../../support/emulated-client.js";
import { Instance, type Latencies } from "../../support/instances.js";
import { ManualClock } from "../../support/manual-clock.js";
import { keyOf, PROGRESS } from "../../support/tasks.js";

/** Hints that come one after the other are answered together. */
const HINT_MS = 50;
/** A lease, and the chance that comes on top. */
const TAKEOVER_MS = 11_000;

/** Instances in front of one emulator. */
class World {
  readonly clock = new ManualClock();
  readonly client = new EmulatedImmClient(this.clock, 100);
  readonly store = new MemoryExchangeStore(this.clock);
  readonly instances: Instance[] = [];

  constructor(...taskIds: readonly string[]) {
    for (const taskId of taskIds) this.client.start(taskId, 60_000);
  }

  start(latencies?: Latencies): Instance {
    const instance = new Instance(this.clock, this.client, this.store, latencies);
    this.instances.push(instance);
    return instance;
  }

  /** Lets time pass; messages take turns of their own, one after the other. */
  async pass(ms = 0): Promise<void> {
    await this.clock.advance(ms);
    for (let turn = 0; turn < 8; turn += 1) await this.clock.advance(0);
  }

  /** The calls since the last question. */
  takeCalls(): readonly string[] {
    return this.client.calls.splice(0).map(({ action }) => action);
  }
}

/** Reads a stream, as one text for each event. */
function read(stream: WatchStream): string[] {
  const texts: string[] = [];
  void (async () => {
    for await (const event of stream) {
      if (event.kind === "snapshot") {
        const { key, status, progress } = event.snapshot;
        texts.push(`${key.taskId} ${status} ${String(progress)}`);
      } else if (event.kind === "failure") texts.push(`${event.key?.taskId ?? "all"} ${event.error.name}`);
      else texts.push(event.kind);
    }
    texts.push("end");
  })();
  return texts;
}

function follow(
  instance: Instance,
  taskIds: readonly string[],
  parts: TaskParts = PROGRESS,
  sendsPhases = false,
): string[] {
  return read(instance.hub.watch({ keys: taskIds.map((taskId) => keyOf(taskId)), parts, sendsPhases }));
}

function followProject(instance: Instance, sendsPhases = false): string[] {
  return read(instance.hub.watchProject({ projectName: PROJECT, parts: PROGRESS, sendsPhases }));
}

describe("instances that follow the same tasks", () => {
  it("ask IMM as one does, and each subscriber sees each change and the end", async () => {
    const world = new World("a", "b");
    const [one, two, three] = [world.start(), world.start(), world.start()];
    const logs = [one, two, three].map((instance) => follow(instance, ["a", "b"]));
    await world.pass();
    for (const log of logs) expect(log.toSorted()).toEqual(["a RUNNING 0", "b RUNNING 0"]);
    world.takeCalls();
    world.client.move("a", 10);
    await world.pass(2_000);
    world.client.end("a", "Succeeded");
    await world.pass(2_000);
    world.client.end("b", "Failed");
    await world.pass(2_000);
    for (const log of logs) {
      expect(log.slice(2)).toEqual(["a RUNNING 10", "a SUCCEEDED 100", "b FAILED null", "end"]);
    }
    expect(world.takeCalls()).toEqual(["ListTasks", "ListTasks", "GetTask", "ListTasks", "GetTask"]);
    await world.pass(120_000);
    expect([world.takeCalls(), world.clock.pendingTimers]).toEqual([[], 0]);
    expect(world.instances.map(({ seats }) => seats)).toEqual([0, 0, 0]);
  });
});

describe("a newcomer at an instance that does not poll", () => {
  it("is answered by what is kept, without a call, where that is young", async () => {
    const world = new World("a");
    const [one, two, three] = [world.start(), world.start(), world.start()];
    follow(one, ["a"]);
    const second = follow(two, ["a"]);
    await world.pass();
    await world.pass(2_000);
    world.takeCalls();
    const third = follow(three, ["a"]);
    await world.pass();
    expect([second, third, world.takeCalls()]).toEqual([["a RUNNING 0"], ["a RUNNING 0"], []]);
  });

  it("is shown it as young as the last poll that has seen it, and so is one that was there before", async () => {
    const world = new World("a");
    const [one, two, three] = [world.start(), world.start(), world.start()];
    follow(one, ["a"]);
    const early = two.hub.watch({ keys: [keyOf("a")], parts: PROGRESS });
    await early.next();
    await world.pass(2_000);
    const polledAt = world.clock.now();
    await world.pass(1_500);
    const { value: event } = await three.hub.watch({ keys: [keyOf("a")], parts: PROGRESS }).next();
    expect(event).toMatchObject({ snapshot: { observedAt: polledAt } });
    expect(early.renewedEvent(toKeyText(keyOf("a")))).toMatchObject({ snapshot: { observedAt: polledAt } });
  });

  it("is asked for at once by the one that polls, which a hint tells", async () => {
    const world = new World("a", "b");
    const [one, two] = [world.start(), world.start()];
    follow(one, ["a"]);
    await world.pass();
    world.takeCalls();
    await world.pass(1_500);
    const log = follow(two, ["b"]);
    await world.pass();
    expect([log, world.takeCalls()]).toEqual([["b RUNNING 0"], ["ListTasks"]]);
  });

  it("waits for the next publication where the hint is lost", async () => {
    const world = new World("a", "b");
    const [one, two] = [world.start(), world.start()];
    follow(one, ["a"]);
    await world.pass();
    if (one.exchange !== undefined) one.exchange.isDeaf = true;
    const log = follow(two, ["b"]);
    await world.pass();
    expect(log).toEqual([]);
    await world.pass(2_000);
    expect(log).toEqual(["b RUNNING 0"]);
  });

  it("asks IMM itself when it is not answered within a lease", async () => {
    const world = new World("a", "b");
    const [one, two] = [world.start(), world.start()];
    follow(one, ["a"]);
    follow(two, ["a"]);
    await world.pass();
    one.stop();
    const log = follow(two, ["b"]);
    await world.pass();
    await world.pass(9_999);
    expect(log).toEqual([]);
    await world.pass(1);
    expect(log).toEqual(["b RUNNING 0"]);
  });

  it("is not shown what was seen too long ago", async () => {
    const world = new World("a");
    const [one, two, three] = [world.start(), world.start(), world.start()];
    follow(one, ["a"]);
    follow(two, ["a"]);
    await world.pass();
    one.kill();
    await world.pass(5_000);
    world.client.move("a", 50);
    const log = follow(three, ["a"]);
    await world.pass();
    expect(log).toEqual([]);
    await world.pass(TAKEOVER_MS);
    expect(log).toEqual(["a RUNNING 50"]);
  });

  it("asks IMM once for what is not shared: a definition with its secrets", async () => {
    const world = new World("a");
    const [one, two] = [world.start(), world.start()];
    follow(one, ["a"]);
    await world.pass();
    world.takeCalls();
    const log = follow(two, ["a"], { ...PROGRESS, definition: true, secrets: true });
    await world.pass();
    expect(log).toEqual(["a RUNNING 0"]);
    expect(world.takeCalls().toSorted()).toEqual(["GetTask", "ListTasks"]);
    world.client.move("a", 10);
    await world.pass(2_000);
    expect([log, world.takeCalls()]).toEqual([["a RUNNING 0", "a RUNNING 10"], ["ListTasks"]]);
  });
});

describe("when the instance that polls", () => {
  it("is killed, another goes on within a lease", async () => {
    const world = new World("a");
    const [one, two, three] = [world.start(), world.start(), world.start()];
    const logs = [one, two, three].map((instance) => follow(instance, ["a"]));
    await world.pass();
    one.kill();
    world.client.end("a", "Succeeded");
    await world.pass(TAKEOVER_MS);
    for (const log of logs.slice(1)) expect(log).toEqual(["a RUNNING 0", "a SUCCEEDED 100", "end"]);
    expect(logs[0]).toEqual(["a RUNNING 0"]);
  });

  it("has no subscriber left, another goes on at once, at the next interval", async () => {
    const world = new World("a");
    const [one, two] = [world.start(), world.start()];
    const stream = one.hub.watch({ keys: [keyOf("a")], parts: PROGRESS });
    const first = read(stream);
    const second = follow(two, ["a"]);
    await world.pass();
    await stream.return();
    await world.pass(100);
    expect(one.seats).toBe(0);
    world.client.end("a", "Succeeded");
    world.takeCalls();
    await world.pass(2_000);
    expect([first, second]).toEqual([
      ["a RUNNING 0", "end"],
      ["a RUNNING 0", "a SUCCEEDED 100", "end"],
    ]);
    expect(world.takeCalls()).toEqual(["ListTasks", "GetTask"]);
  });

  it("was stopped, it asks first whether it still polls, and shows nothing that it has asked for before", async () => {
    const world = new World("a");
    const one = world.start({ imm: 300, exchange: 0 });
    const two = world.start();
    const [first, second] = [follow(one, ["a"]), follow(two, ["a"])];
    await world.pass();
    await world.pass(1_000);
    world.client.move("a", 10);
    // Its poll has been sent.
    await world.pass(1_100);
    one.stop();
    world.client.move("a", 10);
    await world.pass(TAKEOVER_MS);
    expect([first, second]).toEqual([["a RUNNING 0"], ["a RUNNING 0", "a RUNNING 20"]]);
    world.takeCalls();
    one.goOn();
    await world.pass();
    expect([first, world.takeCalls()]).toEqual([["a RUNNING 0", "a RUNNING 20"], []]);
    world.client.end("a", "Failed");
    await world.pass(2_000);
    for (const log of [first, second]) expect(log.slice(-2)).toEqual(["a FAILED null", "end"]);
  });

  it("was stopped, and no other was there, it goes on", async () => {
    const world = new World("a");
    const one = world.start();
    const log = follow(one, ["a"]);
    await world.pass();
    one.stop();
    world.client.end("a", "Succeeded");
    await world.pass(60_000);
    one.goOn();
    await world.pass(2_000);
    expect(log).toEqual(["a RUNNING 0", "a SUCCEEDED 100", "end"]);
  });

  it("cannot ask IMM, the subscribers of all are told, and told when it can", async () => {
    const world = new World("a");
    const [one, two] = [world.start(), world.start()];
    const logs = [one, two].map((instance) => follow(instance, ["a"], PROGRESS, true));
    await world.pass();
    world.client.failures.push("outage", "outage");
    await world.pass(2_000);
    await world.pass(2_000);
    const late = follow(two, ["a"], PROGRESS, true);
    await world.pass();
    await world.pass(2_000);
    for (const log of logs) expect(log).toEqual(["a RUNNING 0", "caughtUp", "delayed", "caughtUp"]);
    expect(late).toEqual(["a RUNNING 0", "delayed", "caughtUp"]);
  });

  it("is told that there is no such task, so are the subscribers of all, and each further one is asked for again", async () => {
    const world = new World("a");
    const [one, two] = [world.start(), world.start()];
    follow(one, ["a"]);
    await world.pass();
    world.takeCalls();
    for (let time = 0; time < 2; time += 1) {
      const log = follow(two, ["gone"], NO_PARTS);
      await world.pass(HINT_MS);
      expect([log, world.takeCalls()]).toEqual([["gone NotFoundError", "end"], ["GetTask"]]);
      // An answer as young as that would do for both.
      await world.pass(1_500);
    }
  });
});

describe("when the exchange is away", () => {
  it("each instance polls for itself, and one for all when it is back; each end is told once", async () => {
    const world = new World("a", "b", "c");
    const instances = [world.start(), world.start()];
    const logs = instances.map((instance) => follow(instance, ["a", "b", "c"]));
    await world.pass();
    for (const { exchange } of instances) exchange?.goAway();
    world.client.end("a", "Succeeded");
    world.takeCalls();
    await world.pass(4_000);
    expect(world.takeCalls().filter((action) => action === "ListTasks")).toHaveLength(4);
    for (const { exchange } of instances) exchange?.comeBack();
    world.client.end("b", "Succeeded");
    await world.pass(4_000);
    world.takeCalls();
    await world.pass(4_000);
    expect(world.takeCalls()).toEqual(["ListTasks", "ListTasks"]);
    world.client.end("c", "Succeeded");
    await world.pass(4_000);
    for (const log of logs) {
      expect(log.slice(3)).toEqual(["a SUCCEEDED 100", "b SUCCEEDED 100", "c SUCCEEDED 100", "end"]);
    }
  });

  it("from the start, each polls for itself", async () => {
    const world = new World("a");
    const one = world.start();
    one.exchange?.goAway();
    const log = follow(one, ["a"]);
    await world.pass();
    expect(log).toEqual(["a RUNNING 0"]);
    one.hub.dispose();
    expect([one.seats, world.clock.pendingTimers]).toEqual([0, 0]);
  });
});

describe("following a project at several instances", () => {
  it("costs the lists of one, and each is told of what runs, what starts, and each end", async () => {
    const world = new World("a", "b");
    const [one, two] = [world.start(), world.start()];
    const first = followProject(one, true);
    await world.pass();
    world.takeCalls();
    const second = followProject(two, true);
    await world.pass(HINT_MS);
    expect(world.takeCalls()).toEqual([]);
    for (const log of [first, second]) expect(log.toSorted()).toEqual(["a RUNNING 0", "b RUNNING 0", "caughtUp"]);
    await world.clock.advance(1);
    world.client.start("c", 0);
    world.client.end("a", "Succeeded");
    await world.pass(2_000);
    expect(world.takeCalls()).toEqual(["ListTasks", "ListTasks"]);
    for (const log of [first, second]) expect(log.slice(3).toSorted()).toEqual(["a SUCCEEDED 100", "c RUNNING 0"]);
    world.client.end("b", "Failed");
    world.client.end("c", "Succeeded");
    await world.pass(2_000);
    for (const log of [first, second]) expect(log.slice(5).toSorted()).toEqual(["b FAILED null", "c SUCCEEDED 100"]);
  });

  it("goes on without a gap when the one that polls is killed", async () => {
    const world = new World("a");
    const [one, two, three] = [world.start(), world.start(), world.start()];
    followProject(one);
    const second = followProject(two);
    await world.pass();
    one.kill();
    await world.clock.advance(1);
    world.client.start("short", 0);
    await world.clock.advance(1);
    world.client.end("short", "Succeeded");
    world.client.end("a", "Succeeded");
    // It wants one task only, and goes on for the other, or that one for it.
    const third = follow(three, ["a"]);
    await world.pass(TAKEOVER_MS);
    await world.pass(2_000);
    expect(second.toSorted()).toEqual(["a RUNNING 0", "a SUCCEEDED 100", "short SUCCEEDED 100"]);
    expect(third).toEqual(["a SUCCEEDED 100", "end"]);
  });

  it("is taken over by one that does not follow the project", async () => {
    const world = new World("a", "b");
    const [one, two, three] = [world.start(), world.start(), world.start()];
    followProject(one);
    await world.pass();
    follow(two, ["b"]);
    const third = followProject(three);
    await world.pass(HINT_MS);
    expect(third.toSorted()).toEqual(["a RUNNING 0", "b RUNNING 0"]);
    // Of two that have heard the same news last, the one that came first claims first.
    await world.pass(2_000);
    one.kill();
    await world.clock.advance(1);
    world.client.start("short", 0);
    await world.clock.advance(1);
    world.client.end("short", "Succeeded");
    world.client.end("a", "Succeeded");
    await world.pass(TAKEOVER_MS);
    expect(third.slice(2).toSorted()).toEqual(["a SUCCEEDED 100", "short SUCCEEDED 100"]);
    expect([two.calls > 0, three.calls]).toEqual([true, 0]);
    await world.pass(10_000);
    expect(third).toHaveLength(4);
  });

  it("misses no end where what was kept is lost", async () => {
    const world = new World("a", "b");
    const [one, two, three] = [world.start(), world.start(), world.start()];
    followProject(one);
    await world.pass();
    follow(two, ["b"]);
    const third = followProject(three);
    await world.pass(HINT_MS);
    await world.pass(2_000);
    one.kill();
    for (const { exchange } of [two, three]) exchange?.goAway();
    world.store.project(PROJECT).entries.clear();
    world.client.end("a", "Succeeded");
    await world.pass(1_000);
    for (const { exchange } of [two, three]) exchange?.comeBack();
    await world.pass(2 * TAKEOVER_MS);
    expect(third.toSorted()).toEqual(["a RUNNING 0", "a SUCCEEDED 100", "b RUNNING 0"]);
  });

  it("misses no task that was seen by one alone, which polls for all then", async () => {
    const world = new World("a");
    const [one, two, three] = [world.start(), world.start(), world.start()];
    const [, second] = [followProject(one), followProject(two)];
    await world.pass(HINT_MS);
    const third = followProject(three);
    await world.pass(HINT_MS);
    await world.pass(2_000);
    two.exchange?.goAway();
    one.kill();
    await world.clock.advance(1);
    world.client.start("short", 0);
    await world.pass(3_000);
    world.client.end("short", "Succeeded");
    await world.pass(3_000);
    expect(second).toEqual(["a RUNNING 0", "short RUNNING 0", "short SUCCEEDED 100"]);
    three.stop();
    two.exchange?.comeBack();
    await world.pass();
    await world.pass(TAKEOVER_MS);
    three.goOn();
    await world.pass(5_000);
    expect(three.calls).toBe(0);
    expect(third).toEqual(["a RUNNING 0", "short SUCCEEDED 100"]);
  });

  it("tells no end that is still kept to a newcomer, nor once more to one that has missed news", async () => {
    const world = new World("a");
    const [one, two, three] = [world.start(), world.start(), world.start()];
    followProject(one);
    await world.pass();
    const second = followProject(two);
    await world.pass(HINT_MS);
    world.client.start("short", 0);
    await world.pass(2_000);
    world.client.end("short", "Succeeded");
    await world.pass(40_000);
    const ofTwo = ["a RUNNING 0", "short RUNNING 0", "short SUCCEEDED 100"];
    expect(second).toEqual(ofTwo);
    two.exchange?.goAway();
    two.exchange?.comeBack();
    const third = followProject(three);
    await world.pass(2_000);
    expect([second, third]).toEqual([ofTwo, ["a RUNNING 0"]]);
  });

  it("tells no end twice, and nothing after it, when the one that polls knows it later", async () => {
    const world = new World("a", "b");
    const [one, two] = [world.start({ imm: 1_500, exchange: 0 }), world.start()];
    followProject(one);
    await world.pass();
    await world.pass(6_000);
    const second = followProject(two);
    await world.pass();
    await world.pass(10_000);
    two.exchange?.goAway();
    world.client.end("a", "Succeeded");
    while (second.length < 3) await world.pass(50);
    two.exchange?.comeBack();
    await world.pass(10_000);
    expect(second.toSorted()).toEqual(["a RUNNING 0", "a SUCCEEDED 100", "b RUNNING 0"]);
  });

  it("ends for all when the project cannot be followed", async () => {
    const world = new World("a");
    const [one, two] = [world.start(), world.start()];
    const logs = [one, two].map((instance) =>
      read(instance.hub.watchProject({ projectName: "nowhere", parts: PROGRESS })),
    );
    await world.pass();
    for (const log of logs) expect(log).toEqual(["all NotFoundError", "end"]);
    expect([world.clock.pendingTimers, one.seats, two.seats]).toEqual([0, 0, 0]);
  });
});

describe("what instances share", () => {
  const time = { timeAt: (tick: number) => tick + 1_000, tickAt: (timeMs: number) => timeMs - 1_000 };
  const FILTER = { firstStart: -Infinity, endedTick: 5, ends: new Map([["a", -Infinity]]) };
  const POLLED = {
    beganTick: 7,
    intervalMs: 2_000,
    delay: new UpstreamThrottledError("Slow down.", { retryAfterMs: 5 }),
    unseen: new Set(["a"]),
    listed: new Map([["f", 3]]),
  };

  it("is read as it was written", () => {
    const error = new NotFoundError("Gone.", { imm: { code: "ResourceNotFound", requestId: "r" } });
    const entries = new Map([
      ["poll", toPollEntry(POLLED, time)],
      ["f", toFilterEntry(FILTER, time)],
      ["b", toFailureEntry({ error, tick: 3 }, time)],
    ]);
    expect(readNews(toNews(entries))).toEqual(entries);
    const { poll, filters, failures } = readEntries(readNews(toNews(entries)), time);
    expect(poll).toEqual(POLLED);
    expect(filters).toEqual(new Map([["f", FILTER]]));
    expect(failures).toEqual([{ name: "b", error, tick: 3 }]);
    expect(failures[0]?.error).toBeInstanceOf(NotFoundError);
  });

  it("is wanted once for each task and filter, with all that is needed of it", () => {
    const wants = [
      toTaskWant(keyOf("a"), PROGRESS),
      toTaskWant(keyOf("a"), { ...NO_PARTS, eventId: true }),
      toTaskWant(keyOf("b"), { ...NO_PARTS, definition: true, secrets: true }),
      toFilterWant({ taskTypes: ["X"] }, PROGRESS),
      toStalenessWant({ leastMs: 5_000, isAskedByAll: true }),
      toStalenessWant({ leastMs: Infinity, isAskedByAll: false }),
    ];
    expect(readWants("immtest", wants)).toEqual({
      tasks: new Map([
        [toKeyText(keyOf("a")), { key: keyOf("a"), parts: { ...PROGRESS, eventId: true } }],
        [toKeyText(keyOf("b")), { key: keyOf("b"), parts: NO_PARTS }],
      ]),
      filters: new Map([[toFilterText({ taskTypes: ["X"] }), { filter: { taskTypes: ["X"] }, parts: PROGRESS }]]),
      asked: { leastMs: 5_000, isAskedByAll: false },
    });
  });

  it("counts as not there where it is of another version, or none at all; what is not known is ignored", () => {
    const newer = (text: string): string => text.replace('"v":1', '"v":2');
    const odd = ["", "[]", "null", "{", '{"v":1}', '{"v":1}\n{', newer(toPollEntry(POLLED, time))];
    for (const text of odd) {
      expect(
        readEntries(
          new Map([
            ["poll", text],
            ["a", text],
          ]),
          time,
        ),
      ).toEqual(NOTHING);
      expect([readNews(text).size, readHint(text), readWants("immtest", [text]).tasks.size]).toEqual([0, [], 0]);
    }
    const more = toPollEntry(POLLED, time).replace('"v":1', '"v":1,"more":[1]');
    expect(readEntries(new Map([["poll", more]]), time).poll).toEqual(POLLED);
  });
});

const NOTHING = { poll: undefined, tasks: [], filters: new Map(), failures: [] };
