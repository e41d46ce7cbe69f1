/**
 * Takes TypeGraphQL's wrapper off the fields that are plain getters of their class: graphql-js reads those by itself, at a
 * fraction of the cost, and so does compiled execution. TypeGraphQL does it for plain members, by `simpleResolvers`.
 *
 * A field that may have to be read says `simple: false`. One that is renamed keeps its wrapper, since it would be read by the
 * wrong name.
 */

import { isObjectType, type GraphQLSchema } from "graphql";
import { getMetadataStorage } from "type-graphql";

/** Changes the schema in place. */
export function unwrapPlainFields(schema: GraphQLSchema): void {
  for (const { name, target, fields = [], simpleResolvers = false } of getMetadataStorage().objectTypes) {
    const type = schema.getType(name);
    if (!isObjectType(type)) continue;
    const prototype = (target as { readonly prototype: object }).prototype;
    for (const { name: member, schemaName, simple = simpleResolvers } of fields) {
      const field = type.getFields()[schemaName];
      const isGetter = Object.getOwnPropertyDescriptor(prototype, member)?.get !== undefined;
      if (field !== undefined && simple && isGetter && member === schemaName) delete field.resolve;
    }
  }
}
