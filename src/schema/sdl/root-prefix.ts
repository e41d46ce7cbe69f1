/**
 * The root fields a second time, under names with a prefix: those that a supergraph knows where it has a gateway for each
 * region. `task(key:)` does not say which of two subgraphs a router must ask, `hangzhouTask(key:)` does.
 * `build-schema.ts` adds them, `sdl.ts` shows a router no other; the plain names stay for clients that come directly.
 */

import type { GraphQLField, GraphQLSchema } from "graphql";
import { capitalize } from "../../imm/operations/operations.js";

/** Federation's own, which every subgraph has under the same name. */
const MACHINERY = /^_/;

/** `task` with the prefix `hangzhou` is `hangzhouTask`. */
export function withPrefix(prefix: string, fieldName: string): string {
  return MACHINERY.test(fieldName) ? fieldName : prefix + capitalize(fieldName);
}

/** Adds each root field under its name with the prefix. */
export function addPrefixedRoots(schema: GraphQLSchema, prefix: string): void {
  for (const type of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]) {
    const fields = type?.getFields() ?? {};
    for (const [plainName, field] of Object.entries(fields)) {
      const name = withPrefix(prefix, plainName);
      fields[name] ??= { ...field, name, extensions: { ...field.extensions, plainName } };
    }
  }
}

/** The name without the prefix, under which the tables know the field. */
export function plainNameOf({ name, extensions }: Pick<GraphQLField<unknown, unknown>, "name" | "extensions">): string {
  const { plainName } = extensions;
  return typeof plainName === "string" ? plainName : name;
}
