/**
 * From the wire's names to the schema's: PascalCase with acronyms to camelCase with acronyms as words, so
 * `TargetURIPrefix` is `targetUriPrefix` and `CreateImageToPDFTask` is `createImageToPdfTask`. Pure.
 */

import type { CreateOperation, Member, Model } from "./rows.js";

/** An acronym up to the capital of the next word, or a word. */
const WORD = /[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+/g;

/** The wire's name in camelCase. */
export function toCamelCase(wireName: string): string {
  const words = wireName.match(WORD) ?? [];
  return words
    .map((word, index) => (index === 0 ? "" : word.charAt(0)) + word.slice(index === 0 ? 0 : 1).toLowerCase())
    .join("");
}

/** The same name as a type has it. */
export function capitalize(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** The wire's name as the port has it: TypeScript's `Uncapitalize`, which knows no acronyms. */
export function uncapitalize<Name extends string>(wireName: Name): Uncapitalize<Name> {
  return (wireName.charAt(0).toLowerCase() + wireName.slice(1)) as Uncapitalize<Name>;
}

/** The name of the mutation that starts tasks by this operation. */
export function mutationNameOf({ action, schemaName }: Pick<CreateOperation, "action" | "schemaName">): string {
  return schemaName ?? toCamelCase(action);
}

/** What the schema calls a member. */
export function schemaNameOf(wireName: string, member: Pick<Member, "schemaName">): string {
  return member.schemaName ?? toCamelCase(wireName);
}

/**
 * The schema's name of a model's type, or of an enum. Types of IMM's models begin with `Imm`, so that a supergraph has no
 * other `AudioFilter`; inputs end in `Input` besides.
 */
export function typeNameOf({ schemaName }: Pick<Model, "schemaName">): string {
  return `Imm${schemaName}`;
}
