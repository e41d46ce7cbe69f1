/**
 * Counts what an operation means at most, in one walk over what it selects: fields, calls to IMM by the table of prices, and
 * mutations. Fields of one response name are one call, as an execution merges them; of several possible types the one
 * with the most fields counts. Called by `price.ts` with a valid, bounded document; executes nothing.
 */

import {
  getArgumentValues,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from "graphql";
import { callsOf } from "../../schema/sdl/prices.js";
import { plainNameOf } from "../../schema/sdl/root-prefix.js";
import { isIncluded } from "../../schema/task/selected-parts.js";
import { DEFAULT_FIRST } from "../../tasks/list/list-query.js";

/** What an operation means at most. */
export interface OperationCount {
  /** Each time that one is selected, fragments written out; those below a list argument or `first` once per item. */
  readonly fields: number;
  readonly calls: number;
  readonly mutations: number;
  /** Subscriptions to whole projects. */
  readonly projectStreams: number;
}

/** What is counted. */
export interface CountedOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly root: OperationDefinitionNode;
  /** Of their types, with the defaults of the operation. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Where counting ends: with more selections, fragments written out, the fields are without bound. */
  readonly maxSelections: number;
}

/** The last count of each operation: clients send the same ones, with other keys. */
const lastCounts = new WeakMap<OperationDefinitionNode, { readonly sizes: string; readonly count: OperationCount }>();

/** @throws GraphQLError - when an argument does not fit. */
export function countOperation(operation: CountedOperation): OperationCount {
  const { root, variables } = operation;
  const sizes = (root.variableDefinitions ?? []).map(({ variable }) => sizeOf(variables[variable.name.value])).join();
  const last = lastCounts.get(root);
  if (last?.sizes === sizes) return last.count;
  const count = new OperationWalk(operation).count();
  lastCounts.set(root, { sizes, count });
  return count;
}

/** All of a variable that a count depends on: whether it is null, a list's length, a number, a condition. */
function sizeOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.length}]`;
  return typeof value === "string" || (typeof value === "object" && value !== null) ? "given" : String(value);
}

/** How long the lists of introspection are taken to be. They have no argument that says it. */
const INTROSPECTED_LENGTHS: Readonly<Record<string, number>> = {
  "__Schema.types": 40,
  "__Type.fields": 3,
  "__Type.inputFields": 3,
};

/** Each may fail by itself, under every name that it is selected by, and an error costs as much CPU as ten to twenty values. */
const MAY_FAIL: ReadonlySet<string> = new Set(["Task.progress", "Task.eventId", "Task.result"]);
const FAILURE_COST = 10;

const META_FIELDS: Readonly<Record<string, GraphQLField<unknown, unknown>>> = {
  __schema: SchemaMetaFieldDef,
  __type: TypeMetaFieldDef,
  __typename: TypeNameMetaFieldDef,
};

/** A field under one response name. */
interface Selected {
  readonly nodes: readonly FieldNode[];
  readonly field: GraphQLField<unknown, unknown>;
  readonly coordinate: string;
  /** Of the list below it, at most. */
  readonly length: number;
}

class OperationWalk {
  readonly #operation: CountedOperation;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Coordinates below the present root field. */
  readonly #below = new Set<string>();
  #selections = 0;

  constructor(operation: CountedOperation) {
    this.#operation = operation;
    const fragments = operation.document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION);
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  }

  count(): OperationCount {
    const { schema, root } = this.#operation;
    const type = schema.getRootType(root.operation);
    let [fields, calls, mutations, projectStreams] = [0, 0, 0, 0];
    for (const selected of type ? this.#selectedOf(type, [root.selectionSet]) : []) {
      this.#below.clear();
      fields += this.#fieldsOf(selected);
      calls += callsOf(selected.coordinate, selected.length, this.#below);
      if (selected.coordinate === "Subscription.projectEvents") projectStreams += 1;
      if (selected.coordinate.startsWith("Mutation.") && selected.field !== TypeNameMetaFieldDef) mutations += 1;
    }
    return { fields: this.#hasEnough() ? Infinity : fields, calls, mutations, projectStreams };
  }

  #hasEnough(): boolean {
    return this.#selections > this.#operation.maxSelections;
  }

  /** The field itself, under each of its selections, and what is selected below it. */
  #fieldsOf({ nodes, field, length }: Selected): number {
    const type = getNamedType(field.type);
    if (!isCompositeType(type)) return nodes.length;
    const below = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    return nodes.length + length * this.#fieldsBelow(type, below);
  }

  #fieldsBelow(type: GraphQLCompositeType, selectionSets: readonly SelectionSetNode[]): number {
    const { schema } = this.#operation;
    const objects = isAbstractType(type) ? schema.getPossibleTypes(type) : [type];
    const counts = objects.map((object) => {
      let fields = 0;
      for (const selected of this.#selectedOf(object, selectionSets)) {
        if (MAY_FAIL.has(selected.coordinate) && this.#below.has(selected.coordinate)) fields += FAILURE_COST;
        this.#below.add(selected.coordinate);
        fields += this.#fieldsOf(selected);
      }
      return fields;
    });
    return Math.max(0, ...counts);
  }

  /** What is selected of an object of this type: an item for each response name. */
  #selectedOf(type: GraphQLObjectType, selectionSets: readonly SelectionSetNode[]): Selected[] {
    const byName = new Map<string, FieldNode[]>();
    const collect = (selection: SelectionNode): void => {
      this.#selections += 1;
      if (this.#hasEnough() || !isIncluded(selection, { variableValues: this.#operation.variables })) return;
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        const same = byName.get(name);
        if (same === undefined) byName.set(name, [selection]);
        else same.push(selection);
        return;
      }
      const isSpread = selection.kind === Kind.FRAGMENT_SPREAD;
      const fragment = isSpread ? this.#fragments.get(selection.name.value) : selection;
      if (this.#fits(fragment?.typeCondition?.name.value, type)) fragment?.selectionSet.selections.forEach(collect);
    };
    for (const { selections } of selectionSets) selections.forEach(collect);
    return [...byName.values()].flatMap((nodes) => this.#toSelected(type, nodes));
  }

  #toSelected(type: GraphQLObjectType, nodes: readonly FieldNode[]): Selected[] {
    const [node] = nodes;
    const field = node && (META_FIELDS[node.name.value] ?? type.getFields()[node.name.value]);
    if (node === undefined || field === undefined) return [];
    const coordinate = `${type.name}.${plainNameOf(field)}`;
    const args = field.args.length === 0 ? {} : getArgumentValues(field, node, this.#operation.variables);
    const lengths = Object.values(args).map((value) => (Array.isArray(value) ? value.length : 1));
    const isPaged = field.args.some(({ name }) => name === "first");
    const first = isPaged ? Number(args["first"] ?? DEFAULT_FIRST) : 1;
    return [{ nodes, field, coordinate, length: Math.max(INTROSPECTED_LENGTHS[coordinate] ?? 1, first, ...lengths) }];
  }

  #fits(condition: string | undefined, type: GraphQLObjectType): boolean {
    if (condition === undefined || condition === type.name) return true;
    const { schema } = this.#operation;
    const abstract = schema.getType(condition);
    return isAbstractType(abstract) && schema.isSubType(abstract, type);
  }
}
