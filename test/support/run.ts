/** Commands that a test starts as processes of their own. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

const children: ChildProcess[] = [];

/** What became of a command. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where standard error goes, and standard output: into a pipe that the test reads, or an open file. */
export type Outputs = readonly [stderr?: "pipe" | number, stdout?: "pipe" | number];

/** A running command: what it has written so far, and what becomes of it. `endRuns` ends it. */
export class Run {
  readonly #child: ChildProcess;
  readonly finished: Promise<Finished>;
  stdout = "";
  stderr = "";

  /** @param parameters - of Node: a script, then what is for it. The environment is `env` and the path, no more. */
  constructor(
    parameters: readonly string[],
    env: Readonly<Record<string, string>> = {},
    ...[stderr = "pipe", stdout = stderr]: Outputs
  ) {
    const child = spawn(process.execPath, parameters, {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", stdout, stderr],
    });
    children.push(child);
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.finished = once(child, "close").then(() => ({
      code: child.exitCode,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** The first match in standard output, once it is there. Fails when the command ends before. */
  async prints(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.stdout)?.[1];
      if (found !== undefined) return found;
      const { stdout } = this.#child;
      if (stdout === null || stdout.readableEnded) throw new Error(`It ended without a match: ${this.stderr}`);
      await Promise.race([once(stdout, "data"), once(stdout, "end")]);
    }
  }

  /** Closes standard output, as `head` does. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** Ends whatever still runs. */
export async function endRuns(): Promise<void> {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}
