/**
 * Input and object types made of the table: one class for each model and request, each made once. The table's
 * descriptions become the schema's, with range, default and known values behind them, so nothing is written twice.
 *
 * TypeGraphQL's decorators are called as the functions that they are. A list of words that IMM extends is a String.
 */

import type { GraphQLScalarType } from "graphql";
import { Field, Float, InputType, Int, ObjectType, registerEnumType, type ClassType } from "type-graphql";
import { toSchemaWord, type InputField, type InputStructure } from "../imm/wire/create-inputs.js";
import {
  capitalize,
  describeRange,
  fitsInt32,
  modelOf,
  schemaNameOf,
  typeNameOf,
  type InputForm,
  type Member,
  type Members,
  type Model,
  type Rule,
  type Shape,
  type Vocabulary,
} from "../imm/operations/operations.js";
import { LengthInput } from "./length.input.js";
import { GraphQLDateTime, GraphQLJSONObject, GraphQLLong, GraphQLOssUri } from "./scalars.js";

export interface TableType {
  /** What the schema calls it. */
  readonly name: string;
  readonly description: string;
  readonly members: Members;
}

/** The class of an input type; `name` is what the schema calls it. */
export function makeInputType(structure: InputStructure, name: string): ClassType {
  const Input = makeClass(name);
  for (const field of structure.fields) {
    const type = typeOfInput(field);
    Field(() => type, { nullable: !field.isRequired, description: describeMember(field.member, field) })(
      Input.prototype,
      field.name,
    );
  }
  const rules = structure.rules.map((rule) => describeRule(rule, structure));
  InputType(name, { description: inSentences(structure.description, ...rules) })(Input);
  return Input;
}

function typeOfInput({ member, form, inner }: InputField): FieldType | [FieldType] {
  if (form !== undefined) return typeOfForm(form);
  if (inner === undefined) return typeOfShape(member, inputTypeOfModel);
  const type = inputTypeOf(inner);
  return member.type === "array" ? [type] : type;
}

function typeOfForm(form: InputForm): FieldType {
  switch (form) {
    case "instant":
      return GraphQLDateTime;
    case "switch":
      return Boolean;
    case "length":
      return LengthInput;
    default:
      return enumOf(form);
  }
}

const enumOf = once((vocabulary: Vocabulary) => {
  const words = Object.entries(vocabulary.words).map(([name, { description }]) => [name, description]);
  return makeEnum(typeNameOf(vocabulary), vocabulary.description, Object.fromEntries(words));
});

/**
 * An enum: its values by the names that the schema gives them.
 *
 * @param words - the description of each value, by its name.
 * @param values - what each is inside. By default its name.
 */
export function makeEnum<
  Name extends string,
  Values extends Readonly<Record<Name, string>> = { readonly [N in Name]: N },
>(name: string, description: string, words: Readonly<Record<Name, string>>, values?: Values): Values {
  const names = Object.keys(words) as Name[];
  // The cast: without `values`, each is its name.
  const made = values ?? (Object.fromEntries(names.map((word) => [word, word])) as unknown as Values);
  const valuesConfig = Object.fromEntries(names.map((word) => [word, { description: words[word] }]));
  registerEnumType<object>(made, { name, description, valuesConfig });
  return made;
}

const inputTypeOf = once((structure: InputStructure) => makeInputType(structure, `${typeNameOf(structure)}Input`));

function inputTypeOfModel(): never {
  throw new Error("Expected an input's objects to be structures.");
}

/** The class of an object type. What IMM leaves out is null. */
export function makeObjectType({ name, description, members }: TableType): ClassType {
  const Output = makeClass(name);
  for (const [wireName, member] of Object.entries(members)) {
    addOutputField(Output, wireName, member);
  }
  ObjectType(name, { description, simpleResolvers: true })(Output);
  return Output;
}

const objectTypeOf = once((model: Model) => makeObjectType({ ...model, name: typeNameOf(model) }));

function once<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const known = made.get(key) ?? make(key);
    made.set(key, known);
    return known;
  };
}

function makeClass(name: string): ClassType {
  return { [name]: class {} }[name] as ClassType;
}

function addOutputField(Class: ClassType, wireName: string, member: Member): void {
  const { pair, items } = member;
  if (pair !== undefined && items !== undefined) {
    for (const { schemaName, description } of pair) {
      addOutputField(Class, wireName, { ...items, schemaName, description });
    }
    return;
  }
  const type = typeOfShape(member, objectTypeOf);
  Field(() => type, { nullable: true, description: describeMember(member) })(
    Class.prototype,
    schemaNameOf(wireName, member),
  );
}

/** What a field may be declared as. */
type FieldType = ClassType | GraphQLScalarType | typeof String | typeof Boolean | object;

function typeOfShape(shape: Shape, typeOfModel: (model: Model) => FieldType): FieldType | [FieldType] {
  switch (shape.type) {
    case "string":
      return shape.isOssUri ? GraphQLOssUri : String;
    case "boolean":
      return Boolean;
    case "integer":
      return fitsInt32(shape) ? Int : GraphQLLong;
    case "number":
      return Float;
    case "map":
      return GraphQLJSONObject;
    case "object":
      return typeOfModel(modelOf(shape));
    case "array":
      return [typeOfItem(shape, typeOfModel)];
  }
}

function typeOfItem({ items }: Shape, typeOfModel: (model: Model) => FieldType): FieldType {
  const type = items && typeOfShape(items, typeOfModel);
  if (type === undefined || Array.isArray(type)) throw new Error("Expected a list of the table to hold no lists.");
  return type;
}

function describeMember(member: Member, field?: InputField): string {
  const { description, range, atLeast, maxBytes, maxLength, maxItems, default: fallback, values, closed } = member;
  return inSentences(
    description,
    range && capitalize(describeRange(range)),
    atLeast !== undefined && `At least ${atLeast}`,
    maxBytes !== undefined && `At most ${maxBytes} bytes`,
    maxLength !== undefined && `At most ${maxLength} characters`,
    maxItems !== undefined && `At most ${maxItems} items`,
    fallback !== undefined && `Default: ${describeDefault(fallback, field)}`,
    // An enum and a switch say themselves what they may be.
    values && field?.form === undefined && `${closed === true ? "One of" : "Known values:"} ${values.join(", ")}`,
  );
}

function describeDefault(fallback: NonNullable<Member["default"]>, field: InputField | undefined): string {
  return field?.form === "switch" ? String(fallback === 1) : toSchemaWord(String(fallback), field);
}

function describeRule(rule: Rule, { ways }: InputStructure): string {
  const nameOf = (wireName: string): string => {
    const way = ways.get(wireName) ?? [];
    return `\`${way.map(({ name }) => name).join(".")}\``;
  };
  switch (rule.kind) {
    case "needs":
      return `${nameOf(rule.member)} needs ${nameOf(rule.needs)}`;
    case "onlyWhere": {
      const field = ways.get(rule.where)?.at(-1);
      const words = rule.values.map((value) => (value === null ? "omitted" : toSchemaWord(value, field))).join(" or ");
      return `Only where ${nameOf(rule.where)} is ${words}: ${rule.members.map(nameOf).join(", ")}`;
    }
    case "exactlyOneOf":
      return `Exactly one of ${rule.members.map(nameOf).join(" and ")}`;
    case "atLeastOneOf":
      return `At least one of ${rule.members.map(nameOf).join(" and ")}`;
    case "atMostOneOf":
      return `At most one of ${rule.members.map(nameOf).join(" and ")}`;
  }
}

function inSentences(...parts: readonly (string | false | undefined)[]): string {
  return parts
    .filter((part) => typeof part === "string")
    .map((part) => (part.endsWith(".") ? part : `${part}.`))
    .join(" ");
}
