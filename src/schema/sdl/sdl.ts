/**
 * The schema as text, with the directives that a served schema does not show: prices for whoever estimates an operation,
 * keys for whoever composes a supergraph.
 *
 * `build-schema.ts` and the entities resolver call it. graphql-js prints no applied directives, so they are written into
 * what it prints, where its parser finds their places. Executes nothing and holds no state.
 */

import {
  Kind,
  parse,
  printSchema,
  type ASTNode,
  type DefinitionNode,
  type FieldDefinitionNode,
  type GraphQLSchema,
  type ObjectTypeDefinitionNode,
} from "graphql";
import { priceOfField, type Price } from "./call-cost.js";
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

/** What federation is told of an object. */
function ofSubgraph(typeName: string): readonly string[] {
  if (typeName === "Task") return TASK_KEYS.map((fields) => `@key(fields: "${fields}")`);
  // Every subgraph with connections has it.
  return typeName === "PageInfo" ? ["@shareable"] : [];
}

/**
 * The same where a supergraph has several gateways. Each has all types, and finds the tasks of its own region only: a
 * router may take no key to either, and needs none, since what a root field answers is whole.
 */
function ofOneOfSubgraphs(typeName: string): readonly string[] {
  if (typeName !== "Task") return ["@shareable"];
  return [...TASK_KEYS.map((fields) => `@key(fields: "${fields}", resolvable: false)`), "@shareable"];
}

const ROOT_TYPES: ReadonlySet<string> = new Set(["Query", "Mutation", "Subscription"]);

/** The schema with its prices. */
export function printPricedSchema(schema: GraphQLSchema): string {
  const text = withDirectives(schema, { ofObject: () => [], toWeight: (weight) => `"${weight}"` });
  return `${COST_DIRECTIVES}\n${text}\n`;
}

/**
 * The schema as a subgraph, without the fields and types that every subgraph has.
 *
 * @param prefix - what its root fields begin with. Then it is one of several gateways in a supergraph.
 */
export function printSubgraph(schema: GraphQLSchema, prefix?: string): string {
  const text = withDirectives(schema, {
    ofObject: prefix === undefined ? ofSubgraph : ofOneOfSubgraphs,
    prefix,
    // Federation's weights are whole numbers.
    toWeight: (weight) => String(Math.trunc(weight)),
  });
  return `${FEDERATION_LINK}\n${text}\n`;
}

/** How directives are written. */
interface Notation {
  readonly ofObject: (name: string) => readonly string[];
  readonly toWeight: (weight: number) => string;
  /** Of the names of root fields. */
  readonly prefix?: string | undefined;
}

/** What stands between two places of a text instead of what stood there. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function withDirectives(schema: GraphQLSchema, notation: Notation): string {
  const text = printSchema(schema);
  const edits = parse(text).definitions.flatMap((definition) => editsOf(definition, notation));
  const pieces = edits.map(({ start, text: written }, index) => {
    const before = text.slice(edits[index - 1]?.end ?? 0, start);
    // What is removed takes the blank lines before it along.
    return written === "" ? before.trimEnd() : before + written;
  });
  return [...pieces, text.slice(edits.at(-1)?.end ?? 0)].join("");
}

function editsOf(definition: DefinitionNode, notation: Notation): Edit[] {
  if (isMachinery(definition)) return [removal(definition)];
  return definition.kind === Kind.OBJECT_TYPE_DEFINITION ? editsOfObject(definition, notation) : [];
}

function editsOfObject({ name, interfaces = [], fields = [] }: ObjectTypeDefinitionNode, notation: Notation): Edit[] {
  const { value: typeName } = name;
  // Estimators take an object for 1 unless they are told; here only what a field says costs a call.
  const own = [...notation.ofObject(typeName), `@cost(weight: ${notation.toWeight(0)})`];
  if (ROOT_TYPES.has(typeName)) return fields.flatMap((field) => editsOfRoot(typeName, field, fields, notation));
  const header = insertion(interfaces.at(-1) ?? name, own);
  return [header, ...fields.flatMap((field) => editsOfField(typeName, field, notation))];
}

/** Under its name with the prefix only, which is in the schema as well where the gateway serves it. */
function editsOfRoot(
  typeName: string,
  field: FieldDefinitionNode,
  fields: readonly FieldDefinitionNode[],
  notation: Notation,
): Edit[] {
  const { prefix } = notation;
  if (prefix === undefined || isMachinery(field)) return editsOfField(typeName, field, notation);
  const { value: name, loc } = field.name;
  if (fields.some((other) => withPrefix(prefix, other.name.value) === name)) return [removal(field)];
  const renamed = { start: loc?.start ?? 0, end: loc?.end ?? 0, text: withPrefix(prefix, name) };
  return [renamed, ...editsOfField(typeName, field, notation)];
}

function editsOfField(typeName: string, field: FieldDefinitionNode, { toWeight }: Notation): Edit[] {
  if (isMachinery(field)) return [removal(field)];
  const price = priceOfField(typeName, field.name.value);
  return price === undefined ? [] : [insertion(field, toDirectives(price, toWeight))];
}

function toDirectives({ weight, listSize }: Price, toWeight: Notation["toWeight"]): readonly string[] {
  const cost = `@cost(weight: ${toWeight(weight)})`;
  if (listSize === undefined) return [cost];
  const { assumedSize, slicingArguments, sizedFields } = listSize;
  const members = [
    `assumedSize: ${assumedSize}`,
    ...(slicingArguments === undefined ? [] : [`slicingArguments: ${toList(slicingArguments)}`]),
    ...(sizedFields === undefined ? [] : [`sizedFields: ${toList(sizedFields)}`]),
    ...(slicingArguments === undefined ? [] : ["requireOneSlicingArgument: false"]),
  ];
  return [cost, `@listSize(${members.join(", ")})`];
}

function toList(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(", ")}]`;
}

/** `_service`, `_entities` and their types are named with an underscore, and nothing else is. */
function isMachinery(node: DefinitionNode | FieldDefinitionNode): boolean {
  return "name" in node && (node.name?.value.startsWith("_") ?? false);
}

function insertion(node: ASTNode, directives: readonly string[]): Edit {
  const end = node.loc?.end ?? 0;
  return { start: end, end, text: directives.map((directive) => ` ${directive}`).join("") };
}

function removal(node: ASTNode): Edit {
  return { start: node.loc?.start ?? 0, end: node.loc?.end ?? 0, text: "" };
}
