/**
 * What is said of each operation when it is over: a line of the log, the metrics, and its span. The pipeline, through which
 * every operation passes, calls it.
 *
 * Of what a client sends no more is repeated than the name of the operation: no query, no variable, no token.
 */

import { getOperationAST, type GraphQLError } from "graphql";
import type { Clock } from "../../clock.js";
import { BoundedLines, type Logger } from "../../log.js";
import type { Observers } from "../../observe.js";
import type { CallTally } from "../../tasks/call-tally.js";
import { ResultStream, type Outcome } from "../subscription/result-stream.js";
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
const OK = "OK";
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
  readonly #client: Client;
  readonly #beganTick: number;
  #kind = "unknown";
  #name: string | undefined;
  #caller: string | undefined;
  #tally: CallTally | undefined;

  constructor(options: EntryOptions, client: Client) {
    this.#options = options;
    this.#client = client;
    this.#beganTick = options.clock.tick();
  }

  prepared(preparation: Preparation, { operationName }: OperationRequest): Preparation {
    this.#caller = preparation.caller ?? this.#client.principal?.caller;
    this.#kind = preparation.operation ?? "unknown";
    const { span } = this.#client.request ?? {};
    if (preparation.kind !== "ready") {
      this.#name = toName(operationName);
      span?.operation.name(this.#kind, this.#name);
      this.#answered(codeOf(preparation.errors[0]));
      this.#ended(codeOf(preparation.errors[0]), "An operation was refused.");
      return preparation;
    }
    const { document, contextValue } = preparation.args;
    this.#name = toName(getOperationAST(document, operationName)?.name?.value);
    this.#tally = contextValue.tally;
    if (span !== undefined) {
      span.operation.name(this.#kind, this.#name);
      contextValue.tally.trace(span.operation);
    }
    return { ...preparation, entry: this };
  }

  answered(outcome: Outcome): void {
    if (!(outcome instanceof ResultStream)) {
      const code = firstCodeOf(outcome.errors);
      this.#answered(code);
      this.#ended(code, "An operation was answered.");
      return;
    }
    const { metrics } = this.#options.observers;
    const { transport } = this.#client;
    this.#answered(OK);
    metrics.streamBegan(transport);
    outcome.onceOver((failure) => {
      metrics.streamEnded(transport);
      this.#ended(failure === undefined ? OK : codeOf(failure.error), "A stream has ended.");
    });
  }

  discarded(): void {
    this.#answered("BAD_REQUEST");
    this.#ended("BAD_REQUEST", "An operation was refused.");
  }

  #answered(code: string): void {
    const { clock, observers } = this.#options;
    const now = clock.tick();
    const durationMs = now - this.#beganTick;
    const { cachedTasks = 0, sharedTasks = 0, savedCalls = 0 } = this.#tally?.report(now) ?? {};
    const { transport } = this.#client;
    observers.metrics.operationAnswered({
      transport,
      kind: this.#kind,
      code,
      durationMs,
      cachedTasks,
      sharedTasks,
      savedCalls,
    });
  }

  #ended(code: string, message: string): void {
    const { clock, logger, logOperations, lines } = this.#options;
    const { transport, request } = this.#client;
    const now = clock.tick();
    const { calls = 0, sharedTasks = 0 } = this.#tally?.report(now) ?? {};
    request?.span?.operation.end(code, calls, sharedTasks);
    if (logOperations === "none" || (logOperations === "errors" && code === OK)) return;
    const line = {
      transport,
      kind: this.#kind,
      operationName: this.#name,
      code,
      durationMs: now - this.#beganTick,
      calls,
      caller: this.#caller,
      requestId: request?.id,
      ...(request?.span !== undefined && { traceId: request.span.operation.traceId }),
    };
    lines.write((unlogged) => logger[OUR_FAULTS.test(code) ? "warn" : "info"]({ ...line, ...unlogged }, message));
  }
}

function toName(name: string | null | undefined): string | undefined {
  return typeof name === "string" && NAME.test(name) ? name : undefined;
}

function firstCodeOf(errors: readonly GraphQLError[] | undefined): string {
  return errors?.[0] === undefined ? OK : codeOf(errors[0]);
}
