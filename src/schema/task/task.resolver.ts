/** Reading tasks: by key, by keys, by global id. All of them share the reads of their operation. */

import type { GraphQLResolveInfo } from "graphql";
import { Arg, Ctx, ID, Info, Query, Resolver } from "type-graphql";
import { parseTaskIdOf } from "../../tasks/task-id.js";
import { parseTaskKey } from "../../tasks/task.js";
import { parseListArgument } from "../arguments.js";
import type { GatewayContext } from "../context.js";
import { loadTask, settleAll } from "./load-task.js";
import { Node } from "./node.type.js";
import { selectedParts } from "./selected-parts.js";
import { TaskKeyInput } from "./task-key.input.js";
import { Task } from "./task.type.js";

@Resolver()
export class TaskResolver {
  @Query(() => Task, {
    nullable: true,
    description:
      "One task. Null, with the error NOT_FOUND, when IMM knows no such task or has forgotten it: it keeps a task for seven days.",
  })
  async task(
    @Arg("key", () => TaskKeyInput, { description: "What identifies the task." }) key: TaskKeyInput,
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Task> {
    return loadTask(parseTaskKey(key), selectedParts(info), context);
  }

  @Query(() => [Task], {
    nullable: "items",
    description:
      "Several tasks, in the order of the keys. A task that cannot be read is null, with an error at its place.",
  })
  async tasksByKey(
    @Arg("keys", () => [TaskKeyInput], {
      description: "The keys of the tasks; 1 to 100 items unless configured otherwise.",
    })
    keys: TaskKeyInput[],
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<(Task | Error)[]> {
    const parts = selectedParts(info);
    return settleAll(parseListArgument("keys", keys, context.maxKeys), (key, index) =>
      loadTask(parseTaskKey(key, `keys[${index}]`), parts, context),
    );
  }

  @Query(() => Node, {
    nullable: true,
    description: "The object with this global id: a `Task`. Null, with the error NOT_FOUND, when there is none.",
  })
  async node(
    @Arg("id", () => ID, { description: "The `id` of a task, as the gateway gave it." }) id: string,
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Node> {
    return loadTask(parseTaskIdOf(context.region, id), selectedParts(info), context);
  }

  @Query(() => [Node], {
    nullable: "items",
    description:
      "The objects with these global ids, in their order. One that cannot be read is null, with an error at its place.",
  })
  async nodes(
    @Arg("ids", () => [ID], {
      description: "The ids of tasks, as the gateway gave them; 1 to 100 items unless configured otherwise.",
    })
    ids: string[],
    @Ctx() context: GatewayContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<(Node | Error)[]> {
    const parts = selectedParts(info);
    return settleAll(parseListArgument("ids", ids, context.maxKeys), (id) =>
      loadTask(parseTaskIdOf(context.region, id, "ids"), parts, context),
    );
  }
}
