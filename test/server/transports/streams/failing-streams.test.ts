import { once } from "node:events";
import { describe, expect, it } from "@jest/globals";
import { createSchema } from "../../../../src/schema/build-schema.js";
import { UNOBSERVED } from "../../../../src/observe.js";
import { Documents } from "../../../../src/server/operation/documents/documents.js";
import { UnauthenticatedError } from "../../../../src/errors.js";
import { OPEN_ACCESS } from "../../../../src/access/access.js";
import { EVERYBODY } from "../../../../src/access/principal.js";
import { createExecutor } from "../../../../src/server/operation/executor.js";
import { createFormatError } from "../../../../src/server/operation/format-error.js";
import { PersistedOperations } from "../../../../src/server/operation/persisted-operations.js";
import { Pipeline, type PipelineOptions } from "../../../../src/server/operation/pipeline.js";
import { ResultStream } from "../../../../src/server/subscription/result-stream.js";
import { createHttpTransport, type HttpTransportOptions } from "../../../../src/server/transports/http/http.js";
import { openWebSocketTransport } from "../../../../src/server/transports/websocket/websocket.js";
import { CallTally } from "../../../../src/tasks/call-tally.js";
import { NO_BOUNDS, NO_LIMITS } from "../../../support/no-limits.js";
import { transports } from "../../../support/every-transport.js";
import { keyArguments } from "../../../support/query.js";
import { RawSocket, subscribeMessage } from "../../../support/raw-socket.js";
import { RecordingLogger } from "../../../support/recording-logger.js";
import { disposeAfterTest, manualClockNow } from "../../../support/start-gateway.js";
import { subscribeByMultipart, subscribeBySse } from "../../../support/stream-request.js";

const FOLLOW = `subscription { taskProgress(${keyArguments({ taskType: "t", taskId: "i" })}) { id } }`;
const MASKED = {
  message: "The gateway failed unexpectedly.",
  extensions: { code: "INTERNAL_SERVER_ERROR", errorId: expect.any(String) },
};

/** The transports with a pipeline whose parts fail as a test wants it. */
async function start(parts: Partial<PipelineOptions>): Promise<string> {
  const logger = new RecordingLogger();
  const schema = createSchema();
  const documents = new Documents({
    schema,
    hasIntrospection: false,
    ...NO_BOUNDS,
    maxQueryTokens: 100,
    maxDocumentCacheBytes: 10_000,
  });
  // The casts: what is left out is for the explorer and the limits of sockets.
  const pipeline = new Pipeline({
    ...NO_LIMITS,
    access: OPEN_ACCESS,
    schema,
    documents,
    persisted: new PersistedOperations({
      documents: undefined,
      source: "",
      isExclusive: false,
      maxAutomaticQueryBytes: 0,
      checked: documents,
    }),
    maxOperationCost: 1_000,
    maxCallsPerOperation: 100,
    maxCreatesPerOperation: 1,
    createContext: () => ({ tally: new CallTally(), end: () => undefined }),
    execute: createExecutor({ maxResponseBytes: 1_000_000 }),
    formatError: createFormatError(logger, { hasSuggestions: false }),
    ...parts,
  } as unknown as PipelineOptions);
  const options = {
    schema,
    pipeline,
    ...NO_LIMITS,
    addressOf: () => "192.0.2.1",
    logger,
    clock: manualClockNow(),
    whenExpired: () => ({ cancel: () => undefined }),
    allowsOrigin: () => true,
    listsOrigin: () => true,
    apolloPlugins: [],
    refuseHost: () => null,
    unreadiness: () => null,
    observers: UNOBSERVED,
    isDraining: () => false,
    maxRequestBytes: 10_000,
    requestTimeoutMs: 10_000,
    maxSocketOperations: 10,
    maxSocketBufferBytes: 1_000_000,
  } as unknown as HttpTransportOptions & Parameters<typeof openWebSocketTransport>[0];
  const { app } = await createHttpTransport(options);
  const sockets = openWebSocketTransport({
    ...options,
    server: app.server,
    path: "/graphql",
    pingClock: options.clock,
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  disposeAfterTest(async () => {
    await sockets.close(0);
    app.server.closeAllConnections();
    await app.close();
  });
  const address = app.server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

describe("a subscription whose execution breaks", () => {
  const broken = async (): Promise<ResultStream> => {
    const stream = new ResultStream(new Map([["a", { data: { taskProgress: null } }]]), () => undefined);
    stream.end({ failure: { error: new Error("odd") } });
    return stream;
  };

  it("ends with what was sent, an error, and the end, on each transport", async () => {
    const url = await start({ subscribe: broken });
    const event = { data: { taskProgress: null } };
    expect(await (await subscribeBySse(url, FOLLOW)).rest()).toEqual([
      { event: "next", data: event },
      { event: "next", data: { errors: [MASKED] } },
      { event: "complete", data: null },
    ]);
    const parts = await subscribeByMultipart(url, FOLLOW);
    expect([await parts.next(), await parts.next(), await parts.next()]).toEqual([
      { payload: event },
      { payload: null, errors: [MASKED] },
      null,
    ]);
    const socket = await RawSocket.open(url);
    socket.send(subscribeMessage("a", FOLLOW));
    expect(await socket.rest("a")).toEqual([
      { id: "a", type: "next", payload: event },
      { id: "a", type: "error", payload: [MASKED] },
    ]);
  });
});

describe("a caller that does not show who it is", () => {
  const message = "Expected credentials.";
  const authenticate = async (): Promise<never> => {
    throw new UnauthenticatedError(message);
  };
  const errors = [{ message, extensions: { code: "UNAUTHENTICATED" } }];

  it.each(["P", "S"] as const)("is refused with 401, by %s", async (name) => {
    const url = await start({ access: { ...OPEN_ACCESS, authenticate } });
    const path = name === "P" ? "/graphql" : "/graphql/stream";
    const response = await fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: name === "P" ? "application/json" : "text/event-stream" },
      body: JSON.stringify({ query: "{ __typename }" }),
    });
    expect([response.status, await response.json()]).toEqual([401, { errors }]);
  });

  it("has its socket closed with 4401, and may try again with another", async () => {
    let isKnown = false;
    const url = await start({
      access: { ...OPEN_ACCESS, authenticate: async () => (isKnown ? EVERYBODY : authenticate()) },
    });
    const socket = await RawSocket.openSilently(url);
    const closed = once(socket.webSocket, "close");
    socket.send({ type: "connection_init" });
    expect((await closed).map(String)).toEqual(["4401", message]);
    isKnown = true;
    const next = await RawSocket.open(url);
    next.send(subscribeMessage("a", "{ __typename }"));
    expect(await next.rest("a")).toMatchObject([{ payload: { data: { __typename: "Query" } } }, { type: "complete" }]);
  });

  it("is asked once for a socket, not for each operation", async () => {
    let asked = 0;
    const url = await start({
      access: {
        ...OPEN_ACCESS,
        authenticate: () => {
          asked += 1;
          return EVERYBODY;
        },
      },
    });
    const socket = await RawSocket.open(url);
    for (const id of ["a", "b", "c"]) {
      socket.send(subscribeMessage(id, "{ __typename }"));
      await socket.rest(id);
    }
    expect(asked).toBe(1);
  });
});

describe("a part of the pipeline that throws", () => {
  const throws = (): never => {
    throw new Error("odd");
  };

  it.each<[string, Partial<PipelineOptions>, string]>([
    ["the documents", { documents: { check: throws } as unknown as Documents }, FOLLOW],
    ["the context", { createContext: throws }, FOLLOW],
    ["the begin of a subscription", { subscribe: async () => throws() }, FOLLOW],
    ["the execution", { execute: async () => throws() }, "{ __typename }"],
  ])("is a masked error of that operation, on each transport: %s", async (_what, parts, document) => {
    const url = await start(parts);
    const json = JSON.stringify({ query: document });
    const outcomes = await Promise.all(["S", "W"].map(async (name) => transports[name as "S" | "W"](url, json)));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ errors: [MASKED], data: undefined });
    const posted = await transports.P(url, json);
    const failed = { status: 500, errors: [MASKED] };
    // A subscription that is posted is refused before it is begun.
    const isRefused = document === FOLLOW && "subscribe" in parts;
    expect(isRefused ? failed : posted).toMatchObject(failed);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});
