/** What is asked of every server: three documents, each with variables. Imports nothing but the tasks in memory. */

import { keys, PROJECT } from "./upstream.js";

/** One kind of request. */
export interface Case {
  readonly title: string;
  /** Requests in a round. */
  readonly requests: number;
  readonly query: string;
  /** Taken in turn. */
  readonly variables: readonly Readonly<Record<string, unknown>>[];
}

const FIELDS = "id projectName taskType taskId status isDone progress error { code message } startTime endTime";

export const cases: Readonly<Record<string, Case>> = {
  list: {
    title: "a list of 100 tasks",
    requests: 200,
    query: `query List($projectName: String!) { tasks(projectName: $projectName) { nodes { ${FIELDS} } } }`,
    variables: [{ projectName: PROJECT }],
  },
  keys: {
    title: "tasksByKey with 100 keys",
    requests: 200,
    query: `query Keys($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { ${FIELDS} } }`,
    variables: [{ keys }],
  },
  one: {
    title: "one task",
    requests: 2_000,
    query: `query One($key: TaskKeyInput!) { task(key: $key) { ${FIELDS} } }`,
    variables: keys.map((key) => ({ key })),
  },
};
