/** How the checks are written: a line each for people, with colour in a terminal, or one document of JSON. Pure. */

import * as util from "node:util";
import type { Environment, Output } from "../command.js";
import type { Check, Status } from "./check.js";

/** What there is to say beside the checks. */
export interface Summary {
  readonly version: string;
  readonly isEmulator: boolean;
  /** Calls to IMM that were made. */
  readonly calls: number;
}

type Colour = "green" | "yellow" | "red" | "gray" | "cyan";

const MARKS: Readonly<Record<Status, readonly [mark: string, colour: Colour]>> = {
  ok: ["✓", "green"],
  warning: ["!", "yellow"],
  failed: ["✗", "red"],
  skipped: ["-", "gray"],
};

/** What is written on. */
export interface Paper {
  /** Writes a text in a colour, or as it is. */
  readonly paint: (colour: Colour, text: string) => string;
  /** Characters of a line; Infinity where lines are not broken. */
  readonly width: number;
}

/** Room for the longest name of a check. */
const NAME_WIDTH = 13;
const INDENT = " ".repeat(2 + NAME_WIDTH);
/** Narrower terminals break lines by themselves. */
const MIN_WIDTH = 60;
const MAX_WIDTH = 120;

/** A terminal has colours, which Node has from 20.12 on, unless its user wants none, and broken lines. */
export function createPaper({ isTTY = false, columns = 0 }: Output, { NO_COLOR, TERM }: Environment): Paper {
  const { styleText } = util as Partial<typeof util>;
  const isPlain = !isTTY || styleText === undefined || (NO_COLOR ?? "") !== "" || TERM === "dumb";
  return {
    paint: (colour, text) => (isPlain ? text : styleText(colour, text, { validateStream: false })),
    width: isTTY && columns >= MIN_WIDTH ? Math.min(columns, MAX_WIDTH) : Infinity,
  };
}

/** One check, with its reasons and its cure on lines of their own. */
export function toLines({ id, status, message, cure, details = [] }: Check, { paint, width }: Paper): string {
  const [mark, colour] = MARKS[status];
  const name = id.replace(/:.*/s, "").padEnd(NAME_WIDTH);
  const fold = (text: string, indent: string): string => foldText(text, width - indent.length).join(`\n${indent}`);
  const lines = [
    `${paint(colour, `${mark} ${name}`)}${fold(message, INDENT)}`,
    ...details.map((detail) => `${INDENT}· ${fold(detail, `${INDENT}  `)}`),
    ...(cure === undefined ? [] : [`${INDENT}${paint("cyan", "→")} ${fold(cure, `${INDENT}  `)}`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** The lines of a text, broken at blanks, without what would steer a terminal: names come from files and tokens. */
function foldText(given: string, width: number): string[] {
  const text = given.replaceAll(/\p{Cc}/gu, "\uFFFD");
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** The last line. */
export function toSummary(checks: readonly Check[], { isEmulator, calls }: Summary, { paint }: Paper): string {
  const count = (status: Status): number => checks.filter((check) => check.status === status).length;
  const [wrong, warnings, right, skipped] = [count("failed"), count("warning"), count("ok"), count("skipped")];
  const verdict = wrong === 0 ? paint("green", "Nothing is wrong") : paint("red", `${wrong} wrong`);
  const parts = [`${warnings} ${warnings === 1 ? "warning" : "warnings"}`, `${right} right`, `${skipped} skipped`];
  const target = isEmulator ? "the embedded emulator" : "IMM";
  const made = ["No call to", "1 call to"][calls] ?? `${calls} calls to`;
  const reads = ["", ", a read"][calls] ?? ", all of them reads";
  return `\n${verdict}; ${parts.join(", ")}. ${made} ${target}${reads}.\n`;
}

/** The whole report as one document. Its form is in docs/observing.md. */
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
