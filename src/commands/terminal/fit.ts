/** Texts in columns of a terminal, where a character may take two or none: by string-width and cli-truncate. */

import cliTruncate from "cli-truncate";
import stringWidth from "string-width";

export { stringWidth as widthOf };

/** The text in exactly so many columns: its middle left out where it is longer, as ids differ at both ends. */
export function fitId(text: string, columns: number): string {
  return padEnd(truncate(text, columns, "middle"), columns);
}

/** The text in at most so many columns. */
export function cutEnd(text: string, columns: number): string {
  return truncate(text, columns, "end");
}

/** A wide character that lies across the place of the cut is left whole by cli-truncate. */
function truncate(text: string, columns: number, position: "middle" | "end"): string {
  for (let width = columns; width > 0; width -= 1) {
    const cut = cliTruncate(text, width, { position });
    if (stringWidth(cut) <= columns) return cut;
  }
  return "";
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - stringWidth(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - stringWidth(text))) + text;
}

/** The widest of texts, in columns. */
export function widest(texts: readonly string[]): number {
  return texts.reduce((width, text) => Math.max(width, stringWidth(text)), 0);
}
