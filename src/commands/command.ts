/**
 * What a command is: a function of its flags, the environment, and what it has of the process.
 *
 * It returns when it is done, or, like `serve`, once it has started: then it has asked for signals, and calls `exit` when
 * it has stopped. What it throws is said in `program.ts`.
 */

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import type { WriteStream } from "node:tty";
import type { LevelWithSilent } from "pino";
import type { Clock } from "../clock.js";
import { ConfigurationError, toError } from "../errors.js";
import type { LogOutput } from "./log-output.js";

/** A command. A `ConfigurationError` is what the user can mend. The exit code is 0 where it returns none. */
export type Run<Flags> = (
  flags: Flags,
  environment: Environment,
  io: CommandIo,
) => Promise<number | void> | number | void;

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command has of the process. */
export interface CommandIo {
  readonly stdout: StandardOutput;
  readonly stderr: Output;
  readonly clock: Clock;
  /** Opens the log, beside what else is written to `stderr`. */
  openLog(level: LevelWithSilent): LogOutput;
  /** Calls back at each such event of the process: a signal, or a defect with what was thrown. Returns what ends that. */
  on(event: ProcessEvent, listener: (thrown: unknown) => void): () => void;
  /** Ends the process, whatever is still open. */
  exit(code: number): void;
}

export interface Output {
  /** Whether it is a terminal, and how many characters fit in its lines. */
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** A file, a pipe or a terminal; only the last has a size, which may change (`resize`). */
export type StandardOutput = NodeJS.WritableStream & Partial<Pick<WriteStream, "isTTY" | "columns" | "rows">>;

/** What a command that goes on listens to. */
export type ProcessEvent =
  "SIGTERM" | "SIGHUP" | "SIGUSR1" | "SIGUSR2" | "SIGINT" | "unhandledRejection" | "uncaughtException";

/** The package's own. */
export const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/**
 * The text of a file that the user has named.
 *
 * @param cure - what to do where there is no such file.
 * @param maxBytes - so much of it is read, and one byte more: it may be a device without an end.
 * @throws ConfigurationError - when it cannot be read.
 */
export function readText(path: string, cure = "is the path right?", maxBytes = Infinity): string {
  try {
    return maxBytes === Infinity ? readFileSync(path, "utf8") : readStart(path, maxBytes + 1);
  } catch (thrown) {
    const { code } = toError(thrown) as NodeJS.ErrnoException;
    throw new ConfigurationError(
      code === "ENOENT" ? `${path}: there is no such file: ${cure}` : `${path}: cannot be read (${code}).`,
    );
  }
}

function readStart(path: string, bytes: number): string {
  const file = openSync(path, "r");
  try {
    return readOpen(file, bytes);
  } finally {
    closeSync(file);
  }
}

/** The beginning of a file that is open, such as 0 for standard input. */
export function readOpen(file: number, bytes: number): string {
  const text = Buffer.alloc(bytes);
  let length = 0;
  while (length < bytes) {
    const read = readSync(file, text, length, bytes - length, null);
    if (read === 0) break;
    length += read;
  }
  return text.toString("utf8", 0, length);
}

/** One sentence for what was expected to go wrong, the stack for what was not. */
export function describeFailure(thrown: unknown): string {
  const error = toError(thrown);
  const isOurs = error instanceof ConfigurationError;
  return `imm-graphql: ${isOurs ? error.message : (error.stack ?? error.message)}\n`;
}
