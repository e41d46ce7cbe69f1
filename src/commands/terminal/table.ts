/** The table of `tasks`: columns as wide as what is in them; where the terminal is narrower, the last ones are cut. Pure. */

import { cutEnd, fitId, padEnd, widest } from "./fit.js";

/** A column: its title, and a text for each line. */
export interface Column {
  readonly title: string;
  readonly cells: readonly string[];
  /** What is done where there is no room: all of it left out, its texts cut at the end or in the middle. */
  readonly whenNarrow: "stays" | "goes" | "is cut" | "is shortened";
}

const GAP = "  ";
const MIN_CUT = 12;

/**
 * The lines. Columns that may go leave from the last to the first; then texts are cut, those of ids after all others.
 *
 * @param columns - of the terminal; infinite where there is none.
 */
export function toTable(all: readonly Column[], columns: number): string[] {
  const shown = [...all];
  const widthOf = (column: Column): number => widest([column.title, ...column.cells]);
  const needed = (): number =>
    shown.reduce(
      (sum, column) => sum + GAP.length + Math.min(widthOf(column), minOf(column, widthOf(column))),
      -GAP.length,
    );
  for (const column of all.toReversed()) {
    if (needed() > columns && column.whenNarrow === "goes") shown.splice(shown.indexOf(column), 1);
  }
  let excess = shown.reduce((sum, column) => sum + GAP.length + widthOf(column), -GAP.length) - columns;
  const widths = new Map(shown.map((column) => [column, widthOf(column)]));
  for (const kind of ["is cut", "is shortened"] as const) {
    for (const column of shown.filter(({ whenNarrow }) => whenNarrow === kind)) {
      const width = widths.get(column) ?? 0;
      const cut = Math.max(0, Math.min(excess, width - MIN_CUT));
      widths.set(column, width - cut);
      excess -= cut;
    }
  }
  const toLine = (textOf: (column: Column) => string): string => {
    const cells = shown.map((column) => fitTo(column, textOf(column), widths.get(column) ?? 0));
    return cutEnd(cells.join(GAP).trimEnd(), columns);
  };
  const count = all[0]?.cells.length ?? 0;
  return [
    toLine(({ title }) => title),
    ...Array.from({ length: count }, (_cell, line) => toLine(({ cells }) => cells[line] ?? "")),
  ];
}

function minOf({ whenNarrow }: Column, width: number): number {
  return whenNarrow === "is cut" || whenNarrow === "is shortened" ? MIN_CUT : width;
}

function fitTo({ whenNarrow }: Column, text: string, width: number): string {
  return whenNarrow === "is shortened" ? fitId(text, width) : padEnd(cutEnd(text, width), width);
}
