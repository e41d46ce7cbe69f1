/** The plain stack in front of the emulator whose URL the command line gives: Apollo Server, the vendor's client, a DataLoader. */

import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import openApiModule from "@alicloud/openapi-core";
import { RuntimeOptions } from "@darabonba/typescript";
import DataLoader from "dataloader";
import { buildSchema } from "graphql";
import { answerMeasurements } from "../../measured-process.js";

const { $OpenApiUtil, default: OpenApiClient } = openApiModule;

interface Key {
  readonly projectName: string;
  readonly taskType: string;
  readonly taskId: string;
}

/** A task, as IMM gives it. */
interface Task {
  readonly TaskId: string;
  readonly Status: string;
  readonly StartTime: string;
  readonly Progress?: number;
}

interface Page {
  readonly Tasks: readonly Task[];
  /** Empty on the last one. */
  readonly NextToken: string;
}

interface Context {
  readonly tasks: DataLoader<Key, Task, string>;
}

const [, , emulatorUrl = ""] = process.argv;
const client = new OpenApiClient(
  new $OpenApiUtil.Config({
    endpoint: new URL(emulatorUrl).host,
    protocol: "HTTP",
    accessKeyId: "emulator",
    accessKeySecret: "emulator",
  }),
);

async function call<Answer>(action: string, query: Readonly<Record<string, string>>): Promise<Answer> {
  const params = new $OpenApiUtil.Params({
    action,
    version: "2020-09-30",
    protocol: "HTTP",
    pathname: "/",
    method: "POST",
    authType: "AK",
    style: "RPC",
    reqBodyType: "formData",
    bodyType: "json",
  });
  const request = new $OpenApiUtil.OpenApiRequest({ query });
  return (await client.callApi(params, request, new RuntimeOptions({})))["body"] as Answer;
}

/** How long before and after its start a task is looked for in the lists, in milliseconds. */
const PAD_MS = 1_000;

/** GetTask says how a task stands, the lists how far it has come. */
async function readTask({ projectName, taskType, taskId }: Key): Promise<Task> {
  const project = { ProjectName: projectName };
  const task = await call<Task>("GetTask", { ...project, TaskType: taskType, TaskId: taskId });
  if (task.Status !== "Running") return task;
  const [Start, End] = [-PAD_MS, PAD_MS].map((pad) => new Date(Date.parse(task.StartTime) + pad).toISOString());
  const list = { ...project, TaskTypes: JSON.stringify([taskType]), Status: "Running", MaxResults: "100" };
  const range = { StartTimeRange: JSON.stringify({ Start, End }) };
  for (let token = ""; ;) {
    const page = await call<Page>("ListTasks", { ...list, ...range, ...(token !== "" && { NextToken: token }) });
    const found = page.Tasks.find(({ TaskId }) => TaskId === taskId);
    if (found !== undefined) return found;
    token = page.NextToken;
    if (token === "") return task;
  }
}

const schema = buildSchema(`
  type Query { task(key: TaskKeyInput!): Task }
  input TaskKeyInput { projectName: String! taskType: String! taskId: String! }
  type Task { status: TaskStatus! progress: Int }
  enum TaskStatus { RUNNING SUCCEEDED FAILED }
`);
const task = schema.getQueryType()?.getFields()["task"];
if (task === undefined) throw new Error("Expected a field of the query type.");
task.resolve = async (_root: unknown, { key }: { readonly key: Key }, { tasks }: Context) => {
  const { Status, Progress } = await tasks.load(key);
  return { status: Status.toUpperCase(), progress: Progress ?? null };
};

function createContext(): Context {
  const load = async (keys: readonly Key[]): Promise<Task[]> => Promise.all(keys.map(readTask));
  const cacheKeyFn = ({ projectName, taskType, taskId }: Key): string => `${projectName}/${taskType}/${taskId}`;
  return { tasks: new DataLoader(load, { cacheKeyFn }) };
}

const server = new ApolloServer<Context>({ schema });
const listen = { port: 0, host: "127.0.0.1" };
const { url } = await startStandaloneServer(server, { listen, context: async () => createContext() });
answerMeasurements(url);
