/**
 * When a call may be sent: so many in flight over all projects, so many a second of each (`call-grants`, and `call-rate` where
 * IMM throttles), in their turn (`fair-queue`). Projects that have waiting calls take turns as well; one that must wait for
 * the next second has a timer, and is asked for one grant at a time. `call-policy` puts each attempt through it; nothing is
 * decided when a call is queued but whether there is room for it.
 */

import type { Clock, Timer } from "../../clock.js";
import { toError, UpstreamThrottledError } from "../../errors.js";
import { InMemoryCallGrants, type CallGrants, type Grant, type ProjectGrants } from "./call-grants.js";
import { CallRate } from "./call-rate.js";
import { FairQueue } from "./fair-queue.js";

export interface CallBudgetOptions {
  readonly clock: Clock;
  /** Calls of one project in any window of a second when IMM does not throttle. */
  readonly maxCallsPerSecond: number;
  /** What grants them, where instances share them. @default the window of this process */
  readonly grants?: CallGrants | undefined;
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
  readonly grants: ProjectGrants;
  readonly waiting: FairQueue<WaitingCall>;
  inFlight: number;
  /** Until it is asked for a further grant. */
  hold: Timer | undefined;
  /** Calls that were asked for and not answered yet: places in flight are kept for them. */
  asked: number;
}

/** There is no room for a call: trying again at once would only lengthen the queue. */
export class BudgetSpentError extends UpstreamThrottledError {}

/** Project names come from clients: idle projects beyond this number are forgotten. */
const MAX_IDLE_PROJECTS = 1_000;

export class CallBudget {
  readonly #options: CallBudgetOptions;
  readonly #grants: CallGrants;
  readonly #projects = new Map<string, Project>();
  /** Those in which calls wait, the one whose turn it is first. */
  readonly #waiting = new Set<Project>();
  #inFlight = 0;
  #asked = 0;
  /** How many projects there are when idle ones are forgotten next. */
  #forgetSize = MAX_IDLE_PROJECTS;

  constructor(options: CallBudgetOptions) {
    this.#options = options;
    this.#grants = options.grants ?? new InMemoryCallGrants(options);
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

  /** Calls that the busiest project may be sent now, as far as this instance knows. */
  get left(): number {
    const { clock, maxCallsPerSecond } = this.#options;
    const now = clock.tick();
    return [...this.#projects.values()].reduce(
      (least, { rate, grants }) => Math.min(least, rate.left(now), grants.left),
      maxCallsPerSecond,
    );
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
      if (this.#grants.isAsked) queueMicrotask(() => this.sendWaiting());
      else this.sendWaiting();
    });
  }

  /** Sends what may be sent now. */
  sendWaiting(): void {
    for (let next = this.#nextProject(); next !== undefined; next = this.#nextProject()) this.#serve(next);
  }

  /** Refuses what waits. Leaves no timer. */
  dispose(reason: Error): void {
    for (const project of this.#projects.values()) {
      project.hold?.cancel();
      this.#refuseAll(project, reason);
      project.grants.release();
    }
  }

  get #places(): number {
    return this.#options.maxConcurrentCalls - this.#inFlight - this.#asked;
  }

  /** The project that may be asked for a grant now. */
  #nextProject(): Project | undefined {
    const { clock, maySend } = this.#options;
    if (!maySend() || this.#places <= 0) return undefined;
    for (const project of this.#waiting) {
      if (project.hold !== undefined || project.asked > 0) continue;
      const restMs = project.rate.restMs(clock.tick());
      if (restMs <= 0) return project;
      this.#hold(project, restMs);
    }
    return undefined;
  }

  /** Asks for a grant, and sends what is granted; or refuses the next call, for which there is nothing to ask. */
  #serve(project: Project): void {
    if (this.#refusesNext(project)) return;
    const share = Math.ceil(this.#places / this.#waiting.size);
    const most = Math.min(project.waiting.size, share, project.rate.left(this.#options.clock.tick()));
    try {
      const grant = project.grants.take(project.waiting, most);
      if (grant instanceof Promise) void this.#waitFor(grant, most, project);
      else this.#use(grant, project);
    } catch (thrown) {
      this.#refuseAll(project, toError(thrown));
    }
  }

  async #waitFor(answer: Promise<Grant>, most: number, project: Project): Promise<void> {
    project.asked = most;
    this.#asked += most;
    try {
      this.#use(await answer, project);
    } catch (thrown) {
      this.#refuseAll(project, toError(thrown));
    }
    project.asked = 0;
    this.#asked -= most;
    this.sendWaiting();
  }

  /** Sends what is granted, at once: what cannot be sent now is lost. */
  #use({ calls, byUrgency, againMs }: Grant, project: Project): void {
    const turns = byUrgency && new Map(byUrgency);
    for (let left = calls; left > 0 && this.#options.maySend(); left -= 1) {
      if (!this.#refusesNext(project, turns)) this.#shift(project, turns)?.send();
    }
    if (project.waiting.size > 0 && (againMs > 0 || calls === 0)) this.#hold(project, againMs);
  }

  #hold(project: Project, delayMs: number): void {
    project.hold = this.#options.clock.setTimer(delayMs, () => {
      project.hold = undefined;
      this.sendWaiting();
    });
  }

  /** Whether the next call may not be sent: then it is refused. */
  #refusesNext(project: Project, turns?: Map<number, number>): boolean {
    try {
      this.#options.admit();
      return false;
    } catch (thrown) {
      this.#shift(project, turns)?.refuse(toError(thrown));
      return true;
    }
  }

  #shift(project: Project, turns?: Map<number, number>): WaitingCall | undefined {
    const call = project.waiting.shift(turns);
    // To the end of those that take turns.
    this.#waiting.delete(project);
    if (project.waiting.size > 0) this.#waiting.add(project);
    return call;
  }

  #refuseAll(project: Project, reason: Error): void {
    this.#waiting.delete(project);
    for (let call = project.waiting.shift(); call !== undefined; call = project.waiting.shift()) call.refuse(reason);
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
      grants: this.#grants.of(projectName),
      waiting: new FairQueue<WaitingCall>(),
      inFlight: 0,
      hold: undefined,
      asked: 0,
    };
    this.#projects.set(projectName, project);
    return project;
  }

  #forgetIdle(now: number): void {
    for (const [projectName, { rate, grants, waiting, inFlight, asked }] of this.#projects) {
      if (waiting.size > 0 || inFlight > 0 || asked > 0 || !rate.isUnused(now) || !grants.isUnused) continue;
      this.#projects.delete(projectName);
      grants.release();
    }
    // What is in use is not looked through for each new name.
    this.#forgetSize = Math.max(MAX_IDLE_PROJECTS, 2 * this.#projects.size);
  }
}
