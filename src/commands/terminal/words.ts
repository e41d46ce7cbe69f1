/** How a task and a time are said, wherever they are shown. Pure. */

import type { BoardView, Phase, Row } from "../follow/board.js";
import type { Failure } from "../follow/task-source.js";
import { toPlainText } from "./plain-text.js";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** For example `42s`, `3m 05s`, `2h 10m`, `6d 04h`. */
export function toDuration(ms: number): string {
  const two = (count: number): string => String(Math.floor(count)).padStart(2, "0");
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m ${two((ms % MINUTE_MS) / SECOND_MS)}s`;
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)}h ${two((ms % HOUR_MS) / MINUTE_MS)}m`;
  return `${Math.floor(ms / DAY_MS)}d ${two((ms % DAY_MS) / HOUR_MS)}h`;
}

/** What a task is called: by its id, behind its type where that does not begin with it, and its project where there are several. */
export function toLabel({ key: { projectName, taskType, taskId } }: Row, hasProjects: boolean): string {
  const isTyped = taskId.toLowerCase().startsWith(taskType.toLowerCase());
  return toPlainText([hasProjects ? projectName : "", isTyped ? "" : taskType, taskId].filter(Boolean).join("/"));
}

export function hasProjects(rows: readonly Row[]): boolean {
  return rows.some(({ key }) => key.projectName !== rows[0]?.key.projectName);
}

/** How long a task has run by now, or did. */
export function elapsedOf({ task, phase, seenTick }: Row, nowTick: number): string {
  if (task === null || task.elapsedMs === null) return "";
  return toDuration(task.elapsedMs + (phase === "running" ? nowTick - seenTick : 0));
}

/** How long a task is expected to run from now on; empty where nothing says so, and when that time has passed. */
export function restOf({ task, phase, seenTick }: Row, nowTick: number): string {
  if (phase !== "running" || task === null || task.estimatedEndAt === null) return "";
  const restMs = Date.parse(task.estimatedEndAt) - Date.parse(task.observedAt) - (nowTick - seenTick);
  // Of an instant that is none it is no number.
  return restMs >= SECOND_MS ? `~${toDuration(restMs)}` : "";
}

/** Why a task failed or cannot be followed; null where there is nothing to say. */
export function failureOf({ task, failure, phase }: Row): string | null {
  if (failure !== null) return toPlainText(`${failure.code}: ${failure.message}`);
  if (phase === "unknown") return toPlainText(`ended as "${task?.statusText ?? ""}", which is not known`);
  if (phase !== "failed") return null;
  const parts = [task?.error?.code ?? "", task?.error?.message ?? ""].filter(Boolean);
  return toPlainText(parts.join(": ")) || "IMM does not say why.";
}

const PHASES: Readonly<Record<Phase, string>> = {
  running: "running",
  waiting: "waiting",
  succeeded: "succeeded",
  failed: "failed",
  unknown: "ended unknown",
  lost: "cannot be followed",
};

/** How a task stands. IMM's own word, where it runs in a state that is not known. */
export function wordOf({ phase, task }: Row): string {
  return phase === "running" && task?.status !== "RUNNING" ? toPlainText(task?.statusText ?? "") : PHASES[phase];
}

/** How many tasks stand how, for example `3 running, 1 failed`. */
export function toCounts(tally: BoardView["tally"]): string {
  const phases = Object.keys(PHASES) as readonly Phase[];
  const counted = phases.filter((phase) => tally[phase] > 0).map((phase) => `${tally[phase]} ${PHASES[phase]}`);
  return counted.join(", ");
}

/** That a gateway is away. */
export function toLoss(reason: string, retryInMs: number): string {
  const seconds = Math.max(1, Math.ceil(retryInMs / SECOND_MS));
  return `The gateway is away, next try in ${seconds}s: ${toPlainText(reason)}`;
}

/** That IMM cannot be asked. */
export function toDelay({ code, message }: Failure): string {
  return toPlainText(`IMM cannot be asked, so this may be old: ${code}: ${message}`);
}
