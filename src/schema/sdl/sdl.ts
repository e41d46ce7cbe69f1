/**
 * The schema as text, with the directives that a served schema does not show: prices for estimates of an operation, keys for
 * the composition of a supergraph.
 *
 * `build-schema.ts` and the entities resolver call it. graphql-js prints no applied directives, so each object that it prints is
 * parsed, they are added to the tree, and that is printed. Executes nothing and holds no state.
 */

import {
  isObjectType,
  isSpecifiedScalarType,
  parse,
  print,
  printType,
  type FieldDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  type ObjectTypeDefinitionNode,
  type ScalarTypeDefinitionNode,
} from "graphql";
import { priceOfField, type Price } from "./prices.js";
import { withPrefix } from "./root-prefix.js";

/** As IBM's specification has them. */
const COST_DIRECTIVES = `"""The price of an element: the greatest number of calls to IMM that it takes."""
directive @cost(
  """The calls for each item as a decimal number, for example "0.01"."""
  weight: String!
) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR

"""The greatest length of a list."""
directive @listSize(
  """The length when no argument gives it."""
  assumedSize: Int

  """The arguments that give the length."""
  slicingArguments: [String!]

  """
  The fields of the answer that are lists of this length, when the answer itself is no list.
  """
  sizedFields: [String!]

  """Whether exactly one of those arguments must be given."""
  requireOneSlicingArgument: Boolean = true
) on FIELD_DEFINITION
`;

/** 2.9 is the first version that has the directives for costs. */
const FEDERATION_LINK = `extend schema
  @link(
    url: "https://specs.apollo.dev/federation/v2.9"
    import: ["@key", "@shareable", "@cost", "@listSize"]
  )

"""Exactly one field of the input is given. GraphQL's own; Apollo's composition wants it defined."""
directive @oneOf on INPUT_OBJECT
`;

/** The two ways in which a task is known everywhere. */
const TASK_KEYS = ["id", "region projectName taskType taskId"] as const;

/** The directives of federation for an object. */
function ofSubgraph(typeName: string): string {
  if (typeName === "Task") return TASK_KEYS.map((fields) => `@key(fields: "${fields}")`).join(" ");
  // Every subgraph with connections has it.
  return typeName === "PageInfo" ? "@shareable" : "";
}

/**
 * The same where a supergraph has several gateways. Each has all types, and finds the tasks of its own region only: a
 * router may take no key to either, and needs none, since what a root field answers is whole.
 */
function ofOneOfSubgraphs(typeName: string): string {
  if (typeName !== "Task") return "@shareable";
  return TASK_KEYS.map((fields) => `@key(fields: "${fields}", resolvable: false)`).join(" ") + " @shareable";
}

const ROOT_TYPES: ReadonlySet<string> = new Set(["Query", "Mutation", "Subscription"]);

export function printPricedSchema(schema: GraphQLSchema): string {
  const text = printWith(schema, { ofObject: () => "", toWeight: ({ calls, weight = calls }) => `"${weight}"` });
  return `${COST_DIRECTIVES}\n${text}\n`;
}

/**
 * The schema as a subgraph, without the fields and types that every subgraph has.
 *
 * @param prefix - what its root fields begin with. Then it is one of several gateways in a supergraph.
 */
export function printSubgraph(schema: GraphQLSchema, prefix?: string): string {
  const text = printWith(schema, {
    ofObject: prefix === undefined ? ofSubgraph : ofOneOfSubgraphs,
    prefix,
    toWeight: ({ calls, weight = calls, wholeWeight = weight }) => String(wholeWeight),
  });
  return `${FEDERATION_LINK}\n${text}\n`;
}

interface Notation {
  readonly ofObject: (name: string) => string;
  readonly toWeight: (price: Price) => string;
  /** Of the names of root fields. */
  readonly prefix?: string | undefined;
}

function printWith(schema: GraphQLSchema, notation: Notation): string {
  return Object.values(schema.getTypeMap())
    .filter((type) => isOwn(type.name) && !isSpecifiedScalarType(type))
    .map((type) => (isObjectType(type) ? printObject(type, notation) : printType(type)))
    .join("\n\n");
}

/** The description of a member, with the bracket that it follows if it is the first; the others have a blank line before them. */
const DESCRIBED = /([{(]?)\n( +"""[^]*?""")/g;

function printObject(type: GraphQLObjectType, notation: Notation): string {
  const [object] = parse(printType(type), { noLocation: true }).definitions;
  return print(toPriced(object as ObjectTypeDefinitionNode, notation)).replace(
    DESCRIBED,
    (_text, opening: string, description: string) => `${opening || "\n"}\n${description}`,
  );
}

function toPriced(object: ObjectTypeDefinitionNode, notation: Notation): ObjectTypeDefinitionNode {
  const { value: typeName } = object.name;
  const { prefix, ofObject, toWeight } = notation;
  const own = (object.fields ?? []).filter(({ name }) => isOwn(name.value));
  const fields = own.map((field) => toPricedField(typeName, field, notation));
  if (ROOT_TYPES.has(typeName))
    return { ...object, fields: prefix === undefined ? fields : toPrefixed(fields, prefix) };
  // Estimators take an object for 1 unless a weight says otherwise; here only what a field says costs a call.
  return withDirectives({ ...object, fields }, `${ofObject(typeName)} @cost(weight: ${toWeight({ calls: 0 })})`);
}

/** Under their names with the prefix only, which are in the schema as well where the gateway serves them. */
function toPrefixed(fields: readonly FieldDefinitionNode[], prefix: string): FieldDefinitionNode[] {
  const names = new Set(fields.map(({ name }) => withPrefix(prefix, name.value)));
  return fields
    .filter(({ name }) => !names.has(name.value))
    .map((field) => ({ ...field, name: { ...field.name, value: withPrefix(prefix, field.name.value) } }));
}

function toPricedField(typeName: string, field: FieldDefinitionNode, { toWeight }: Notation): FieldDefinitionNode {
  const price = priceOfField(`${typeName}.${field.name.value}`);
  if (price === undefined) return field;
  const cost = `@cost(weight: ${toWeight(price)})`;
  if (price.listSize === undefined) return withDirectives(field, cost);
  const members = Object.entries(price.listSize).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return withDirectives(field, `${cost} @listSize(${members.join(", ")})`);
}

/** Adds directives, written one after the other. */
function withDirectives<T extends FieldDefinitionNode | ObjectTypeDefinitionNode>(node: T, directives: string): T {
  const [carrier] = parse(`scalar Carrier ${directives}`, { noLocation: true }).definitions;
  const added = (carrier as ScalarTypeDefinitionNode).directives ?? [];
  return { ...node, directives: [...(node.directives ?? []), ...added] };
}

/** `_service`, `_entities` and their types are named with an underscore, as those of introspection, and nothing else is. */
function isOwn(name: string): boolean {
  return !name.startsWith("_");
}
