import { describe, expect, it } from "@jest/globals";
import stringWidth from "string-width";
import { Board } from "../../../src/commands/follow/board.js";
import type { SeenTask } from "../../../src/commands/follow/follow-event.js";
import { drawBars } from "../../../src/commands/terminal/bars.js";
import { createPaint } from "../../../src/commands/terminal/paint.js";
import { toPlainJson, toPlainText } from "../../../src/commands/terminal/plain-text.js";
import { toTable } from "../../../src/commands/terminal/table.js";
import { toDuration } from "../../../src/commands/terminal/words.js";
import { ManualClock } from "../../support/manual-clock.js";

const plain = createPaint(false, {});

function taskOf(taskId: string, given: Partial<SeenTask> = {}): SeenTask {
  return {
    id: "",
    region: "emulator",
    projectName: "immtest",
    taskType: "FileCompression",
    taskId,
    status: "RUNNING",
    statusText: "Running",
    isDone: false,
    progress: 40,
    startTime: null,
    elapsedMs: 12_000,
    estimatedEndAt: "2026-01-15T08:00:18Z",
    observedAt: "2026-01-15T08:00:00Z",
    error: null,
    ...given,
  };
}

function boardOf(tasks: readonly SeenTask[], clock = new ManualClock()): Board {
  const board = new Board(clock, []);
  for (const task of tasks) board.take({ kind: "SNAPSHOT", task });
  return board;
}

const SUCCEEDED = { status: "SUCCEEDED", isDone: true, progress: 100 } as const;
const FAILED = { status: "FAILED", isDone: true, progress: null } as const;

describe("the bars", () => {
  const board = boardOf([
    taskOf("FileCompression-1"),
    taskOf("FileCompression-2", { ...SUCCEEDED, elapsedMs: 3_725_000 }),
    taskOf("FileCompression-3", { ...FAILED, error: { code: "Bad", message: "The source\ncannot be decoded." } }),
    taskOf("FileCompression-4", { status: "UNKNOWN", statusText: "Paused", progress: null, estimatedEndAt: null }),
    taskOf("FileCompression-5", { status: "UNKNOWN", statusText: "Gone", isDone: true }),
  ]);

  it("have the estimate where there is room", () => {
    expect(drawBars(board, { columns: 80, rows: 24 }, board.startTick + 2_000, plain)).toEqual([
      "▸ FileCompression-1  ████████████░░░░░░░░░░░░░░░░░░  40%     14s  ~16s left",
      "✔ FileCompression-2  ██████████████████████████████ 100%  1h 02m",
      "✖ FileCompression-3  Bad: The source cannot be decoded.",
      "▸ FileCompression-4  Paused                                  14s",
      '? FileCompression-5  ended as "Gone", which is not known',
      "2 running, 1 succeeded, 1 failed, 1 ended unknown",
    ]);
  });

  it.each([20, 40, 41, 57, 120])("fit %i columns, whatever a task is called", (columns) => {
    const odd = boardOf([
      taskOf("压缩任务".repeat(20)),
      taskOf(`👩‍👩‍👧${"é".repeat(90)}`, { ...FAILED, error: { code: null, message: "消息".repeat(90) } }),
      taskOf("", { taskType: "\u001B]0;title\u0007\u202E", estimatedEndAt: null }),
      taskOf("x", { projectName: "other" }),
    ]);
    odd.link = { reason: "\u001B[31mgone".repeat(30), retryTick: 0 };
    const lines = drawBars(odd, { columns, rows: 24 }, odd.startTick, plain);
    expect(lines).toHaveLength(6);
    for (const line of lines) {
      expect(stringWidth(line)).toBeLessThanOrEqual(columns);
      expect(line).not.toMatch(/[\p{Cc}\u202E]/u);
    }
  });

  it("say below what hinders: an IMM that cannot be asked, or a gateway that is away", () => {
    const hindered = boardOf([taskOf("a")]);
    const lastLine = (): string | undefined =>
      drawBars(hindered, { columns: 80, rows: 24 }, hindered.startTick, plain).at(-1);
    hindered.delay = { code: "UPSTREAM_THROTTLED", message: "Too many calls." };
    expect(lastLine()).toBe("IMM cannot be asked, so this may be old: UPSTREAM_THROTTLED: Too many calls.");
    hindered.link = { reason: "Going away", retryTick: hindered.startTick + 1_400 };
    expect(lastLine()).toBe("The gateway is away, next try in 2s: Going away");
  });

  it("show what runs first where there is no room for all, and how many more there are", () => {
    const many = boardOf([
      ...Array.from({ length: 30 }, (_none, index) => taskOf(`done-${index}`, SUCCEEDED)),
      ...Array.from({ length: 12 }, (_none, index) => taskOf(`run-${index}`)),
    ]);
    const lines = drawBars(many, { columns: 60, rows: 10 }, many.startTick, plain);
    expect(lines).toHaveLength(9);
    expect(lines.slice(0, 7).every((line, index) => line.includes(`run-${index} `))).toBe(true);
    expect(lines.slice(7)).toEqual(["  and 35 more, 5 of them running", "12 running, 30 succeeded"]);
    expect(drawBars(many, { columns: 60, rows: 1 }, many.startTick, plain)).toHaveLength(2);
  });

  it("have colours on a terminal alone, and none with NO_COLOR", () => {
    const draw = (paint: typeof plain): string => drawBars(board, { columns: 80, rows: 24 }, 0, paint).join("");
    expect(draw(createPaint(true, {}))).toContain("\u001B[");
    expect(draw(createPaint(true, { NO_COLOR: "1" }))).not.toContain("\u001B[");
    expect(draw(plain)).not.toContain("\u001B[");
  });
});

describe("a board", () => {
  it("takes nothing that a new connection sends again, and no state back", () => {
    const board = boardOf([taskOf("a"), taskOf("b", SUCCEEDED)]);
    expect(board.take({ kind: "SNAPSHOT", task: taskOf("a", { elapsedMs: 13_000 }) })).toBeUndefined();
    expect(board.take({ kind: "FINAL", task: taskOf("b", SUCCEEDED) })).toBeUndefined();
    expect(board.take({ kind: "SNAPSHOT", task: taskOf("b") })).toBeUndefined();
    expect(board.take({ kind: "CHANGE", task: taskOf("a", { progress: 41 }) })?.kind).toBe("CHANGE");
  });

  it("counts the ended tasks that it keeps no more", () => {
    const board = new Board(new ManualClock(), [], 2);
    for (const taskId of ["a", "b", "c"]) board.take({ kind: "FINAL", task: taskOf(taskId, SUCCEEDED) });
    expect(board.rows.map(({ key }) => key.taskId)).toEqual(["b", "c"]);
    expect(board.tally.succeeded).toBe(3);
  });
});

describe("texts of others", () => {
  it("cannot move the cursor, colour or hide", () => {
    expect(toPlainText("a\u001B[31mb\r\n\tc\u0007\u007F\u009B2J\u202Ed\u2028\uD800e\u200B👩‍👧")).toBe(
      "a␛[31mb c␇␡\uFFFD2J\uFFFDd\uFFFD\uFFFDe\uFFFD👩‍👧",
    );
  });

  it("are the same values in JSON, which has no control characters in it", () => {
    const value = { a: "\u001B\u009B\u007F\u202E\u2028\u{E0041}é", b: ["\n"] };
    for (const text of [toPlainJson(value), toPlainJson(value, 2)]) {
      expect(JSON.parse(text)).toEqual(value);
      expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
    }
    expect(toPlainJson(value)).not.toContain("\n");
  });
});

describe("a table", () => {
  it("leaves out what may go, then cuts ids", () => {
    const column = (title: string, whenNarrow: "stays" | "goes" | "is shortened", cell: string) => ({
      title,
      whenNarrow,
      cells: [cell],
    });
    const columns = [
      column("STATUS", "stays", "RUNNING"),
      column("TYPE", "goes", "FileCompression"),
      column("ID", "is shortened", "0123456789-0123456789-0123456789"),
      column("WHY", "goes", "Because"),
    ];
    expect(toTable(columns, Infinity)).toEqual([
      "STATUS   TYPE             ID                                WHY",
      "RUNNING  FileCompression  0123456789-0123456789-0123456789  Because",
    ]);
    expect(toTable(columns, 40)).toEqual(["STATUS   TYPE             ID", "RUNNING  FileCompression  0123456…456789"]);
    expect(toTable(columns, 30)).toEqual(["STATUS   ID", "RUNNING  0123456789…0123456789"]);
  });
});

describe("a duration", () => {
  it.each([
    [999, "0s"],
    [59_999, "59s"],
    [60_000, "1m 00s"],
    [3_600_000, "1h 00m"],
    [90_061_000, "1d 01h"],
  ])("of %i ms is %s", (ms, text) => {
    expect(toDuration(ms)).toBe(text);
  });
});
