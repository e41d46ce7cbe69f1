import { HeaderMap, type ApolloServerPlugin } from "@apollo/server";
import { afterEach, describe, expect, it } from "@jest/globals";
import { OPEN_ACCESS } from "../../../../src/access/access.js";
import { createSchema } from "../../../../src/schema/build-schema.js";
import { Documents } from "../../../../src/server/operation/documents/documents.js";
import { createExecutor } from "../../../../src/server/operation/executor.js";
import { Pipeline, type PipelineOptions } from "../../../../src/server/operation/pipeline.js";
import { createApollo, type PreparedContext } from "../../../../src/server/transports/http/apollo.js";
import { NOBODY } from "../../../support/nobody.js";
import { query } from "../../../support/query.js";
import { RecordingLogger } from "../../../support/recording-logger.js";
import { NO_BOUNDS, NO_LIMITS } from "../../../support/no-limits.js";
import { CallTally } from "../../../../src/tasks/call-tally.js";
import { disposeAfterTest, startGateway } from "../../../support/start-gateway.js";

/** What makes Apollo report by itself. */
const APOLLO_ENVIRONMENT = {
  APOLLO_KEY: "service:imm:key",
  APOLLO_GRAPH_REF: "imm@current",
  APOLLO_SCHEMA_REPORTING: "true",
};

describe("a plugin of Apollo", () => {
  it.each([
    ["a document that is kept", 100_000, true],
    ["one that is too large to be kept", 1_001, false],
  ])("sees what is executed, and nothing is parsed or validated again: %s", async (_what, maxBytes, isKept) => {
    const query = "query Names { taskTypes { name } }";
    const schema = createSchema();
    const limits = { ...NO_BOUNDS, maxQueryTokens: 100, maxDocumentCacheBytes: maxBytes };
    const documents = new Documents({ schema, hasIntrospection: false, ...limits });
    // The cast: the field needs no context.
    const pipeline = new Pipeline({
      ...NO_LIMITS,
      schema,
      documents,
      access: OPEN_ACCESS,
      persisted: { resolve: () => ({ kind: "sent" }) },
      execute: createExecutor({ maxResponseBytes: 1_000_000 }),
      createContext: () => ({ tally: new CallTally(), end: () => undefined }),
      maxOperationCost: 100,
      maxCallsPerOperation: 100,
      maxCreatesPerOperation: 1,
    } as unknown as PipelineOptions);
    const seen: unknown[] = [];
    const plugin: ApolloServerPlugin<PreparedContext> = {
      requestDidStart: async () => ({
        didResolveOperation: async ({ document, source, operationName }) =>
          void seen.push(document, source, operationName),
        parsingDidStart: async () => void seen.push("parsed"),
        validationDidStart: async () => void seen.push("validated"),
        willSendResponse: async ({ response }) => void seen.push(response.body.kind),
      }),
    };
    const apollo = createApollo({ pipeline, logger: new RecordingLogger(), plugins: [plugin] });
    await apollo.start();
    disposeAfterTest(async () => apollo.stop());
    const client = { ...NOBODY, isPosted: true, signal: new AbortController().signal };
    const ready = await pipeline.prepare({ query }, client);
    if (ready.kind !== "ready") throw new Error("Expected it to be executed.");
    const headers = new HeaderMap([["content-type", "application/json"]]);
    const answer = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: "POST", headers, search: "", body: { query } },
      context: async () => ({ ready }),
    });
    expect(answer).toMatchObject({ body: { kind: "complete", string: expect.stringContaining("FileCompression") } });
    expect(seen).toEqual([expect.anything(), query, isKept ? "Names" : null, "single"]);
    expect(seen[0] === ready.args.document).toBe(isKept);
  });
});

describe("what is Apollo's own", () => {
  afterEach(() => {
    for (const name of Object.keys(APOLLO_ENVIRONMENT)) Reflect.deleteProperty(process.env, name);
  });

  it("reports nothing to Apollo, whatever its variables say", async () => {
    Object.assign(process.env, APOLLO_ENVIRONMENT);
    const { url, logger } = await startGateway();
    expect((await query(url, "{ taskTypes { name } }")).status).toBe(200);
    expect(logger.lines.filter((line) => /apollo/i.test(line))).toEqual([]);
  });
});
