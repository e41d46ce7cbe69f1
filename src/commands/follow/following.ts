/**
 * Following tasks to their ends, or a project until nothing runs there, by as many subscriptions as that takes. Whom it tells
 * of each event decides what is shown.
 *
 * A project's subscription sends what runs. What ended while the connection was lost is not among that any more, so it is
 * followed by its names from then on.
 */

import { ConfigurationError, toError } from "../../errors.js";
import { toKeyText, type TaskKey } from "../../tasks/task.js";
import type { Board, Change } from "./board.js";
import { FOLLOW_PROJECT, FOLLOW_TASKS, toFollowEvent, type FollowEvent, type SeenTask } from "./follow-event.js";
import type { ProjectTarget, Targets, TaskTarget } from "./targets.js";
import { refusalOf, type Failure, type Operation, type TaskSource } from "./task-source.js";

/** How many tasks one subscription may follow, unless the gateway's MAX_KEYS is another. */
const MAX_KEYS = 100;

/** Called with what is new, after the board has it. */
export interface Listener {
  readonly onChange: (change: Change) => void;
  /** The present state of all tasks has come, or, with an error, IMM cannot be asked at the moment. */
  readonly onPhase: (delay: Failure | null) => void;
}

export interface FollowingOptions {
  readonly source: TaskSource;
  readonly board: Board;
  readonly targets: Targets;
  /** Whether a project is followed also while nothing runs there. */
  readonly isForever: boolean;
  readonly listener: Listener;
}

/** The subscriptions of one command. */
export class Following {
  /** Resolves when there is nothing more to follow. Rejects with a ConfigurationError when it cannot be followed. */
  readonly ended: Promise<void>;
  readonly #options: FollowingOptions;
  readonly #regions: ReadonlyMap<string, string | null>;
  #open = 0;
  /** Of a project: what ran when the connection was lost, and has not been seen since. */
  #unseen = new Map<string, TaskKey>();
  #hasCaughtUp = false;
  #resolve: () => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(options: FollowingOptions) {
    this.#options = options;
    const tasks = options.targets.kind === "tasks" ? options.targets.tasks : [];
    this.#regions = new Map(tasks.map(({ key, region }: TaskTarget) => [toKeyText(key), region]));
    this.ended = new Promise((resolve, reject) => {
      [this.#resolve, this.#reject] = [resolve, reject];
    });
    if (options.targets.kind === "project") this.#followProject(options.targets);
    else this.#followTasks(tasks.map(({ key }) => key));
  }

  /** A new connection begins with the present state of all that runs. */
  onReconnected(): void {
    if (this.#options.targets.kind !== "project") return;
    this.#hasCaughtUp = false;
    this.#unseen = new Map(this.#options.board.openKeys.map((key) => [toKeyText(key), key]));
  }

  #followTasks(keys: readonly TaskKey[]): void {
    for (let start = 0; start < keys.length; start += MAX_KEYS) {
      const chunk = keys.slice(start, start + MAX_KEYS);
      this.#subscribe({ query: FOLLOW_TASKS, variables: { keys: chunk } });
    }
  }

  #followProject({ projectName, filter }: ProjectTarget): void {
    this.#subscribe({ query: FOLLOW_PROJECT, variables: { projectName, filter } });
  }

  #subscribe(operation: Operation): void {
    const { source } = this.#options;
    this.#open += 1;
    source.subscribe(operation, {
      next: (result) => {
        try {
          const event = toFollowEvent(result);
          if (event !== undefined) this.#take(event, operation);
          else if (result.data == null) throw refusalOf(source, result.errors ?? []);
        } catch (thrown) {
          // Thrown into a source, it would be taken for a fault of the connection.
          this.#reject(toError(thrown));
        }
      },
      end: (error) => {
        this.#open -= 1;
        if (error !== undefined) this.#reject(error);
        else if (this.#open === 0) this.#resolve();
      },
    });
  }

  #take(event: FollowEvent, { query }: Operation): void {
    const { board, listener } = this.#options;
    switch (event.kind) {
      case "SNAPSHOT":
      case "CHANGE":
      case "FINAL":
        this.#takeTask(event);
        break;
      case "FAILED":
        if (event.key === null) this.#reject(this.#refusal(event.error));
        else this.#takeFailure(event.key, event.error);
        break;
      case "CAUGHT_UP":
        if (query === FOLLOW_PROJECT) this.#catchUp();
        board.delay = null;
        listener.onPhase(null);
        break;
      case "DELAYED":
        board.delay = event.error;
        listener.onPhase(event.error);
        break;
    }
    if (this.#isProjectOver) this.#resolve();
  }

  #takeTask(event: Extract<FollowEvent, { task: SeenTask }>): void {
    const { board, listener } = this.#options;
    const keyText = toKeyText(event.task);
    const region = this.#regions.get(keyText) ?? event.task.region;
    this.#unseen.delete(keyText);
    if (region !== event.task.region) {
      const message = `The id is of a task in ${region}, and ${event.task.region} is asked.`;
      this.#takeFailure(event.task, { code: "BAD_USER_INPUT", message });
      return;
    }
    const change = board.take(event);
    if (change !== undefined) listener.onChange(change);
  }

  #takeFailure(key: TaskKey, error: Failure): void {
    const { board, listener, source } = this.#options;
    this.#unseen.delete(toKeyText(key));
    const change = board.take({ key, error: { ...error, message: `${error.message}${source.cureOf(error)}` } });
    if (change !== undefined) listener.onChange(change);
  }

  #catchUp(): void {
    this.#hasCaughtUp = true;
    const strays = [...this.#unseen.values()];
    this.#unseen.clear();
    this.#followTasks(strays);
  }

  /** A project's subscription never ends by itself. */
  get #isProjectOver(): boolean {
    const { board, targets, isForever } = this.#options;
    return (
      targets.kind === "project" &&
      !isForever &&
      this.#hasCaughtUp &&
      board.delay === null &&
      board.openKeys.length === 0
    );
  }

  #refusal({ code, message }: Failure): ConfigurationError {
    return new ConfigurationError(`${code}: ${message}${this.#options.source.cureOf({ code, message })}`);
  }
}
