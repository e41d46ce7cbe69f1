/**
 * The one way of an operation, by whatever transport it comes: caller → document → variables → price → context → execution →
 * report → format. A rule that holds for every operation stands here, or in what is called here, once; a transport knows
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
import type { Principal } from "../../access/principal.js";
import { UnauthenticatedError } from "../../errors.js";
import type { GatewayContext } from "../../schema/context.js";
import { toFailedResult, toOperationError } from "../subscription/failed-result.js";
import type { Outcome } from "../subscription/result-stream.js";
import type { SubscriptionArguments } from "../subscription/shared-subscriptions.js";
import { withCallReport } from "./call-report.js";
import { withCode, type Documents } from "./documents.js";
import type { Execute } from "./executor.js";
import type { FormatError } from "./format-error.js";
import type { DocumentRequest, PersistedOperations } from "./persisted-operations.js";
import { refuseOperation, type CostLimits } from "./price.js";
import { refuseNesting } from "./variables.js";

/** What a client says of itself. */
export interface Credentials {
  /** Of the request, or of the handshake of its socket. */
  readonly headers: IncomingHttpHeaders;
}

/** What a pipeline is made of. */
export interface PipelineOptions extends CostLimits {
  readonly schema: GraphQLSchema;
  /** Every document that is executed comes from here. */
  readonly documents: Documents;
  /** What clients may name instead of sending it. */
  readonly persisted: PersistedOperations;
  /** Names a caller. @throws UnauthenticatedError - when it does not show who it is. */
  readonly authenticate: (credentials: Credentials) => Principal | Promise<Principal>;
  /** Called once per operation that is executed, never for one that is refused. */
  readonly createContext: (caller: Caller) => GatewayContext;
  /** Executes what is no subscription. */
  readonly execute: Execute;
  /** Begins a subscription. */
  readonly subscribe: (args: SubscriptionArguments) => Promise<Outcome>;
  readonly formatError: FormatError;
}

/** Where an operation comes from. */
export interface Client extends Credentials {
  /** Aborted when the client has gone or has lost interest. */
  readonly signal: AbortSignal;
  /** Who it is, where that is known already: a socket says it once. */
  readonly principal?: Principal | undefined;
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
  | { readonly kind: "rejected"; readonly operation: undefined; readonly errors: readonly [GraphQLError] }
  | {
      readonly kind: "refused";
      /** The document. */
      readonly text: string;
      /** Undefined when the document does not parse, or does not say which of its operations is meant. */
      readonly operation: OperationTypeNode | undefined;
      readonly errors: readonly GraphQLError[];
    }
  | {
      readonly kind: "ready";
      readonly text: string;
      readonly operation: OperationTypeNode;
      readonly args: ReadyArguments;
    };

/** The pipeline of one gateway. */
export class Pipeline {
  readonly #options: PipelineOptions;

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /** Names a caller. @throws UnauthenticatedError - when it does not show who it is. */
  async authenticate(credentials: Credentials): Promise<Principal> {
    return this.#options.authenticate(credentials);
  }

  /** From what a client sent to what graphql-js executes. Never rejects. */
  async prepare(request: OperationRequest, client: Client): Promise<Preparation> {
    try {
      const principal = client.principal ?? (await this.authenticate(client));
      const named = this.#options.persisted.resolve(request);
      if (named.kind === "refused") return reject(named.error);
      const text = named.kind === "named" ? named.text : (request.query ?? "");
      return this.#check(text, request, { headers: client.headers, signal: client.signal, principal });
    } catch (thrown) {
      return reject(thrown instanceof UnauthenticatedError ? unauthenticated(thrown) : toOperationError(thrown));
    }
  }

  #check(query: string, request: OperationRequest, caller: Caller): Preparation {
    const { schema, documents, createContext } = this.#options;
    const { text, document, errors } = documents.check(query);
    const refuse = (operation: OperationTypeNode | undefined, ...reasons: readonly GraphQLError[]): Preparation => ({
      kind: "refused",
      text: query,
      operation,
      errors: reasons,
    });
    if (document === undefined) return refuse(undefined, ...errors);
    const operationName = request.operationName ?? null;
    const root = getOperationAST(document, operationName);
    if (errors.length > 0) return refuse(root?.operation, ...errors);
    if (!root) {
      const error = new GraphQLError("Expected `operationName` to name one of the operations of the document.");
      return refuse(undefined, withCode(error, "OPERATION_RESOLUTION_FAILURE"));
    }
    try {
      const variableValues = toOwnMembers(request.variables ?? {});
      const refusal =
        refuseNesting(schema, root, variableValues) ??
        refuseOperation({ schema, document, operationName, variables: variableValues }, this.#options);
      if (refusal !== null) return refuse(root.operation, refusal);
      const args = { schema, document, text, contextValue: createContext(caller), operationName, variableValues };
      return { kind: "ready", text, operation: root.operation, args };
    } catch (thrown) {
      return refuse(root.operation, toOperationError(thrown));
    }
  }

  /** Executes what was prepared; what was refused is a result with errors and without data. Never rejects. */
  async run(preparation: Preparation): Promise<Outcome> {
    if (preparation.kind !== "ready") return { errors: preparation.errors };
    const { operation, args } = preparation;
    try {
      if (operation === OperationTypeNode.SUBSCRIPTION) return await this.#options.subscribe(args);
      return await this.#executeQuery(args);
    } catch (thrown) {
      return toFailedResult(thrown);
    }
  }

  /** An error at a field that may not be null is the whole answer while other fields still wait: they wait no longer. */
  async #executeQuery({ contextValue, ...args }: ReadyArguments): Promise<ExecutionResult> {
    try {
      return withCallReport(await this.#options.execute({ ...args, contextValue }), contextValue);
    } finally {
      contextValue.end();
    }
  }

  /** A result as it leaves. Without `data` it was refused, or failed, as a whole. */
  format(result: ExecutionResult): FormattedExecutionResult {
    return result.errors === undefined
      ? (result as FormattedExecutionResult)
      : { ...result, errors: this.formatErrors(result.errors) };
  }

  /** Errors as they leave. */
  formatErrors(errors: readonly unknown[]): GraphQLFormattedError[] {
    return errors.map(this.#options.formatError);
  }
}

function reject(error: GraphQLError): Preparation {
  return { kind: "rejected", operation: undefined, errors: [error] };
}

function unauthenticated(originalError: UnauthenticatedError): GraphQLError {
  return new GraphQLError(originalError.message, { originalError, extensions: { http: { status: 401 } } });
}

/** The variables, with nothing inherited: one may be called `constructor`. */
function toOwnMembers(variables: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null) as Record<string, unknown>, variables);
}
