/**
 * The schema of the other servers: what the documents of the comparison ask for, as a team would write it on graphql-js, with
 * a DataLoader a request.
 */

import DataLoader from "dataloader";
import { buildSchema, type GraphQLFieldResolver } from "graphql";
import { getTask, listTasks, REGION, type Key, type UpstreamTask } from "../upstream.js";

/** Made for each request. */
export interface Context {
  readonly tasks: DataLoader<Key, Task, string>;
}

/** A task as the schema has it. */
interface Task extends Key {
  readonly id: string;
  readonly status: string;
  readonly isDone: boolean;
  readonly progress: number | null;
  readonly error: { readonly code: string | null; readonly message: string | null } | null;
  readonly startTime: string;
  readonly endTime: string;
}

export const schema = buildSchema(`
  type Query {
    tasks(projectName: String!, first: Int = 100): TaskConnection
    tasksByKey(keys: [TaskKeyInput!]!): [Task]!
    task(key: TaskKeyInput!): Task
  }
  input TaskKeyInput { projectName: String! taskType: String! taskId: String! }
  type TaskConnection { nodes: [Task!]! }
  type Task {
    id: ID!
    projectName: String!
    taskType: String!
    taskId: String!
    status: TaskStatus!
    isDone: Boolean!
    progress: Int
    error: TaskError
    startTime: DateTime
    endTime: DateTime
  }
  enum TaskStatus { RUNNING SUCCEEDED FAILED }
  type TaskError { code: String message: String }
  scalar DateTime
`);

/** @returns a context for one request. */
export function createContext(): Context {
  const load = async (keys: readonly Key[]): Promise<Task[]> =>
    Promise.all(keys.map(async (key) => toTask(key.projectName, await getTask(key))));
  const cacheKeyFn = ({ projectName, taskType, taskId }: Key): string => `${projectName}/${taskType}/${taskId}`;
  return { tasks: new DataLoader(load, { cacheKeyFn }) };
}

function toTask(projectName: string, task: UpstreamTask): Task {
  const { taskType, taskId, startTime, endTime, code = null, message = null } = task;
  const status = task.status.toUpperCase();
  return {
    id: Buffer.from(JSON.stringify([1, REGION, projectName, taskType, taskId])).toString("base64url"),
    projectName,
    taskType,
    taskId,
    status,
    isDone: status !== "RUNNING",
    progress: status === "FAILED" ? null : task.progress,
    error: status === "FAILED" ? { code, message } : null,
    startTime,
    endTime,
  };
}

function resolve<Arguments>(name: string, resolver: GraphQLFieldResolver<unknown, Context, Arguments>): void {
  const field = schema.getQueryType()?.getFields()[name];
  if (field === undefined) throw new Error(`Expected a field of the query type, got ${name}.`);
  field.resolve = resolver;
}

resolve<{ projectName: string }>("tasks", async (_root, { projectName }) => {
  const { tasks } = await listTasks();
  return { nodes: tasks.map((task) => toTask(projectName, task)) };
});
resolve<{ keys: readonly Key[] }>("tasksByKey", async (_root, { keys }, context) => context.tasks.loadMany(keys));
resolve<{ key: Key }>("task", async (_root, { key }, context) => context.tasks.load(key));
