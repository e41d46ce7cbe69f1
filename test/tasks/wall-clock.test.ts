import { describe, expect, it } from "@jest/globals";
import { EVERY_SECOND } from "../support/look-again.js";
import { eventually } from "../support/eventually.js";
import { keyArguments, query } from "../support/query.js";
import { startGateway } from "../support/start-gateway.js";
import { connect, subscribe } from "../support/subscribe.js";

const RUN = { taskType: "FileCompression", taskId: "run" };
const ASK = `{ task(${keyArguments(RUN)}) { progress observedAt elapsedMs } }`;
const CREATE = `mutation {
  createFileCompressionTask(
    input: { projectName: "immtest", sources: [{ uri: "oss://b/a" }], targetUri: "oss://b/c.zip", idempotencyKey: "once" }
  ) { isNew task { taskId } }
}`;

interface Followed {
  readonly taskProgress: { readonly progress: number; readonly observedAt: string };
}

interface Asked {
  readonly task: { readonly progress: number; readonly observedAt: string; readonly elapsedMs: number };
}

interface Created {
  readonly createFileCompressionTask: { readonly isNew: boolean; readonly task: { readonly taskId: string } };
}

const MINUTE_MS = 60_000;

describe.each([
  ["back by half a minute", -MINUTE_MS / 2],
  ["back by two hours", -120 * MINUTE_MS],
  ["on by two hours", 120 * MINUTE_MS],
  ["on by two days", 2 * 24 * 60 * MINUTE_MS],
])("a wall clock that is set %s", (_how, stepMs) => {
  it("delays no poll, brings none forward, and is what is shown", async () => {
    const { url, clock, emulator } = await startGateway({ gateway: EVERY_SECOND });
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.setProgress("run", 1);
    const document = `subscription { taskProgress(${keyArguments(RUN)}) { progress observedAt } }`;
    const subscription = subscribe<Followed>(connect(url), document);
    await subscription.next();
    clock.stepWall(stepMs);
    for (const progress of [2, 3, 4]) {
      emulator.setProgress("run", progress);
      const callsBefore = emulator.calls.length;
      await clock.advance(999);
      expect(emulator.calls).toHaveLength(callsBefore);
      await clock.advance(1);
      const { data } = await subscription.next();
      expect(data?.taskProgress).toEqual({ progress, observedAt: new Date(clock.now()).toISOString() });
      expect(emulator.calls).toHaveLength(callsBefore + 1);
      // The poll that was answered has to be over before time goes on.
      await eventually(() => clock.pendingTimers > 0);
    }
  });

  it("makes no snapshot older or younger for queries", async () => {
    const { url, clock, emulator } = await startGateway({ gateway: { taskMaxAgeMs: 1_000 } });
    emulator.addTask({ ...RUN, durationMs: Infinity });
    emulator.setProgress("run", 1);
    await query(url, ASK);
    clock.stepWall(stepMs);
    emulator.setProgress("run", 2);
    const callsBefore = emulator.calls.length;
    await clock.advance(1_000);
    expect((await query<Asked>(url, ASK)).data?.task.progress).toBe(1);
    expect(emulator.calls).toHaveLength(callsBefore);
    await clock.advance(1);
    const { data } = await query<Asked>(url, ASK);
    expect(data?.task).toMatchObject({ progress: 2, observedAt: new Date(clock.now()).toISOString() });
    expect(data?.task.elapsedMs).toBeGreaterThanOrEqual(0);
  });

  it("forgets no idempotency key", async () => {
    const { url, clock, emulator } = await startGateway();
    const first = await query<Created>(url, CREATE);
    expect(first.data?.createFileCompressionTask.isNew).toBe(true);
    clock.stepWall(stepMs);
    const callsBefore = emulator.calls.filter(({ action }) => action.startsWith("Create")).length;
    const again = await query<Created>(url, CREATE);
    expect(again.data?.createFileCompressionTask).toEqual({
      isNew: false,
      task: first.data?.createFileCompressionTask.task,
    });
    expect(emulator.calls.filter(({ action }) => action.startsWith("Create"))).toHaveLength(callsBefore);
  });
});
