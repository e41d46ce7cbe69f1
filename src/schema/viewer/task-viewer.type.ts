/** The one who asks, as the gateway knows it: what a frontend needs to decide what to show. */

import { Arg, Field, ObjectType } from "type-graphql";
import type { Right } from "../../access/principal.js";
import { parseName } from "../../tasks/task.js";
import type { Viewer } from "../../tasks/tasks.js";
import { GraphQLDateTime } from "../scalars.js";
import { makeEnum } from "../table-types.js";

const TaskRight = makeEnum(
  "TaskRight",
  "What a caller may do with tasks. More rights may come.",
  {
    READ: "See them, or those of its own.",
    CREATE: "Start them, and run one again that it may see with its definition.",
    DEFINITIONS: "See what they were created with: `requestDefinition`, `requestDefinitionText` and `outputs`.",
    SECRETS: "See that with its passwords and role names.",
  },
  { READ: "read", CREATE: "create", DEFINITIONS: "definitions", SECRETS: "secrets" } as const satisfies Readonly<
    Record<Uppercase<Right>, Right>
  >,
);

@ObjectType({ description: "The one who asks, as the gateway knows it." })
export class TaskViewer {
  readonly #facts: Viewer;

  constructor(facts: Viewer) {
    this.#facts = facts;
  }

  @Field(() => String, {
    nullable: true,
    description: "Who it is, the same for good. Null where the gateway asks no one who they are.",
  })
  get caller(): string | null {
    return this.#facts.caller || null;
  }

  @Field(() => GraphQLDateTime, {
    nullable: true,
    description: "When its credentials are no longer believed; null for never.",
  })
  get expiresAt(): string | null {
    const { expiresAt } = this.#facts;
    return expiresAt === undefined ? null : new Date(expiresAt).toISOString();
  }

  @Field(() => [String], {
    description:
      "The projects in which it may do something, in order: names, and beginnings of names with a `*` behind them.",
  })
  get projects(): readonly string[] {
    return this.#facts.projects;
  }

  @Field(() => [TaskRight], { description: "What it may do in one of its projects, perhaps with some tasks alone." })
  rights(
    @Arg("projectName", () => String, {
      nullable: true,
      description: "The project that is asked about; when omitted, what it may do in any.",
    })
    projectName?: string | null,
  ): readonly Right[] {
    return this.#facts.rightsIn(
      projectName === undefined || projectName === null ? undefined : parseName("projectName", projectName),
    );
  }
}
