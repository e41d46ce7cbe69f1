/** Texts in columns of a terminal, where a character may take two or none: by string-width and cli-truncate. */

import cliTruncate from "cli-truncate";
import stringWidth from "string-width";

export { stringWidth as widthOf };

/** The text in exactly so many columns: its middle left out where it is longer, as ids differ at both ends. */
export function fitId(text: string, columns: number): string {
  return padEnd(cliTruncate(text, columns, { position: "middle" }), columns);
}

/** The text in at most so many columns. */
export function cutEnd(text: string, columns: number): string {
  return columns < 1 ? "" : cliTruncate(text, columns);
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
