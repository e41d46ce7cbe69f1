/**
 * A server in a process of its own, so that its CPU time and memory are its own.
 *
 * The benchmarks start it by `MeasuredProcess`; the server in it calls `answerMeasurements` once it listens.
 */

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Session, type Profiler } from "node:inspector/promises";

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

/** What is asked of the process; each costs nothing until it is asked. Only `memory` collects the heap. */
type Question = "cpu" | "memory" | "pauses" | "profile begins" | "profile ends";

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

  async beginProfile(): Promise<void> {
    await this.#ask("profile begins");
  }

  /** Where its CPU went since `beginProfile`. */
  async endProfile(): Promise<Profiler.Profile> {
    return this.#ask<Profiler.Profile>("profile ends");
  }

  /** Tells the server something that it alone understands. */
  tell(message: object): void {
    this.#process.send(message);
  }

  /** Lets the process exit by itself, so that a profiler in it can write what it has. */
  stop(): void {
    this.#process.disconnect();
  }

  async #ask<Answer = Usage>(question: Question): Promise<Answer> {
    this.#process.send(question);
    const [answer] = (await once(this.#process, "message")) as [Answer];
    return answer;
  }
}

/** The server's side: says where it listens, then answers what `MeasuredProcess` asks. */
export function answerMeasurements(url: string, countWatchedTasks: () => number = () => 0): void {
  const pauses = new PauseWatch();
  const profiler = new Session();
  const usage = (longestPauseMs = Number.NaN): Usage => {
    const { user, system } = process.cpuUsage();
    const { heapUsed, rss } = process.memoryUsage();
    const watchedTasks = countWatchedTasks();
    return { cpuMs: (user + system) / 1_000, heapBytes: heapUsed, rssBytes: rss, watchedTasks, longestPauseMs };
  };
  const answer = async (question: Question): Promise<object> => {
    switch (question) {
      case "cpu":
        return usage();
      case "memory":
        globalThis.gc?.();
        return usage();
      case "pauses":
        return usage(pauses.takeLongest());
      case "profile begins":
        profiler.connect();
        await profiler.post("Profiler.enable");
        await profiler.post("Profiler.start");
        return usage();
      case "profile ends": {
        const { profile } = await profiler.post("Profiler.stop");
        profiler.disconnect();
        return profile;
      }
    }
  };
  process.on("message", (question: Question | object) => {
    if (typeof question === "string") void answer(question).then((given) => process.send?.(given));
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
