/** Several instances of the gateway's watching over one exchange in memory, each of which can be stopped, killed and cut off. */

import type { Clock, Timer } from "../../src/clock.js";
import type { ImmClient } from "../../src/imm/imm-client.js";
import type { FinishedTasks } from "../../src/tasks/read/finished-tasks.js";
import { TaskReader } from "../../src/tasks/read/task-reader.js";
import type { Exchange, Member, Seat } from "../../src/tasks/watch/exchange.js";
import { MemoryExchangeStore, type MemoryExchange } from "../../src/tasks/watch/memory-exchange.js";
import { WatchHub } from "../../src/tasks/watch/watch-hub.js";
import { countAttempts } from "./count-attempts.js";
import type { ManualClock } from "./manual-clock.js";
import { RecordingLogger } from "./recording-logger.js";

/** The process of one instance: while it is stopped, no timer and no answer reaches it, and when it has been killed, never. */
class Process implements Clock {
  readonly #clock: ManualClock;
  readonly #timers = new Set<Timer>();
  #held: (() => void)[] = [];
  isStopped = false;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  tick(): number {
    return this.#clock.tick();
  }

  random(): number {
    return this.#clock.random();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    let isCancelled = false;
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      this.run(() => {
        if (!isCancelled) callback();
      });
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        isCancelled = true;
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }

  /** Runs it now, or when the process goes on. */
  run(action: () => void): void {
    if (this.isStopped) this.#held.push(action);
    else action();
  }

  /** The outcome of a call, so long after it is there, and once the process runs. */
  async receive<T>(call: Promise<T>, latencyMs: number): Promise<T> {
    try {
      return await call;
    } finally {
      await new Promise<void>((resolve) => {
        if (latencyMs > 0) this.setTimer(latencyMs, resolve);
        else this.run(resolve);
      });
    }
  }

  goOn(): void {
    this.isStopped = false;
    const held = this.#held;
    this.#held = [];
    for (const action of held) this.run(action);
  }

  kill(): void {
    this.isStopped = true;
    for (const timer of this.#timers) timer.cancel();
  }
}

/** Milliseconds that answers take. */
export interface Latencies {
  readonly imm: number;
  readonly exchange: number;
}

const NO_LATENCIES: Latencies = { imm: 0, exchange: 0 };

export class Instance {
  readonly reader: TaskReader;
  readonly hub: WatchHub;
  readonly exchange: MemoryExchange | undefined;
  readonly #process: Process;
  readonly #latencies: Latencies;
  /** Seats that it holds. */
  seats = 0;
  /** Calls to IMM that it has made. */
  calls = 0;
  isKilled = false;

  /**
   * @param store - an instance without one shares no watch.
   * @param finished - what it shares of finished tasks. By default nothing
   */
  constructor(
    clock: ManualClock,
    client: ImmClient,
    store?: MemoryExchangeStore,
    latencies = NO_LATENCIES,
    finished?: FinishedTasks,
  ) {
    const process = new Process(clock);
    this.#latencies = latencies;
    this.#process = process;
    this.exchange = store?.open();
    const counted = countAttempts(client);
    const ask = async <T>(call: Promise<T>): Promise<T> => {
      this.calls += 1;
      return process.receive(call, latencies.imm);
    };
    this.reader = new TaskReader({
      client: {
        ...counted,
        getTask: async (...call) => ask(counted.getTask(...call)),
        listTasks: async (...call) => ask(counted.listTasks(...call)),
      },
      clock: process,
      taskMaxAgeMs: 1_000,
      maxCachedTasks: 1_000,
      finished,
    });
    this.hub = new WatchHub({
      reader: this.reader,
      clock: process,
      logger: new RecordingLogger(),
      rate: { watchCallsPerSecond: 0.5, minPollIntervalMs: 1_000, maxPollIntervalMs: 15_000 },
      maxFollowedProjects: 100,
      refusalGraceMs: 600_000,
      maxWatchedTasks: 1_000,
      exchange: this.exchange && this.#toExchange(this.exchange),
    });
  }

  get isStopped(): boolean {
    return this.#process.isStopped;
  }

  /** It does nothing until it goes on; what it is sent meanwhile is lost. */
  stop(): void {
    this.#process.isStopped = true;
    if (this.exchange !== undefined) this.exchange.isDeaf = true;
  }

  goOn(): void {
    if (this.isKilled || !this.#process.isStopped) return;
    if (this.exchange !== undefined) this.exchange.isDeaf = false;
    this.#process.goOn();
  }

  /** As by SIGKILL. */
  kill(): void {
    this.isKilled = true;
    this.#process.kill();
    this.exchange?.kill();
  }

  #toExchange(exchange: MemoryExchange): Exchange {
    return {
      timeAt: (tick) => exchange.timeAt(tick),
      tickAt: (timeMs) => exchange.tickAt(timeMs),
      join: (projectName, member) => this.#toSeat(exchange.join(projectName, this.#toMember(member))),
    };
  }

  #toMember(member: Member): Member {
    const run = (action: () => void): void => this.#process.run(action);
    return {
      onNews: (text) => run(() => member.onNews(text)),
      onGap: () => run(() => member.onGap()),
      onHint: (text) => run(() => member.onHint(text)),
      onReleased: () => run(() => member.onReleased()),
      onAway: () => run(() => member.onAway()),
    };
  }

  #toSeat(seat: Seat): Seat {
    const receive = async <T>(call: Promise<T>): Promise<T> => this.#process.receive(call, this.#latencies.exchange);
    this.seats += 1;
    return {
      get isAway() {
        return seat.isAway;
      },
      claim: async () => receive(seat.claim()),
      publish: async (publication) => receive(seat.publish(publication)),
      read: async (names) => receive(seat.read(names)),
      want: async (wants) => receive(seat.want(wants)),
      hint: async (text) => receive(seat.hint(text)),
      leave: async () => {
        this.seats -= 1;
        return seat.leave();
      },
    };
  }
}
