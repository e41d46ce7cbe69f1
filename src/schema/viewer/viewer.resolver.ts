/** Who asks, and what it may do. Costs no call. */

import { Ctx, Query, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.js";
import { TaskViewer } from "./task-viewer.type.js";

@Resolver()
export class ViewerResolver {
  @Query(() => TaskViewer, { nullable: true, description: "The one who asks. Costs no call to IMM." })
  viewer(@Ctx() { tasks }: GatewayContext): TaskViewer {
    return new TaskViewer(tasks.viewer);
  }
}
