/**
 * What an operation means at most: its selected fields, fragments written out, those below a list argument or `first`
 * once per item. A document of a kilobyte can ask for an answer of gigabytes; every door refuses it before it is executed.
 */

import { getOperationAST, getVariableValues, GraphQLError, type DocumentNode, type GraphQLSchema } from "graphql";
import { toError } from "../errors.js";
import { DEFAULT_FIRST } from "../tasks/list-query.js";
// Its ES modules load a second copy of graphql, whose types are not those of the schema.
import { getComplexity, type ComplexityEstimatorArgs } from "graphql-query-complexity/cjs";

/** An operation that is about to be executed. */
export interface CostlyOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variables: Readonly<Record<string, unknown>> | null | undefined;
}

/** Why the operation is refused, or null when it costs at most `maxCost`. */
export function refuseCostly(
  { schema, document, operationName, variables }: CostlyOperation,
  maxCost: number,
): GraphQLError | null {
  const operation = getOperationAST(document, operationName);
  const given = { ...variables };
  // Variables that do not fit are reported by the execution, in its own words.
  if (!operation || getVariableValues(schema, operation.variableDefinitions ?? [], given).errors) return null;
  const name = operation.name?.value;
  try {
    const cost = getComplexity({
      schema,
      query: document,
      variables: given,
      estimators: [estimate],
      maxQueryNodes: maxCost,
      ...(name !== undefined && { operationName: name }),
    });
    if (cost <= maxCost) return null;
  } catch (thrown) {
    if (!TOO_MANY_NODES.test(toError(thrown).message)) throw thrown;
  }
  return new GraphQLError(
    `Expected an operation of at most ${maxCost} fields, those below a list argument or \`first\` counted once per item.`,
    { extensions: { code: "BAD_USER_INPUT", argument: null, http: { status: 400 } } },
  );
}

/** How the counting says that it gave up. */
const TOO_MANY_NODES = /maximum allowed number of nodes/;

function estimate({ field, args, childComplexity }: ComplexityEstimatorArgs): number {
  const lengths = Object.values(args).map((value) => (Array.isArray(value) ? value.length : 1));
  const isPaged = field.args.some(({ name }) => name === "first");
  const first: unknown = isPaged ? (args["first"] ?? DEFAULT_FIRST) : 1;
  return 1 + Math.max(1, Number(first), ...lengths) * childComplexity;
}
