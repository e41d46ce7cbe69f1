import { describe, expect, it } from "@jest/globals";
import { BadUserInputError, NotFoundError } from "../../../src/errors.js";
import { TaskLoader, type ReadEach } from "../../../src/tasks/read/task-loader.js";
import { NO_PARTS, type TaskKey, type TaskParts } from "../../../src/tasks/task.js";
import { fromGetTask, type TaskSnapshot } from "../../../src/tasks/snapshot.js";
import { PROGRESS } from "../../support/tasks.js";

interface Read {
  readonly taskId: string;
  readonly parts: TaskParts;
}

const DEFINITION = { ...NO_PARTS, definition: true };

function keyOf(taskId: string): TaskKey {
  return { projectName: "p", taskType: "FileCompression", taskId };
}

/** A loader, and the reads that it made. */
function createLoader(maxTasksPerOperation = 100): readonly [TaskLoader, readonly Read[]] {
  const reads: Read[] = [];
  const read = async (key: TaskKey, parts: TaskParts): Promise<TaskSnapshot> => {
    reads.push({ taskId: key.taskId, parts });
    if (key.taskId === "nobody") throw new NotFoundError("IMM knows no such task.");
    const task = { status: "Running", taskRequestDefinition: parts.definition ? "{}" : undefined };
    return fromGetTask(key, task as never, { askedDefinition: parts.definition, observed: { at: 0, tick: 0 } });
  };
  const readEach: ReadEach = (requests) => requests.map(async ({ key, parts }) => read(key, parts));
  return [new TaskLoader({ readEach, maxTasksPerOperation }), reads];
}

describe("loading tasks for one request", () => {
  it("reads the same key once, however often it is loaded", async () => {
    const [loader, reads] = createLoader();
    await Promise.all(Array.from({ length: 50 }, async () => loader.load(keyOf("a"), NO_PARTS)));
    await loader.load(keyOf("a"), NO_PARTS);
    expect(reads).toEqual([{ taskId: "a", parts: NO_PARTS }]);
  });

  it("merges what the loads of one turn need", async () => {
    const [loader, reads] = createLoader();
    const loads = [NO_PARTS, DEFINITION, PROGRESS].map(async (parts) => loader.load(keyOf("a"), parts));
    const [first] = await Promise.all(loads);
    expect(first?.definition).toBe("{}");
    expect(reads).toEqual([{ taskId: "a", parts: { ...DEFINITION, progress: true } }]);
  });

  it("reads again when a later turn needs more than was read", async () => {
    const [loader, reads] = createLoader();
    await loader.load(keyOf("a"), NO_PARTS);
    await loader.load(keyOf("a"), DEFINITION);
    await loader.load(keyOf("a"), NO_PARTS);
    expect(reads).toEqual([
      { taskId: "a", parts: NO_PARTS },
      { taskId: "a", parts: DEFINITION },
    ]);
  });

  it("tells tasks apart by all three names", async () => {
    const [loader, reads] = createLoader();
    await Promise.all([
      loader.load(keyOf("a"), NO_PARTS),
      loader.load({ ...keyOf("a"), taskType: "MediaConvert" }, NO_PARTS),
      loader.load({ ...keyOf("a"), projectName: "q" }, NO_PARTS),
    ]);
    expect(reads).toHaveLength(3);
  });

  it("fails for the key that failed, and for no other", async () => {
    const [loader] = createLoader();
    const [missing, found] = await Promise.allSettled([
      loader.load(keyOf("nobody"), NO_PARTS),
      loader.load(keyOf("a"), NO_PARTS),
    ]);
    expect(missing).toMatchObject({ status: "rejected", reason: expect.any(NotFoundError) });
    expect(found).toMatchObject({ status: "fulfilled" });
  });

  it("refuses more different tasks than one operation may ask for", async () => {
    const [loader, reads] = createLoader(2);
    const loads = await Promise.allSettled(["a", "b", "c", "a"].map(async (id) => loader.load(keyOf(id), NO_PARTS)));
    expect(loads.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(loads[2]).toMatchObject({ reason: expect.any(BadUserInputError) });
    expect(reads).toHaveLength(2);
  });
});
