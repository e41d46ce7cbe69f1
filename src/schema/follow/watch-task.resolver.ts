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
import { parseTaskKey, type TaskKey } from "../../tasks/task.js";
import type { WatchEvent, WatchStream } from "../../tasks/watch/watch-stream.js";
import { parseListArgument, parseMaxStaleness } from "../arguments.js";
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
    subscribe: ({ args, context, info }: SubscribeData<TaskProgressArgs>) =>
      watch([parseTaskKey(args.key)], args.maxStalenessMs, context, info),
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
    subscribe: ({ args, context, info }: SubscribeData<TaskEventsArgs>) =>
      watch(
        parseListArgument("keys", args.keys, context.maxKeys).map((key, index) => parseTaskKey(key, `keys[${index}]`)),
        args.maxStalenessMs,
        context,
        info,
        true,
      ),
  })
  taskEvents(@Root() event: WatchEvent, @Ctx() context: GatewayContext, @Args() _args: TaskEventsArgs): TaskEvent {
    return toTaskEvent(event, context);
  }

  @Subscription(() => TaskEvent, {
    description:
      "Follows every task of a project that runs, and those that start from now on. Of each SNAPSHOT comes first, then a CHANGE for each, then FINAL. The stream goes on until the client leaves; a project that cannot be followed is FAILED without a `key`, then the stream completes.",
    subscribe: ({ args, context, info }: SubscribeData<ProjectEventsArgs>) => {
      const { projectName, sort: _sort, order: _order, ...filter } = parseListQuery(args.projectName, args.filter);
      const maxStalenessMs = parseMaxStaleness(args.maxStalenessMs);
      const parts = selectedParts(info);
      return context.tasks.followProject({ projectName, filter, parts, maxStalenessMs, sendsPhases: true });
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

function watch(
  keys: readonly TaskKey[],
  maxStalenessMs: number | null | undefined,
  { tasks }: GatewayContext,
  info: GraphQLResolveInfo,
  sendsPhases = false,
): WatchStream {
  return tasks.follow({
    sendsPhases,
    keys,
    parts: selectedParts(info),
    maxStalenessMs: parseMaxStaleness(maxStalenessMs),
  });
}

function toTask(event: WatchEvent, context: GatewayContext): Task | null {
  if (event.kind === "failure") throw event.error;
  return event.kind === "snapshot" ? new Task(event.snapshot, context) : null;
}
