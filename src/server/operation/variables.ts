/**
 * Checks variables before graphql-js sees them. All of them, used or not, are measured: what recurses into a value that is
 * nested too deep fails. Then they are checked against their types: graphql-js's own words repeat the value, which may be a
 * password or 200 KB long, once for each fault, and do not say in a form for programs which argument is at fault.
 */

import {
  getNullableType,
  GraphQLError,
  isEnumType,
  isInputObjectType,
  isInputType,
  isLeafType,
  isListType,
  isNonNullType,
  typeFromAST,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLLeafType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type TypeNode,
} from "graphql";
import { isTooDeep, MAX_JSON_DEPTH } from "../../json.js";

/**
 * Why a request is refused whose variables hold JSON that is nested too deep, or null. Variables that the operation does
 * not have count as well. What the types of the others nest by themselves does not.
 */
export function refuseNesting(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): GraphQLError | null {
  // What the types nest is a part of it.
  if (!isTooDeep(variables)) return null;
  const types = new Map(variableDefinitions.map(({ variable, type }) => [variable.name.value, type]));
  for (const [name, value] of Object.entries(variables)) {
    const typeNode = types.get(name);
    const type = typeNode && typeFromAST(schema, typeNode);
    const path = findNested(isInputType(type) ? type : undefined, value, name);
    if (path !== null) return nestingRefusal(path);
  }
  return null;
}

/** Where a value is nested too deep, from the variable's name on. Goes as deep as the types go, and no deeper. */
function findNested(declared: GraphQLInputType | undefined, value: unknown, path: string): string | null {
  if (typeof value !== "object" || value === null) return null;
  const type = declared && getNullableType(declared);
  if (isListType(type) && Array.isArray(value)) {
    return firstOf(value.entries(), ([index, item]) => findNested(type.ofType, item, `${path}[${index}]`));
  }
  if (isInputObjectType(type) && !Array.isArray(value)) {
    const fields = type.getFields();
    const typeOf = (name: string): GraphQLInputType | undefined =>
      Object.hasOwn(fields, name) ? fields[name]?.type : undefined;
    return firstOf(Object.entries(value), ([name, member]) => findNested(typeOf(name), member, `${path}.${name}`));
  }
  return isTooDeep(value) ? path : null;
}

/** @param argument - the variable, or the member of the request, at fault. */
export function nestingRefusal(argument: string): GraphQLError {
  return refusal(argument, `nested at most ${MAX_JSON_DEPTH} deep`);
}

function refusal(argument: string, expected: string): GraphQLError {
  return new GraphQLError(`Expected \`${argument}\` to be ${expected}.`, {
    extensions: { code: "BAD_USER_INPUT", argument, http: { status: 400 } },
  });
}

/** Of a member that is not there, so much is repeated. */
const MAX_NAME_LENGTH = 100;

/** The first thing that is wrong with a variable. */
interface Fault {
  /** From the value on that was looked at: `.sources[3].uri`. */
  readonly path: string;
  /** What would be right, as the end of "Expected `…` to be". Never holds the value. */
  readonly expected: string;
}

/** Says what is wrong with a value; nothing of one without fault, and makes no path for it: every variable is looked at. */
type FindFault = (value: unknown) => Fault | null;

/** By type: what a type is, is asked once, and not for each value of each request. */
const finders = new WeakMap<GraphQLInputType, FindFault>();
/** By the node of a variable's type in a document that is kept. */
const declaredTypes = new WeakMap<TypeNode, GraphQLInputType>();

/** Why the operation is refused, or null when its variables are of their types. */
export function refuseVariables(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): GraphQLError | null {
  for (const { variable, type: typeNode, defaultValue } of variableDefinitions) {
    const name = variable.name.value;
    const type = declaredTypes.get(typeNode) ?? typeFromAST(schema, typeNode);
    if (!isInputType(type) || (variables[name] === undefined && defaultValue !== undefined)) continue;
    declaredTypes.set(typeNode, type);
    const fault = finderOf(type)(variables[name]);
    if (fault !== null) return refusal(name + fault.path, fault.expected);
  }
  return null;
}

function finderOf(declared: GraphQLInputType): FindFault {
  let find = finders.get(declared);
  if (find === undefined) {
    const [isRequired, type] = [isNonNullType(declared), getNullableType(declared)];
    const missing: Fault | null = isRequired ? { path: "", expected: "given" } : null;
    let findInGiven: (value: {}) => Fault | null;
    find = (value) => (value === undefined || value === null ? missing : findInGiven(value));
    // Ahead of its members, one of which may be of the same type.
    finders.set(declared, find);
    findInGiven = findGivenOf(type);
  }
  return find;
}

function findGivenOf(type: GraphQLInputType): (value: {}) => Fault | null {
  if (isListType(type)) return findInList(finderOf(type.ofType));
  if (isInputObjectType(type)) return findInMembers(type);
  return isLeafType(type) ? findInLeaf(type) : () => null;
}

/** By itself a value is a list of one. */
function findInList(findInItem: FindFault): (value: {}) => Fault | null {
  return (value) => {
    if (!Array.isArray(value)) return findInItem(value);
    for (let index = 0; index < value.length; index += 1) {
      const fault = findInItem(value[index]);
      if (fault !== null) return { ...fault, path: `[${index}]${fault.path}` };
    }
    return null;
  };
}

function findInLeaf(type: GraphQLLeafType): (value: {}) => Fault | null {
  return (value) => {
    try {
      return type.parseValue(value) === undefined ? { path: "", expected: `of the type ${type.name}` } : null;
    } catch (thrown) {
      return { path: "", expected: expectationOf(type, thrown) };
    }
  };
}

function findInMembers(type: GraphQLInputObjectType): (value: {}) => Fault | null {
  const fields = Object.values(type.getFields()).map(({ name, type: declared, defaultValue }) => ({
    name,
    find: finderOf(declared),
    hasDefault: defaultValue !== undefined,
  }));
  const names = new Set(fields.map(({ name }) => name));
  return (value) => {
    if (typeof value !== "object" || Array.isArray(value))
      return { path: "", expected: `an object of the type ${type.name}` };
    const members = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(members)) {
      if (names.has(name)) continue;
      return { path: `.${name.slice(0, MAX_NAME_LENGTH)}`, expected: "omitted, since there is no such member" };
    }
    if (type.isOneOf && !hasOneMember(members)) {
      return { path: "", expected: `given by exactly one of ${[...names].join(", ")}` };
    }
    for (const { name, find, hasDefault } of fields) {
      const member = members[name];
      if (member === undefined && hasDefault) continue;
      const fault = find(member);
      if (fault !== null) return { ...fault, path: `.${name}${fault.path}` };
    }
    return null;
  };
}

/** The scalars of the gateway say "Expected …." without the value; those of graphql-js repeat it. */
function expectationOf(type: GraphQLLeafType, thrown: unknown): string {
  if (isEnumType(type)) {
    const names = type.getValues().map(({ name }) => name);
    return `one of ${names.join(", ")}`;
  }
  const said = thrown instanceof GraphQLError ? /^Expected (.+)\.$/.exec(thrown.message)?.[1] : undefined;
  return said ?? `of the type ${type.name}`;
}

function hasOneMember(members: Readonly<Record<string, unknown>>): boolean {
  const given = Object.values(members).filter((member) => member !== undefined);
  return given.length === 1 && given[0] !== null;
}

function firstOf<T, R>(items: Iterable<T>, find: (item: T) => R | null): R | null {
  for (const item of items) {
    const found = find(item);
    if (found !== null) return found;
  }
  return null;
}
