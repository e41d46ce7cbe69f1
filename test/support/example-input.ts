/**
 * Full inputs of the create operations, made from the table: valid, and in the schema's spelling. Where members exclude
 * each other, or mean something beside one word only, the variants differ, so that every member is set in at least one of
 * them. Deterministic.
 */

import { schemaInputOf, toWireInput, type InputField, type InputStructure } from "../../src/imm/wire/create-inputs.js";
import type { CreateTaskInput } from "../../src/imm/imm-client.js";
import {
  createOperations,
  type CreateAction,
  type CreateOperation,
  type InputForm,
  type Range,
  type Rule,
  type Shape,
} from "../../src/imm/operations/operations.js";
import { encodeParameters, type WireParameters } from "../../src/imm/wire/wire.js";

/** Which of the members that exclude each other are kept, and which word of a closed choice is said: the n-th. */
export const EXAMPLE_VARIANTS = [0, 1, 2, 3] as const;

/** Two that set nearly all of them, for tests that start a gateway or an emulator for each. */
export const TWO_VARIANTS = [0, 3] as const;

export type ExampleVariant = (typeof EXAMPLE_VARIANTS)[number];

/** An input of the schema. */
export type ExampleInput = Readonly<Record<string, unknown>> & { readonly projectName: string };

export const createActions = Object.keys(createOperations) as readonly CreateAction[];

/** A valid input of the operation that sets all members which may stand beside each other. */
export function exampleInput(action: CreateAction, variant: ExampleVariant): ExampleInput {
  const members = exampleMembers(schemaInputOf(createOperations[action]), variant);
  return { ...members, projectName: "example-project" };
}

/** An input of the schema in IMM's spelling, as the port takes it. */
export function toImmInput(action: CreateAction, input: ExampleInput): CreateTaskInput {
  const operation: CreateOperation = createOperations[action];
  return { ...toWireInput(schemaInputOf(operation), input), ProjectName: input.projectName };
}

/** The parameters that an input of the schema leaves as. */
export function encodeInput(action: CreateAction, input: ExampleInput): WireParameters {
  return encodeParameters(createOperations[action], toImmInput(action, input));
}

function exampleMembers(structure: InputStructure, variant: ExampleVariant): Record<string, unknown> {
  return exampleFields(structure.fields, keptMembers(structure, variant), variant);
}

function exampleFields(
  fields: readonly InputField[],
  kept: ReadonlySet<string>,
  variant: ExampleVariant,
): Record<string, unknown> {
  const entries = fields.flatMap((field): readonly (readonly [string, unknown])[] => {
    if (field.wireName !== null) return kept.has(field.wireName) ? [[field.name, exampleValue(field, variant)]] : [];
    const inner = exampleFields(field.inner?.fields ?? [], kept, variant);
    return Object.keys(inner).length === 0 ? [] : [[field.name, inner]];
  });
  return Object.fromEntries(entries);
}

/** All wire names but those that the chosen ones exclude, and those that then miss what they need. */
function keptMembers({ ways, rules }: InputStructure, variant: ExampleVariant): ReadonlySet<string> {
  const kept = new Set(ways.keys());
  for (const rule of rules) for (const name of excludedBy(rule, ways, variant)) kept.delete(name);
  let before: number;
  do {
    before = kept.size;
    for (const rule of rules) if (rule.kind === "needs" && !kept.has(rule.needs)) kept.delete(rule.member);
  } while (kept.size < before);
  return kept;
}

function excludedBy(rule: Rule, ways: InputStructure["ways"], variant: ExampleVariant): readonly string[] {
  switch (rule.kind) {
    case "needs":
    case "atLeastOneOf":
      return [];
    case "exactlyOneOf":
    case "atMostOneOf":
      return rule.members.filter((_name, index) => index !== variant % rule.members.length);
    case "onlyWhere": {
      const { form } = ways.get(rule.where)?.at(-1) ?? {};
      if (typeof form !== "object") throw new Error("Expected a rule to speak of a closed choice.");
      return rule.values.includes(nthWord(form.words, variant)?.wire ?? "") ? [] : rule.members;
    }
  }
}

function nthWord<Word>(words: Readonly<Record<string, Word>>, variant: ExampleVariant): Word | undefined {
  const all = Object.values(words);
  return all[variant % all.length];
}

function exampleValue({ name, member, form, inner }: InputField, variant: ExampleVariant): unknown {
  if (form !== undefined) return exampleOfForm(form, name, variant);
  if (inner === undefined) return exampleOfShape(member, name, variant);
  if (member.type === "object") return exampleMembers(inner, variant);
  return Array.from({ length: Math.min(2, member.maxItems ?? 2) }, () => exampleMembers(inner, variant));
}

function exampleOfForm(form: InputForm, name: string, variant: ExampleVariant): unknown {
  switch (form) {
    case "instant":
      return "2026-01-31T08:00:00Z";
    case "switch":
      return isOdd(name, variant);
    case "length":
      return variant % 2 === 0 ? { pixels: numberOf(name) } : { ratio: variant === 1 ? 1 : 1 / numberOf(name) };
    default:
      return Object.keys(form.words)[variant % Object.keys(form.words).length];
  }
}

function exampleOfShape(shape: Shape, name: string, variant: ExampleVariant): unknown {
  const { type, items, values, range, maxItems = Infinity } = shape;
  switch (type) {
    case "string":
      return values?.[variant % values.length] ?? exampleText(name);
    case "boolean":
      return isOdd(name, variant);
    case "integer":
      return values?.[variant % values.length] ?? Math.floor(range === undefined ? numberOf(name) : middleOf(range));
    case "number":
      return range === undefined ? numberOf(name) + 0.5 : middleOf(range);
    case "map":
      return { targetUri: `${name} ü`, "a key": { TargetURI: [1, null] } };
    case "array":
      return Array.from({ length: Math.min(2, maxItems) }, () => items && exampleOfShape(items, name, variant));
    case "object":
      throw new Error("Expected an object of the table to be a structure.");
  }
}

/** Another one for another name, so that what is sent under a wrong one shows. */
function numberOf(name: string): number {
  return Array.from(name).reduce((sum, letter, index) => sum + (index + 1) * letter.charCodeAt(0), 0);
}

function isOdd(name: string, variant: ExampleVariant): boolean {
  return (numberOf(name) + variant) % 2 === 1;
}

/** With what a query string, a form and JSON each have to escape. */
function exampleText(name: string): string {
  return /uri/i.test(name) ? `oss://examples/${name}/a b+c.bin` : `${name} "1" & ü*`;
}

function middleOf({ min, max }: Range): number {
  return (min + max) / 2;
}
