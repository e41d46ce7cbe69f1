import { expect, it } from "@jest/globals";
import { transports } from "../../support/every-transport.js";
import { withTimePassing } from "../../support/manual-clock.js";
import { keyArguments, keyLiteral } from "../../support/query.js";
import { startOtlpReceiver } from "../../support/otlp-receiver.js";
import { startGateway } from "../../support/start-gateway.js";
import { digestOf } from "../../support/test-token.js";

// Whatever a client, its tokens, a task and IMM hold in secret: no log line, no metric and no span has a piece of it.

const SECRET = "hunter2";
const TOKEN = `imm_${SECRET}-token`;
const TASK = { taskType: "FileUncompression", taskId: "locked" };
const KEY = keyArguments(TASK);
const DEFINITION = JSON.stringify({ Password: SECRET, UserData: SECRET, Tags: { [SECRET]: SECRET } });

const CREATE = `mutation Create($input: CreateFileUncompressionTaskInput!) {
  createFileUncompressionTask(input: $input) { task { taskId requestDefinition userData } userErrors { code } }
}`;
const INPUT = {
  projectName: "immtest",
  sourceUri: `oss://bucket/${SECRET}.zip`,
  targetUri: `oss://bucket/${SECRET}/`,
  password: SECRET,
  userData: JSON.stringify({ secret: SECRET }),
};
const FIELDS = "status requestDefinition requestDefinitionText userData tags outputs";

/** Of each kind of operation one, and of each way to be refused. */
const BODIES: readonly object[] = [
  { query: `query Read { task(${KEY}) { ${FIELDS} } }` },
  { query: `query Read($key: TaskKeyInput!) { task(key: $key) { ${FIELDS} } }`, variables: { key: SECRET } },
  { query: `{ task(${KEY.replace("locked", SECRET)}) { status } }`, operationName: null },
  { query: `{ tasksByKey(keys: [${keyLiteral(TASK)}, ${keyLiteral({ ...TASK, taskId: SECRET })}]) { ${FIELDS} } }` },
  { query: `{ tasks(projectName: "immtest", filter: { tag: "${SECRET}=${SECRET}" }) { nodes { ${FIELDS} } } }` },
  { query: `{ tasks(projectName: "immtest", after: "${SECRET}") { nodes { status } } }` },
  { query: `{ ${SECRET} }` },
  { query: `{ task(${KEY}) { status(${SECRET}: "${SECRET}") } }` },
  { query: `{ "${SECRET}` },
  { query: "query A { __typename } query B { __typename }", operationName: `${SECRET} is no name` },
  { query: CREATE, variables: { input: INPUT } },
  { query: CREATE, variables: { input: { ...INPUT, idempotencyKey: SECRET } } },
  { query: CREATE, variables: { input: { ...INPUT, [SECRET]: SECRET } } },
  { query: `subscription Follow { taskProgress(${KEY.replace("locked", "ended")}) { ${FIELDS} } }` },
  { query: `subscription { taskProgress(${KEY.replace("immtest", SECRET)}) { status } }` },
];

const KEY_PAIR = { accessKeyId: `LTAI${SECRET}`, accessKeySecret: SECRET };
const HEADERS = {
  authorization: `Bearer ${TOKEN}`,
  "x-request-id": `${SECRET} with spaces`,
  traceparent: `00-${SECRET}`,
  tracestate: `vendor=${SECRET}`,
  baggage: `key=${SECRET}`,
  cookie: `session=${SECRET}`,
};

it("is written nowhere, by any transport, with everything observed", async () => {
  const receiver = await startOtlpReceiver();
  const running = await startGateway({
    accessKey: KEY_PAIR,
    emulator: KEY_PAIR,
    gateway: {
      metricsPort: 0,
      otlpEndpoint: receiver.url,
      logOperations: "all",
      maxRetries: 0,
      access: {
        tokens: [
          {
            name: "tester",
            sha256: digestOf(TOKEN),
            grants: [{ projects: ["immtest"], allow: ["read", "create", "definitions"] }],
          },
        ],
      },
    },
  });
  const { url, emulator, logger, gateway, metricsUrl } = running;
  const known = { requestDefinition: DEFINITION, userData: SECRET, tags: { a: SECRET } };
  emulator.addTask({ ...TASK, ...known, taskId: "ended", startedAgoMs: 60_000 });
  emulator.addTask({ ...TASK, ...known, durationMs: 60_000 });
  const wrong = { ...HEADERS, authorization: `Bearer ${SECRET}-wrong` };
  for (const send of Object.values(transports)) {
    const sendOne = async (body: object | undefined, headers: typeof HEADERS): Promise<unknown> =>
      withTimePassing(running.clock, send(url, JSON.stringify(body), headers)).catch(() => undefined);
    for (const body of BODIES) await sendOne(body, HEADERS);
    // Its socket would be closed before it could send one.
    if (send !== transports.W) await sendOne(BODIES[0], wrong);
    for (const kind of ["throttle", "serverError", "reset", "notJson", "truncated", "refuse"] as const) {
      emulator.injectFault({ kind, times: 1, ...(kind === "refuse" && { code: "SignatureDoesNotMatch" }) });
      await sendOne(BODIES[0], HEADERS);
    }
  }
  const metrics = await (await fetch(metricsUrl)).text();
  await gateway.stop();

  const codes = new Set(logger.lines.map((line) => (JSON.parse(line) as { readonly code?: string }).code));
  // It has all been said, only without the secret.
  for (const code of ["OK", "BAD_USER_INPUT", "NOT_FOUND", "UNAUTHENTICATED", "UPSTREAM_UNAVAILABLE"]) {
    expect([...codes]).toContain(code);
  }
  for (const transport of ["http", "sse", "websocket"]) expect(metrics).toContain(`transport="${transport}"`);
  expect(receiver.spans.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["query Read", "mutation Create", "subscription Follow", "IMM GetTask"]),
  );
  for (const written of [...logger.lines, ...metrics.split("\n"), ...receiver.texts]) {
    expect(written).not.toMatch(/hunter2|Signature=|string.to.sign/i);
  }
}, 60_000);
