import type { ProjectQuery } from "./gql/graphql";

/** What its views know of a project. */
export interface ProjectFacts {
  readonly projectName: string;
  readonly taskTypes: ProjectQuery["taskTypes"];
  /** Whether the viewer may start tasks there. */
  readonly mayStart: boolean;
}
