/**
 * One operation, by whatever transport it came: from what a client sent to what graphql-js executes, and from its results to
 * what leaves. Keeps nothing between operations.
 *
 * Everything that may throw is guarded here, once: parsing and validating in `documents.ts`, coercing and pricing in
 * `prepare`, executing in `executor.ts`, serializing in `SerializedResults`. A throw ends the operation that it belongs to, as
 * one error, and nothing else.
 */

import type { IncomingHttpHeaders } from "node:http";
import {
  getOperationAST,
  GraphQLError,
  OperationTypeNode,
  type ExecutionResult,
  type FormattedExecutionResult,
  type GraphQLSchema,
} from "graphql";
import { withCallReport } from "./call-report.js";
import { withCode, type Documents } from "./documents.js";
import type { Execute } from "./executor.js";
import type { GatewayContext } from "../../schema/context.js";
import type { FormatError } from "./format-error.js";
import type { PersistedOperations } from "./persisted-operations.js";
import { toFailedResult, toOperationError } from "../subscription/failed-result.js";
import type { Outcome } from "../subscription/result-stream.js";
import type { SubscriptionArguments } from "../subscription/shared-subscriptions.js";
import { refuseOperation, type CostLimits } from "./price.js";
import { refuseNesting } from "./variables.js";

/** What the transports execute with. */
export interface ExecutionOptions extends CostLimits {
  readonly schema: GraphQLSchema;
  /** Every document that is executed comes from here. */
  readonly documents: Documents;
  /** What clients may name instead of sending it. */
  readonly persisted: PersistedOperations;
  /** Called once per operation that is executed, never for one that is refused. */
  readonly createContext: (caller: Caller) => GatewayContext;
  /**
   * Executes what is no subscription. An error at a field that may not be null answers while other fields still wait: they
   * wait no longer.
   */
  readonly execute: Execute;
  /** Begins a subscription. */
  readonly subscribe: (args: SubscriptionArguments) => Promise<Outcome>;
}

/** Who sent an operation. */
export interface Caller {
  /** Of the request, or of the handshake of its socket. */
  readonly headers: IncomingHttpHeaders;
  /** Aborted when the client has gone or has lost interest. */
  readonly signal: AbortSignal;
}

/** What a client asks for, in the form that every protocol shares. */
export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/** What graphql-js executes, with the context of the house. */
export type ReadyArguments = SubscriptionArguments & { readonly contextValue: GatewayContext };

/** What to execute, or why not. */
export type Preparation = {
  /** Undefined when the document does not parse, or does not say which of its operations is meant. */
  readonly operation: OperationTypeNode | undefined;
} & (
  | { readonly kind: "refused"; readonly errors: readonly GraphQLError[] }
  | { readonly kind: "ready"; readonly args: ReadyArguments }
);

/**
 * Finds the document, measures and prices what is asked for. Never throws.
 *
 * @param identify - says who asks; called only for what will be executed.
 */
export function prepare(request: OperationRequest, options: ExecutionOptions, identify: () => Caller): Preparation {
  try {
    return prepareUnguarded(request, options, identify);
  } catch (thrown) {
    return { operation: undefined, kind: "refused", errors: [toOperationError(thrown)] };
  }
}

function prepareUnguarded(request: OperationRequest, options: ExecutionOptions, identify: () => Caller): Preparation {
  const { schema, documents, createContext } = options;
  const { text, document, errors } = documents.check(request.query);
  if (document === undefined) return { operation: undefined, kind: "refused", errors };
  const operationName = request.operationName ?? null;
  const root = getOperationAST(document, operationName);
  const operation = root?.operation;
  if (errors.length > 0) return { operation, kind: "refused", errors };
  if (!root || operation === undefined) {
    const error = new GraphQLError("Expected `operationName` to name one of the operations of the document.");
    return { operation, kind: "refused", errors: [withCode(error, "OPERATION_RESOLUTION_FAILURE")] };
  }
  const variableValues = toOwnMembers(request.variables ?? {});
  const refusal =
    refuseNesting(schema, root, variableValues) ??
    refuseOperation({ schema, document, operationName, variables: variableValues }, options);
  if (refusal !== null) return { operation, kind: "refused", errors: [refusal] };
  return {
    operation,
    kind: "ready",
    args: { schema, document, text, contextValue: createContext(identify()), operationName, variableValues },
  };
}

/** The variables, with nothing inherited: one may be called `constructor`. */
function toOwnMembers(variables: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null) as Record<string, unknown>, variables);
}

/** Executes what was prepared; what was refused is a result with errors and without data. Never rejects. */
export async function run(
  preparation: Preparation,
  options: Pick<ExecutionOptions, "execute" | "subscribe">,
): Promise<Outcome> {
  if (preparation.kind === "refused") return { errors: preparation.errors };
  const { operation, args } = preparation;
  try {
    if (operation === OperationTypeNode.SUBSCRIPTION) return await options.subscribe(args);
    return await executeQuery(args, options);
  } catch (thrown) {
    return toFailedResult(thrown);
  }
}

/** An error at a field that may not be null is the whole answer while other fields still wait: they wait no longer. */
async function executeQuery(
  { contextValue, ...args }: ReadyArguments,
  { execute }: Pick<ExecutionOptions, "execute">,
): Promise<ExecutionResult> {
  try {
    return withCallReport(await execute({ ...args, contextValue }), contextValue);
  } finally {
    contextValue.end();
  }
}

/** A result as it leaves. Without `data` it was refused, or failed, as a whole. */
export function formatResult(result: ExecutionResult, formatError: FormatError): FormattedExecutionResult {
  return result.errors === undefined
    ? (result as FormattedExecutionResult)
    : { ...result, errors: result.errors.map(formatError) };
}
