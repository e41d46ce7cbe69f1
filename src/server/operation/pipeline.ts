/**
 * The one way of an operation, by whatever transport it comes: caller → document → variables → price → charge → context →
 * execution → report → format. A rule that holds for every operation stands here, or in what is called here, once; a transport knows
 * bytes and the words of its protocol. Keeps nothing between operations.
 *
 * Everything that may throw is guarded, so a throw ends the operation that it belongs to, as one error, and nothing else.
 */

import type { IncomingHttpHeaders } from "node:http";
import {
  getOperationAST,
  GraphQLError,
  OperationTypeNode,
  type ExecutionResult,
  type FormattedExecutionResult,
  type GraphQLFormattedError,
  type GraphQLSchema,
} from "graphql";
import type { Access } from "../../access/access.js";
import type { Credentials, Principal } from "../../access/principal.js";
import { RateLimitedError, UnauthenticatedError } from "../../errors.js";
import type { Interest } from "../../interest.js";
import { UNOBSERVED, type Observers } from "../../observe.js";
import type { GatewayContext } from "../../schema/context.js";
import type { Admission, CallerLimits } from "../limits/caller-limits.js";
import { toFailedResult, toOperationError } from "../subscription/failed-result.js";
import { ResultStream, type Failure, type Outcome } from "../subscription/result-stream.js";
import { SerializedResults } from "../subscription/serialized-results.js";
import type { SubscriptionArguments } from "../subscription/shared-subscriptions.js";
import { withCallReport } from "./call-report.js";
import { observeRequest, type ObservedRequest } from "./observed-request.js";
import { withCode, type Documents } from "./documents/documents.js";
import type { Execute } from "./executor.js";
import type { FormatError } from "./format-error.js";
import type { DocumentRequest, PersistedOperations } from "./persisted-operations.js";
import { priceOperation, type CostLimits } from "./price.js";
import { refuseNesting } from "./variables.js";

/** What a pipeline is made of. */
export interface PipelineOptions extends CostLimits {
  readonly schema: GraphQLSchema;
  /** Every document that is executed comes from here. */
  readonly documents: Documents;
  /** What clients may name instead of sending it. */
  readonly persisted: PersistedOperations;
  readonly access: Pick<Access, "authenticate" | "renew">;
  /** What each operation is charged to. */
  readonly callerLimits: CallerLimits;
  /** Called once per operation that is executed, never for one that is refused. */
  readonly createContext: (caller: Caller) => GatewayContext;
  /** Executes what is no subscription. */
  readonly execute: Execute;
  /** Begins a subscription. */
  readonly subscribe: (args: SubscriptionArguments) => Promise<Outcome>;
  readonly formatError: FormatError;
  /** Trace its requests. @default none does */
  readonly observers?: Observers | undefined;
  /** Learns what becomes of each operation. @default none does */
  readonly journal?: Journal | undefined;
}

/** Where an operation comes from. */
export interface Client extends Credentials {
  /** Of the request, or of the handshake of its socket. */
  readonly headers: IncomingHttpHeaders;
  /** False for a GET, which any page can cause: nothing is started by one. */
  readonly isPosted: boolean;
  /** Aborted when the client has gone or has lost interest. */
  readonly signal: Interest;
  /** Who it is, where that is known already: a socket says it once. */
  readonly principal?: Principal | undefined;
  /** By what its request is known from outside. @default by nothing */
  readonly request?: ObservedRequest | undefined;
}

/** A client whose name is known. */
export type Caller = Client & { readonly principal: Principal };

/** What a client asks for, in the form that every protocol shares. Its document may be named instead of sent. */
export interface OperationRequest extends DocumentRequest {
  readonly query?: string | null | undefined;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/** What graphql-js executes, with the context of the house. */
export type ReadyArguments = SubscriptionArguments & { readonly contextValue: GatewayContext };

/** What to execute, or why not. */
export type Preparation =
  /** It is not known what would be executed: the caller or the name of the document is refused. */
  | {
      readonly kind: "rejected";
      readonly operation: undefined;
      readonly errors: readonly [GraphQLError];
      readonly caller?: undefined;
    }
  | {
      readonly kind: "refused";
      /** The document. */
      readonly text: string;
      /** Undefined when the document does not parse, or does not say which of its operations is meant. */
      readonly operation: OperationTypeNode | undefined;
      readonly errors: readonly GraphQLError[];
      readonly caller: string;
    }
  | ReadyOperation;

/** An operation that may be executed. */
export interface ReadyOperation {
  readonly kind: "ready";
  /** The document. */
  readonly text: string;
  readonly operation: OperationTypeNode;
  readonly args: ReadyArguments;
  readonly caller: string;
  /** What it was charged. */
  readonly admission: Admission;
  /** Where it stands in the journal. */
  readonly entry?: JournalEntry | undefined;
}

/** Learns what becomes of each operation. */
export interface Journal {
  /** It has been read. */
  begin(client: Client): JournalEntry;
}

/** One operation in it. */
export interface JournalEntry {
  /** What it came to before it runs, with its entry where it may. One that is refused is over. */
  prepared(preparation: Preparation, request: OperationRequest): Preparation;
  /** It has been executed. */
  answered(result: ExecutionResult): void;
  streamBegan(): void;
  /** Its stream is over: what it failed with, if it did. */
  streamEnded(failure: Failure | undefined): void;
  /** It will not be executed: what it was answered instead, by its code. */
  discarded(code: string): void;
}

/** The pipeline of one gateway. */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #texts: SerializedResults;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#texts = new SerializedResults((result) => this.format(result));
  }

  /**
   * Names a caller, at once where nothing has to be fetched for it.
   *
   * @throws UnauthenticatedError - when it does not show who it is.
   * @throws RateLimitedError - when too many logins from its address have failed.
   */
  authenticate(credentials: Credentials): Principal | Promise<Principal> {
    return this.#options.access.authenticate(credentials);
  }

  /** By what a request that carries an operation is known from outside. */
  observe(transport: Client["transport"], headers: IncomingHttpHeaders, requestId?: string): ObservedRequest {
    return observeRequest(transport, headers, this.#options.observers ?? UNOBSERVED, requestId);
  }

  /** From what a client sent to what graphql-js executes. Never rejects. */
  async prepare(request: OperationRequest, client: Client): Promise<Preparation> {
    const entry = this.#options.journal?.begin(client);
    const preparation = await this.#prepare(request, client);
    return entry === undefined ? preparation : entry.prepared(preparation, request);
  }

  async #prepare(request: OperationRequest, client: Client): Promise<Preparation> {
    try {
      const { principal: known } = client;
      const principal = known === undefined ? await this.authenticate(client) : this.#options.access.renew(known);
      if (principal === undefined) throw new UnauthenticatedError("The caller is not let in any more.");
      const named = this.#options.persisted.resolve(request);
      if (named.kind === "refused") return reject(named.error);
      const text = named.kind === "named" ? named.text : (request.query ?? "");
      return this.#check(
        text,
        request,
        principal === known ? (client as Caller) : Object.assign({}, client, { principal }),
      );
    } catch (thrown) {
      return reject(toRefusal(thrown));
    }
  }

  /** At once, unless the caller's allowance is shared with other instances. */
  #check(query: string, request: OperationRequest, caller: Caller): Preparation | Promise<Preparation> {
    const { schema, documents, callerLimits, createContext } = this.#options;
    const { text, document, errors } = documents.check(query);
    const refuse = (operation: OperationTypeNode | undefined, ...reasons: readonly GraphQLError[]): Preparation => ({
      kind: "refused",
      text: query,
      operation,
      errors: reasons,
      caller: caller.principal.caller,
    });
    if (document === undefined) return refuse(undefined, ...errors);
    const operationName = request.operationName ?? null;
    const root = getOperationAST(document, operationName);
    if (root?.operation === OperationTypeNode.MUTATION && !caller.isPosted) return refuse(root.operation, notPosted());
    if (errors.length > 0) return refuse(root?.operation, ...errors);
    if (!root) {
      const error = new GraphQLError("Expected `operationName` to name one of the operations of the document.");
      return refuse(undefined, withCode(error, "OPERATION_RESOLUTION_FAILURE"));
    }
    try {
      const variableValues = toOwnMembers(request.variables ?? {});
      const nesting = refuseNesting(schema, root, variableValues);
      if (nesting !== null) return refuse(root.operation, nesting);
      const priced = priceOperation({ schema, document, operationName, variables: variableValues }, this.#options);
      if ("refusal" in priced) return refuse(root.operation, priced.refusal);
      const isStream = root.operation === OperationTypeNode.SUBSCRIPTION;
      const ready = (admission: Admission): ReadyOperation => {
        try {
          const contextValue = createContext(caller);
          const { principal } = caller;
          const args = { schema, document, text, contextValue, operationName, variableValues, principal };
          return { kind: "ready", text, operation: root.operation, args, admission, caller: principal.caller };
        } catch (thrown) {
          cancel(admission);
          throw thrown;
        }
      };
      const { calls, mutations, projectStreams } = priced.count;
      const admission = callerLimits.admit(caller, { isStream, calls, mutations, projectStreams });
      if (!(admission instanceof Promise)) return ready(admission);
      return admission.then(ready).catch((thrown: unknown) => refuse(root.operation, toRefusal(thrown)));
    } catch (thrown) {
      return refuse(root.operation, toRefusal(thrown));
    }
  }

  /** Executes what was prepared; what was refused is a result with errors and without data. Never rejects. */
  async run(preparation: Preparation): Promise<Outcome> {
    if (preparation.kind !== "ready") return { errors: preparation.errors };
    const { operation, args, admission, entry } = preparation;
    let outcome: Outcome;
    try {
      const isStream = operation === OperationTypeNode.SUBSCRIPTION;
      outcome = await (isStream ? this.#subscribe(args, admission, entry) : this.#executeQuery(args));
    } catch (thrown) {
      outcome = toFailedResult(thrown);
    }
    admission.settle(args.contextValue.tally.chargedCalls);
    if (!(outcome instanceof ResultStream)) entry?.answered(outcome);
    return outcome;
  }

  /**
   * What was prepared is not run: it costs no call.
   *
   * @param code - of what it is answered instead. @default that of a transport which cannot carry it
   */
  discard({ admission, entry }: ReadyOperation, code = "BAD_REQUEST"): void {
    cancel(admission);
    entry?.discarded(code);
  }

  async #subscribe(args: ReadyArguments, admission: Admission, entry: JournalEntry | undefined): Promise<Outcome> {
    try {
      const outcome = await this.#options.subscribe(args);
      if (!(outcome instanceof ResultStream)) {
        admission.leave();
        return outcome;
      }
      entry?.streamBegan();
      outcome.onceOver((failure) => {
        admission.leave();
        entry?.streamEnded(failure);
      });
      return outcome;
    } catch (thrown) {
      admission.leave();
      throw thrown;
    }
  }

  /** An error at a field that may not be null is the whole answer while other fields still wait: they wait no longer. */
  async #executeQuery(args: ReadyArguments): Promise<ExecutionResult> {
    try {
      return withCallReport(await this.#options.execute(args), args.contextValue);
    } finally {
      args.contextValue.end();
    }
  }

  /** A result as it leaves. Without `data` it was refused, or failed, as a whole. */
  format(result: ExecutionResult): FormattedExecutionResult {
    const { errors, ...rest } = result;
    // First, where one who reads the text sees them. @see https://spec.graphql.org/October2021/#sec-Response-Format
    return errors === undefined
      ? (result as FormattedExecutionResult)
      : { errors: errors.map(this.#options.formatError), ...rest };
  }

  /** An error as it leaves. */
  formatError(error: unknown): GraphQLFormattedError {
    return this.#options.formatError(error);
  }

  /** The JSON text of a result as it leaves, in one line: made once, however many clients and transports it leaves by. */
  textOf(result: ExecutionResult): string {
    return this.#texts.of(result);
  }
}

function cancel(admission: Admission): void {
  admission.settle(0);
  admission.leave();
}

function notPosted(): GraphQLError {
  const extensions = { code: "BAD_REQUEST", http: { status: 405 } };
  return new GraphQLError("Expected a mutation to be posted.", { extensions });
}

function reject(error: GraphQLError): Preparation {
  return { kind: "rejected", operation: undefined, errors: [error] };
}

/** What was thrown where an operation is prepared, with its status over HTTP. */
function toRefusal(thrown: unknown): GraphQLError {
  const withStatus = (originalError: Error, status: number): GraphQLError =>
    new GraphQLError(originalError.message, { originalError, extensions: { http: { status } } });
  if (thrown instanceof UnauthenticatedError) return withStatus(thrown, thrown.retryAfterMs === undefined ? 401 : 503);
  if (thrown instanceof RateLimitedError) return withStatus(thrown, 429);
  return toOperationError(thrown);
}

/** The variables, with nothing inherited: one may be called `constructor`. */
function toOwnMembers(variables: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null) as Record<string, unknown>, variables);
}
