#!/usr/bin/env node
/**
 * The `imm-graphql` command as a process: its arguments, environment, outputs, signals and exit code. The only file that
 * touches `process`; what the command does is in `commands/`.
 */

import { systemClock } from "./clock.js";
import { describeFailure, type CommandIo } from "./commands/command.js";
import { openLog } from "./commands/log-output.js";
import { run } from "./commands/program.js";
import { ConfigurationError } from "./errors.js";

const { stdout, stderr } = process;

const io: CommandIo = {
  stdout,
  stderr,
  clock: systemClock,
  openLog,
  on: (event, listener) => {
    process.on(event, listener);
    return () => void process.off(event, listener);
  },
  exit: (code) => process.exit(code),
};

// A reader that goes is no failure; output that cannot be written is one, but does not end what was started.
stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  if (code === "EPIPE") return;
  stderr.write(describeFailure(new ConfigurationError(`Standard output cannot be written (${code}).`)));
  process.exitCode = 1;
});
// This also makes a pipe non-blocking: otherwise a thread that writes the log to a reader that does not read would hold
// the exit up for as long.
stderr.on("error", () => undefined);

const exitCode = await run(process.argv.slice(2), process.env, io);
if (exitCode !== 0) process.exitCode = exitCode;
