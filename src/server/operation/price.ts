/**
 * What an operation means at most: its selected fields, fragments written out, those below a list argument or `first`
 * once per item; what reads a task by itself counts as several. A document of a kilobyte can ask for an answer of gigabytes;
 * it is refused before it is executed. A mutation counts by itself as well: it starts a task that is paid for.
 */

import {
  getOperationAST,
  getVariableValues,
  GraphQLError,
  OperationTypeNode,
  type DocumentNode,
  type OperationDefinitionNode,
  type GraphQLSchema,
} from "graphql";
import { toError } from "../../errors.js";
import { DEFAULT_FIRST } from "../../tasks/list-query.js";
import { refuseVariables } from "./variables.js";
// Its ES modules load a second copy of graphql, whose types are not those of the schema.
import { getComplexity, type ComplexityEstimator, type ComplexityEstimatorArgs } from "graphql-query-complexity/cjs";

/** An operation that is about to be executed. */
export interface CostlyOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variables: Readonly<Record<string, unknown>> | null | undefined;
}

/** What an operation may cost. */
export interface CostLimits {
  /** Selected fields, those below a list argument or `first` counted once per item. */
  readonly maxOperationCost: number;
  /** Mutations, each of which starts a task that somebody pays for. */
  readonly maxCreatesPerOperation: number;
}

/** Why the operation is refused before it is executed, or null when its variables fit and it stays within the limits. */
export function refuseOperation(
  operation: CostlyOperation,
  { maxOperationCost, maxCreatesPerOperation }: CostLimits,
): GraphQLError | null {
  const { schema, document, operationName } = operation;
  const variables = operation.variables ?? {};
  const root = getOperationAST(document, operationName);
  // The execution says in its own words what it misses.
  if (!root) return null;
  const isMutation = root.operation === OperationTypeNode.MUTATION;
  const badVariable = isMutation ? refuseVariables(schema, root, variables) : null;
  if (badVariable !== null) return badVariable;
  // Those of other operations are reported by the execution, in its own words.
  if (getVariableValues(schema, root.variableDefinitions ?? [], variables, { maxErrors: 1 }).errors) return null;
  const exceeds = (max: number, estimate: ComplexityEstimator): boolean => {
    const cost = costOf({ schema, document, root, variables, estimate, maxNodes: maxOperationCost });
    return cost > max;
  };
  try {
    if (exceeds(maxOperationCost, estimateFields)) {
      return refusal(
        `Expected an operation of at most ${maxOperationCost} fields, those below a list argument or \`first\` counted once per item, and ten more for each task that is read by itself.`,
      );
    }
    return isMutation && exceeds(maxCreatesPerOperation, estimateMutations)
      ? refusal(`Expected an operation of at most ${maxCreatesPerOperation} mutations.`)
      : null;
  } catch (thrown) {
    // A variable that is null for an argument with no room for null: what cannot be counted is not executed.
    if (thrown instanceof GraphQLError) return refusal(thrown.message);
    throw thrown;
  }
}

interface Estimation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly root: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly estimate: ComplexityEstimator;
  /** Selections looked at; with more of them the cost is without bound. */
  readonly maxNodes: number;
}

function costOf({ schema, document, root, variables, estimate, maxNodes }: Estimation): number {
  const operationName = root.name?.value;
  try {
    return getComplexity({
      schema,
      query: document,
      variables,
      estimators: [estimate],
      maxQueryNodes: maxNodes,
      ...(operationName !== undefined && { operationName }),
    });
  } catch (thrown) {
    if (!TOO_MANY_NODES.test(toError(thrown).message)) throw thrown;
    return Infinity;
  }
}

function refusal(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: "BAD_USER_INPUT", argument: null, http: { status: 400 } } });
}

/** How the counting says that it gave up. */
const TOO_MANY_NODES = /maximum allowed number of nodes/;

/**
 * What reads of tasks count beyond their field, for each item of a list. Each may fail by itself, for every name that it is
 * selected by, and an error costs as much CPU as ten to twenty values.
 */
const READ_COSTS: Readonly<Record<string, number>> = {
  "Query.task": 10,
  "Query.tasksByKey": 10,
  "Query.node": 10,
  "Query.nodes": 10,
  "Query.awaitTask": 10,
  "Query._entities": 10,
  "Task.eventId": 10,
  "Task.result": 10,
  "Task.progress": 5,
};

function estimateFields({ type, field, args, childComplexity }: ComplexityEstimatorArgs): number {
  const lengths = Object.values(args).map((value) => (Array.isArray(value) ? value.length : 1));
  const isPaged = field.args.some(({ name }) => name === "first");
  const first: unknown = isPaged ? (args["first"] ?? DEFAULT_FIRST) : 1;
  const readCost = READ_COSTS[`${type.name}.${field.name}`] ?? 0;
  return 1 + Math.max(1, Number(first), ...lengths) * (childComplexity + readCost);
}

function estimateMutations({ type, childComplexity }: ComplexityEstimatorArgs): number {
  return type.name === "Mutation" ? 1 : childComplexity;
}
