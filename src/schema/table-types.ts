/**
 * Input and object types made of the table: one class for each model and request, each made once. The table's
 * descriptions become the schema's, with range, default and known values behind them, so nothing is written twice.
 *
 * TypeGraphQL's decorators are called as the functions that they are. A vocabulary that IMM may extend is a String.
 */

import type { GraphQLScalarType } from "graphql";
import { Field, Float, InputType, Int, ObjectType, type ClassType } from "type-graphql";
import {
  describeRange,
  fitsInt32,
  modelOf,
  schemaNameOf,
  typeNameOf,
  type Member,
  type Members,
  type Model,
  type Rule,
  type Shape,
} from "../imm/operations.js";
import { GraphQLJSONObject, GraphQLLong } from "./scalars.js";

/** What a class is made of. */
export interface TableType {
  /** What the schema calls it. */
  readonly name: string;
  readonly description: string;
  readonly members: Members;
  readonly rules?: readonly Rule[];
}

/** The class of an input type. */
export function makeInputType({ name, description, members, rules = [] }: TableType): ClassType {
  const Input = makeClass(name);
  for (const [wireName, member] of publishedMembers(members)) {
    addField(Input, wireName, member, { nullable: member.required !== true, typeOfModel: inputTypeOf });
  }
  InputType(name, { description: inSentences(description, ...rules.map((rule) => describeRule(rule, members))) })(
    Input,
  );
  return Input;
}

/** The class of an object type. What IMM leaves out is null. */
export function makeObjectType({ name, description, members }: TableType): ClassType {
  const Output = makeClass(name);
  for (const [wireName, member] of publishedMembers(members)) {
    addField(Output, wireName, member, { nullable: true, typeOfModel: objectTypeOf });
  }
  ObjectType(name, { description })(Output);
  return Output;
}

const inputTypeOf = oncePerModel((model) => makeInputType({ ...model, name: `${typeNameOf(model)}Input` }));
const objectTypeOf = oncePerModel((model) => makeObjectType({ ...model, name: typeNameOf(model) }));

function oncePerModel(make: (model: Model) => ClassType): (model: Model) => ClassType {
  const made = new Map<Model, ClassType>();
  return (model) => {
    const known = made.get(model) ?? make(model);
    made.set(model, known);
    return known;
  };
}

function makeClass(name: string): ClassType {
  return { [name]: class {} }[name] as ClassType;
}

/** The vendor lists some members that it asks not to use yet. */
function publishedMembers(members: Members): readonly (readonly [wireName: string, member: Member])[] {
  return Object.entries(members).filter(([, { unpublished }]) => unpublished !== true);
}

interface FieldForm {
  readonly nullable: boolean;
  readonly typeOfModel: (model: Model) => ClassType;
}

function addField(Class: ClassType, wireName: string, member: Member, { nullable, typeOfModel }: FieldForm): void {
  const { pair, items } = member;
  if (pair !== undefined && items !== undefined) {
    for (const { schemaName, description } of pair) {
      addField(Class, wireName, { ...items, schemaName, description }, { nullable, typeOfModel });
    }
    return;
  }
  const type = typeOfShape(member, typeOfModel);
  Field(() => type, { nullable, description: describeMember(member) })(Class.prototype, schemaNameOf(wireName, member));
}

/** What a field may be declared as. */
type FieldType = ClassType | GraphQLScalarType | typeof String | typeof Boolean;

function typeOfShape(shape: Shape, typeOfModel: FieldForm["typeOfModel"]): FieldType | [FieldType] {
  switch (shape.type) {
    case "string":
      return String;
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

function typeOfItem({ items }: Shape, typeOfModel: FieldForm["typeOfModel"]): FieldType {
  const type = items && typeOfShape(items, typeOfModel);
  if (type === undefined || Array.isArray(type)) throw new Error("Expected a list of the table to hold no lists.");
  return type;
}

function describeMember(member: Member): string {
  const { description, range, maxBytes, maxLength, maxItems, default: fallback, values, closed } = member;
  return inSentences(
    description,
    range && capitalize(describeRange(range)),
    maxBytes !== undefined && `At most ${maxBytes} bytes`,
    maxLength !== undefined && `At most ${maxLength} characters`,
    maxItems !== undefined && `At most ${maxItems} items`,
    fallback !== undefined && `Default: ${String(fallback)}`,
    values && `${closed === true ? "One of" : "Known values:"} ${values.join(", ")}`,
  );
}

function describeRule(rule: Rule, members: Members): string {
  const nameOf = (wireName: string): string => `\`${schemaNameOf(wireName, members[wireName] ?? {})}\``;
  if (rule.kind === "needs") return `${nameOf(rule.member)} needs ${nameOf(rule.needs)}`;
  const names = rule.members.map(nameOf).join(" and ");
  switch (rule.kind) {
    case "exactlyOneOf":
      return `Exactly one of ${names}`;
    case "atLeastOneOf":
      return `At least one of ${names}`;
    case "atMostOneOf":
      return `At most one of ${names}`;
  }
}

function inSentences(...parts: readonly (string | false | undefined)[]): string {
  return parts
    .filter((part) => typeof part === "string")
    .map((part) => (part.endsWith(".") ? part : `${part}.`))
    .join(" ");
}

export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
