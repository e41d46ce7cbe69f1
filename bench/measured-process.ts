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
  /** The longest time without a turn of the event loop, since this was last asked; NaN where it was not. */
  readonly longestPauseMs: number;
}

/** Only `memory` collects the heap, and only `pauses` begins to watch them: both would be counted as work. */
type Question = "cpu" | "memory" | "pauses";

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
    return (await this.#ask("cpu")).cpuMs;
  }

  /** The longest since this was last asked; they are watched from the first time on. */
  async longestPauseMs(): Promise<number> {
    return (await this.#ask("pauses")).longestPauseMs;
  }

  /** After a collection, so that only what is held is counted. */
  async memory(): Promise<Usage> {
    return this.#ask("memory");
  }

  /** Tells the server something that it alone understands. */
  tell(message: object): void {
    this.#process.send(message);
  }

  /** Lets the process exit by itself, so that a profiler in it can write what it has. */
  stop(): void {
    this.#process.disconnect();
  }

  async #ask(question: Question): Promise<Usage> {
    this.#process.send(question);
    const [usage] = (await once(this.#process, "message")) as [Usage];
    return usage;
  }
}

/** The server's side: says where it listens, then answers what `MeasuredProcess` asks. */
export function answerMeasurements(url: string, countWatchedTasks: () => number = () => 0): void {
  const pauses = new PauseWatch();
  process.on("message", (question: Question | object) => {
    if (typeof question === "object") return;
    const longestPauseMs = question === "pauses" ? pauses.takeLongest() : Number.NaN;
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
    process.send?.(usage);
  });
  process.on("disconnect", () => process.exit());
  process.send?.({ url });
}

/** Times without a turn of the event loop. Node's own histogram says nothing of those shorter than a few of its intervals. */
class PauseWatch {
  #turnedAt = Number.NaN;
  #longestMs = 0;

  /** The longest since the last call; the first one begins to watch. */
  takeLongest(): number {
    if (Number.isNaN(this.#turnedAt)) {
      this.#turnedAt = performance.now();
      setInterval(() => this.#turn(), 1).unref();
    }
    this.#turn();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  #turn(): void {
    const now = performance.now();
    this.#longestMs = Math.max(this.#longestMs, now - this.#turnedAt);
    this.#turnedAt = now;
  }
}
