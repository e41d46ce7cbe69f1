/** How the checks are written: a line each for people, with colour in a terminal, or one document of JSON. Pure. */

import * as util from "node:util";
import type { Environment } from "../command.js";
import type { Check, Status } from "./check.js";

/** What there is to say beside the checks. */
export interface Summary {
  readonly version: string;
  readonly isEmulator: boolean;
  /** Calls to IMM that were made. */
  readonly calls: number;
}

type Colour = "green" | "yellow" | "red" | "gray";

const MARKS: Readonly<Record<Status, readonly [mark: string, colour: Colour]>> = {
  ok: ["✓", "green"],
  warning: ["!", "yellow"],
  failed: ["✗", "red"],
  skipped: ["-", "gray"],
};

/** Writes a text in a colour, or as it is. */
export type Paint = (colour: Colour, text: string) => string;

/** Colours for a terminal, unless its user wants none; Node has them from 20.12 on. */
export function createPaint(isTerminal: boolean, { NO_COLOR, TERM }: Environment): Paint {
  const { styleText } = util as Partial<typeof util>;
  const isPlain = !isTerminal || styleText === undefined || (NO_COLOR ?? "") !== "" || TERM === "dumb";
  return (colour, text) => (isPlain ? text : styleText(colour, text));
}

/** One check, with its reasons and its cure on lines of their own. */
export function toLines({ status, message, cure, details = [] }: Check, paint: Paint): string {
  const [mark, colour] = MARKS[status];
  const lines = [
    `${paint(colour, mark)} ${status === "skipped" ? paint("gray", message) : message}`,
    ...details.map((detail) => `    ${detail}`),
    ...(cure === undefined ? [] : [`  ${paint("gray", "→")} ${cure}`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** The last line. */
export function toSummary(checks: readonly Check[], { isEmulator, calls }: Summary, paint: Paint): string {
  const count = (status: Status): number => checks.filter((check) => check.status === status).length;
  const [wrong, warnings, right, skipped] = [count("failed"), count("warning"), count("ok"), count("skipped")];
  const verdict = wrong === 0 ? paint("green", "Nothing is wrong") : paint("red", `${wrong} wrong`);
  const parts = [`${warnings} ${warnings === 1 ? "warning" : "warnings"}`, `${right} right`, `${skipped} skipped`];
  const target = isEmulator ? "the embedded emulator" : "IMM";
  const made = calls === 0 ? "No call" : `${calls} ${calls === 1 ? "call" : "calls"}`;
  return `\n${verdict}; ${parts.join(", ")}. ${made} to ${target}${calls === 0 ? "" : ", all of them reads"}.\n`;
}

/** The whole report as one document. Its form is in docs/operating.md. */
export function toJson(checks: readonly Check[], { version, isEmulator, calls }: Summary): string {
  const report = {
    version,
    ok: checks.every(({ status }) => status !== "failed"),
    data: isEmulator ? "emulator" : "imm",
    calls,
    checks: checks.map(({ id, status, message, cure = null, details = [] }) => ({
      id,
      status,
      message,
      cure,
      details,
    })),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
