/**
 * What is said of each operation when it is over: a line of the log, the metrics, and its span. The pipeline, through which
 * every operation passes, calls it.
 *
 * Of what a client sends no more is repeated than the name of the operation: no query, no variable, no token.
 */

import { getOperationAST, type ExecutionResult } from "graphql";
import type { Clock } from "../../clock.js";
import { BoundedLines, type Logger } from "../../log.js";
import type { Observers, OperationSpan } from "../../observe.js";
import type { CallTally } from "../../tasks/call-tally.js";
import type { Failure } from "../subscription/result-stream.js";
import { codeOf } from "./format-error.js";
import type { Client, Journal, JournalEntry, OperationRequest, Preparation } from "./pipeline.js";

/** What a journal is made of. */
export interface OperationJournalOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observers: Observers;
  /** Of which operations there is a line: of those that failed, of all, or of none. */
  readonly logOperations: "errors" | "all" | "none";
}

/** The code of what has no error. */
export const OK = "OK";
/** Of those that failed. A line for each of all is what an operator asks for. */
const MAX_ERROR_LINES_PER_MINUTE = 600;
/** Names that are longer say no more. */
const NAME = /^[_A-Za-z][_0-9A-Za-z]{0,99}$/;
/** By their beginnings: what an operator has to look at. */
const OUR_FAULTS = /^(UPSTREAM_|INTERNAL_|OUTCOME_UNKNOWN)/;

interface EntryOptions extends OperationJournalOptions {
  readonly lines: BoundedLines;
}

/** The journal of one gateway. */
export class OperationJournal implements Journal {
  readonly #options: EntryOptions;

  constructor(options: OperationJournalOptions) {
    const maxLines = options.logOperations === "all" ? Infinity : MAX_ERROR_LINES_PER_MINUTE;
    this.#options = { ...options, lines: new BoundedLines(options.clock, maxLines) };
  }

  begin(client: Client): JournalEntry {
    return new OperationEntry(this.#options, client);
  }
}

class OperationEntry implements JournalEntry {
  readonly #options: EntryOptions;
  readonly #transport: string;
  readonly #requestId: string | undefined;
  readonly #span: OperationSpan | undefined;
  readonly #beganTick: number;
  #caller: string | undefined;
  #kind = "unknown";
  #name: string | undefined;
  /** Its caller or its document is not known. */
  #isRejected = false;
  /** Until it is answered: thousands of streams are open at once. */
  #tally: CallTally | undefined;
  #calls = 0;
  #sharedTasks = 0;

  constructor(options: EntryOptions, { transport, request, principal }: Client) {
    this.#options = options;
    this.#transport = transport;
    this.#requestId = request?.id;
    this.#span = request?.span?.operation;
    this.#caller = principal?.caller;
    this.#beganTick = options.clock.tick();
  }

  prepared(preparation: Preparation, { operationName }: OperationRequest): Preparation {
    this.#caller = preparation.caller ?? this.#caller;
    this.#kind = preparation.operation ?? "unknown";
    if (preparation.kind !== "ready") {
      this.#name = toName(operationName);
      this.#span?.name(this.#kind, this.#name);
      this.#isRejected = preparation.kind === "rejected";
      this.#refused(codeOf(preparation.errors[0]));
      return preparation;
    }
    const { document, contextValue } = preparation.args;
    this.#name = toName(getOperationAST(document, operationName)?.name?.value);
    this.#tally = contextValue.tally;
    if (this.#span !== undefined) {
      this.#span.name(this.#kind, this.#name);
      contextValue.tally.trace(this.#span);
    }
    return { entry: this, ...preparation };
  }

  answered({ errors }: ExecutionResult): void {
    const code = errors?.[0] === undefined ? OK : codeOf(errors[0]);
    this.#answered(code);
    this.#ended(code, "An operation was answered.");
  }

  streamBegan(): void {
    this.#answered(OK);
    this.#options.observers.metrics.streamBegan(this.#transport);
  }

  streamEnded(failure: Failure | undefined): void {
    this.#options.observers.metrics.streamEnded(this.#transport);
    this.#ended(failure === undefined ? OK : codeOf(failure.error), "A stream has ended.");
  }

  discarded(code: string): void {
    this.#refused(code);
  }

  #refused(code: string): void {
    this.#answered(code);
    this.#ended(code, code === OK ? "An operation was answered." : "An operation was refused.");
  }

  #answered(code: string): void {
    const { clock, observers } = this.#options;
    const now = clock.tick();
    const { calls = 0, cachedTasks = 0, sharedTasks = 0, savedCalls = 0 } = this.#tally?.report(now) ?? {};
    this.#tally = undefined;
    this.#calls = calls;
    this.#sharedTasks = sharedTasks;
    observers.metrics.operationAnswered({
      transport: this.#transport,
      kind: this.#kind,
      code,
      durationMs: now - this.#beganTick,
      cachedTasks,
      sharedTasks,
      savedCalls,
    });
  }

  #ended(code: string, message: string): void {
    const { clock, logger, logOperations, lines } = this.#options;
    this.#span?.end(code, this.#calls, this.#sharedTasks);
    // Refused tokens have lines of their own, and automatic persisted queries begin with a name that is not known.
    const isOfNoNews = code === OK || this.#isRejected;
    if (logOperations === "none" || (logOperations === "errors" && isOfNoNews)) return;
    const line = {
      transport: this.#transport,
      kind: this.#kind,
      operationName: this.#name,
      code,
      durationMs: clock.tick() - this.#beganTick,
      calls: this.#calls,
      caller: this.#caller,
      requestId: this.#requestId,
      ...(this.#span !== undefined && { traceId: this.#span.traceId }),
    };
    lines.write((unlogged) => logger[OUR_FAULTS.test(code) ? "warn" : "info"]({ ...line, ...unlogged }, message));
  }
}

function toName(name: string | null | undefined): string | undefined {
  return typeof name === "string" && NAME.test(name) ? name : undefined;
}
