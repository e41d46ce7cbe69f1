import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { describe, expect, it } from "@jest/globals";
import { cacheExchange, Client, fetchExchange } from "@urql/core";
import { ClientError, GraphQLClient } from "graphql-request";
import { disposeAfterTest, startGateway } from "../../support/start-gateway.js";

// The clients as they are without any setting but the URL. With those of docs/clients.md: docs/clients-page.test.ts.

const KEY = { projectName: "immtest", taskType: "FileCompression", taskId: "run" };
const LOOK = `query Look($key: TaskKeyInput!) {
  task(key: $key) { status userData }
}`;
const START = `mutation Start($input: CreateFileCompressionTaskInput!) {
  createFileCompressionTask(input: $input) { isNew userErrors { path message } }
}`;
const INPUT = {
  projectName: "immtest",
  sources: [{ uri: "oss://examplebucket/a/" }],
  targetUri: "oss://examplebucket/a.zip",
};

/** What a user is shown of a refusal, and what of a whole answer. */
interface Asked {
  readonly data?: unknown;
  readonly message?: string | undefined;
}

/** A client, as a user of it writes it down. */
type Ask = (url: string, document: string, variables: Record<string, unknown>) => Promise<Asked>;

const askByApollo: Ask = async (url, document, variables) => {
  const client = new ApolloClient({ link: new HttpLink({ uri: `${url}/graphql` }), cache: new InMemoryCache() });
  disposeAfterTest(() => client.stop());
  const parsed = gql(document);
  try {
    const isMutation = document.startsWith("mutation");
    const { data } = isMutation
      ? await client.mutate({ mutation: parsed, variables })
      : await client.query({ query: parsed, variables });
    return { data };
  } catch (thrown) {
    expect(CombinedGraphQLErrors.is(thrown)).toBe(true);
    return { message: (thrown as Error).message };
  }
};

/** A browser adds the header to what a page of the gateway's own origin asks. */
const askByUrql: Ask = async (url, document, variables) => {
  const client = new Client({
    url: `${url}/graphql`,
    exchanges: [cacheExchange, fetchExchange],
    fetchOptions: { headers: { "sec-fetch-site": "same-origin" } },
  });
  const isMutation = document.startsWith("mutation");
  const asked = isMutation ? client.mutation(document, variables) : client.query(document, variables);
  const { data, error } = await asked.toPromise();
  expect(error?.networkError).toBeUndefined();
  return error === undefined ? { data } : { message: error.graphQLErrors[0]?.message };
};

const askByGraphqlRequest: Ask = async (url, document, variables) => {
  try {
    return { data: await new GraphQLClient(`${url}/graphql`).request(document, variables) };
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(ClientError);
    return { message: (thrown as ClientError).response.errors?.[0]?.message };
  }
};

describe.each([
  ["Apollo Client 4", askByApollo],
  ["urql", askByUrql],
  ["graphql-request", askByGraphqlRequest],
])("%s, as it comes", (_name, ask) => {
  it("asks for a task with variables, and starts one", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ ...KEY, userData: "50 % of 张三 & co" });
    expect((await ask(url, LOOK, { key: KEY })).data).toMatchObject({
      task: { status: "RUNNING", userData: "50 % of 张三 & co" },
    });
    expect((await ask(url, START, { input: INPUT })).data).toMatchObject({
      createFileCompressionTask: { isNew: true, userErrors: [] },
    });
  });

  it("has why a create is refused in its data, and no error to throw", async () => {
    const { url } = await startGateway();
    expect((await ask(url, START, { input: { ...INPUT, projectName: "" } })).data).toMatchObject({
      createFileCompressionTask: {
        isNew: null,
        userErrors: [
          { path: ["input", "projectName"], message: expect.stringMatching(/^Expected `input\.projectName`/) },
        ],
      },
    });
  });

  it("asks by a document that is too long for a URL", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask(KEY);
    const long = LOOK.replace("status", Array.from({ length: 200 }, (_value, index) => `a${index}: status`).join(" "));
    expect((await ask(url, long, { key: KEY })).data).toMatchObject({ task: { a0: "RUNNING", a199: "RUNNING" } });
  });

  it.each([
    ["that IMM does not know", LOOK, { key: { ...KEY, taskId: "nobody" } }, /^IMM knows no such task/],
    ["whose name is empty", LOOK, { key: { ...KEY, taskId: "" } }, /^Expected `key.taskId` to be a non-empty string/],
    ["without a variable", LOOK, {}, /^Variable "\$key" of required type "TaskKeyInput!" was not provided/],
    ["by a field that is not there", "query Bad { nothing }", {}, /^Cannot query field "nothing" on type "Query"/],
  ])("shows why a task %s is refused", async (_what, document, variables, message) => {
    const { url } = await startGateway();
    expect((await ask(url, document, variables)).message).toMatch(message);
  });
});
