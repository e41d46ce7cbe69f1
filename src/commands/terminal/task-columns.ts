/** What the table of `tasks` shows of each task. Pure. */

import type { SeenTask } from "../follow/follow-event.js";
import { toPlainText } from "./plain-text.js";
import type { Column } from "./table.js";
import { toDuration } from "./words.js";

export function toTaskColumns(tasks: readonly SeenTask[]): readonly Column[] {
  const column = (title: string, whenNarrow: Column["whenNarrow"], textOf: (task: SeenTask) => string): Column => ({
    title,
    whenNarrow,
    cells: tasks.map((task) => toPlainText(textOf(task))),
  });
  return [
    column("STATUS", "stays", ({ status, statusText }) => (status === "UNKNOWN" ? statusText : status)),
    column("DONE", "stays", ({ progress }) => (progress === null ? "" : `${progress}%`)),
    column("TOOK", "goes", ({ elapsedMs }) => (elapsedMs === null ? "" : toDuration(elapsedMs))),
    column("STARTED", "goes", ({ startTime }) => toMinute(startTime)),
    column("TYPE", "goes", ({ taskType }) => taskType),
    column("ID", "is shortened", ({ taskId }) => taskId),
    column("WHY", "goes", ({ error }) => error?.code ?? error?.message ?? ""),
  ];
}

/** An instant of RFC 3339 in UTC, to the minute. */
function toMinute(instant: string | null): string {
  const at = Date.parse(instant ?? "");
  return Number.isNaN(at) ? "" : `${new Date(at).toISOString().slice(0, 16).replace("T", " ")}Z`;
}
