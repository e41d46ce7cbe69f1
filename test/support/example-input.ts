/**
 * Full inputs of the create operations, made from the table: valid, and in the schema's spelling. Where members exclude
 * each other the variants differ, so that every member is set in at least one of them. Deterministic.
 */

import type { CreateTaskInput } from "../../src/imm/imm-client.js";
import {
  createOperations,
  modelOf,
  schemaNameOf,
  type CreateAction,
  type CreateOperation,
  type Members,
  type Model,
  type Range,
  type Rule,
  type Shape,
} from "../../src/imm/operations.js";

/** Which of the members that exclude each other are kept: the first ones, or the second ones. */
export const EXAMPLE_VARIANTS = [0, 1] as const;

export type ExampleVariant = (typeof EXAMPLE_VARIANTS)[number];

export const createActions = Object.keys(createOperations) as readonly CreateAction[];

/** A valid input of the operation that sets all members which may stand beside each other. */
export function exampleInput(action: CreateAction, variant: ExampleVariant): CreateTaskInput {
  const { request, rules }: CreateOperation = createOperations[action];
  return { ...exampleMembers(request, rules, variant), projectName: "example-project" };
}

function exampleMembers(members: Members, rules: readonly Rule[], variant: ExampleVariant): Record<string, unknown> {
  const kept = keptMembers(Object.keys(members), rules, variant);
  return Object.fromEntries(
    Object.entries(members)
      .filter(([wireName]) => kept.has(wireName))
      .map(([wireName, member]) => {
        const name = schemaNameOf(wireName, member);
        return [name, exampleValue(member, name, variant)];
      }),
  );
}

/** All names but those that the chosen ones exclude, and those that then miss what they need. */
function keptMembers(names: readonly string[], rules: readonly Rule[], variant: ExampleVariant): ReadonlySet<string> {
  const kept = new Set(names);
  for (const rule of rules) {
    if (rule.kind === "needs" || rule.kind === "atLeastOneOf") continue;
    const chosen = rule.members[variant % rule.members.length];
    for (const name of rule.members) if (name !== chosen) kept.delete(name);
  }
  let before: number;
  do {
    before = kept.size;
    for (const rule of rules) if (rule.kind === "needs" && !kept.has(rule.needs)) kept.delete(rule.member);
  } while (kept.size < before);
  return kept;
}

function exampleValue(shape: Shape, name: string, variant: ExampleVariant): unknown {
  const { type, items, values, range, maxItems = Infinity } = shape;
  switch (type) {
    case "string":
      return values?.[variant % values.length] ?? exampleText(name);
    case "boolean":
      return variant === 0;
    case "integer":
      return values?.[variant % values.length] ?? Math.floor(range === undefined ? 7 : middleOf(range));
    case "number":
      return range === undefined ? 1.5 : middleOf(range);
    case "map":
      return { targetUri: `${name} ü`, "a key": { TargetURI: [1, null] } };
    case "array":
      return Array.from({ length: Math.min(2, maxItems) }, () => items && exampleValue(items, name, variant));
    case "object":
      return exampleModel(modelOf(shape), variant);
  }
}

function exampleModel({ members, rules }: Model, variant: ExampleVariant): Record<string, unknown> {
  return exampleMembers(members, rules, variant);
}

/** With what a query string, a form and JSON each have to escape. */
function exampleText(name: string): string {
  return /uri/i.test(name) ? `oss://examples/${name}/a b+c.bin` : `${name} "1" & ü*`;
}

function middleOf({ min, max }: Range): number {
  return (min + max) / 2;
}
