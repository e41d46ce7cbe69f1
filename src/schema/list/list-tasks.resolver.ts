/** Listing the tasks of a project. What a list does not have is read by the operation, in one batch. */

import type { GraphQLResolveInfo } from "graphql";
import { Args, ArgsType, Ctx, Field, Info, Int, Query, Resolver } from "type-graphql";
import { DEFAULT_FIRST, parseFirst, parseListQuery } from "../../tasks/list/list-query.js";
import type { GatewayContext } from "../context.js";
import { selectedParts } from "../task/selected-parts.js";
import { TaskConnection } from "./task-connection.type.js";
import { TaskFilter } from "./task-filter.input.js";
import { TaskOrder } from "./task-order.input.js";
import { Task } from "../task/task.type.js";

@ArgsType()
class ListTasksArgs {
  @Field(() => String, { description: "The name of the IMM project, for example immtest." })
  readonly projectName!: string;

  @Field(() => TaskFilter, { nullable: true, description: "Which tasks of the project are listed; all when omitted." })
  readonly filter?: TaskFilter | null;

  @Field(() => TaskOrder, {
    nullable: true,
    description: "The order of the list; by task id, ascending, when omitted.",
  })
  readonly orderBy?: TaskOrder | null;

  @Field(() => Int, {
    nullable: true,
    defaultValue: DEFAULT_FIRST,
    description:
      "The greatest number of tasks to give; 1 to 1000 unless configured otherwise. Each hundred costs one call to IMM.",
  })
  readonly first?: number | null;

  @Field(() => String, {
    nullable: true,
    description:
      "A cursor from a list with the same project, filter and order: the list continues after its task. `first` may differ. Begins at the start when omitted.",
  })
  readonly after?: string | null;
}

@Resolver()
export class ListTasksResolver {
  @Query(() => TaskConnection, {
    // A project that cannot be listed must not take the other fields of the operation with it.
    nullable: true,
    description:
      "The tasks of a project that started in the last seven days, a page at a time. Pages are read forwards only, and there is no total count: IMM has neither. Null, with an error, when the project cannot be listed.",
  })
  async tasks(
    @Args() { projectName, filter, orderBy, first, after }: ListTasksArgs,
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<TaskConnection> {
    const listing = await context.tasks.list(parseListQuery(projectName, filter, orderBy), {
      first: parseFirst(first, context.maxListedTasks),
      after: after ?? undefined,
      definition: selectedParts(info).definition,
    });
    const hasPreviousPage = after !== undefined && after !== null;
    return new TaskConnection(listing, hasPreviousPage, (snapshot) => new Task(snapshot, context, true));
  }
}
