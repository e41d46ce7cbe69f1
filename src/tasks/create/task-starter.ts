/**
 * Starts tasks, each at most once for an idempotency key. IMM has no token that makes a repeated create harmless, so the
 * gateway remembers the keys (`IdempotencyKeys`), and marks the tasks of those types that take tags: such a task is found again
 * by its tag when its answer was lost, and when its key was forgotten.
 *
 * The mutations call it, it calls the `ImmClient` and the `TaskReader`. It never repeats a create of its own accord.
 */

import { momentOf, type Clock } from "../../clock.js";
import { GatewayError, OutcomeUnknownError, UpstreamThrottledError } from "../../errors.js";
import { longestCallMs, type CallTimes } from "../../imm/policy/retries.js";
import type { Logger } from "../../log.js";
import type { CreateTaskRequest, ImmClient, ListTasksRequest } from "../../imm/imm-client.js";
import { createOperations, type CreateAction, type CreateOperation } from "../../imm/operations/operations.js";
import { KEY_LIFETIME_MS, type IdempotencyKeys, type KeyAnswer, type KeyHold } from "./idempotency-keys.js";
import {
  checkSameInput,
  hasKeyOf,
  INPUT_TAG,
  KEY_TAG,
  keyReused,
  tagOf,
  withTag,
  type IdempotencyTag,
} from "./idempotency-tag.js";
import { MemoryKeys } from "./memory-keys.js";
import { fromCreatedTask, type TaskSnapshot } from "../snapshot.js";
import type { ReadOptions, TaskReader } from "../read/task-reader.js";

/** The times of a call say for how long an attempt holds its key. */
export interface TaskStarterOptions extends CallTimes {
  readonly client: ImmClient;
  readonly reader: TaskReader;
  readonly clock: Clock;
  /** Gets a line for each create that has started a task, or may have. */
  readonly logger: Logger;
  /** Idempotency keys remembered at once; the least recently used go first. Minimum: `1`. */
  readonly maxIdempotencyKeys: number;
  /** @default in memory */
  readonly keys?: IdempotencyKeys | undefined;
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

/** How often a key is asked for again that an attempt of another instance has, in milliseconds. */
const UNDER_WAY_INTERVAL_MS = 200;

/** For how long a key is held before a create that needs no search: nothing is done meanwhile. */
const BEGINNING_MS = 5_000;

/** A create with a key. */
interface KeyedRequest extends Omit<StartRequest, "idempotencyKey"> {
  readonly tag: IdempotencyTag;
  /** Where its task is looked for; undefined for the types that take no tags. */
  readonly search: Search | undefined;
}

export class TaskStarter {
  readonly #client: ImmClient;
  readonly #reader: TaskReader;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #keys: IdempotencyKeys;
  /** Creates with a key that this instance has under way: requests with the same key share them. */
  readonly #underWay = new Map<string, { readonly input: string; readonly attempt: Promise<StartOutcome> }>();
  /** Milliseconds that a create takes at most, and after which no further attempt of it is sent. */
  readonly #createMs: number;
  readonly #lastSendMs: number;

  constructor(options: TaskStarterOptions) {
    const { client, reader, clock, logger, maxIdempotencyKeys, keys, callTimeoutMs } = options;
    this.#client = client;
    this.#reader = reader;
    this.#clock = clock;
    this.#logger = logger;
    this.#keys = keys ?? new MemoryKeys(maxIdempotencyKeys, clock);
    this.#createMs = longestCallMs(options);
    this.#lastSendMs = this.#createMs - callTimeoutMs;
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
    const known = this.#underWay.get(tag.key);
    if (known !== undefined) {
      checkSameInput(known.input, tag);
      options.tally?.countShared(1);
      return { ...(await known.attempt), isNew: false };
    }
    const search = findableBy(request.action, request.input.ProjectName, tag);
    const attempt = this.#startOnce({ ...request, tag, search }, options);
    this.#underWay.set(tag.key, { input: tag.input, attempt });
    try {
      return await attempt;
    } finally {
      this.#underWay.delete(tag.key);
    }
  }

  /** Starts the task once the key is this attempt's, unless another attempt has started it by then. */
  async #startOnce(request: KeyedRequest, options: ReadOptions): Promise<StartOutcome> {
    const { tag, search, input } = request;
    const holdMs = search === undefined ? BEGINNING_MS : this.#createMs;
    for (;;) {
      const use = await this.#keys.take(input.ProjectName, tag, holdMs);
      switch (use.kind) {
        case "reused":
          throw keyReused();
        case "answered":
          options.tally?.countShared(1);
          return this.#answeredBefore(request, use.answer);
        case "underWay":
          await this.#wait(Math.min(use.restMs, UNDER_WAY_INTERVAL_MS));
          break;
        case "taken": {
          const outcome = await this.#startHeld(request, use.hold, use.lostMs, options);
          if (outcome !== "overtaken") return outcome;
        }
      }
    }
  }

  async #startHeld(
    request: KeyedRequest,
    hold: KeyHold,
    lostMs: number | null,
    options: ReadOptions,
  ): Promise<StartOutcome | "overtaken"> {
    const { search } = request;
    let lastSendTick = Infinity;
    try {
      const before = search && (await this.#find(search, options));
      if (before !== undefined) {
        const outcome = foundAgain(before, { isNew: false });
        await hold.settle(this.#answerOf(outcome));
        return outcome;
      }
      if (lostMs !== null) refuseUnlessSettled(lostMs, search);
      lastSendTick = this.#clock.tick() + this.#lastSendMs;
      if (!(await hold.begin(this.#createMs))) return "overtaken";
    } catch (thrown) {
      await hold.free();
      throw thrown;
    }
    return this.#audit(request, async () => this.#createHeld(request, hold, lastSendTick, options));
  }

  /** What becomes of the key is known to all instances before the answer leaves. */
  async #createHeld(
    { action, input, tag, search }: KeyedRequest,
    hold: KeyHold,
    lastSendTick: number,
    options: ReadOptions,
  ): Promise<StartOutcome> {
    const tagged = search === undefined ? input : withTag(input, tag);
    let outcome: StartOutcome;
    try {
      outcome = await this.#create({ action, input: tagged }, options, lastSendTick);
    } catch (thrown) {
      if (isCertain(thrown)) {
        await hold.free();
        throw thrown;
      }
      const started = search && (await this.#findLater(search, options));
      if (started === undefined) {
        await hold.lose();
        throw thrown;
      }
      outcome = foundAgain(started, { isNew: true });
    }
    await hold.settle(this.#answerOf(outcome));
    return outcome;
  }

  /** The outcome of a key that was answered, by this instance or another. Its input is that of the first create. */
  #answeredBefore({ action, input, tag, search }: KeyedRequest, answer: KeyAnswer): StartOutcome {
    const { taskId, eventId, requestId, startedAt } = answer;
    const tagged = search === undefined ? input : withTag(input, tag);
    // Older than all that a read may have shown of the task.
    const observed = { at: startedAt, tick: this.#clock.tick() - KEY_LIFETIME_MS };
    const created = { taskId, eventId: eventId ?? undefined, requestId: requestId ?? undefined };
    const snapshot = fromCreatedTask(createOperations[action].taskType, tagged, created, observed);
    return { snapshot: this.#reader.learnCreated(snapshot), isNew: false, requestId, eventId };
  }

  #answerOf({ snapshot, eventId, requestId }: StartOutcome): KeyAnswer {
    return { taskId: snapshot.key.taskId, eventId, requestId, startedAt: this.#clock.now() };
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

  /** @param lastSendTick - after which nothing is sent any more: another instance may count on it. */
  async #create(
    { action, input }: CreateTaskRequest,
    { tally }: ReadOptions,
    lastSendTick = Infinity,
  ): Promise<StartOutcome> {
    const onAttempt = (): void => {
      if (this.#clock.tick() > lastSendTick) throw new TooLateError();
      tally?.countCall();
    };
    try {
      const calls = { onAttempt, cause: tally?.cause };
      const created = await this.#client.createTask({ action, input }, calls);
      const snapshot = fromCreatedTask(createOperations[action].taskType, input, created, momentOf(this.#clock));
      const { eventId, requestId } = snapshot;
      return { snapshot: this.#reader.learnCreated(snapshot), isNew: true, eventId, requestId };
    } catch (thrown) {
      if (thrown instanceof TooLateError) {
        throw new UpstreamThrottledError("The create has waited for its turn for too long, and was not sent.");
      }
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

/** A create whose key another attempt may have by now. No error of IMM, so that no policy of calls takes it for one. */
class TooLateError extends Error {}

/** @throws OutcomeUnknownError - while a create whose answer was lost may still turn out to have started a task. */
function refuseUnlessSettled(lostMs: number, search: Search | undefined): void {
  if (search === undefined) {
    throw new OutcomeUnknownError(
      "IMM's answer to this key's first create was lost, and tasks of this type cannot be found again. List the project's tasks: if it is not among them, start it with another key.",
    );
  }
  const restMs = SETTLING_MS - lostMs;
  if (restMs <= 0) return;
  throw new OutcomeUnknownError(
    "IMM's answer to this key's first create was lost, and no list shows its task yet. Repeat it with the same key later.",
    { retryAfterMs: restMs },
  );
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
