/**
 * Takes TypeGraphQL's wrapper off the fields that do without it. Plain getters of a class graphql-js reads by itself, at a
 * fraction of the cost, and so does compiled execution; TypeGraphQL does it for plain members, by `simpleResolvers`. Queries
 * and mutations get their arguments as graphql-js has coerced them: TypeGraphQL first makes an object of its class of each
 * input, which is a fifth of answering a hundred keys, and no input here has more than its members.
 *
 * A field that may have to be read says `simple: false`. One that is renamed keeps its wrapper, since it would be read by the
 * wrong name.
 */

import { isObjectType, type GraphQLFieldResolver, type GraphQLObjectType, type GraphQLSchema } from "graphql";
import { getMetadataStorage } from "type-graphql";
import type { GatewayContext } from "./context.js";

/** Changes the schema in place. */
export function unwrapFields(schema: GraphQLSchema): void {
  const { objectTypes, queries, mutations } = getMetadataStorage();
  for (const { name, target, fields = [], simpleResolvers = false } of objectTypes) {
    const type = schema.getType(name);
    if (!isObjectType(type)) continue;
    const prototype = (target as { readonly prototype: object }).prototype;
    for (const { name: member, schemaName, simple = simpleResolvers } of fields) {
      const field = type.getFields()[schemaName];
      const isGetter = Object.getOwnPropertyDescriptor(prototype, member)?.get !== undefined;
      if (field !== undefined && simple && isGetter && member === schemaName) delete field.resolve;
    }
  }
  unwrapRoot(schema.getQueryType(), queries);
  unwrapRoot(schema.getMutationType(), mutations);
}

/** What TypeGraphQL knows of a method that resolves a field of a root type. */
type Handler = ReturnType<typeof getMetadataStorage>["queries"][number];
type Parameter = NonNullable<Handler["params"]>[number];

type Resolve = GraphQLFieldResolver<unknown, GatewayContext>;

function unwrapRoot(type: GraphQLObjectType | null | undefined, handlers: readonly Handler[]): void {
  /** One object of each class for all its methods, as TypeGraphQL has it. */
  const resolvers = new Map<Handler["target"], object>();
  for (const { target, methodName, schemaName, params = [] } of handlers) {
    const field = type?.getFields()[schemaName];
    if (field === undefined) continue;
    const resolver = resolvers.get(target) ?? (Reflect.construct(target, []) as object);
    resolvers.set(target, resolver);
    const method = Reflect.get(resolver, methodName) as (...values: readonly unknown[]) => unknown;
    const reads = params.toSorted((one, other) => one.index - other.index).map(readOf);
    const resolve: Resolve = (root, args, context, info) =>
      Reflect.apply(
        method,
        resolver,
        reads.map((read) => read(root, args, context, info)),
      );
    field.resolve = resolve;
  }
}

/** How a parameter of a method is read of what graphql-js gives. */
function readOf(parameter: Parameter): Resolve {
  switch (parameter.kind) {
    case "arg":
      return (_root, args) => args[parameter.name] as unknown;
    case "args":
      return (_root, args) => args;
    case "context":
      return (_root, _args, context) => context;
    case "info":
      return (_root, _args, _context, info) => info;
    case "root":
    case "custom":
    case "pubSub":
      throw new Error(`Expected no parameter of the kind ${parameter.kind}.`);
  }
}
