/**
 * From what a client sent to what graphql-js executes, and from its results to what leaves: the same for every door that
 * Apollo does not stand in (WebSocket, SSE, multipart), with Apollo's limits and codes. Keeps nothing between operations.
 */

import type { IncomingHttpHeaders } from "node:http";
import {
  execute,
  getOperationAST,
  GraphQLError,
  OperationTypeNode,
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
} from "graphql";
import { withCallReport } from "./call-report.js";
import { checkDocument, withCode, type DocumentRules } from "./check-document.js";
import type { GatewayContext } from "../../schema/context.js";
import type { FormatError } from "./format-error.js";
import type { PersistedOperations } from "./persisted-operations.js";
import type { Outcome } from "../subscription/result-stream.js";
import { refuseOperation, type CostLimits } from "./price.js";

/** What the doors execute with. */
export interface ExecutionOptions extends DocumentRules, CostLimits {
  /** What clients may name instead of sending it. */
  readonly persisted: PersistedOperations;
  /** Called once per operation that is executed, never for one that is refused. */
  readonly createContext: (caller: Caller) => GatewayContext;
  /** Begins a subscription. */
  readonly subscribe: (args: ExecutionArgs) => Promise<Outcome>;
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
export type ReadyArguments = ExecutionArgs & { readonly contextValue: GatewayContext };

/** What to execute, or why not. */
export type Preparation = {
  /** Undefined when the document does not parse, or does not say which of its operations is meant. */
  readonly operation: OperationTypeNode | undefined;
} & (
  | { readonly kind: "refused"; readonly errors: readonly GraphQLError[] }
  | { readonly kind: "ready"; readonly args: ReadyArguments }
);

/**
 * Parses and validates within the gateway's limits, where that was not done at the start.
 *
 * @param identify - says who asks; called only for what will be executed.
 */
export function prepare(request: OperationRequest, options: ExecutionOptions, identify: () => Caller): Preparation {
  const { schema, createContext } = options;
  const { document, errors } = options.persisted.find(request.query) ?? checkDocument(request.query, options);
  if (document === undefined) return { operation: undefined, kind: "refused", errors };
  const operationName = request.operationName ?? null;
  const operation = getOperationAST(document, operationName)?.operation;
  if (errors.length > 0) return { operation, kind: "refused", errors };
  if (operation === undefined) {
    const error = new GraphQLError("Expected `operationName` to name one of the operations of the document.");
    return { operation, kind: "refused", errors: [withCode(error, "OPERATION_RESOLUTION_FAILURE")] };
  }
  const variableValues = request.variables ?? null;
  const refusal = refuseOperation({ schema, document, operationName, variables: variableValues }, options);
  if (refusal !== null) return { operation, kind: "refused", errors: [refusal] };
  return {
    operation,
    kind: "ready",
    args: { schema, document, contextValue: createContext(identify()), operationName, variableValues },
  };
}

/** Executes what was prepared; what was refused is a result with errors and without data. */
export async function run(
  preparation: Preparation,
  { subscribe }: Pick<ExecutionOptions, "subscribe">,
): Promise<Outcome> {
  if (preparation.kind === "refused") return { errors: preparation.errors };
  const { operation, args } = preparation;
  return operation === OperationTypeNode.SUBSCRIPTION ? subscribe(args) : executeQuery(args);
}

/** Executes what is no subscription. */
export async function executeQuery(args: ReadyArguments): Promise<ExecutionResult> {
  return withCallReport(await execute(args), args.contextValue);
}

/** A result as it leaves. Without `data` it was refused before anything was executed. */
export function formatResult(result: ExecutionResult, formatError: FormatError): FormattedExecutionResult {
  return result.errors === undefined
    ? (result as FormattedExecutionResult)
    : { ...result, errors: result.errors.map(formatError) };
}
