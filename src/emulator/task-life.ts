/**
 * What a task of the emulator is, and its state at an instant. Pure: nothing here reads a clock or runs a timer; a
 * task is a plan (start, end, outcome), and everything IMM shows of it follows from the plan and the time of asking.
 */

import { createHash } from "node:crypto";
import { RETENTION_DAYS } from "../imm/operations/operations.js";

/** The states that IMM documents. */
export type TaskStatus = "Running" | "Succeeded" | "Failed";

/** How a task ends. A failed one stops at `atProgress` percent, 99 unless said otherwise. */
export type TaskOutcome =
  | { readonly status: "Succeeded" }
  | { readonly status: "Failed"; readonly code: string; readonly message: string; readonly atProgress?: number };

/** How progress spreads over a task's duration: evenly, or most of it in the first or in the last part. */
export type Pace = "steady" | "early" | "late";

/** What is fixed when a task is added. */
export interface TaskIdentity {
  readonly projectName: string;
  readonly taskType: string;
  readonly taskId: string;
  /** The planned time from start to end, after the emulator's `timeScale`. `Infinity` never ends by itself. */
  readonly durationMs: number;
  readonly pace: Pace;
  readonly requestDefinition: string | undefined;
  readonly userData: string | undefined;
  readonly tags: Readonly<Record<string, unknown>> | undefined;
  /** What the result operation of its type answers once it has succeeded; the other types have none. */
  readonly result?: unknown;
}

/** A task with the members that the emulator's drive methods change; only `TaskStore` writes them. */
export interface Task extends TaskIdentity {
  /** Milliseconds since the epoch; `Infinity` while a task that starts when first seen has not been seen. */
  startedAt: number;
  /** The instant from which it has ended: planned, or set when it is finished or failed explicitly. */
  endsAt: number;
  outcome: TaskOutcome;
  /** Percent shown while running, whatever the time; null follows the pace. */
  pinnedProgress: number | null;
}

/** What IMM would say of a task at one instant. */
export interface TaskState {
  readonly status: TaskStatus;
  /** Percent: 0 to 99 while running unless pinned, 100 when succeeded, where it stopped when failed. */
  readonly progress: number;
  /** Null while running. */
  readonly endedAt: number | null;
  /** The task's own error: null unless failed. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

const RETENTION_MS = RETENTION_DAYS * 24 * 60 * 60_000;

/** The most that a running task shows: 100 is for those that succeeded. */
const LAST_RUNNING_PROGRESS = 99;

/** The exponent that bends the share of time gone by into the share of work done. */
const PACE_EXPONENTS: Readonly<Record<Pace, number>> = { steady: 1, early: 0.5, late: 2 };

/** The state of `task` at `now`. While it runs unpinned, progress never falls as `now` grows. */
export function taskAt(task: Task, now: number): TaskState {
  if (now < task.endsAt) {
    return { status: "Running", progress: runningProgress(task, now), endedAt: null, error: null };
  }
  const { outcome } = task;
  if (outcome.status === "Succeeded") {
    return { status: "Succeeded", progress: 100, endedAt: task.endsAt, error: null };
  }
  return {
    status: "Failed",
    progress: task.pinnedProgress ?? outcome.atProgress ?? LAST_RUNNING_PROGRESS,
    endedAt: task.endsAt,
    error: { code: outcome.code, message: outcome.message },
  };
}

function runningProgress(task: Task, now: number): number {
  if (task.pinnedProgress !== null) return task.pinnedProgress;
  const goal = (task.outcome.status === "Failed" ? task.outcome.atProgress : undefined) ?? LAST_RUNNING_PROGRESS;
  const elapsed = Math.min(1, Math.max(0, (now - task.startedAt) / task.durationMs));
  return Math.floor(goal * elapsed ** PACE_EXPONENTS[task.pace]);
}

/** Whether IMM has forgotten the task: seven days after its start, finished or not. */
export function isForgotten(task: Task, now: number): boolean {
  return now - task.startedAt >= RETENTION_MS;
}

/** An instant the way IMM writes it: RFC 3339, UTC, nine fractional digits, for example `2026-01-15T08:00:00.123000000Z`. */
export function formatInstant(at: number): string {
  return new Date(at).toISOString().replace("Z", "000000Z");
}

/** The event id of a task: of IMM's shape (`0ED-1Bz8…`), and always the same for the same task id. */
export function eventIdOf(taskId: string): string {
  const digest = createHash("sha256").update(taskId).digest();
  return `${digest.toString("hex", 0, 2).slice(0, 3).toUpperCase()}-1${digest.toString("base64url", 2, 18)}`;
}
