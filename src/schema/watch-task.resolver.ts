/**
 * Following tasks until they end, and projects until the client leaves. Each event resolves from its own snapshot, so a change costs no further call.
 *
 * A failure that ends a watch arrives as an event with the error at the path, then the stream completes: clients see it
 * where they look for data, and the other tasks of `tasksProgress` go on.
 */

import type { GraphQLResolveInfo } from "graphql";
import { Args, Ctx, Resolver, Root, Subscription } from "type-graphql";
import { parseListQuery } from "../tasks/list-query.js";
import { parseTaskKey, type TaskKey } from "../tasks/task.js";
import type { WatchEvent, WatchStream } from "../tasks/watch-stream.js";
import { parseListArgument, parseMaxStaleness } from "./arguments.js";
import type { GatewayContext } from "./context.js";
import { selectedNeeds } from "./selected-needs.js";
import { Task } from "./task.type.js";
import { ProjectProgressArgs, TaskProgressArgs, TasksProgressArgs } from "./watch-task.args.js";

interface SubscribeData<Arguments> {
  readonly args: Arguments;
  readonly context: GatewayContext;
  readonly info: GraphQLResolveInfo;
}

const COURSE =
  "Its present snapshot comes at once, then an event per change, then its final snapshot; the stream completes after that.";

@Resolver()
export class WatchTaskResolver {
  @Subscription(() => Task, {
    description: `Follows one task until it ends. ${COURSE}`,
    subscribe: ({ args, context, info }: SubscribeData<TaskProgressArgs>) =>
      watch([parseTaskKey(args.key)], args.maxStalenessMs, context, info),
  })
  taskProgress(@Root() event: WatchEvent, @Ctx() context: GatewayContext, @Args() _args: TaskProgressArgs): Task {
    return toTask(event, context);
  }

  @Subscription(() => Task, {
    description: `Follows several tasks, each until it ends; a task that cannot be followed is an event with its error. ${COURSE}`,
    subscribe: ({ args, context, info }: SubscribeData<TasksProgressArgs>) =>
      watch(
        parseListArgument("keys", args.keys, context.maxKeys).map((key, index) => parseTaskKey(key, `keys[${index}]`)),
        args.maxStalenessMs,
        context,
        info,
      ),
  })
  tasksProgress(@Root() event: WatchEvent, @Ctx() context: GatewayContext, @Args() _args: TasksProgressArgs): Task {
    return toTask(event, context);
  }

  @Subscription(() => Task, {
    description:
      "Follows every task of a project that runs, and those that start from now on. Of each its present snapshot comes first, then an event per change, then its final snapshot. The stream goes on until the client leaves; a project that cannot be followed is an event with its error, then the end.",
    subscribe: ({ args, context, info }: SubscribeData<ProjectProgressArgs>) => {
      const { projectName, sort: _sort, order: _order, ...filter } = parseListQuery(args.projectName, args.filter);
      const maxStalenessMs = parseMaxStaleness(args.maxStalenessMs);
      return context.watchHub.watchProject({ projectName, filter, needs: selectedNeeds(info), maxStalenessMs });
    },
  })
  projectProgress(@Root() event: WatchEvent, @Ctx() context: GatewayContext, @Args() _args: ProjectProgressArgs): Task {
    return toTask(event, context);
  }
}

function watch(
  keys: readonly TaskKey[],
  maxStalenessMs: number | null | undefined,
  { watchHub }: GatewayContext,
  info: GraphQLResolveInfo,
): WatchStream {
  return watchHub.watch({
    keys,
    needs: selectedNeeds(info),
    maxStalenessMs: parseMaxStaleness(maxStalenessMs),
  });
}

function toTask(event: WatchEvent, context: GatewayContext): Task {
  if (event.kind === "failure") throw event.error;
  return new Task(event.snapshot, context);
}
