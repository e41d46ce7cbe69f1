import { describe, expect, it, jest } from "@jest/globals";
import { WatchStream, type WatchEvent } from "../../../src/tasks/watch/watch-stream.js";

function failure(taskId: string): WatchEvent {
  return { kind: "failure", key: { projectName: "p", taskType: "t", taskId }, error: new Error(taskId) };
}

function startStream(...keyTexts: string[]): { readonly stream: WatchStream; readonly onLeave: jest.Mock<() => void> } {
  const onLeave = jest.fn<() => void>();
  return { stream: new WatchStream(keyTexts, { onLeave }), onLeave };
}

describe("the stream of a subscriber", () => {
  it("hands an event to a read that waits", async () => {
    const { stream } = startStream("a");
    const pending = stream.next();
    stream.push("a", failure("1"), false);
    expect((await pending).value).toMatchObject({ error: { message: "1" } });
  });

  it("keeps the newest event of each task, in the order in which tasks had news", async () => {
    const { stream } = startStream("a", "b");
    stream.push("a", failure("a1"), false);
    stream.push("b", failure("b1"), false);
    stream.push("a", failure("a2"), false);
    const read = [await stream.next(), await stream.next()];
    expect(read.map(({ value }) => value?.kind === "failure" && value.error.message)).toEqual(["a2", "b1"]);
  });

  it("ends after the last event of its last task, and says so once", async () => {
    const { stream, onLeave } = startStream("a", "b");
    stream.push("a", failure("a"), true);
    stream.push("b", failure("b"), true);
    await stream.next();
    await stream.next();
    expect(onLeave).not.toHaveBeenCalled();
    expect((await stream.next()).done).toBe(true);
    expect((await stream.return()).done).toBe(true);
    expect(onLeave).toHaveBeenCalledTimes(1);
  });

  it("takes nothing for a task that has ended, nor after the reader left", async () => {
    const { stream } = startStream("a", "b");
    stream.push("a", failure("last"), true);
    stream.push("a", failure("late"), false);
    expect((await stream.next()).value).toMatchObject({ error: { message: "last" } });
    await stream.return();
    stream.push("b", failure("b"), false);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it("answers two reads at once alike and loses none", async () => {
    const { stream } = startStream("a");
    const reads = Promise.all([stream.next(), stream.next()]);
    stream.push("a", failure("1"), true);
    expect((await reads).map(({ done }) => done)).toEqual([false, false]);
    expect((await stream.next()).done).toBe(true);
  });

  it("leaves when the reader throws", async () => {
    const { stream, onLeave } = startStream("a");
    await expect(stream.throw(new Error("reader"))).rejects.toThrow("reader");
    expect(onLeave).toHaveBeenCalledTimes(1);
  });
});
