/**
 * One execution for all who ask the same: subscribers of one task with the same document and variables share each result.
 *
 * Every door subscribes through it. A change is executed once, however many follow, and each of them holds at most the
 * newest result that its client has not taken. What cannot be shared is executed by graphql-js as usual.
 */

import { getOperationAST, Kind, subscribe, type ExecutionArgs, type ExecutionResult } from "graphql";
import { isEvents, type Outcome } from "./execution.js";

/** Subscriptions whose last result is all that a newcomer needs to begin with. */
const SHAREABLE_FIELDS: ReadonlySet<string> = new Set(["taskProgress"]);

/** Shares executions among the subscribers of one gateway. */
export class SharedSubscriptions {
  readonly #open = new Map<string, SharedSubscription>();

  /** What graphql-js's `subscribe` answers; a stream of results that may be shared. */
  async subscribe(args: ExecutionArgs): Promise<Outcome> {
    const key = sharingKey(args);
    if (key === null) return subscribe(args);
    const shared = this.#open.get(key) ?? this.#begin(key, args);
    return shared.join();
  }

  #begin(key: string, args: ExecutionArgs): SharedSubscription {
    const shared = new SharedSubscription(subscribe(args), () => {
      if (this.#open.get(key) === shared) this.#open.delete(key);
    });
    this.#open.set(key, shared);
    return shared;
  }
}

/** Equal for operations that give the same results; null for one that is not shared. */
function sharingKey({ document, operationName, variableValues }: ExecutionArgs): string | null {
  const selections = getOperationAST(document, operationName)?.selectionSet.selections ?? [];
  const [first] = selections;
  const isShareable = selections.length === 1 && first?.kind === Kind.FIELD && SHAREABLE_FIELDS.has(first.name.value);
  const text = document.loc?.source.body;
  return isShareable && text !== undefined ? JSON.stringify([text, operationName, variableValues]) : null;
}

/** One execution, and those who follow it. */
class SharedSubscription {
  readonly #source: Promise<Outcome>;
  readonly #onEnd: () => void;
  readonly #streams = new Set<ResultStream>();
  #last: ExecutionResult | undefined;
  #hasEnded = false;

  /** @param onEnd - called once, when nobody can join any more. */
  constructor(source: ReturnType<typeof subscribe>, onEnd: () => void) {
    this.#source = Promise.resolve(source);
    this.#onEnd = onEnd;
    void this.#follow();
  }

  /** A stream that begins with the last result, or the refusal that the execution came to. */
  async join(): Promise<Outcome> {
    const stream = new ResultStream((left) => this.#leave(left));
    this.#streams.add(stream);
    if (this.#last !== undefined) stream.push(this.#last);
    const outcome = await this.#source;
    return isEvents(outcome) ? stream : outcome;
  }

  async #follow(): Promise<void> {
    try {
      const outcome = await this.#source;
      if (!isEvents(outcome)) return;
      for await (const result of outcome) {
        this.#last = result;
        for (const stream of this.#streams) stream.push(result);
      }
      for (const stream of this.#streams) stream.end();
    } catch (thrown) {
      for (const stream of this.#streams) stream.fail(thrown);
    } finally {
      this.#end();
    }
  }

  /** The last one to leave ends the execution. */
  #leave(stream: ResultStream): void {
    if (!this.#streams.delete(stream) || this.#streams.size > 0 || this.#hasEnded) return;
    this.#end();
    void this.#source.then(async (outcome) => (isEvents(outcome) ? outcome.return?.() : undefined));
  }

  #end(): void {
    this.#hasEnded = true;
    this.#onEnd();
  }
}

type Waiting = {
  readonly resolve: (result: IteratorResult<ExecutionResult>) => void;
  readonly reject: (error: unknown) => void;
};

/** What one subscriber reads of a shared execution: the newest result that it has not taken. */
class ResultStream implements AsyncIterableIterator<ExecutionResult> {
  readonly #onLeave: (stream: ResultStream) => void;
  #phase: "open" | "ending" | "over" = "open";
  #unread: ExecutionResult | undefined;
  #failure: { readonly error: unknown } | undefined;
  #waiting: Waiting | undefined;

  constructor(onLeave: (stream: ResultStream) => void) {
    this.#onLeave = onLeave;
  }

  push(result: ExecutionResult): void {
    if (this.#phase !== "open") return;
    if (this.#waiting === undefined) this.#unread = result;
    else this.#settle((waiting) => waiting.resolve({ done: false, value: result }));
  }

  /** Nothing more comes; an unread result is still to be taken. */
  end(): void {
    if (this.#phase !== "open") return;
    this.#phase = "ending";
    if (this.#waiting !== undefined) this.#leave();
  }

  fail(error: unknown): void {
    if (this.#phase !== "open") return;
    this.#phase = "ending";
    if (this.#waiting === undefined) {
      this.#failure = { error };
      return;
    }
    this.#settle((waiting) => waiting.reject(error));
    this.#leave();
  }

  async next(): Promise<IteratorResult<ExecutionResult>> {
    const result = this.#unread;
    if (this.#phase !== "over" && result !== undefined) {
      this.#unread = undefined;
      return { done: false, value: result };
    }
    if (this.#failure !== undefined) {
      const { error } = this.#failure;
      this.#failure = undefined;
      this.#leave();
      throw error;
    }
    if (this.#phase !== "open") {
      this.#leave();
      return { done: true, value: undefined };
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  async return(): Promise<IteratorResult<ExecutionResult>> {
    this.#leave();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<ExecutionResult>> {
    this.#leave();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #leave(): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#unread = undefined;
    this.#settle((waiting) => waiting.resolve({ done: true, value: undefined }));
    this.#onLeave(this);
  }

  #settle(settle: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) settle(waiting);
  }
}
