/**
 * Following tasks until they end, and projects until the client leaves. Each event resolves from its own snapshot, so a change
 * costs no further call.
 *
 * A single task is its own event: one that cannot be followed is null with its error. Several come in envelopes that say
 * which of them failed, so the others go on whatever a client does with errors.
 */

import type { GraphQLResolveInfo } from "graphql";
import { Args, Ctx, Resolver, Root, Subscription } from "type-graphql";
import { parseListQuery } from "../../tasks/list/list-query.js";
import { parseTaskKey } from "../../tasks/task.js";
import type { FollowRequest } from "../../tasks/watch/watch-hub.js";
import type { WatchEvent } from "../../tasks/watch/watch-stream.js";
import { MAX_STALENESS_MS, parseListArgument, parseMilliseconds } from "../arguments.js";
import type { GatewayContext } from "../context.js";
import { selectedParts } from "../task/selected-parts.js";
import { TaskEvent, toTaskEvent } from "./task-event.type.js";
import { Task } from "../task/task.type.js";
import { ProjectEventsArgs, TaskEventsArgs, TaskProgressArgs } from "./watch-task.args.js";

interface SubscribeData<Arguments> {
  readonly args: Arguments;
  readonly context: GatewayContext;
  readonly info: GraphQLResolveInfo;
}

@Resolver()
export class WatchTaskResolver {
  @Subscription(() => Task, {
    nullable: true,
    description:
      "Follows one task until it ends. Its present snapshot comes at once, then an event for each change, then its final snapshot; the stream completes after that. A task that cannot be followed is null with its error.",
    subscribe: (data: SubscribeData<TaskProgressArgs>) =>
      data.context.tasks.follow({ keys: [parseTaskKey(data.args.key)], ...toFollowOptions(data) }),
  })
  taskProgress(
    @Root() event: WatchEvent,
    @Ctx() context: GatewayContext,
    @Args() _args: TaskProgressArgs,
  ): Task | null {
    return toTask(event, context);
  }

  @Subscription(() => TaskEvent, {
    description:
      "Follows several tasks, each until it ends. Of each SNAPSHOT comes first, then a CHANGE for each, then FINAL or FAILED; the stream completes after the last of them.",
    subscribe: (data: SubscribeData<TaskEventsArgs>) => {
      const given = parseListArgument("keys", data.args.keys, data.context.maxKeys);
      const keys = given.map((key, index) => parseTaskKey(key, `keys[${index}]`));
      return data.context.tasks.follow({ keys, ...toFollowOptions(data), sendsPhases: true });
    },
  })
  taskEvents(@Root() event: WatchEvent, @Ctx() context: GatewayContext, @Args() _args: TaskEventsArgs): TaskEvent {
    return toTaskEvent(event, context);
  }

  @Subscription(() => TaskEvent, {
    description:
      "Follows every task of a project that runs, and those that start from now on. Of each SNAPSHOT comes first, then a CHANGE for each, then FINAL. The stream goes on until the client leaves; a project that cannot be followed is FAILED without a `key`, then the stream completes.",
    subscribe: (data: SubscribeData<ProjectEventsArgs>) => {
      const { args, context } = data;
      const { projectName, sort: _sort, order: _order, ...filter } = parseListQuery(args.projectName, args.filter);
      return context.tasks.followProject({ projectName, filter, ...toFollowOptions(data), sendsPhases: true });
    },
  })
  projectEvents(
    @Root() event: WatchEvent,
    @Ctx() context: GatewayContext,
    @Args() _args: ProjectEventsArgs,
  ): TaskEvent {
    return toTaskEvent(event, context);
  }
}

/** What all subscriptions have in common. */
function toFollowOptions({ args, info }: SubscribeData<Pick<TaskProgressArgs, "maxStalenessMs">>): FollowRequest {
  const maxStalenessMs = parseMilliseconds("maxStalenessMs", args.maxStalenessMs, MAX_STALENESS_MS, undefined);
  return { parts: selectedParts(info), maxStalenessMs };
}

function toTask(event: WatchEvent, context: GatewayContext): Task | null {
  if (event.kind === "failure") throw event.error;
  return event.kind === "snapshot" ? new Task(event.snapshot, context) : null;
}
