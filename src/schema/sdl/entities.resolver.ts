/**
 * What makes the schema a subgraph: its own text, and tasks by the keys under which other subgraphs know them. Only in
 * the schema when federation is on. Reads as `tasksByKey` does.
 *
 * @see the subgraph specification of Apollo Federation 2
 */

import { GraphQLScalarType, type GraphQLResolveInfo } from "graphql";
import { Arg, createUnionType, Ctx, Field, Info, ObjectType, Query, Resolver } from "type-graphql";
import { BadUserInputError } from "../../errors.js";
import { checkRegion, parseTaskIdOf, type RegionalTaskKey } from "../../tasks/task-id.js";
import { parseTaskKey, type TaskKey } from "../../tasks/task.js";
import { parseListArgument } from "../arguments.js";
import type { GatewayContext } from "../context.js";
import { loadTask, settleAll } from "../task/load-task.js";
import { printSubgraph } from "./sdl.js";
import { selectedParts } from "../task/selected-parts.js";
import { Task } from "../task/task.type.js";

const AnyScalar = new GraphQLScalarType({
  name: "_Any",
  description: "An object of another subgraph: its `__typename` and the fields of one of its keys.",
});

const Entity = createUnionType({
  name: "_Entity",
  description: "What can be found by a key.",
  types: () => [Task] as const,
});

@ObjectType("_Service", { description: "This subgraph." })
class Service {
  @Field(() => String, { description: "Its schema, with the directives of federation." })
  readonly sdl!: string;
}

@Resolver()
export class EntitiesResolver {
  #sdl: string | undefined;

  @Query(() => Service, { name: "_service", description: "For the composition of a supergraph. Costs no call." })
  service(@Ctx() { federationPrefix }: GatewayContext, @Info() { schema }: GraphQLResolveInfo): Service {
    this.#sdl ??= printSubgraph(schema, federationPrefix);
    return { sdl: this.#sdl };
  }

  @Query(() => [Entity], {
    name: "_entities",
    nullable: "items",
    description:
      "For routers. The objects that are represented, in that order: null, with an error at its place, for each that fails.",
  })
  async entities(
    @Arg("representations", () => [AnyScalar], {
      description:
        "Tasks by `id`, or by `region`, `projectName`, `taskType` and `taskId`; at most 100 unless configured otherwise.",
    })
    representations: unknown[],
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<(Task | Error)[]> {
    const parts = selectedParts(info);
    // No router asks for nothing, but a client of its own may.
    const asked = parseListArgument(ARGUMENT, representations, context.maxKeys, 0);
    return settleAll(asked, (representation) =>
      loadTask(parseRepresentation(representation, context.region), parts, context),
    );
  }
}

const ARGUMENT = "representations";

/** What may be there; a router sends one key, a caller of its own anything. */
type Representation = Readonly<Partial<Record<"__typename" | "id" | keyof RegionalTaskKey, unknown>>>;

/**
 * The key of a represented task of this region.
 *
 * @throws BadUserInputError - when it represents no task of the region, or holds neither of the two keys.
 */
function parseRepresentation(representation: unknown, ownRegion: string): TaskKey {
  const { __typename, id, region, projectName, taskType, taskId } = { ...(representation as Representation | null) };
  if (__typename !== "Task") throw refusal("of `__typename` Task");
  if (typeof id === "string") return parseTaskIdOf(ownRegion, id, ARGUMENT);
  if (
    typeof region !== "string" ||
    typeof projectName !== "string" ||
    typeof taskType !== "string" ||
    typeof taskId !== "string"
  ) {
    throw refusal("with an `id`, or with `region`, `projectName`, `taskType` and `taskId`, all of them strings");
  }
  checkRegion(ownRegion, region, `${ARGUMENT}.region`);
  return parseTaskKey({ projectName, taskType, taskId }, ARGUMENT);
}

function refusal(expected: string): BadUserInputError {
  return new BadUserInputError(ARGUMENT, `Expected each of \`${ARGUMENT}\` to be an object ${expected}.`);
}
