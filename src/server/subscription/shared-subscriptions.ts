/**
 * One execution for all who ask the same and see the same: subscribers with the same document, operation, variables and
 * rights share each result.
 *
 * Every transport subscribes through it. A change is executed once, however many follow, and each of them holds at most the
 * newest result of each task that its client has not taken. It takes graphql-js's `subscribe` apart, since a result does
 * not say which task it is of and the event that it was made from does.
 */

import { createSourceEventStream, type ExecutionArgs, type ExecutionResult } from "graphql";
import { isFinal } from "../../tasks/snapshot.js";
import { viewOf, type Principal } from "../../access/principal.js";
import type { GatewayError } from "../../errors.js";
import type { Cause } from "../../observe.js";
import type { GatewayContext } from "../../schema/context.js";
import type { CallTally } from "../../tasks/call-tally.js";
import { keyTextOf, type StreamNeeds, type WatchEvent, type WatchStream } from "../../tasks/watch/watch-stream.js";
import { toFailedResult } from "./failed-result.js";
import { ResultStream, type DeliveryCounts, type Outcome } from "./result-stream.js";

/** What a subscription resolves to. */
type Source = AsyncIterableIterator<WatchEvent> & Pick<WatchStream, "isEndless" | "renewedEvent" | "needs">;

/** What a subscription executes, with the text of its document and who asks. */
export type SubscriptionArguments = ExecutionArgs & { readonly text: string; readonly principal: Principal };

/** Why a stream that lives by these needs may not go on; undefined where it may. */
export type RefuseStream = (principal: Principal, needs: StreamNeeds) => GatewayError | undefined;

/** Executes the document of a subscription for one event. Never rejects. */
export type ExecuteEvent = (args: ExecutionArgs) => Promise<ExecutionResult>;

/** Shares executions among the subscribers of one gateway. */
export class SharedSubscriptions {
  /** Those that can be joined, by what is asked. */
  readonly #open = new Map<string, SharedSubscription>();
  readonly #live = new Set<SharedSubscription>();
  readonly #execute: ExecuteEvent;
  readonly #refuse: RefuseStream;
  readonly #onEvent: (event: WatchEvent) => void;
  readonly counts: DeliveryCounts = { delivered: 0, replaced: 0 };

  /**
   * @param refuse - asked when a stream begins, and at a review. @default all may go on
   * @param onEvent - called with each event that is handed to subscribers, once for all of them. @default nothing is
   */
  constructor(
    execute: ExecuteEvent,
    refuse: RefuseStream = () => undefined,
    onEvent: (event: WatchEvent) => void = () => undefined,
  ) {
    this.#execute = execute;
    this.#refuse = refuse;
    this.#onEvent = onEvent;
  }

  /** A stream that begins with the last result of each task, or the refusal that the subscription came to. */
  async subscribe(args: SubscriptionArguments): Promise<Outcome> {
    const { text, operationName, variableValues, principal } = args;
    const question = JSON.stringify([text, operationName, variableValues, viewOf(principal)]);
    const shared = this.#open.get(question) ?? this.#begin(question, args);
    return shared.join(principal, this.#refuse, tallyOf(args)?.cause);
  }

  /** Ends the streams that may not go on. */
  review(): void {
    for (const shared of this.#live) shared.review(this.#refuse);
  }

  #begin(question: string, args: ExecutionArgs): SharedSubscription {
    const shared = new SharedSubscription(
      args,
      this.#execute,
      () => {
        if (this.#open.get(question) === shared) this.#open.delete(question);
      },
      () => this.#live.delete(shared),
      { counts: this.counts, onEvent: this.#onEvent },
    );
    this.#open.set(question, shared);
    this.#live.add(shared);
    return shared;
  }
}

/** What counts the results and the events of all. */
interface Observation {
  readonly counts: DeliveryCounts;
  readonly onEvent: (event: WatchEvent) => void;
}

/** One execution, and its subscribers. */
class SharedSubscription {
  readonly #args: ExecutionArgs;
  readonly #execute: ExecuteEvent;
  /** Never rejects: what throws where the source is made is the refusal of the subscription. */
  readonly #source: Promise<Source | ExecutionResult>;
  readonly #onClosed: () => void;
  readonly #onEnd: () => void;
  readonly #observation: Observation;
  readonly #streams = new Map<ResultStream, Principal>();
  #needs: StreamNeeds | undefined;
  /** The last result of each task. */
  readonly #last = new Map<string, ExecutionResult>();
  /** The last result that says whether all has been sent, with its text. */
  #course: readonly [text: string, result: ExecutionResult] | undefined;
  /** What each of them was made from: each is executed once. */
  readonly #events = new WeakMap<ExecutionResult, WatchEvent>();

  /**
   * @param onClosed - called when no subscriber can join any more, and perhaps again.
   * @param onEnd - called when there is none left, and perhaps again.
   */
  constructor(
    args: ExecutionArgs,
    execute: ExecuteEvent,
    onClosed: () => void,
    onEnd: () => void,
    observation: Observation,
  ) {
    this.#observation = observation;
    this.#args = args;
    this.#execute = execute;
    // The cast: every subscription of the schema resolves to a WatchStream.
    this.#source = (createSourceEventStream(args) as Promise<Source | ExecutionResult>).catch(toFailedResult);
    this.#onClosed = onClosed;
    this.#onEnd = onEnd;
    void this.#follow();
  }

  /** @param cause - the operation that joins, where it is traced. */
  async join(principal: Principal, refuse: RefuseStream, cause: Cause | undefined): Promise<Outcome> {
    const stream = new ResultStream(this.#last, this.#leave, this.#observation.counts);
    this.#streams.set(stream, principal);
    const source = await this.#source;
    if (!isFollowable(source)) return source;
    try {
      await this.#renew(source);
      // The rules may have changed while it was opened.
      const refusal = source.needs && refuse(principal, source.needs);
      if (refusal !== undefined) throw refusal;
    } catch (thrown) {
      stream.close();
      throw thrown;
    }
    for (const [taskText, result] of this.#last) stream.push(taskText, result);
    if (this.#course !== undefined) stream.push(...this.#course);
    if (cause !== undefined) this.#waitWith(stream, cause);
    return stream;
  }

  /** The polls that the first subscriber has caused are the others' too. */
  #waitWith(stream: ResultStream, cause: Cause): void {
    const waiting = tallyOf(this.#args)?.waiting;
    waiting?.add(cause);
    stream.onceOver(() => waiting?.delete(cause));
  }

  review(refuse: RefuseStream): void {
    if (this.#needs === undefined) return;
    for (const [stream, principal] of this.#streams) {
      const refusal = refuse(principal, this.#needs);
      if (refusal !== undefined) stream.fail(refusal);
    }
  }

  /**
   * Makes the last results those of a beginning, and as young as the last poll: its subscribers were sent a change, or of
   * none; for a newcomer each is the first, and shows the time.
   */
  async #renew(source: Source): Promise<void> {
    for (const [taskText, last] of this.#last) {
      const event = source.renewedEvent(taskText) ?? this.#events.get(last);
      if (event?.kind !== "snapshot" || isFinal(event.snapshot)) continue;
      const first = { ...event, isFirst: true };
      const before = this.#events.get(last);
      if (before?.kind === "snapshot" && before.isFirst && before.snapshot === first.snapshot) continue;
      const result = await this.#execute({ rootValue: first, ...this.#args });
      // What was sent meanwhile is younger still.
      if (this.#last.get(taskText) !== last) continue;
      this.#events.set(result, first);
      this.#last.set(taskText, result);
    }
  }

  async #follow(): Promise<void> {
    try {
      const source = await this.#source;
      if (!isFollowable(source)) return this.#onEnd();
      this.#needs = source.needs;
      for await (const event of source) {
        const result = await this.#execute({ rootValue: event, ...this.#args });
        this.#observation.onEvent(event);
        this.#notify(source, event, result);
      }
      for (const stream of this.#streams.keys()) stream.end();
    } catch (error) {
      for (const stream of this.#streams.keys()) stream.end({ failure: { error } });
    } finally {
      this.#onClosed();
    }
  }

  #notify({ isEndless }: Source, event: WatchEvent, result: ExecutionResult): void {
    const taskText = keyTextOf(event);
    const isOver = event.kind === "failure" || (event.kind === "snapshot" && isFinal(event.snapshot));
    if (event.kind === "caughtUp" || event.kind === "delayed") {
      this.#course = [taskText, result];
    } else {
      this.#events.set(result, event);
      // A subscriber of a project asks for what runs; what has ended would be kept for as long as there is one.
      if (isEndless && isOver) this.#last.delete(taskText);
      else this.#last.set(taskText, result);
    }
    for (const stream of this.#streams.keys()) stream.push(taskText, result);
    // A task that cannot be followed now may be there for the next subscriber.
    if (event.kind === "failure" && !isEndless) this.#onClosed();
  }

  /** The last one to leave ends the execution. */
  readonly #leave = (stream: ResultStream): void => {
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    this.#onClosed();
    this.#onEnd();
    // What fails to end has no one left to say it to.
    void this.#source
      .then(async (source) => (isFollowable(source) ? source.return?.() : undefined))
      .catch(() => undefined);
  };
}

/** What an operation is counted by; a test's has none. */
function tallyOf({ contextValue }: ExecutionArgs): CallTally | undefined {
  return (contextValue as Partial<GatewayContext> | undefined)?.tally;
}

function isFollowable(source: Source | ExecutionResult): source is Source {
  return Symbol.asyncIterator in source;
}
