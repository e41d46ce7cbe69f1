/**
 * Starts tasks, each at most once for an idempotency key. IMM has no token that makes a repeated create harmless, so the
 * gateway remembers the keys, and marks the tasks of those types that take tags: such a task is found again by its tag
 * when its answer was lost, and after a restart.
 *
 * The mutations call it, it calls the `ImmClient` and the `TaskReader`. It never repeats a create of its own accord.
 */

import { momentOf, type Clock } from "../../clock.js";
import { GatewayError, OutcomeUnknownError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { CreateTaskRequest, ImmClient, ListTasksRequest } from "../../imm/imm-client.js";
import { createOperations, type CreateAction, type CreateOperation } from "../../imm/operations/operations.js";
import { IdempotencyKeys, KEY_LIFETIME_MS, type KeyUse } from "./idempotency-keys.js";
import {
  checkSameInput,
  hasKeyOf,
  INPUT_TAG,
  KEY_TAG,
  tagOf,
  withTag,
  type IdempotencyTag,
} from "./idempotency-tag.js";
import { fromCreatedTask, type TaskSnapshot } from "../snapshot.js";
import type { ReadOptions, TaskReader } from "../read/task-reader.js";

export interface TaskStarterOptions {
  readonly client: ImmClient;
  readonly reader: TaskReader;
  readonly clock: Clock;
  /** Gets a line for each create that has started a task, or may have. */
  readonly logger: Logger;
  /** Idempotency keys remembered at once; the least recently used go first. Minimum: `1`. */
  readonly maxIdempotencyKeys: number;
}

/** One task to start. */
export interface StartRequest extends CreateTaskRequest {
  readonly idempotencyKey?: string | undefined;
  /** Whose key it is: two callers do not share theirs. */
  readonly caller: string;
}

/** A task that was started, now or by the same key before. */
export interface StartOutcome {
  readonly snapshot: TaskSnapshot;
  readonly isNew: boolean;
  /** Of the create's answer; null when that is not known. */
  readonly requestId: string | null;
  readonly eventId: string | null;
}

/** When a task whose answer was lost is looked for, in milliseconds after the one before: IMM's lists may lag behind. */
const SEARCH_DELAYS_MS = [0, 1_000, 2_000] as const;

/** Pages that a search reads. IMM may give empty ones with more behind them; a key's own tasks fit on one. */
const MAX_SEARCH_PAGES = 10;

/** After this long a create that no list shows has certainly started nothing. */
const SETTLING_MS = 60_000;

export class TaskStarter {
  readonly #client: ImmClient;
  readonly #reader: TaskReader;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #keys: IdempotencyKeys<StartOutcome>;

  constructor({ client, reader, clock, logger, maxIdempotencyKeys }: TaskStarterOptions) {
    this.#client = client;
    this.#reader = reader;
    this.#clock = clock;
    this.#logger = logger;
    this.#keys = new IdempotencyKeys(maxIdempotencyKeys, clock);
  }

  /**
   * Starts a task, unless its key has started it before.
   *
   * @throws IdempotencyKeyReusedError - when the key was used with another input.
   * @throws OutcomeUnknownError - when a task may have been started, and it is not known which.
   * @throws GatewayError - for everything else that went wrong: then no task was started.
   */
  async start({ idempotencyKey, ...request }: StartRequest, options: ReadOptions = {}): Promise<StartOutcome> {
    options.tally?.countOwnCall();
    if (idempotencyKey === undefined) return this.#audit(request, async () => this.#create(request, options));
    const tag = tagOf({ ...request, idempotencyKey });
    const use = this.#keys.use(tag);
    if (use.attempt !== undefined) {
      options.tally?.countShared(1);
      return { ...(await use.attempt), isNew: false };
    }
    const attempt = this.#startOnce(request, tag, use, options);
    use.attempt = attempt;
    try {
      const outcome = await attempt;
      this.#keys.settle(tag, use);
      return outcome;
    } catch (thrown) {
      use.attempt = undefined;
      if (use.lostTick === null) this.#keys.free(tag);
      throw thrown;
    }
  }

  async #startOnce(
    request: Omit<StartRequest, "idempotencyKey">,
    tag: IdempotencyTag,
    use: KeyUse<StartOutcome>,
    options: ReadOptions,
  ): Promise<StartOutcome> {
    const { action, input } = request;
    const search = findableBy(action, input.ProjectName, tag);
    const before = search && (await this.#find(search, options));
    if (before !== undefined) return foundAgain(before, { isNew: false });
    if (use.lostTick !== null) this.#refuseUnlessSettled(use.lostTick, search);
    const tagged = search === undefined ? input : withTag(input, tag);
    return this.#audit(request, async () => {
      try {
        const outcome = await this.#create({ action, input: tagged }, options);
        use.lostTick = null;
        return outcome;
      } catch (thrown) {
        use.lostTick = isCertain(thrown) ? null : this.#clock.tick();
        if (use.lostTick === null || search === undefined) throw thrown;
        const started = await this.#findLater(search, options);
        if (started === undefined) throw thrown;
        use.lostTick = null;
        return foundAgain(started, { isNew: true });
      }
    });
  }

  /** Logs who has started what, also where it is not known whether. */
  async #audit(
    { caller, action, input }: Omit<StartRequest, "idempotencyKey">,
    create: () => Promise<StartOutcome>,
  ): Promise<StartOutcome> {
    const facts = { caller, action, projectName: input.ProjectName };
    try {
      const outcome = await create();
      const { requestId, snapshot } = outcome;
      this.#logger.info({ ...facts, taskId: snapshot.key.taskId, requestId }, "A task was started.");
      return outcome;
    } catch (thrown) {
      if (thrown instanceof OutcomeUnknownError) {
        const requestId = thrown.imm?.requestId ?? null;
        this.#logger.info({ ...facts, taskId: null, requestId }, "A task may have been started: the answer was lost.");
      }
      throw thrown;
    }
  }

  async #create({ action, input }: CreateTaskRequest, options: ReadOptions): Promise<StartOutcome> {
    try {
      const { tally } = options;
      const calls = { onAttempt: tally?.countCall, cause: tally?.cause };
      const created = await this.#client.createTask({ action, input }, calls);
      const snapshot = fromCreatedTask(createOperations[action].taskType, input, created, momentOf(this.#clock));
      const { eventId, requestId } = snapshot;
      return { snapshot: this.#reader.learnCreated(snapshot), isNew: true, eventId, requestId };
    } catch (thrown) {
      if (!(thrown instanceof GatewayError) || !thrown.mayHaveArrived) throw thrown;
      throw new OutcomeUnknownError(
        "IMM's answer was lost: a task may have been started, and it is not known which. List the project's tasks before starting it again.",
        { imm: thrown.imm, cause: thrown },
      );
    }
  }

  /**
   * The task of this mark, if a list shows it.
   *
   * @throws UpstreamInvalidResponseError - when the list has no end, so that nothing is known.
   */
  async #find({ projectName, taskType, tag }: Search, options: ReadOptions): Promise<TaskSnapshot | undefined> {
    const request: ListTasksRequest = {
      projectName,
      taskTypes: [taskType],
      tagSelector: `${KEY_TAG}=${tag.key}`,
      startTimeRange: { start: new Date(this.#clock.now() - KEY_LIFETIME_MS).toISOString() },
    };
    const endless = "IMM's list of the tasks with this key's tag does not end.";
    for await (const { snapshots } of this.#reader.list(request, options, { maxPages: MAX_SEARCH_PAGES, endless })) {
      const found = snapshots.find((snapshot) => hasKeyOf(snapshot, tag));
      if (found === undefined) continue;
      checkSameInput(found.facts.tags?.[INPUT_TAG], tag);
      return found;
    }
    return undefined;
  }

  /** Looks again a few times. A list that cannot be had shows nothing. */
  async #findLater(search: Search, options: ReadOptions): Promise<TaskSnapshot | undefined> {
    for (const delayMs of SEARCH_DELAYS_MS) {
      if (delayMs > 0) await this.#wait(delayMs);
      const found = await this.#find(search, options).catch(() => undefined);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** @throws OutcomeUnknownError - while a create whose answer was lost may still turn out to have started a task. */
  #refuseUnlessSettled(lostTick: number, search: Search | undefined): void {
    if (search === undefined) {
      throw new OutcomeUnknownError(
        "IMM's answer to this key's first create was lost, and tasks of this type cannot be found again. List the project's tasks: if it is not among them, start it with another key.",
      );
    }
    const restMs = lostTick + SETTLING_MS - this.#clock.tick();
    if (restMs <= 0) return;
    throw new OutcomeUnknownError(
      "IMM's answer to this key's first create was lost, and no list shows its task yet. Repeat it with the same key later.",
      { retryAfterMs: restMs },
    );
  }

  async #wait(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#clock.setTimer(delayMs, resolve);
    });
  }
}

/** Where a marked task is looked for. */
interface Search {
  readonly projectName: string;
  readonly taskType: string;
  readonly tag: IdempotencyTag;
}

/** Undefined for the types that take no tags. */
function findableBy(action: CreateAction, projectName: string, tag: IdempotencyTag): Search | undefined {
  const { request, taskType }: CreateOperation = createOperations[action];
  return request["Tags"] === undefined ? undefined : { projectName, taskType, tag };
}

function foundAgain(snapshot: TaskSnapshot, { isNew }: { readonly isNew: boolean }): StartOutcome {
  return { snapshot, isNew, requestId: null, eventId: snapshot.eventId };
}

/** Whether a create that failed has certainly started nothing. An error that is not the house's says nothing. */
function isCertain(thrown: unknown): boolean {
  return thrown instanceof GatewayError && !thrown.mayHaveArrived;
}
