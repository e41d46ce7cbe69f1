/**
 * What is known of all tasks that are followed, made of their events: how each stands, and whether it can be asked at the
 * moment. Says what has changed, so that what a new connection sends again is shown once. No I/O.
 */

import type { Clock } from "../../clock.js";
import { toKeyText, type TaskKey } from "../../tasks/task.js";
import type { FollowEvent, SeenTask } from "./follow-event.js";
import type { Failure } from "./task-source.js";

/** How a task stands: not asked yet, running, ended in one of three ways, or not to be followed. */
export type Phase = "waiting" | "running" | "succeeded" | "failed" | "unknown" | "lost";

/** One task. */
export interface Row {
  readonly key: TaskKey;
  readonly phase: Phase;
  /** As it was last seen; null where it never was. */
  readonly task: SeenTask | null;
  /** When that was received. */
  readonly seenTick: number;
  /** Why it cannot be followed. */
  readonly failure: Failure | null;
}

export type Tally = Readonly<Record<Phase, number>>;

/** What is shown. */
export interface BoardView {
  /** In the order in which they came. */
  readonly rows: readonly Row[];
  /** Of all, those too that are not among the rows any more. */
  readonly tally: Tally;
  /** When the first connection was asked for. */
  readonly startTick: number;
  /** Why the gateway, and since when until when it is not asked. */
  readonly link: { readonly reason: string; readonly retryTick: number } | null;
  /** Why IMM cannot be asked. */
  readonly delay: Failure | null;
}

/** What is to be said of an event: the row it has changed, with the kind that this makes it. */
export interface Change {
  readonly kind: "SNAPSHOT" | "CHANGE" | "FINAL" | "FAILED";
  readonly row: Row;
}

export class Board implements BoardView {
  readonly startTick: number;
  link: BoardView["link"] = null;
  delay: BoardView["delay"] = null;
  readonly #clock: Clock;
  readonly #rows = new Map<string, Row>();
  readonly #maxEnded: number;
  readonly #dropped: Record<Phase, number> = { ...NONE };

  /**
   * @param keys - what is followed from the start.
   * @param maxEnded - how many ended tasks are kept: the oldest beyond are counted only.
   */
  constructor(clock: Clock, keys: readonly TaskKey[], maxEnded = Infinity) {
    this.#clock = clock;
    this.startTick = clock.tick();
    this.#maxEnded = maxEnded;
    const waiting = { phase: "waiting", task: null, seenTick: this.startTick, failure: null } as const;
    for (const key of keys) this.#rows.set(toKeyText(key), { key, ...waiting });
  }

  get rows(): readonly Row[] {
    return [...this.#rows.values()];
  }

  get tally(): Tally {
    const tally = { ...this.#dropped };
    for (const { phase } of this.#rows.values()) tally[phase] += 1;
    return tally;
  }

  /** The keys of the tasks that have not ended. */
  get openKeys(): readonly TaskKey[] {
    return this.rows.filter(({ phase }) => phase === "running" || phase === "waiting").map(({ key }) => key);
  }

  /** Takes an event of a task in. Undefined where it shows nothing new. */
  take(
    event: Extract<FollowEvent, { task: SeenTask }> | { readonly key: TaskKey; readonly error: Failure },
  ): Change | undefined {
    const isTask = "task" in event;
    const { projectName, taskType, taskId } = isTask ? event.task : event.key;
    const keyText = toKeyText({ projectName, taskType, taskId });
    const before = this.#rows.get(keyText);
    if (before !== undefined && before.phase !== "waiting" && before.phase !== "running") return undefined;
    const row: Row = {
      key: { projectName, taskType, taskId },
      phase: isTask ? phaseOf(event.task) : "lost",
      task: isTask ? event.task : (before?.task ?? null),
      seenTick: this.#clock.tick(),
      failure: isTask ? null : event.error,
    };
    this.#rows.set(keyText, row);
    if (row.phase !== "running") {
      this.#dropEnded();
      return { kind: isTask ? "FINAL" : "FAILED", row };
    }
    if (before?.task == null) return { kind: "SNAPSHOT", row };
    return isSame(before.task, row.task) ? undefined : { kind: "CHANGE", row };
  }

  #dropEnded(): void {
    const ended = [...this.#rows].filter(([, { phase }]) => phase !== "running" && phase !== "waiting");
    for (const [keyText, { phase }] of ended.slice(0, Math.max(0, ended.length - this.#maxEnded))) {
      this.#rows.delete(keyText);
      this.#dropped[phase] += 1;
    }
  }
}

const NONE: Tally = { waiting: 0, running: 0, succeeded: 0, failed: 0, unknown: 0, lost: 0 };

function phaseOf({ isDone, status }: SeenTask): Phase {
  if (!isDone) return "running";
  if (status === "SUCCEEDED") return "succeeded";
  return status === "FAILED" ? "failed" : "unknown";
}

function isSame(a: SeenTask, b: SeenTask | null): boolean {
  return a.statusText === b?.statusText && a.progress === b.progress;
}
