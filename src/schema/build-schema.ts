/** The executable schema and its text. Holds no state and makes no call. */

import "reflect-metadata";
import { isInputObjectType, type GraphQLSchema } from "graphql";
import { buildSchemaSync, type PubSub } from "type-graphql";
import { AwaitTaskResolver } from "./follow/await-task.resolver.js";
import { EntitiesResolver } from "./sdl/entities.resolver.js";
import { ListTasksResolver } from "./list/list-tasks.resolver.js";
import { CreateTaskResolver } from "./create/create-task.resolver.js";
import { ONE_OF_TYPES } from "./length.input.js";
import { unwrapFields } from "./unwrapped-fields.js";
import { addPrefixedRoots } from "./sdl/root-prefix.js";
import { printPricedSchema, printSubgraph } from "./sdl/sdl.js";
import { TaskTypeResolver } from "./catalogue/task-type.resolver.js";
import { TaskResolver } from "./task/task.resolver.js";
import { WatchTaskResolver } from "./follow/watch-task.resolver.js";
import { ViewerResolver } from "./viewer/viewer.resolver.js";

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
  Query: "The queries. Fields of one operation share their calls to IMM.",
  Mutation:
    "The mutations; each starts a task. Those of one operation run one after the other. The gateway repeats none that may have started a task.",
  Subscription: "The subscriptions. All subscribers of a task share the calls to IMM that follow it.",
};

export interface SchemaOptions {
  /** Whether it is a subgraph of Apollo Federation 2. @default false */
  readonly federation?: boolean | undefined;
  /** What the root fields of the subgraph begin with. @default nothing */
  readonly federationPrefix?: string | undefined;
  /** The most that `first` may be. Where it is less than the usual default, it is the default. */
  readonly maxListedTasks?: number | undefined;
  /** The most that `timeoutMs` may be, in milliseconds; the same. */
  readonly maxAwaitMs?: number | undefined;
}

const RESOLVERS = [
  TaskResolver,
  ListTasksResolver,
  AwaitTaskResolver,
  TaskTypeResolver,
  CreateTaskResolver,
  WatchTaskResolver,
  ViewerResolver,
] as const;

const schemas = new Map<string, GraphQLSchema>();

/** The schema, built once for the same options: it holds no state. */
export function createSchema(options: SchemaOptions = {}): GraphQLSchema {
  const { federation, federationPrefix, maxListedTasks, maxAwaitMs } = options;
  const key = JSON.stringify([federation, federationPrefix, maxListedTasks, maxAwaitMs]);
  const schema = schemas.get(key) ?? buildSchema(options);
  schemas.set(key, schema);
  return schema;
}

function buildSchema({
  federation = false,
  federationPrefix,
  maxListedTasks = Infinity,
  maxAwaitMs = Infinity,
}: SchemaOptions): GraphQLSchema {
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
  boundDefault(schema, "tasks", "first", maxListedTasks);
  boundDefault(schema, "awaitTask", "timeoutMs", maxAwaitMs);
  for (const name of ONE_OF_TYPES) {
    const type = schema.getType(name);
    if (isInputObjectType(type)) type.isOneOf = true;
  }
  unwrapFields(schema);
  if (federationPrefix !== undefined) addPrefixedRoots(schema, federationPrefix);
  return schema;
}

/** A default that is more than may be asked for would refuse a client that gives none. */
function boundDefault(schema: GraphQLSchema, field: string, argument: string, max: number): void {
  const fields = schema.getQueryType()?.getFields() ?? {};
  const found = fields[field]?.args.find(({ name }) => name === argument);
  if (found === undefined) throw new Error(`There is no argument ${argument} of ${field}.`);
  found.defaultValue = Math.min(Number(found.defaultValue), max);
}

/** The schema as `schema.graphql` holds it; of a subgraph, as `_service { sdl }` answers it. */
export function printGatewaySchema({ federation = false, federationPrefix }: SchemaOptions = {}): string {
  const schema = createSchema();
  return federation ? printSubgraph(schema, federationPrefix) : printPricedSchema(schema);
}
