/** The screen of `watch`: a line with a bar for each task, as many as there is room for, and how things stand below. Pure. */

import type { BoardView, Phase, Row } from "../follow/board.js";
import { cutEnd, fitId, padEnd, padStart, widest } from "./fit.js";
import type { Paint } from "./paint.js";
import { elapsedOf, failureOf, hasProjects, restOf, toCounts, toDelay, toLabel, toLoss, wordOf } from "./words.js";

/** In columns and lines. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const MARKS: Readonly<Record<Phase, string>> = {
  waiting: " ",
  running: "▸",
  succeeded: "✔",
  failed: "✖",
  unknown: "?",
  lost: "✖",
};

const MIN_BAR = 6;
const MAX_BAR = 30;
const MIN_LABEL = 8;
const PERCENT = 4;
const GAP = "  ";
/** Of a long text so many units for a column are looked at: measuring takes its time. */
const MAX_UNITS = 4;
/** From so many columns on there is room for the time that is left, and for a word behind it. */
const REST_FROM = 56;
const WORD_FROM = 76;

/** Which come first where there is no room for all. */
const ORDER: readonly Phase[] = ["running", "waiting", "failed", "unknown", "lost", "succeeded"];

/**
 * The lines, none wider than the terminal, and one fewer than it has: the cursor stands below.
 *
 * @param isOver - whether this is the last picture: what is below the bars is left to the summary.
 */
export function drawBars(view: BoardView, size: Size, nowTick: number, paint: Paint, isOver = false): string[] {
  const { columns } = size;
  const footer = isOver ? [] : footerOf(view, nowTick, paint).map((line) => cutEnd(line, columns));
  const room = Math.max(1, size.rows - 1 - footer.length);
  const { rows } = view;
  const shown = rows.length <= room ? rows : inOrder(rows).slice(0, Math.max(1, room - 1));
  const lines = drawRows(shown, hasProjects(rows), columns, nowTick, paint);
  if (shown.length < rows.length && room > 1) lines.push(cutEnd(paint.dim(moreOf(rows, shown)), columns));
  return [...lines, ...footer];
}

function inOrder(rows: readonly Row[]): readonly Row[] {
  return ORDER.flatMap((phase) => rows.filter((row) => row.phase === phase));
}

function moreOf(rows: readonly Row[], shown: readonly Row[]): string {
  const hidden = rows.filter((row) => !shown.includes(row));
  const running = hidden.filter(({ phase }) => phase === "running").length;
  return `${GAP}and ${hidden.length} more${running > 0 ? `, ${running} of them running` : ""}`;
}

function drawRows(
  rows: readonly Row[],
  isOfProjects: boolean,
  columns: number,
  nowTick: number,
  paint: Paint,
): string[] {
  const cells = rows.map((row) => {
    const rest = columns < REST_FROM ? "" : restOf(row, nowTick);
    return {
      row,
      label: toLabel(row, isOfProjects),
      elapsed: elapsedOf(row, nowTick),
      rest: rest !== "" && columns >= WORD_FROM ? `${rest} left` : rest,
    };
  });
  const elapsedWidth = widest(cells.map(({ elapsed }) => elapsed));
  const restWidth = widest(cells.map(({ rest }) => rest));
  const fixed = 2 + GAP.length + 1 + PERCENT + gapped(elapsedWidth) + gapped(restWidth);
  const room = Math.max(MIN_LABEL + MIN_BAR, columns - fixed);
  const minBar = Math.max(MIN_BAR, Math.min(MAX_BAR, Math.floor(room / 3)));
  const labelWidth = Math.max(MIN_LABEL, Math.min(widest(cells.map(({ label }) => label)), room - minBar));
  const barWidth = Math.min(MAX_BAR, Math.max(MIN_BAR, room - labelWidth));
  const isNarrow = fixed + labelWidth + barWidth > columns;
  return cells.map(({ row, label, elapsed, rest }) => {
    const head = `${MARKS[row.phase]} ${fitId(label, labelWidth)}${GAP}`;
    const failure = failureOf(row)?.slice(0, columns * MAX_UNITS);
    if (failure !== undefined) return colourOf(row.phase, paint)(cutEnd(`${head}${failure}`, columns));
    const { progress } = row.task ?? { progress: null };
    const bar =
      row.phase === "running" && row.task?.status !== "RUNNING"
        ? padEnd(cutEnd(wordOf(row), barWidth), barWidth)
        : toBar(progress ?? 0, barWidth, paint, row.phase);
    const percent = padStart(progress === null ? "" : `${progress}%`, PERCENT);
    const times = `${padded(elapsed, elapsedWidth)}${rest === "" ? "" : padded(rest, restWidth)}`;
    const mark = colourOf(row.phase, paint)(MARKS[row.phase]);
    const line = `${mark}${head.slice(1)}${bar} ${percent}${paint.dim(times)}`;
    return isNarrow ? cutEnd(line, columns) : line;
  });
}

function gapped(width: number): number {
  return width === 0 ? 0 : GAP.length + width;
}

function padded(text: string, width: number): string {
  return width === 0 ? "" : `${GAP}${padStart(text, width)}`;
}

function toBar(progress: number, width: number, paint: Paint, phase: Phase): string {
  const full = Math.floor((width * Math.min(100, Math.max(0, progress))) / 100);
  return `${colourOf(phase, paint)("█".repeat(full))}${paint.dim("░".repeat(width - full))}`;
}

function colourOf(phase: Phase, paint: Paint): (text: string) => string {
  switch (phase) {
    case "running":
      return paint.cyan;
    case "succeeded":
      return paint.green;
    case "failed":
    case "lost":
      return paint.red;
    case "unknown":
      return paint.yellow;
    case "waiting":
      return paint.dim;
  }
}

/** How many there are, and what hinders. */
function footerOf({ tally, rows, link, delay }: BoardView, nowTick: number, paint: Paint): string[] {
  const lines = [paint.dim(rows.length === 0 ? "Nothing runs yet." : toCounts(tally))];
  if (link !== null) lines.push(paint.yellow(toLoss(link.reason, link.retryTick - nowTick)));
  else if (delay !== null) lines.push(paint.yellow(toDelay(delay)));
  return lines;
}
