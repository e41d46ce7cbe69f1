/** A validation rule: no introspection. In place of graphql-js's own, whose message does not say what to do. */

import { GraphQLError, type ASTVisitor, type ValidationContext } from "graphql";

/** All that introspection shows is below one of these. */
const ENTRIES: ReadonlySet<string> = new Set(["__schema", "__type"]);

const MESSAGE =
  "Introspection is off, as it is in production: the setting EXPLORER=true turns it on (`explorer: true` in a program). " +
  "The schema is also the file schema.graphql of the package imm-graphql, and `imm-graphql schema` prints it.";

export function NoIntrospectionRule(context: ValidationContext): ASTVisitor {
  return {
    Field(node) {
      if (ENTRIES.has(node.name.value)) context.reportError(new GraphQLError(MESSAGE, { nodes: node }));
    },
  };
}
