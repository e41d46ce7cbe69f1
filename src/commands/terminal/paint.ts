/** Colours, by picocolors; none where the output is no terminal, or the user wants none. */

import pc from "picocolors";

export type Paint = Pick<ReturnType<typeof pc.createColors>, "bold" | "dim" | "green" | "red" | "yellow" | "cyan">;

/** @see https://no-color.org */
export function createPaint(isTerminal: boolean, { NO_COLOR }: Readonly<Record<string, string | undefined>>): Paint {
  return pc.createColors(isTerminal && (NO_COLOR === undefined || NO_COLOR === ""));
}
