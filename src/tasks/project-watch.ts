/**
 * All watched tasks of one project, in one rhythm: one timer, and each look asks for every task that is due.
 *
 * The hub makes it for the first watched task of a project. It hands the tasks that are due to the `TaskReader`, which
 * sweeps them from a list or asks for each, whichever is cheaper, and gives each `TaskWatch` its answer. When IMM
 * throttles, the whole project slows down, and speeds up again bit by bit.
 */

import type { Clock, Timer } from "../clock.js";
import { GatewayError, toError, UpstreamThrottledError } from "../errors.js";
import { CallPriority } from "../imm/imm-client.js";
import type { Logger } from "../log.js";
import type { PollBounds } from "./poll-schedule.js";
import type { TaskReader } from "./task-reader.js";
import { TaskWatch, type Follower } from "./task-watch.js";
import type { TaskKey, TaskSnapshot } from "./task.js";

/** What a `ProjectWatch` works with. */
export interface ProjectWatchOptions {
  readonly reader: TaskReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bounds: PollBounds;
  /** Called once, when no task is watched any more. */
  readonly onEnd: () => void;
}

/** Tasks that fall due so soon after others, as a share of the least interval, are looked at together with them. */
const TOGETHER_SHARE = 0.25;
/** The pace is 1 unless IMM throttles: then it is halved, down to the least, and rises again by a step a look. */
const MIN_PACE = 1 / 32;
const PACE_STEP = 0.1;
/** Newcomers wait no longer than this for the newcomers before them to be answered. */
const NEWCOMER_PATIENCE_MS = 50;

/** Watches the tasks of one project. */
export class ProjectWatch {
  readonly #options: ProjectWatchOptions;
  readonly #watches = new Map<string, TaskWatch>();
  #timer: Timer | undefined;
  #timerAt = Infinity;
  /** By what every interval is divided. */
  #pace = 1;
  /** Looks for newcomers that are under way. */
  #newcomerLooks = 0;
  #hasEnded = false;

  constructor(options: ProjectWatchOptions) {
    this.#options = options;
  }

  /** How many tasks are watched. */
  get size(): number {
    return this.#watches.size;
  }

  /** Whether the task is watched. */
  has(keyText: string): boolean {
    return this.#watches.has(keyText);
  }

  /** Adds a follower to the watches of these tasks, by key text, and looks for the new ones together. */
  join(followers: ReadonlyMap<string, { readonly key: TaskKey; readonly follower: Follower }>): void {
    for (const [keyText, { key, follower }] of followers) {
      let watch = this.#watches.get(keyText);
      if (watch === undefined) {
        const { clock, bounds, reader } = this.#options;
        watch = new TaskWatch(key, clock, bounds, reader.typicalDurations);
        this.#watches.set(keyText, watch);
      }
      watch.join(follower);
    }
    this.#plan();
  }

  /** Takes a follower from the watch of its task; harmless when that is over. */
  leave(keyText: string, follower: Follower): void {
    const watch = this.#watches.get(keyText);
    if (watch === undefined) return;
    watch.leave(follower);
    if (watch.hasEnded) this.#settle(keyText, watch);
  }

  /** Takes what another question brought. */
  observe(keyText: string, snapshot: TaskSnapshot): void {
    const watch = this.#watches.get(keyText);
    if (watch === undefined) return;
    watch.observe(snapshot);
    this.#settle(keyText, watch);
  }

  /** Ends every watch without a word; no timer is left. */
  dispose(): void {
    for (const watch of this.#watches.values()) watch.end();
    this.#watches.clear();
    this.#end();
  }

  /** Looks at once for newcomers, else sets the timer for the task that is due next. */
  #plan(): void {
    if (this.#hasEnded) return;
    const dueAt = [...this.#watches.values()].map((watch) => watch.dueAt(this.#slowdown));
    const nextAt = dueAt.reduce((a, b) => Math.min(a, b), Infinity);
    if (nextAt !== -Infinity) this.#setTimer(nextAt);
    else if (this.#newcomerLooks === 0) void this.#look();
    else this.#setTimer(this.#options.clock.now() + NEWCOMER_PATIENCE_MS);
  }

  #setTimer(dueAt: number): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    this.#timerAt = dueAt;
    this.#timer =
      dueAt === Infinity ? undefined : clock.setTimer(Math.max(0, dueAt - clock.now()), () => void this.#look());
  }

  /** One look: everything that is due now or soon, asked for together, each told as soon as it is known. */
  async #look(): Promise<void> {
    const { reader, clock, bounds } = this.#options;
    const until = clock.now() + bounds.minPollIntervalMs * TOGETHER_SHARE;
    const due = [...this.#watches].filter(([, watch]) => watch.dueAt(this.#slowdown) <= until);
    const isForNewcomers = due.some(([, watch]) => watch.dueAt(this.#slowdown) === -Infinity);
    const requests = due.map(([, watch]) => ({
      key: watch.key,
      // The first look may use what a query has just learnt; every later one is there to see something new.
      maxAgeMs: watch.isFirstLook ? undefined : 0,
      needs: watch.ask(),
    }));
    if (isForNewcomers) this.#newcomerLooks += 1;
    this.#plan();
    const answers = reader.readEach(requests, CallPriority.progress);
    const results = await Promise.all(
      due.map(async ([keyText, watch], index) => {
        const result = await (answers[index] ?? Promise.reject(new Error("No answer."))).catch(toError);
        if (this.#watches.get(keyText) !== watch) return result;
        watch.answer(result);
        this.#settle(keyText, watch);
        return result;
      }),
    );
    if (isForNewcomers) this.#newcomerLooks -= 1;
    this.#adapt(results);
    this.#plan();
  }

  /** Forgets a watch that is over, and brings the timer forward for one that is due sooner. */
  #settle(keyText: string, watch: TaskWatch): void {
    if (watch.hasEnded) {
      this.#watches.delete(keyText);
      if (this.#watches.size === 0) this.#end();
    } else if (watch.dueAt(this.#slowdown) < this.#timerAt) {
      this.#plan();
    }
  }

  #adapt(results: readonly (TaskSnapshot | Error)[]): void {
    const failures = results.filter((result) => result instanceof GatewayError);
    const isThrottled = failures.some((failure) => failure instanceof UpstreamThrottledError);
    this.#pace = isThrottled ? Math.max(MIN_PACE, this.#pace / 2) : Math.min(1, this.#pace + PACE_STEP);
    if (failures.length === 0) return;
    const codes = [...new Set(failures.map(({ code }) => code))];
    this.#options.logger.debug(
      { asked: results.length, failed: failures.length, codes, imm: failures[0]?.imm, pace: this.#pace },
      "A look at watched tasks failed, in part or as a whole.",
    );
  }

  get #slowdown(): number {
    return 1 / this.#pace;
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#timer?.cancel();
    this.#options.onEnd();
  }
}
