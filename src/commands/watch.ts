/**
 * The command `watch`: follows tasks in a terminal, with a bar for each; elsewhere it writes a line for each change, as text or
 * as JSON. Ends when they have ended, and says by its exit code how.
 */

import { ConfigurationError } from "../errors.js";
import type { CommandIo, Environment } from "./command.js";
import { Board, type Tally } from "./follow/board.js";
import { Following } from "./follow/following.js";
import { hintAtTypes, parseTargets, type TargetFlags } from "./follow/targets.js";
import { openTaskSource } from "./open-task-source.js";
import { sayFailure } from "./say-failure.js";
import { createView } from "./terminal/views.js";

/** As they were written. */
export interface WatchFlags extends TargetFlags {
  /** Global ids. */
  readonly ids: readonly string[];
  readonly url?: string;
  readonly json?: boolean;
  readonly forever?: boolean;
}

/** The exit codes: a task failed or ended unknown; one, or all, could not be followed. */
const SOME_FAILED = 1;
const NOT_FOLLOWED = 2;
/** What a shell says of a command that such a signal has ended. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** The same, of one whose reader has gone. */
const READER_GONE = 141;
/** A project may be followed for months: of more that have ended only their number is kept. */
const MAX_ENDED = 500;

/** @returns the exit code. It never throws. */
export async function watch(flags: WatchFlags, environment: Environment, io: CommandIo): Promise<number> {
  try {
    return await follow(flags, environment, io);
  } catch (thrown) {
    sayFailure(io, thrown);
    return NOT_FOLLOWED;
  }
}

async function follow(flags: WatchFlags, environment: Environment, io: CommandIo): Promise<number> {
  const { clock, stdout } = io;
  const { ids, url, json = false, forever = false } = flags;
  const targets = parseTargets(ids, flags);
  io.stderr.write(hintAtTypes(flags));
  if (forever && targets.kind === "tasks") {
    throw new ConfigurationError("--forever: expected a whole project beside it, since tasks end.");
  }
  const keys = targets.kind === "tasks" ? targets.tasks.map(({ key }) => key) : [];
  const board = new Board(clock, keys, forever ? MAX_ENDED : Infinity);
  const view = createView({ ...io, environment, board, isJson: json });
  const source = await openTaskSource(url, environment, io, (link) => {
    const isBack = link.name === "back";
    board.link = isBack ? null : { reason: link.reason, retryTick: clock.tick() + link.retryInMs };
    if (isBack) following.onReconnected();
    view.onLink(link);
  });
  const stopListening = endEarly(io, () => {
    view.close();
    void source.close();
  });
  const readerGone = new Promise<number>((resolve) => {
    stdout.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code === "EPIPE" ? READER_GONE : NOT_FOLLOWED));
  });
  const following: Following = new Following({ source, board, targets, isForever: forever, listener: view });
  try {
    const broken = await Promise.race([following.ended, readerGone]);
    if (typeof broken === "number") return broken;
    const exitCode = exitCodeOf(board.tally);
    view.summarize(exitCode);
    return exitCode;
  } finally {
    view.close();
    stopListening();
    await source.close();
  }
}

/** On a signal, or where nothing catches an exception. Returns what ends the listening. */
function endEarly(io: CommandIo, onEnd: () => void): () => void {
  const end = (exitCode: number): void => {
    try {
      onEnd();
    } finally {
      io.exit(exitCode);
    }
  };
  const signals = Object.entries(SIGNALS).map(([signal, exitCode]) =>
    io.on(signal as keyof typeof SIGNALS, () => end(exitCode)),
  );
  const stops = signals.concat(
    io.on("uncaughtException", (thrown) => {
      sayFailure(io, thrown);
      end(NOT_FOLLOWED);
    }),
  );
  return () => {
    for (const stop of stops) stop();
  };
}

function exitCodeOf({ waiting, running, lost, failed, unknown }: Tally): number {
  if (waiting + running + lost > 0) return NOT_FOLLOWED;
  return failed + unknown > 0 ? SOME_FAILED : 0;
}
