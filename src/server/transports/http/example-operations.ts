/** What the explorers begin with. A file of its own, so that the library's declarations name no server's types. */

/** Where to begin, in both explorers. */
export interface ExampleOperations {
  readonly query: string;
  readonly subscription: string;
}

/** For those who give none. */
export const NO_EXAMPLE: ExampleOperations = {
  query: "{ taskTypes { name mutation } }",
  subscription: 'subscription { taskProgress(key: { projectName: "", taskType: "", taskId: "" }) { status progress } }',
};
