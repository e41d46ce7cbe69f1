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
import { DEFAULT_FIRST } from "../../tasks/list/list-query.js";
import { plainNameOf } from "../../schema/sdl/root-prefix.js";
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
  const { errors } = getVariableValues(schema, root.variableDefinitions ?? [], variables, { maxErrors: 1 });
  if (errors?.[0]) return inShort(errors[0], () => refuseVariables(schema, root, variables));
  try {
    const { fields, mutations } = countAtMost({ schema, document, root, variables, maxNodes: maxOperationCost });
    if (fields > maxOperationCost) {
      return refusal(
        `Expected an operation of at most ${maxOperationCost} fields, those below a list argument or \`first\` counted once per item.`,
      );
    }
    return mutations > maxCreatesPerOperation
      ? refusal(`Expected an operation of at most ${maxCreatesPerOperation} mutations.`)
      : null;
  } catch (thrown) {
    // A variable that is null for an argument with no room for null: what cannot be counted is not executed.
    if (thrown instanceof GraphQLError) return refusal(thrown.message);
    throw thrown;
  }
}

interface Counting {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly root: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Selections that are counted; with more of them the fields are without bound. */
  readonly maxNodes: number;
}

/** Both in one walk: each coerces the variables anew. */
function countAtMost({
  schema,
  document,
  root,
  variables,
  maxNodes,
}: Counting): Record<"fields" | "mutations", number> {
  const operationName = root.name?.value;
  let mutations = 0;
  let progress = 0;
  const estimate: ComplexityEstimator = (selection) => {
    if (selection.type.name === "Mutation" && !selection.field.name.startsWith("__")) mutations += 1;
    if (selection.field.name === "progress") progress += 1;
    const isFree = selection.field.name !== "progress" || progress <= MAX_FREE_PROGRESS;
    return estimateFields(selection) + (isFree ? 0 : PROGRESS_COST);
  };
  try {
    const fields = getComplexity({
      schema,
      query: document,
      variables,
      estimators: [estimate],
      maxQueryNodes: maxNodes,
      ...(operationName !== undefined && { operationName }),
    });
    return { fields, mutations };
  } catch (thrown) {
    if (!TOO_MANY_NODES.test(toError(thrown).message)) throw thrown;
    return { fields: Infinity, mutations };
  }
}

const MAX_MESSAGE_LENGTH = 1_000;

/** graphql-js's words on a variable, which repeat its value, unless that is long. */
function inShort(error: GraphQLError, inOwnWords: () => GraphQLError | null): GraphQLError {
  if (error.message.length <= MAX_MESSAGE_LENGTH) return error;
  return inOwnWords() ?? refusal("Expected each variable to be of its type.");
}

function refusal(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: "BAD_USER_INPUT", argument: null, http: { status: 400 } } });
}

/** How the counting says that it gave up. */
const TOO_MANY_NODES = /maximum allowed number of nodes/;

/**
 * What reads of tasks count beyond their field, for each item of a list. Each may fail by itself, under every name that it
 * is selected by, and an error costs as much CPU as ten to twenty values.
 */
const READ_COSTS: Readonly<Record<string, number>> = {
  "Query.task": 20,
  "Query.tasksByKey": 20,
  "Query.node": 20,
  "Query.nodes": 20,
  "Query.awaitTask": 20,
  "Query._entities": 20,
  "Task.eventId": 10,
  "Task.result": 10,
};

/** The same, but in a list it comes with the task: selected a few times in an operation, it counts as any field. */
const PROGRESS_COST = 10;
const MAX_FREE_PROGRESS = 3;

/** How long the lists of introspection are taken to be. They have no argument that says it. */
const INTROSPECTED_LENGTHS: Readonly<Record<string, number>> = {
  "__Schema.types": 40,
  "__Type.fields": 3,
  "__Type.inputFields": 3,
};

function estimateFields({ type, field, args, childComplexity }: ComplexityEstimatorArgs): number {
  const lengths = Object.values(args).map((value) => (Array.isArray(value) ? value.length : 1));
  const isPaged = field.args.some(({ name }) => name === "first");
  const first: unknown = isPaged ? (args["first"] ?? DEFAULT_FIRST) : 1;
  const coordinate = `${type.name}.${plainNameOf(field)}`;
  const length = Math.max(INTROSPECTED_LENGTHS[coordinate] ?? 1, Number(first), ...lengths);
  return 1 + length * (childComplexity + (READ_COSTS[coordinate] ?? 0));
}
