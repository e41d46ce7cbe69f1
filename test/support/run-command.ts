/** Commands that a test runs within its own process, with a process made up for them. */

import { EventEmitter } from "node:events";
import { Writable } from "node:stream";
import { pino } from "pino";
import type { CommandIo, ProcessEvent, StandardOutput } from "../../src/commands/command.js";
import { run } from "../../src/commands/program.js";
import type { ManualClock } from "./manual-clock.js";
import type { Finished } from "./run.js";
import { disposeAfterTest, manualClockNow } from "./start-gateway.js";

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** An output whose size a test may change, with the event `resize`. */
type Output = Writable & { -readonly [Name in keyof TerminalSize]?: TerminalSize[Name] } & StandardOutput;

/** A running command: what it has written so far, and what becomes of it. It ends with the test. */
export class CommandRun {
  readonly clock: ManualClock = manualClockNow();
  readonly finished: Promise<Finished>;
  stdout = "";
  stderr = "";
  /** Where standard output goes. */
  readonly output: Output;
  readonly #process = new EventEmitter();
  readonly #started: Promise<number>;

  /**
   * @param parameters - what would follow the command's name. The environment is `env`, no more.
   * @param terminal - the size of the terminal that it writes to. @default it writes to none
   */
  constructor(parameters: readonly string[], env: Readonly<Record<string, string>> = {}, terminal?: TerminalSize) {
    this.output = Object.assign(
      new Writable({
        decodeStrings: false,
        write: (text: string, _encoding, done) => {
          this.stdout += text;
          done();
        },
      }),
      terminal && { isTTY: true, ...terminal },
    );
    const exited = new Promise<number>((resolve) => this.#process.once("exit", resolve));
    this.#started = run(parameters, env, this.#io());
    // One that listens to no signal is done when it returns.
    const ended = this.#started.then((code) => (this.#process.listenerCount("SIGTERM") === 0 ? code : exited));
    this.finished = Promise.race([ended, exited]).then((code) => {
      return { code, stdout: this.stdout, stderr: this.stderr };
    });
    disposeAfterTest(async () => {
      this.emit("SIGINT");
      await this.finished;
    });
  }

  /** The first match in standard output, once it has started. Fails when it has not. */
  async prints(pattern: RegExp): Promise<string> {
    await this.#started;
    const found = pattern.exec(this.stdout)?.[1];
    if (found === undefined) throw new Error(`It started without a match: ${this.stdout}${this.stderr}`);
    return found;
  }

  /** What the process would tell the command: a signal, or a defect with what was thrown. */
  emit(event: ProcessEvent, thrown?: unknown): void {
    this.#process.emit(event, thrown);
  }

  #io(): CommandIo {
    const stderr = { write: (text: string) => void (this.stderr += text) };
    return {
      stdout: this.output,
      stderr,
      clock: this.clock,
      openLog: (level) => ({ logger: pino({ level }, stderr), close: async () => undefined }),
      on: (event, listener) => {
        this.#process.on(event, listener);
        return () => void this.#process.off(event, listener);
      },
      exit: (code) => void this.#process.emit("exit", code),
    };
  }
}

/** Runs a command that ends by itself. */
export async function runCommand(
  parameters: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<Finished> {
  return new CommandRun(parameters, env).finished;
}
