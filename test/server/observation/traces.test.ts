import { describe, expect, it } from "@jest/globals";
import { eventually } from "../../support/eventually.js";
import { EVERY_SECOND, nextPoll } from "../../support/next-poll.js";
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from "../../support/otlp-receiver.js";
import { disposeAfterTest, startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { connect, subscribe } from "../../support/subscribe.js";

const FOLLOW = `subscription Follow($taskId: String!) {
  taskProgress(key: { projectName: "immtest", taskType: "FileUncompression", taskId: $taskId }) { status progress }
}`;
const CALLER = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };

async function startTraced(): Promise<RunningGateway & { readonly receiver: OtlpReceiver }> {
  const receiver = await startOtlpReceiver();
  const gateway = { otlpEndpoint: receiver.url, ...EVERY_SECOND, shutdownTimeoutMs: 0, drainDelayMs: 0 };
  const running = await startGateway({ gateway });
  running.emulator.addTask({ taskType: "FileUncompression", taskId: "a", durationMs: 60_000 });
  running.emulator.addTask({ taskType: "FileUncompression", taskId: "b", durationMs: 60_000 });
  return { ...running, receiver };
}

async function post(url: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const all = { "content-type": "application/json", ...headers };
  return fetch(`${url}/graphql`, { method: "POST", headers: all, body: JSON.stringify(body) });
}

function named(spans: readonly ReceivedSpan[], name: string): readonly ReceivedSpan[] {
  return spans.filter((span) => span.name === name);
}

function only(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const [span, ...others] = named(spans, name);
  if (span === undefined || others.length > 0) {
    throw new Error(`Expected one span ${name}, got ${JSON.stringify(spans.map((each) => each.name))}`);
  }
  return span;
}

describe("the trace of a query", () => {
  it("goes on from its client's to each call of IMM, the attempts that failed among them", async () => {
    const { url, emulator, gateway, receiver } = await startTraced();
    emulator.injectFault({ kind: "serverError", times: 1 });
    const key = '{ projectName: "immtest", taskType: "FileUncompression", taskId: "a" }';
    const traceparent = `00-${CALLER.traceId}-${CALLER.spanId}-01`;
    const query = `query One { task(key: ${key}) { status } }`;
    const answer = await post(url, { query }, { traceparent, "x-request-id": "id-1" });
    expect(await answer.json()).toEqual({ data: { task: { status: "RUNNING" } } });
    await gateway.stop();

    const { spans, service, texts } = receiver;
    expect(texts[0]).toMatch(/^\/v1\/traces /);
    expect(service).toMatchObject({ "service.name": "imm-graphql" });
    const request = only(spans, "graphql over http");
    expect(request).toMatchObject({ traceId: CALLER.traceId, parentSpanId: CALLER.spanId, kind: 2 });
    expect(request.attributes).toMatchObject({ "imm_graphql.request_id": "id-1" });
    const operation = only(spans, "query One");
    expect(operation).toMatchObject({ traceId: CALLER.traceId, parentSpanId: request.spanId, hasFailed: false });
    expect(operation.attributes).toMatchObject({ "graphql.operation.type": "query", "imm_graphql.code": "OK" });
    const calls = named(spans, "IMM GetTask");
    expect(calls.map(({ parentSpanId, hasFailed, kind }) => [parentSpanId, hasFailed, kind])).toEqual([
      [operation.spanId, true, 3],
      [operation.spanId, false, 3],
    ]);
    expect(calls[0]?.attributes).toMatchObject({
      "error.type": "UPSTREAM_UNAVAILABLE",
      "imm_graphql.imm_code": "ServiceUnavailable",
    });
    expect(spans).toHaveLength(4);
  });

  it("begins with the gateway where its client has none, and has the operation that was refused", async () => {
    const { url, gateway, receiver } = await startTraced();
    await post(url, { query: "query Wrong { nope }", operationName: "Wrong" }, { traceparent: "00-odd" });
    await gateway.stop();
    const request = only(receiver.spans, "graphql over http");
    expect(request.parentSpanId).toBeUndefined();
    expect(only(receiver.spans, "query Wrong")).toMatchObject({ parentSpanId: request.spanId, hasFailed: true });
  });
});

describe("the trace of a subscription", () => {
  it("is linked by each poll that it shares with others", async () => {
    const running = await startTraced();
    const { url, gateway, receiver } = running;
    const client = connect(url);
    const [first, same, other] = ["a", "a", "b"].map((taskId) => subscribe(client, FOLLOW, { taskId }));
    for (const subscription of [first, same, other]) await subscription?.next();
    await nextPoll(running);
    await eventually(() => (other?.unread ?? 0) > 0);
    same?.unsubscribe();
    // Its socket's messages are taken in their order.
    await subscribe(client, "{ __typename }").rest();
    await nextPoll(running);
    await gateway.stop();

    const { spans } = receiver;
    const operations = named(spans, "subscription Follow");
    const requests = named(spans, "graphql over websocket");
    expect(operations).toHaveLength(3);
    for (const { parentSpanId } of operations) {
      expect(requests.map(({ spanId }) => spanId)).toContain(parentSpanId);
    }
    const polls = named(spans, "poll");
    const ids = operations.map(({ spanId }) => spanId);
    const linked = polls.map(({ links }) => links.map(({ spanId }) => spanId));
    // The newcomers are asked for when they come; then all of them share the polls.
    expect(linked.at(-2)?.toSorted()).toEqual(ids.toSorted());
    expect(linked.at(-1)).toHaveLength(2);
    for (const poll of polls) expect(poll.parentSpanId).toBeUndefined();
    // Each call belongs to a poll, and none to the subscription that happened to come first.
    const calls = spans.filter(({ name }) => name.startsWith("IMM "));
    expect(calls.length).toBe(running.emulator.calls.length);
    for (const { parentSpanId } of calls) expect(polls.map(({ spanId }) => spanId)).toContain(parentSpanId);
    expect(calls.filter(({ parentSpanId }) => parentSpanId === polls.at(-1)?.spanId).map(({ name }) => name)).toEqual([
      "IMM ListTasks",
    ]);
  });
});

describe("a collector that is not there", () => {
  it("holds nothing up, and is one line in the log", async () => {
    // Of the SDK: how long a batch is tried.
    process.env["OTEL_EXPORTER_OTLP_TIMEOUT"] = "200";
    disposeAfterTest(() => void delete process.env["OTEL_EXPORTER_OTLP_TIMEOUT"]);
    const { url, gateway, logger } = await startGateway({ gateway: { otlpEndpoint: "http://127.0.0.1:1/" } });
    expect(await (await post(url, { query: "{ __typename }" })).json()).toEqual({ data: { __typename: "Query" } });
    await gateway.stop();
    expect(logger.lines.filter((line) => line.includes("could not be sent"))).toEqual([
      expect.stringContaining('"spans":2'),
    ]);
  });
});
