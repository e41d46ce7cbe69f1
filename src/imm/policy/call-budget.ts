/**
 * When a call may be sent: so many in flight over all projects, so many a second of each (`call-rate`), in their turn
 * (`fair-queue`). Projects that have waiting calls take turns as well; one that must wait for the next second has a timer.
 * `call-policy` puts each attempt through it; nothing is decided when a call is queued but whether there is room for it.
 */

import type { Clock, Timer } from "../../clock.js";
import { toError, UpstreamThrottledError } from "../../errors.js";
import { CallRate } from "./call-rate.js";
import { FairQueue } from "./fair-queue.js";

export interface CallBudgetOptions {
  readonly clock: Clock;
  /** Calls of one project in any window of a second when IMM does not throttle. */
  readonly maxCallsPerSecond: number;
  /** Calls in flight at the same time, over all projects. */
  readonly maxConcurrentCalls: number;
  /** Calls of one project and urgency that may wait. */
  readonly maxQueuedCalls: number;
  /** Whether a call may be sent at all. Once it may again, `sendWaiting` is to be called. */
  readonly maySend: () => boolean;
  /** Asked when it is a call's turn: what it throws refuses the call, which then counts for nothing. */
  readonly admit: () => void;
  /** Called when there is no room for a call. @default nothing is */
  readonly onFull?: () => void;
}

/** A call that waits for its turn. */
interface WaitingCall {
  /** Sends it before it returns. */
  readonly send: () => void;
  readonly refuse: (reason: Error) => void;
}

interface Project {
  readonly rate: CallRate;
  readonly waiting: FairQueue<WaitingCall>;
  inFlight: number;
  /** Until one more call is granted. */
  hold: Timer | undefined;
}

/** There is no room for a call: trying again at once would only lengthen the queue. */
export class BudgetSpentError extends UpstreamThrottledError {}

/** Project names come from clients: idle projects beyond this number are forgotten. */
const MAX_IDLE_PROJECTS = 1_000;

export class CallBudget {
  readonly #options: CallBudgetOptions;
  readonly #projects = new Map<string, Project>();
  /** Those in which calls wait, the one whose turn it is first. */
  readonly #waiting = new Set<Project>();
  #inFlight = 0;
  /** How many projects there are when idle ones are forgotten next. */
  #forgetSize = MAX_IDLE_PROJECTS;

  constructor(options: CallBudgetOptions) {
    this.#options = options;
  }

  get projects(): number {
    return this.#projects.size;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls of this urgency that wait, over all projects. */
  waitingAt(priority: number): number {
    return [...this.#waiting].reduce((sum, { waiting }) => sum + waiting.sizeAt(priority), 0);
  }

  /** Calls that the busiest project may be sent now. */
  get left(): number {
    const { clock, maxCallsPerSecond } = this.#options;
    const now = clock.tick();
    return [...this.#projects.values()].reduce((least, { rate }) => Math.min(least, rate.left(now)), maxCallsPerSecond);
  }

  /**
   * Makes a call when it is its turn.
   *
   * @param priority - the higher goes first.
   * @throws BudgetSpentError - when too many of the same project and urgency wait already.
   */
  async take<T>(projectName: string, priority: number, call: () => Promise<T>): Promise<T> {
    const project = this.#projectOf(projectName);
    if (project.waiting.sizeAt(priority) >= this.#options.maxQueuedCalls) {
      this.#options.onFull?.();
      throw new BudgetSpentError("The gateway's own budget of calls for this project is spent.", {
        retryAfterMs: project.rate.waitMs(project.waiting.size),
      });
    }
    return new Promise<T>((resolve, reject) => {
      const send = (): void => void this.#send(project, call).then(resolve, reject);
      project.waiting.push({ send, refuse: reject }, priority);
      this.#waiting.add(project);
      this.sendWaiting();
    });
  }

  /** Sends what may be sent now. */
  sendWaiting(): void {
    for (let next = this.#nextProject(); next !== undefined; next = this.#nextProject()) {
      // To the end of those that take turns.
      this.#waiting.delete(next);
      const call = next.waiting.shift();
      if (next.waiting.size > 0) this.#waiting.add(next);
      try {
        this.#options.admit();
      } catch (thrown) {
        call?.refuse(toError(thrown));
        continue;
      }
      call?.send();
    }
  }

  /** Refuses what waits. Leaves no timer. */
  dispose(reason: Error): void {
    for (const { waiting, hold } of this.#projects.values()) {
      hold?.cancel();
      for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) call.refuse(reason);
    }
    this.#waiting.clear();
  }

  /** The project of which a call may be sent now. */
  #nextProject(): Project | undefined {
    const { clock, maySend, maxConcurrentCalls } = this.#options;
    if (!maySend() || this.#inFlight >= maxConcurrentCalls) return undefined;
    for (const project of this.#waiting) {
      if (project.hold !== undefined) continue;
      const restMs = project.rate.restMs(clock.tick());
      if (restMs <= 0) return project;
      project.hold = clock.setTimer(restMs, () => {
        project.hold = undefined;
        this.sendWaiting();
      });
    }
    return undefined;
  }

  async #send<T>(project: Project, call: () => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const sentTick = clock.tick();
    project.rate.count(sentTick);
    project.inFlight += 1;
    this.#inFlight += 1;
    try {
      return await call();
    } catch (thrown) {
      if (thrown instanceof UpstreamThrottledError) project.rate.slowDown(sentTick, clock.tick());
      throw thrown;
    } finally {
      project.inFlight -= 1;
      this.#inFlight -= 1;
      this.sendWaiting();
    }
  }

  #projectOf(projectName: string): Project {
    const known = this.#projects.get(projectName);
    if (known !== undefined) return known;
    const { clock, maxCallsPerSecond } = this.#options;
    if (this.#projects.size >= this.#forgetSize) this.#forgetIdle(clock.tick());
    const project = {
      rate: new CallRate(maxCallsPerSecond),
      waiting: new FairQueue<WaitingCall>(),
      inFlight: 0,
      hold: undefined,
    };
    this.#projects.set(projectName, project);
    return project;
  }

  #forgetIdle(now: number): void {
    for (const [projectName, { rate, waiting, inFlight }] of this.#projects) {
      if (waiting.size === 0 && inFlight === 0 && rate.isUnused(now)) this.#projects.delete(projectName);
    }
    // What is in use is not looked through for each new name.
    this.#forgetSize = Math.max(MAX_IDLE_PROJECTS, 2 * this.#projects.size);
  }
}
