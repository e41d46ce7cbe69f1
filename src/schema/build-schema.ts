/** The executable schema and its text. Built once per process; holds no state and makes no call. */

import "reflect-metadata";
import { isInputObjectType, type GraphQLSchema } from "graphql";
import { buildSchemaSync, type PubSub } from "type-graphql";
import { AwaitTaskResolver } from "./await-task.resolver.js";
import { EntitiesResolver } from "./entities.resolver.js";
import { ListTasksResolver } from "./list-tasks.resolver.js";
import { CreateTaskResolver } from "./create-task.resolver.js";
import { ONE_OF_TYPES } from "./length.input.js";
import { printPricedSchema, printSubgraph } from "./sdl.js";
import { TaskTypeResolver } from "./task-type.resolver.js";
import { TaskResolver } from "./task.resolver.js";
import { WatchTaskResolver } from "./watch-task.resolver.js";

/**
 * TypeGraphQL refuses to build subscriptions without a PubSub, even where each brings its own `subscribe`. Ours all do,
 * so nothing may ever reach this one.
 */
const unusedPubSub: PubSub = {
  publish() {
    throw new Error("No subscription of this schema publishes.");
  },
  subscribe() {
    throw new Error("Every subscription of this schema brings its own stream.");
  },
};

/** TypeGraphQL makes the root types itself and leaves them without a word. */
const ROOT_DESCRIPTIONS: Readonly<Record<string, string>> = {
  Query: "What can be asked. Fields of one operation share their reads of IMM.",
  Mutation: "What can be started. Mutations of one operation run one after the other; none is repeated by the gateway.",
  Subscription: "What can be followed. All subscribers of a task share one watch of it.",
};

/** Which schema. */
export interface SchemaOptions {
  /** Whether it is a subgraph of Apollo Federation 2. @default false */
  readonly federation?: boolean | undefined;
}

const RESOLVERS = [
  TaskResolver,
  ListTasksResolver,
  AwaitTaskResolver,
  TaskTypeResolver,
  CreateTaskResolver,
  WatchTaskResolver,
] as const;

/** Builds the schema. */
export function createSchema({ federation = false }: SchemaOptions = {}): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: federation ? [...RESOLVERS, EntitiesResolver] : RESOLVERS,
    pubSub: unusedPubSub,
    // The checks that GraphQL's types cannot make are in `arguments.ts`; class-validator is not installed.
    validate: false,
    // It would execute the introspection query, at every start; a test holds the schema against the one committed.
    skipCheck: true,
  });
  for (const [name, description] of Object.entries(ROOT_DESCRIPTIONS)) {
    const type = schema.getType(name);
    if (type !== undefined) type.description = description;
  }
  for (const name of ONE_OF_TYPES) {
    const type = schema.getType(name);
    if (isInputObjectType(type)) type.isOneOf = true;
  }
  return schema;
}

/** The schema as `schema.graphql` holds it; of a subgraph, as `_service { sdl }` answers it. */
export function printGatewaySchema({ federation = false }: SchemaOptions = {}): string {
  const schema = createSchema();
  return federation ? printSubgraph(schema) : printPricedSchema(schema);
}
