/** What `watch` writes where there is no terminal: a line for each change; and the summary at the end, there and on a terminal. Pure. */

import type { BoardView, Change, Row } from "../follow/board.js";
import type { FollowEvent } from "../follow/follow-event.js";
import { toPlainJson } from "./plain-text.js";
import { elapsedOf, failureOf, hasProjects, restOf, toCounts, toDuration, toLabel, wordOf } from "./words.js";

/** How a task stands now. */
export function toChangeLine(row: Row, rows: readonly Row[], nowTick: number): string {
  const progress = row.phase === "running" && row.task?.progress != null ? `${row.task.progress}%` : "";
  const rest = restOf(row, nowTick);
  const cells = [toLabel(row, hasProjects(rows)), wordOf(row), progress, elapsedOf(row, nowTick)];
  return [...cells, rest === "" ? "" : `${rest} left`, failureOf(row) ?? ""].filter(Boolean).join("  ");
}

/** How all ended, then why each that did not succeed. */
export function toSummary({ rows, tally, startTick }: BoardView, nowTick: number): string[] {
  const count = Object.values(tally).reduce((sum, each) => sum + each, 0);
  if (count === 0) return ["Nothing runs there."];
  const followed = `${count} ${count === 1 ? "task" : "tasks"}, followed for ${toDuration(nowTick - startTick)}`;
  const failures = rows.flatMap((row) => {
    const failure = failureOf(row);
    return failure === null ? [] : [`${toLabel(row, hasProjects(rows))}  ${failure}`];
  });
  return [`${followed}: ${toCounts(tally)}.`, ...failures];
}

/** A change as an object on one line, its members named as in the schema. */
export function toJsonLine({ kind, row: { key, task, failure } }: Change): string {
  return toPlainJson(kind === "FAILED" ? { kind, ...key, error: failure } : { kind, ...task });
}

/** That all is up to date, or that IMM cannot be asked. */
export function toPhaseJson(event: Extract<FollowEvent, { kind: "CAUGHT_UP" | "DELAYED" }>): string {
  return toPlainJson(event);
}

/** The last line: how many ended how. */
export function toSummaryJson({ tally: { lost, ...tally } }: BoardView, exitCode: number): string {
  return toPlainJson({ kind: "SUMMARY", ...tally, notFollowed: lost, exitCode });
}
