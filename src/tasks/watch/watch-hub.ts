/**
 * Who follows what: one `ProjectWatch` per project, whatever its subscribers are.
 *
 * The rule of polling: a watched project may spend `watchCallsPerSecond` on what runs there, so the next poll begins when
 * the last one has been earned back, within the least and the longest interval; a subscriber who asks for fresher data
 * makes it sooner. One poll answers for all watched tasks of the project: pages of the list show what runs, and what they
 * do not show any more is asked for in the same poll, so an end is known an interval later at most. Newcomers are asked
 * for at once.
 */

import type { Clock } from "../../clock.js";
import { UpstreamThrottledError } from "../../errors.js";
import type { Logger } from "../../log.js";
import { UNOBSERVED, type Cause, type Observers, type Readings } from "../../observe.js";
import { NOBODY_ASKS, pollIntervalMs, type PollRate } from "./poll-plan.js";
import type { TaskReader } from "../read/task-reader.js";
import type { Exchange } from "./exchange.js";
import { FULL_RETRY_MS } from "./project-followers.js";
import { ProjectWatch } from "./project-watch.js";
import { PAGE_SIZE } from "../list/requests.js";
import type { DiscoveryFilter } from "./task-discovery.js";
import { toKeyText, type TaskKey, type TaskParts } from "../task.js";
import type { TaskSnapshot } from "../snapshot.js";
import { WatchStream, type StreamNeeds, type WatchStreamOptions } from "./watch-stream.js";

/** IMM may give pages that are not full, or empty, with more behind them: so many beyond those for all that may be watched. */
const MAX_SPARE_PAGES = 100;

export interface WatchHubOptions {
  readonly reader: TaskReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Are called for each poll. @default none */
  readonly observers?: Observers | undefined;
  /** How often a project is polled. */
  readonly rate: PollRate;
  /** Milliseconds after an answer of IMM for which its refusals of the same question count as passing. */
  readonly refusalGraceMs: number;
  /** Different tasks watched at once. Minimum: `1`. */
  readonly maxWatchedTasks: number;
  /** Different projects, each with its filter, followed at once. Minimum: `1`. */
  readonly maxFollowedProjects: number;
  /** What the instances of a gateway share: one of them polls a project for all. @default this one is the only one */
  readonly exchange?: Exchange | undefined;
}

/** How one subscriber wants to follow tasks. */
export interface FollowRequest {
  readonly parts: TaskParts;
  /**
   * The oldest snapshot the subscriber wants to live with, in milliseconds. Not below the least poll interval; the most
   * impatient subscriber of a task decides.
   * @default the schedule's own rhythm
   */
  readonly maxStalenessMs?: number | undefined;
  /** Whether the stream says that it has caught up, and that there is a delay. @default false */
  readonly sendsPhases?: boolean | undefined;
  /** Whether the subscriber may see a task, asked for each event: others are not given to it. @default it may see all */
  readonly sees?: ((snapshot: TaskSnapshot) => boolean) | undefined;
  /** What the subscriber must go on being granted. @default nothing */
  readonly needs?: StreamNeeds | undefined;
  /** The operations that wait for it, where they are traced. @default none is */
  readonly waiting?: ReadonlySet<Cause> | undefined;
}

/** Which tasks one subscriber wants to follow. */
export interface WatchRequest extends FollowRequest {
  /** The tasks; a key that stands twice counts once. */
  readonly keys: readonly TaskKey[];
}

/** Which project one subscriber wants to follow. */
export interface WatchProjectRequest extends FollowRequest {
  readonly projectName: string;
  readonly filter?: DiscoveryFilter;
}

export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #projects = new Map<string, ProjectWatch>();
  readonly #streams = new Set<WatchStream>();

  constructor(options: WatchHubOptions) {
    this.#options = options;
    const { reader } = options;
    reader.listen((keyText, snapshot) => this.#projects.get(snapshot.key.projectName)?.observe(keyText, snapshot));
  }

  /** How many tasks are watched at this moment. */
  get watchedTasks(): number {
    return [...this.#projects.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** What is to be known of it from outside, at this moment. */
  readings(): Pick<
    Readings,
    "watchedTasks" | "watchedProjects" | "projectsPolledElsewhere" | "followers" | "oldestWatchedMs"
  > {
    const now = this.#options.clock.tick();
    const oldestTick = [...this.#projects.values()].reduce((oldest, of) => Math.min(oldest, of.oldestTick), now);
    return {
      watchedTasks: this.watchedTasks,
      watchedProjects: this.#projects.size,
      projectsPolledElsewhere: [...this.#projects.values()].filter((of) => of.isPolledElsewhere).length,
      followers: this.#streams.size,
      oldestWatchedMs: now - oldestTick,
    };
  }

  /** Milliseconds after which asking for a task of the project again is worth it: when it is polled, or would be. */
  pollIntervalMs(projectName: string): number {
    const unwatched = { ...NOBODY_ASKS, isAskedByAll: false };
    return this.#projects.get(projectName)?.intervalMs ?? pollIntervalMs(1, this.#options.rate, unwatched);
  }

  /**
   * Follows tasks until each has ended. Each task's present snapshot comes first, then one event per visible change,
   * then its final snapshot or the failure that ended its watch; after the last task's last event the stream is done.
   * `return()` leaves at once.
   *
   * @throws UpstreamThrottledError - when so many tasks are watched already that there is no room for these.
   */
  watch({ keys, parts, maxStalenessMs, ...reading }: WatchRequest): WatchStream {
    const byText = new Map(keys.map((key) => [toKeyText(key), key]));
    const newTasks = this.unwatched(byText.values());
    if (newTasks > 0 && newTasks > this.#room) {
      throw new UpstreamThrottledError("The gateway watches as many tasks as it may.", { retryAfterMs: FULL_RETRY_MS });
    }
    const projectNames = new Set(keys.map((key) => key.projectName));
    const stream = this.#open(projectNames, byText.keys(), reading);
    for (const projectName of projectNames) {
      const ofProject = [...byText.values()].filter((key) => key.projectName === projectName);
      this.#projectOf(projectName).join(stream, { parts, maxStalenessMs }, ofProject);
    }
    return stream;
  }

  /**
   * Follows every task of a project that runs, and those that start from now on: of each the present snapshot, then an
   * event per visible change, then its final snapshot. The stream goes on until `return()`, or until the project cannot be
   * followed: its last event is then that failure.
   *
   * @throws UpstreamThrottledError - when so many projects are followed already that there is no room for this one.
   */
  watchProject({ projectName, filter = {}, parts, maxStalenessMs, ...reading }: WatchProjectRequest): WatchStream {
    const isNew = this.#projects.get(projectName)?.isFollowedBy(filter) !== true;
    if (isNew && this.#followedProjects >= this.#options.maxFollowedProjects) {
      throw new UpstreamThrottledError("The gateway follows as many projects as it may.", {
        retryAfterMs: FULL_RETRY_MS,
      });
    }
    const stream = this.#open([projectName], [], { isEndless: true, ...reading });
    this.#projectOf(projectName).joinAll(stream, { parts, maxStalenessMs }, filter);
    return stream;
  }

  /** How many of these tasks, each of which stands there once, are not watched yet. */
  unwatched(keys: Iterable<TaskKey>): number {
    return [...keys].filter((key) => this.#projects.get(key.projectName)?.has(toKeyText(key)) !== true).length;
  }

  /** Ends every watch and every stream; no timer is left. */
  dispose(): void {
    for (const stream of this.#streams) stream.close();
    for (const project of this.#projects.values()) project.dispose();
  }

  /** Each filter of a project counts, since it costs calls of its own. */
  get #followedProjects(): number {
    return [...this.#projects.values()].reduce((sum, { filters }) => sum + filters, 0);
  }

  /** How many tasks beyond those that are watched may be. */
  get #room(): number {
    return this.#options.maxWatchedTasks - this.watchedTasks;
  }

  #open(
    projectNames: Iterable<string>,
    keyTexts: Iterable<string>,
    options: Omit<WatchStreamOptions, "onLeave">,
  ): WatchStream {
    const onLeave = (): void => {
      this.#streams.delete(stream);
      for (const projectName of projectNames) this.#projects.get(projectName)?.leave(stream);
    };
    const youngerThanSent = (keyText: string): TaskSnapshot | undefined => {
      const projects = [...projectNames].map((projectName) => this.#projects.get(projectName));
      return projects.find((project) => project?.has(keyText))?.youngerThanSent(stream, keyText);
    };
    const stream = new WatchStream(keyTexts, { onLeave, youngerThanSent, ...options });
    this.#streams.add(stream);
    return stream;
  }

  #projectOf(projectName: string): ProjectWatch {
    const known = this.#projects.get(projectName);
    if (known !== undefined) return known;
    const project = new ProjectWatch({
      ...this.#options,
      observers: this.#options.observers ?? UNOBSERVED,
      projectName,
      room: () => this.#room,
      maxPages: Math.ceil(this.#options.maxWatchedTasks / PAGE_SIZE) + MAX_SPARE_PAGES,
      onEnd: () => this.#projects.delete(projectName),
    });
    this.#projects.set(projectName, project);
    return project;
  }
}
