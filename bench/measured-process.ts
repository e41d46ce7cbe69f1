/**
 * A server in a process of its own, so that its CPU time and memory are its own.
 *
 * The benchmarks start it by `MeasuredProcess`; the server in it calls `answerMeasurements` once it listens.
 */

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";

/** What the process uses at a moment. */
export interface Usage {
  /** User and system time so far. */
  readonly cpuMs: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly watchedTasks: number;
  /** The longest time without a turn of the event loop, since the last question. */
  readonly longestPauseMs: number;
}

/** `cpu` leaves the heap as it is: a collection would be counted as work. */
type Question = "cpu" | "memory";

/** The benchmark's side. */
export class MeasuredProcess {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#process = child;
    this.url = url;
  }

  /** @param file - the server's module, in this folder. */
  static async start(file: string, ...commandLine: readonly string[]): Promise<MeasuredProcess> {
    const child = fork(new URL(file, import.meta.url), commandLine, { execArgv: ["--expose-gc"] });
    const [message] = (await once(child, "message")) as [{ url: string }];
    return new MeasuredProcess(child, message.url);
  }

  async cpuMs(): Promise<number> {
    return (await this.usage()).cpuMs;
  }

  /** With the heap as it is. */
  async usage(): Promise<Usage> {
    return this.#ask("cpu");
  }

  /** After a collection, so that only what is held is counted. */
  async memory(): Promise<Usage> {
    return this.#ask("memory");
  }

  /** Tells the server something that it alone understands. */
  tell(message: object): void {
    this.#process.send(message);
  }

  stop(): void {
    this.#process.kill("SIGKILL");
  }

  async #ask(question: Question): Promise<Usage> {
    this.#process.send(question);
    const [usage] = (await once(this.#process, "message")) as [Usage];
    return usage;
  }
}

/** The server's side: says where it listens, then answers what `MeasuredProcess` asks. */
export function answerMeasurements(url: string, countWatchedTasks: () => number): void {
  // Node's own histogram says nothing of times shorter than a few of its intervals.
  let [turnedAt, longestPauseMs] = [performance.now(), 0];
  const turn = (): void => {
    const now = performance.now();
    longestPauseMs = Math.max(longestPauseMs, now - turnedAt);
    turnedAt = now;
  };
  setInterval(turn, 1).unref();
  process.on("message", (question: Question | object) => {
    if (typeof question === "object") return;
    turn();
    if (question === "memory") globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const { heapUsed, rss } = process.memoryUsage();
    const usage: Usage = {
      cpuMs: (user + system) / 1_000,
      heapBytes: heapUsed,
      rssBytes: rss,
      watchedTasks: countWatchedTasks(),
      longestPauseMs,
    };
    longestPauseMs = 0;
    process.send?.(usage);
  });
  process.on("disconnect", () => process.exit());
  process.send?.({ url });
}
