/**
 * How much an operation may mean, checked before it is executed: fields of its answer, calls to IMM, and mutations, each of
 * which starts a task that is paid for. A document of a kilobyte can ask for an answer of gigabytes, or for thousands of calls.
 * The pipeline calls it for all transports; `operation-count.ts` counts.
 */

import {
  getOperationAST,
  getVariableValues,
  GraphQLError,
  OperationTypeNode,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
  valueFromASTUntyped,
} from "graphql";
import { countOperation, type OperationCount } from "./operation-count.js";
import { refuseVariables } from "./variables.js";

/** An operation that is about to be executed. */
export interface PricedOperation {
  readonly schema: GraphQLSchema;
  /** Valid, and within the bounds of `document-bounds.ts`. */
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variables: Readonly<Record<string, unknown>> | null | undefined;
}

/** What an operation may mean. */
export interface CostLimits {
  /** Selected fields, those below a list argument or `first` counted once per item. */
  readonly maxOperationCost: number;
  /** Calls to IMM, by the table of prices. */
  readonly maxCallsPerOperation: number;
  /** Mutations, each of which starts a task that is paid for. */
  readonly maxCreatesPerOperation: number;
}

/** What an operation may mean at most, or why it is refused before it is executed. */
export type Pricing = { readonly count: OperationCount } | { readonly refusal: GraphQLError };

const NOTHING: OperationCount = { fields: 0, calls: 0, mutations: 0, projectStreams: 0 };

/** Counts what an operation means, and refuses one whose variables do not fit, or that exceeds the limits. */
export function priceOperation(operation: PricedOperation, limits: CostLimits): Pricing {
  const { schema, document, operationName } = operation;
  const given = operation.variables ?? {};
  const root = getOperationAST(document, operationName);
  // The execution says in its own words what it misses.
  if (!root) return { count: NOTHING };
  const unfit = refuseVariables(schema, root, given);
  if (unfit !== null) {
    if (root.operation === OperationTypeNode.MUTATION) return { refusal: unfit };
    const { errors } = getVariableValues(schema, root.variableDefinitions ?? [], given, { maxErrors: 1 });
    return { refusal: inShort(errors?.[0], unfit) };
  }
  try {
    const maxSelections = limits.maxOperationCost;
    const count = countOperation({ schema, document, root, variables: withDefaults(root, given), maxSelections });
    const refused = refuseCount(count, limits);
    return refused === null ? { count } : { refusal: refused };
  } catch (thrown) {
    // A variable that is null for an argument with no room for null: what cannot be counted is not executed.
    if (thrown instanceof GraphQLError) return { refusal: refusal(thrown.message) };
    throw thrown;
  }
}

function refuseCount(
  { fields, calls, mutations }: OperationCount,
  { maxOperationCost, maxCallsPerOperation, maxCreatesPerOperation }: CostLimits,
): GraphQLError | null {
  if (fields > maxOperationCost) {
    return refusal(
      `Expected an operation of at most ${maxOperationCost} fields, those below a list argument or \`first\` counted once per item.`,
    );
  }
  if (mutations > maxCreatesPerOperation) {
    return refusal(`Expected an operation of at most ${maxCreatesPerOperation} mutations.`);
  }
  return calls > maxCallsPerOperation
    ? refusal(`Expected an operation of at most ${maxCallsPerOperation} calls to IMM, got one of up to ${calls}.`)
    : null;
}

const MAX_MESSAGE_LENGTH = 1_000;

/** graphql-js's words on a variable, which repeat its value, unless that is long. */
function inShort(error: GraphQLError | undefined, inOwnWords: GraphQLError): GraphQLError {
  return error !== undefined && error.message.length <= MAX_MESSAGE_LENGTH ? error : inOwnWords;
}

/** The variables as a count reads them. Nothing in it depends on what coercing changes besides. */
function withDefaults(
  { variableDefinitions = [] }: OperationDefinitionNode,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (variableDefinitions.every(({ defaultValue }) => defaultValue === undefined)) return given;
  const defaults = variableDefinitions.flatMap(({ variable: { name }, defaultValue }) =>
    defaultValue === undefined || given[name.value] !== undefined
      ? []
      : [[name.value, valueFromASTUntyped(defaultValue)] as const],
  );
  return { ...given, ...Object.fromEntries(defaults) };
}

function refusal(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: "BAD_USER_INPUT", argument: null, http: { status: 400 } } });
}
