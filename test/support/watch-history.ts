/** What may happen to tasks and to those who follow them, drawn by fast-check, and what one who follows has been told. */

import { expect } from "@jest/globals";
import fc from "fast-check";
import { isFinal, type TaskSnapshot } from "../../src/tasks/snapshot.js";
import type { WatchStream } from "../../src/tasks/watch/watch-stream.js";
import type { InjectedFailure } from "./emulated-client.js";

/** Tasks that run from the beginning; further ones start on the way. */
export const TASKS = 12;
export const PAGE = 3;

export type Step =
  | {
      readonly do: "follow";
      readonly tasks: readonly number[];
      readonly progress: boolean;
      readonly staleness: number | undefined;
    }
  | { readonly do: "followProject"; readonly progress: boolean; readonly staleness: number | undefined }
  | { readonly do: "start" }
  | { readonly do: "leave"; readonly subscriber: number }
  | { readonly do: "move"; readonly task: number; readonly by: number }
  | { readonly do: "end"; readonly task: number; readonly as: "Succeeded" | "Failed" }
  | { readonly do: "fail"; readonly calls: readonly InjectedFailure[] }
  | { readonly do: "query"; readonly tasks: readonly number[] }
  | { readonly do: "wait"; readonly ms: number };

const anyTask = fc.nat(TASKS - 1);
const anyTaskAtAll = fc.nat(TASKS + 8);
const anyTasks = fc.uniqueArray(anyTask, { minLength: 1, maxLength: TASKS });
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("follow" as const),
    tasks: anyTasks,
    progress: fc.boolean(),
    staleness: fc.constantFrom(undefined, 1_000, 5_000),
  }),
  fc.record({
    do: fc.constant("followProject" as const),
    progress: fc.boolean(),
    staleness: fc.constantFrom(undefined, 1_000, 5_000),
  }),
  fc.record({ do: fc.constant("start" as const) }),
  fc.record({ do: fc.constant("leave" as const), subscriber: fc.nat(20) }),
  fc.record({ do: fc.constant("move" as const), task: anyTaskAtAll, by: fc.integer({ min: 1, max: 30 }) }),
  fc.record({
    do: fc.constant("end" as const),
    task: anyTaskAtAll,
    as: fc.constantFrom("Succeeded" as const, "Failed" as const),
  }),
  fc.record({
    do: fc.constant("fail" as const),
    calls: fc.array(fc.constantFrom<InjectedFailure>("throttle", "outage"), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ do: fc.constant("query" as const), tasks: anyTasks }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 200, 1_000, 3_000, 20_000) }),
);

/** One subscriber, and all that it was told. */
export class Subscriber {
  readonly told: TaskSnapshot[] = [];
  /** The tasks whose end it has to be told of. */
  readonly tasks: Set<string>;
  readonly stream: WatchStream;
  /** When it is the first to follow the project: the tasks that had ended by then. Null when it follows tasks. */
  readonly endedBefore: ReadonlySet<string> | null;
  hasLeft = false;
  hasEnded = false;

  constructor(tasks: readonly string[], stream: WatchStream, endedBefore: ReadonlySet<string> | null = null) {
    this.tasks = new Set(tasks);
    this.stream = stream;
    this.endedBefore = endedBefore;
    void this.#read();
  }

  async #read(): Promise<void> {
    for await (const event of this.stream) {
      if (event.kind !== "snapshot") throw new Error(`Expected a snapshot, got ${event.kind}.`);
      this.told.push(event.snapshot);
    }
    this.hasEnded = true;
  }

  get followsProject(): boolean {
    return this.endedBefore !== null;
  }

  knows(taskId: string): boolean {
    return this.told.some(({ key }) => key.taskId === taskId);
  }

  knowsEndOf(taskId: string): boolean {
    return this.told.some((snapshot) => snapshot.key.taskId === taskId && isFinal(snapshot));
  }

  async leave(): Promise<void> {
    this.hasLeft = true;
    await this.stream.return();
  }
}

/** Of each task progress that never runs back, and one final state, which is the last; its end, where it had to be told. */
export function expectTold({ told, tasks, hasLeft }: Subscriber, taskIds: readonly string[]): void {
  for (const taskId of taskIds) {
    const ofTask = told.filter(({ key }) => key.taskId === taskId);
    const ofProgress = ofTask.filter(({ status }) => status !== "FAILED");
    const progress = ofProgress.map((snapshot) => snapshot.progress ?? -1);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    const finals = ofTask.filter(({ status }) => status !== "RUNNING");
    expect(finals.length).toBeLessThanOrEqual(1);
    expect(finals.length === 1 || hasLeft || !tasks.has(taskId)).toBe(true);
    expect(finals.length === 0 || ofTask.at(-1) === finals[0]).toBe(true);
  }
}

export function idOf(task: number): string {
  return `task-${String(task).padStart(2, "0")}`;
}
