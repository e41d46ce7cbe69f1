/** How `watch` shows what it follows: as bars on a terminal, as lines of text elsewhere, or as lines of JSON. */

import type { Clock } from "../../clock.js";
import type { Board } from "../follow/board.js";
import type { Listener } from "../follow/following.js";
import type { Link } from "../follow/gateway-source.js";
import { drawBars } from "./bars.js";
import { toChangeLine, toJsonLine, toPhaseJson, toSummary, toSummaryJson } from "./lines.js";
import { createPaint } from "./paint.js";
import { Screen, type Terminal } from "./screen.js";
import { toDelay, toLoss } from "./words.js";

/** One way to show. */
export interface View extends Listener {
  readonly onLink: (link: Link) => void;
  /** Shows how all ended. */
  summarize(exitCode: number): void;
  /** Leaves the terminal as it was. Called again, it does nothing. */
  close(): void;
}

export interface ViewOptions {
  readonly stdout: Terminal & { readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown };
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly board: Board;
  readonly isJson: boolean;
}

/** The one that fits the output. A terminal that knows no cursor gets lines. */
export function createView(options: ViewOptions): View {
  const { stdout, environment, isJson } = options;
  if (isJson) return createJsonView(options);
  return stdout.isTTY === true && environment["TERM"] !== "dumb" ? createBarsView(options) : createLinesView(options);
}

function createBarsView({ stdout, clock, board, environment }: ViewOptions): View {
  const paint = createPaint(true, environment);
  let screen: Screen | undefined;
  // Opened by the first news: where there is no gateway, one sentence is all.
  const show = (): void => {
    screen ??= new Screen({
      terminal: stdout,
      clock,
      draw: (size, isOver) => drawBars(board, size, clock.tick(), paint, isOver),
    });
    screen.invalidate();
  };
  return {
    onChange: show,
    onPhase: show,
    onLink: show,
    summarize() {
      screen?.close();
      writeLines(stdout, toSummary(board, clock.tick()));
    },
    close: () => screen?.close(),
  };
}

function createLinesView({ stdout, stderr, clock, board }: ViewOptions): View {
  return {
    onChange: ({ row }) => writeLines(stdout, [toChangeLine(row, board.rows, clock.tick())]),
    onPhase: (delay) => delay !== null && writeLines(stderr, [toDelay(delay)]),
    onLink: (link) => writeLines(stderr, [toLinkLine(link)]),
    summarize: () => writeLines(stdout, toSummary(board, clock.tick())),
    close: () => undefined,
  };
}

function createJsonView({ stdout, stderr, board }: ViewOptions): View {
  return {
    onChange: (change) => writeLines(stdout, [toJsonLine(change)]),
    onPhase: (error) =>
      writeLines(stdout, [toPhaseJson(error === null ? { kind: "CAUGHT_UP" } : { kind: "DELAYED", error })]),
    onLink: (link) => writeLines(stderr, [toLinkLine(link)]),
    summarize: (exitCode) => writeLines(stdout, [toSummaryJson(board, exitCode)]),
    close: () => undefined,
  };
}

function toLinkLine(link: Link): string {
  return link.name === "back" ? "The gateway is back." : toLoss(link.reason, link.retryInMs);
}

function writeLines(output: { write(text: string): unknown }, lines: readonly string[]): void {
  output.write(`${lines.join("\n")}\n`);
}
