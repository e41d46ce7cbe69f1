import { describe, expect, it } from "@jest/globals";
import { NO_PARTS, type TaskParts } from "../../../src/tasks/task.js";
import { MemoryExchangeStore } from "../../../src/tasks/watch/memory-exchange.js";
import type { WatchStream } from "../../../src/tasks/watch/watch-stream.js";
import { EmulatedImmClient, PROJECT } from "../../support/emulated-client.js";
import { Instance } from "../../support/instances.js";
import { ManualClock } from "../../support/manual-clock.js";
import { keyOf, PROGRESS } from "../../support/tasks.js";

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

  start(): Instance {
    const instance = new Instance(this.clock, this.client, this.store);
    this.instances.push(instance);
    return instance;
  }

  async pass(ms = 0): Promise<void> {
    await this.clock.advance(ms);
    await this.clock.advance(0);
    await this.clock.advance(0);
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
