// Makes of the schema what the form to start a task shows: of each mutation an example of its input, and all that the input
// takes. A plugin of GraphQL Code Generator.

import { readFileSync } from "node:fs";
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  Kind,
  parse,
  valueFromASTUntyped,
} from "graphql";

/** How deep the members of an input are listed. */
const MAX_DEPTH = 3;
/** The form sets these itself. */
const OWN = ["projectName", "idempotencyKey"];

const operations = parse(readFileSync(new URL("../create-tasks.graphql", import.meta.url), "utf8"));

export const plugin = (schema) => {
  const examples = examplesOf(operations);
  const creates = Object.values(schema.getMutationType().getFields()).filter(({ name }) => name.startsWith("create"));
  const entries = creates.map(({ name, description, args: [input] }) => {
    const type = getNamedType(input.type);
    const example = examples.get(name) ?? minimumOf(type);
    return [name, { description, example: without(example), members: membersOf(type) }];
  });
  return JSON.stringify(Object.fromEntries(entries));
};

/** The inputs of the example operations, by their mutations. */
function examplesOf({ definitions }) {
  const fields = definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? definition.selectionSet.selections : [],
  );
  return new Map(fields.map((field) => [field.name.value, valueFromASTUntyped(field.arguments[0].value)]));
}

/** What an input must have. */
function minimumOf(type) {
  const required = Object.values(type.getFields()).filter(isRequiredInputField);
  return Object.fromEntries(required.map(({ name, type }) => [name, placeholderOf(type)]));
}

function placeholderOf(type) {
  if (isNonNullType(type)) return placeholderOf(type.ofType);
  if (isListType(type)) return [placeholderOf(type.ofType)];
  if (isInputObjectType(type)) {
    const minimum = minimumOf(type);
    // Where all is optional the first says what it is about.
    const [first] = Object.values(type.getFields());
    return Object.keys(minimum).length > 0 ? minimum : { [first.name]: placeholderOf(first.type) };
  }
  if (isEnumType(type)) return type.getValues()[0].name;
  return { OssUri: "oss://examplebucket/", Int: 0, Float: 0, Long: 0, Boolean: false }[type.name] ?? "";
}

function without(input) {
  return Object.fromEntries(Object.entries(input).filter(([name]) => !OWN.includes(name)));
}

function membersOf(type, before = "", depth = 1) {
  return Object.values(type.getFields()).flatMap(({ name, description, type: of }) => {
    if (depth === 1 && OWN.includes(name)) return [];
    const path = `${before}${name}${isListType(isNonNullType(of) ? of.ofType : of) ? "[]" : ""}`;
    const named = getNamedType(of);
    const inner = isInputObjectType(named) && depth < MAX_DEPTH ? membersOf(named, `${path}.`, depth + 1) : [];
    return [{ path, type: String(of), description: description ?? "" }, ...inner];
  });
}
