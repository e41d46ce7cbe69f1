/**
 * How a command that goes on ends: the first signal stops it cleanly, and so does an exception that nothing catches.
 *
 * The same signal again changes nothing, since supervisors that signal a group of processes, and parents that pass signals
 * on, send it twice. An interrupt hurries; a second one ends the process at once.
 */

import { toError } from "../errors.js";
import type { CommandIo } from "./command.js";
import type { LogOutput } from "./log-output.js";

export type Stop = () => Promise<void> | void;

const DRAIN_SIGNALS = ["SIGTERM", "SIGHUP", "SIGUSR2"] as const;
/** A terminal and a parent may both pass one Ctrl-C on: what comes within this time is one interrupt. */
const SAME_INTERRUPT_MS = 1_000;
/** What a shell says of a command that an interrupt has ended. */
const INTERRUPTED = 130;

/** Stops all, the last started first. */
export async function stopAll(stops: readonly Stop[]): Promise<void> {
  for (const stop of stops.toReversed()) await stop();
}

/** @param hurry - skips what a stop waits for while nothing runs any more. */
export function stopOnSignal(io: CommandIo, stops: readonly Stop[], log: LogOutput, hurry: () => void): void {
  const { logger } = log;
  let exitCode = 0;
  let isStopping = false;
  let interrupt: "none" | "first" | "next ends" = "none";
  const stop = async (fields: { readonly signal?: string }): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    logger.info(fields, "Stopping: no new work, running queries finish.");
    try {
      await stopAll(stops);
      logger.info({}, "Stopped.");
    } catch (thrown) {
      exitCode = 1;
      logger.error({ error: describe(thrown) }, "Could not stop cleanly.");
    }
    await log.close();
    // A call to IMM that was given up cannot be taken back: its socket would hold the process up until it ends.
    io.exit(exitCode);
  };
  for (const signal of DRAIN_SIGNALS) io.on(signal, () => void stop({ signal }));
  io.on("SIGINT", () => {
    if (interrupt === "next ends") return io.exit(INTERRUPTED);
    if (interrupt === "none") {
      interrupt = "first";
      io.clock.setTimer(SAME_INTERRUPT_MS, () => {
        interrupt = "next ends";
        logger.info({}, "Still stopping; an interrupt ends the process at once now.");
      });
    }
    hurry();
    void stop({ signal: "SIGINT" });
  });
  // Node would open its inspector.
  io.on("SIGUSR1", () => undefined);
  // The last resort. A lost promise is one operation's; an exception has left something half done, so another process takes over.
  io.on("unhandledRejection", (reason) => {
    logger.error({ error: describe(reason) }, "A promise was rejected, and nothing handled it.");
  });
  io.on("uncaughtException", (thrown) => {
    exitCode = 1;
    logger.error({ error: describe(thrown) }, "Nothing caught an exception: the process stops.");
    hurry();
    void stop({});
  });
}

/** What went wrong and where, without its message: that may be the vendor's, with a credential in it. */
function describe(thrown: unknown): Readonly<Record<string, unknown>> {
  const { name, stack = "" } = toError(thrown);
  return { name, frames: stack.split("\n").filter((line) => /^ +at /.test(line)) };
}
