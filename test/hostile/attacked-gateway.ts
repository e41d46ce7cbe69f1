/**
 * A gateway that tests attack from outside, and the proof after each attack that nobody else has noticed: its process
 * lives and has written nothing, every innocent subscriber gets a further event, it has never been busy for long without a
 * pause, it has met no defect of its own, and its memory is back at its level.
 */

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterAll, afterEach, beforeEach } from "@jest/globals";
import type { EmulatedTask } from "../../src/emulator/emulator.js";
import type { Observation, ProcessOptions, Question } from "./gateway-process.js";
import { HostileUpstream } from "./hostile-upstream.js";
import { INNOCENT_KEY, INNOCENT_TASK, WAITED_TASK, startInnocents, type Innocent } from "./innocents.js";
import { RawSocket, sendOverAll, type HostileOperation, type Outcome } from "./transports.js";

/** How a gateway is attacked. */
export interface AttackOptions {
  /** Options of the gateway, over those of every attack. */
  readonly gateway?: Readonly<Record<string, unknown>>;
  /** How much more than after the first operations may be held after an attack. @default 24 MiB */
  readonly maxGrowthBytes?: number;
}

const MIB = 1_048_576;
const POLL_INTERVAL_MS = 1_000;
const GATEWAY_OPTIONS = {
  minPollIntervalMs: POLL_INTERVAL_MS,
  maxPollIntervalMs: POLL_INTERVAL_MS,
  // Waits that are the libraries' own are on real time.
  maxCallsPerSecond: 10_000,
  callTimeoutMs: 2_000,
  maxRetries: 1,
  retryDelayMs: 1,
  maxRetryDelayMs: 5,
  // Whether IMM as a whole is down is not what a bad answer for one task is to decide here.
  breakerThreshold: 1_000_000,
};
/** More than any operation waits for. */
const SOME_TIME_MS = 60_000;
/** An innocent that has waited so long has been forgotten. */
const MAX_WAIT_MS = 5_000;
/** When those who have gone are missed at the latest. */
const MAX_LEAVE_MS = 2_000;
/** Longer without a pause is too long, on this side of all that a busy machine adds. */
const MAX_BURST_MS = 400;

export class AttackedGateway {
  readonly upstream: HostileUpstream;
  readonly url: string;
  readonly port: number;
  /** Where tests and one of the innocents send their operations. */
  socket!: RawSocket;
  /** False once a check has failed: then what follows would fail for the same reason. */
  isSound = true;
  readonly #child: ChildProcess;
  readonly #maxGrowthBytes: number;
  readonly #leaving = new AbortController();
  readonly #task: EmulatedTask;
  #innocents: readonly Innocent[] = [];
  #output = "";
  readonly #defects: string[] = [];
  #longestBurstMs = 0;
  #news = (): void => undefined;
  #questions = 0;
  #events = 0;
  /** What is used by the innocents alone. */
  #level!: Observation;

  private constructor(
    child: ChildProcess,
    upstream: HostileUpstream,
    url: string,
    { maxGrowthBytes = 24 * MIB }: AttackOptions,
  ) {
    this.#child = child;
    this.upstream = upstream;
    this.url = url;
    this.port = Number(new URL(url).port);
    this.#maxGrowthBytes = maxGrowthBytes;
    this.#task = upstream.emulator.addTask({ ...INNOCENT_TASK, durationMs: Infinity, userData: "none" });
    upstream.emulator.addTask({ ...WAITED_TASK, durationMs: Infinity });
    child.once("exit", () => this.#news());
    for (const output of [child.stdout, child.stderr]) {
      output?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
      });
    }
  }

  static async start(options: AttackOptions = {}): Promise<AttackedGateway> {
    const upstream = await HostileUpstream.start();
    const parameters: ProcessOptions = {
      upstreamUrl: upstream.url,
      gateway: { ...GATEWAY_OPTIONS, ...options.gateway },
    };
    const child = fork(new URL("gateway-process.js", import.meta.url), [JSON.stringify(parameters)], {
      // Not Jest's own.
      env: { PATH: process.env["PATH"] },
      execArgv: ["--max-old-space-size=512", "--expose-gc"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const failure = once(child, "exit").then(() => null);
    const first = await Promise.race([once(child, "message"), failure]);
    if (first === null) {
      await upstream.close();
      throw new Error(`The gateway did not start: ${String(child.stderr?.read())}`);
    }
    const gateway = new AttackedGateway(child, upstream, (first[0] as { url: string }).url, options);
    await gateway.#settle();
    return gateway;
  }

  /** How much more is held than by the innocents alone, counted by the heap and by the system. */
  async growth(): Promise<{ readonly heapBytes: number; readonly rssBytes: number }> {
    const { heapBytes, rssBytes } = await this.ask({ collects: true });
    return { heapBytes: heapBytes - this.#level.heapBytes, rssBytes: rssBytes - this.#level.rssBytes };
  }

  /** Sends an operation over every transport; time passes until all have answered. */
  async send(operation: HostileOperation, patienceMs?: number): Promise<readonly Outcome[]> {
    let isAnswered = false;
    const outcomes = sendOverAll(this.url, this.socket, operation, patienceMs).finally(() => {
      isAnswered = true;
      this.#news();
    });
    while (!isAnswered) {
      await this.#someNews();
      // What has died meanwhile is found by the check.
      if (!isAnswered) await this.ask({ advanceMs: SOME_TIME_MS }).catch(() => undefined);
    }
    return outcomes;
  }

  /** @throws Error - when anything but the attacker has noticed the attack. */
  async check(): Promise<void> {
    this.isSound = false;
    await this.serveInnocents();
    const { heapBytes, watchedTasks, pendingTimers } = await this.#afterOthersHaveLeft();
    const defects = this.#defects.splice(0);
    const longestBurstMs = this.#longestBurstMs;
    this.#longestBurstMs = 0;
    const complaints = [
      ...(watchedTasks > this.#level.watchedTasks ? [`it watches ${watchedTasks} tasks`] : []),
      ...(pendingTimers > this.#maxTimers ? [`it keeps ${pendingTimers} timers`] : []),
      ...(defects.length > 0 ? [`it met defects: ${defects.join("\n")}`] : []),
      ...(this.#output === "" ? [] : [`it wrote: ${this.#output}`]),
      ...(longestBurstMs > MAX_BURST_MS ? [`it was busy for ${Math.round(longestBurstMs)} ms without a pause`] : []),
      ...(heapBytes > this.#level.heapBytes + this.#maxGrowthBytes
        ? [`it holds ${toMib(heapBytes)}, of ${toMib(this.#level.heapBytes)} before`]
        : []),
    ];
    if (complaints.length > 0) throw new Error(`The gateway has suffered: ${complaints.join("; ")}`);
    this.isSound = true;
  }

  /**
   * Lets something happen to the innocents' task and waits until each of them has been told.
   * Returns for how many polls time went by meanwhile.
   */
  async serveInnocents(): Promise<number> {
    let polls = 0;
    this.#events += 1;
    const event = `event${this.#events}`;
    Object.assign(this.#task, { userData: event });
    const deadline = performance.now() + MAX_WAIT_MS;
    const waiting = (): readonly Innocent[] => this.#innocents.filter(({ newest }) => newest !== event);
    while (waiting().length > 0) {
      const lost = this.#innocents.find(({ end }) => end !== undefined);
      if (lost !== undefined) throw new Error(`The innocent ${lost.name} lost its subscription: ${lost.end}`);
      if (performance.now() > deadline) throw new Error(`No event for the innocent ${waiting()[0]?.name}`);
      await this.ask({ advanceMs: POLL_INTERVAL_MS });
      polls += 1;
      if (waiting().length > 0) await this.#someNews();
    }
    return polls;
  }

  /** @throws Error - when the process has ended, or does not answer. */
  async ask(question: Partial<Omit<Question, "number">>): Promise<Observation> {
    this.#questions += 1;
    const number = this.#questions;
    const deadline = performance.now() + MAX_WAIT_MS;
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.#child.off("message", onMessage).off("exit", onExit);
        settle();
      };
      const onMessage = (observation: Observation): void => {
        if (observation.number !== number) return;
        this.#defects.push(...observation.defects);
        this.#longestBurstMs = Math.max(this.#longestBurstMs, observation.longestBurstMs);
        finish(() => resolve(observation));
      };
      const onExit = (): void => finish(() => reject(new Error(this.#epitaph())));
      // By real time: it is about a process that may be busy, and has the clock of its tests within.
      const timer = setTimeout(
        () => finish(() => reject(new Error(`The gateway has been busy for ${MAX_WAIT_MS} ms`))),
        deadline - performance.now(),
      );
      this.#child.on("message", onMessage).on("exit", onExit);
      if (!this.#child.connected) return onExit();
      this.#child.send({ number, advanceMs: 0, collects: false, ...question } satisfies Question);
    });
  }

  /** Ends everything; nothing is left when the promise settles. */
  async dispose(): Promise<void> {
    this.#leaving.abort();
    this.socket?.terminate();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await exit;
    }
    await this.upstream.close();
  }

  /** The innocents subscribe, and the first operations are behind: what is held then is the level. */
  async #settle(): Promise<void> {
    this.socket = await RawSocket.open(this.url);
    this.#innocents = await startInnocents(this.url, this.socket, () => this.#news(), this.#leaving.signal);
    for (const query of ["{ __typename }", `{ task(${INNOCENT_KEY}) { status } }`, "{ tasc }", "{"]) {
      await sendOverAll(this.url, this.socket, { query });
    }
    await this.serveInnocents();
    this.#level = await this.ask({ collects: true });
  }

  /** Waits until what sockets have yet to bring about has happened, or should have. */
  async #afterOthersHaveLeft(): Promise<Observation> {
    const deadline = performance.now() + MAX_LEAVE_MS;
    for (;;) {
      const observation = await this.ask({ collects: true });
      const { watchedTasks, pendingTimers, heapBytes } = observation;
      const isBack =
        watchedTasks <= this.#level.watchedTasks &&
        pendingTimers <= this.#maxTimers &&
        heapBytes <= this.#level.heapBytes + this.#maxGrowthBytes;
      if (isBack || performance.now() > deadline) return observation;
    }
  }

  /** One more than was counted: a poll was under way then, or was not. */
  get #maxTimers(): number {
    return this.#level.pendingTimers + 1;
  }

  async #someNews(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 100);
      this.#news = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #epitaph(): string {
    const { exitCode, signalCode } = this.#child;
    return `The gateway has ended (${String(exitCode ?? signalCode)}): ${this.#output.slice(0, 4_000)}`;
  }
}

/** A gateway for the tests of a file, checked after each: a fresh one where the one before has suffered. */
export function attackGateway(options: AttackOptions = {}): {
  readonly gateway: AttackedGateway;
  fresh(): Promise<void>;
} {
  let current: AttackedGateway | undefined;
  const fresh = async (): Promise<void> => {
    if (current?.isSound === true) return;
    await current?.dispose();
    current = await AttackedGateway.start(options);
  };
  beforeEach(fresh);
  afterEach(async () => current?.check());
  afterAll(async () => current?.dispose());
  return {
    get gateway() {
      if (current === undefined) throw new Error("There is a gateway only while a test runs.");
      return current;
    },
    fresh,
  };
}

function toMib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
