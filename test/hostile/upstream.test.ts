import type { Duplex } from "node:stream";
import { gzipSync } from "node:zlib";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "@jest/globals";
import { attackGateway } from "./attacked-gateway.js";
import { listAnswers, taskAnswers } from "./generated.js";
import { expectHarmless, holdsFor } from "./harmless.js";
import { BAD_PROJECT, type RawAnswer } from "./hostile-upstream.js";
import { RawSocket, toRequest, type Outcome } from "./transports.js";

const attacked = attackGateway({ gateway: { callTimeoutMs: 500, maxRetries: 0 } });

const MIB = 1_048_576;
const TYPE = "OfficeConversion";
const KEY = `key: { projectName: "${BAD_PROJECT}", taskType: "${TYPE}", taskId: "one" }`;
const EVERYTHING =
  "taskId status progress error { code message } startTime endTime elapsedMs expiresAt eventId requestId userData userDataJson tags requestDefinition outputs result { __typename } observedAt";
const INPUT = `{ projectName: "${BAD_PROJECT}", sourceUri: "oss://a/b", targetType: PDF, targetUri: "oss://a/c" }`;

const QUERIES = [
  `{ task(${KEY}) { ${EVERYTHING} } }`,
  `{ tasks(projectName: "${BAD_PROJECT}") { nodes { ${EVERYTHING} } pageInfo { hasNextPage endCursor } } }`,
  `mutation { createOfficeConversionTask(input: ${INPUT}) { task { ${EVERYTHING} } } }`,
];
const SUBSCRIPTIONS = [
  `subscription { taskProgress(${KEY}) { ${EVERYTHING} } }`,
  `subscription { projectEvents(projectName: "${BAD_PROJECT}") { task { ${EVERYTHING} } } }`,
];

function deep(depth: number): string {
  return `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
}

/** A task as IMM gives it, with members that a test adds as JSON text. */
function taskText(taskId: string, members = ""): string {
  const startTime = new Date(Date.now() - 60_000).toISOString();
  return `{"TaskType":"${TYPE}","TaskId":"${taskId}","Status":"Running","Progress":5,"StartTime":"${startTime}"${members}}`;
}

function listText(tasks: readonly string[], nextToken = ""): string {
  return `{"RequestId":"r","NextToken":${JSON.stringify(nextToken)},"Tasks":[${tasks.join()}]}`;
}

function sendJson(response: ServerResponse, text: string | Buffer): void {
  response.writeHead(200, { "content-type": "application/json" }).end(text);
}

/** Sends what reads one task, the project's tasks, and what starts one, while two subscriptions are open. */
async function attack(answer: RawAnswer): Promise<readonly Outcome[]> {
  const { gateway } = attacked;
  gateway.upstream.answer = answer;
  // A follower outlives an answer that may be better the next time: it is not waited for.
  const followers = SUBSCRIPTIONS.map(async (query) => gateway.send({ query }, 40));
  const outcomes = await Promise.all(QUERIES.map(async (query) => gateway.send({ query })));
  const followed = (await Promise.all(followers)).flat().filter(({ kind }) => kind !== "silent");
  return [...outcomes.flat(), ...followed];
}

describe("a task whose tags are nested 6,000 deep", () => {
  const odd = taskText("odd", `,"Tags":{"a":${deep(6_000)}}`);
  let userData = "";
  const fine = (): string => taskText("fine", `,"Tags":{"a":1},"UserData":"${userData}"`);

  it.each([
    ["socket", "first"],
    ["stream", "first"],
    ["multipart", "first"],
    ["socket", "last"],
    ["stream", "last"],
    ["multipart", "last"],
  ] as const)(
    "is an error at that field over the %s, and the others go on, when it comes %s",
    async (transport, place) => {
      const { gateway } = attacked;
      userData = "before";
      gateway.upstream.answer = ({ action, response }) =>
        sendJson(
          response,
          action === "ListTasks" ? listText(place === "first" ? [odd, fine()] : [fine(), odd]) : fine(),
        );
      const query = `subscription { projectEvents(projectName: "${BAD_PROJECT}") { task { taskId userData tags } } }`;
      const follower = await follow(transport, query);
      await follower.shows(/"taskId":"fine","userData":"before","tags":\{"a":1\}/);
      await follower.shows(/"taskId":"odd","userData":null,"tags":null/);
      expect(follower.text).toContain('"path":["projectEvents","task","tags"]');
      userData = "after";
      await follower.shows(/"taskId":"fine","userData":"after"/);
      follower.leave();
    },
  );

  it("is an error at that field of a list, and the rest is answered", async () => {
    const { gateway } = attacked;
    gateway.upstream.answer = ({ response }) =>
      sendJson(response, listText([odd, taskText("fine", ',"Tags":{"a":1}')]));
    const outcomes = await gateway.send({
      query: `{ tasks(projectName: "${BAD_PROJECT}") { nodes { taskId tags } } }`,
    });
    expectHarmless(outcomes);
    for (const { transport, data, codes, errors } of outcomes) {
      expect({ transport, data, codes }).toEqual({
        transport,
        data: {
          tasks: {
            nodes: [
              { taskId: "odd", tags: null },
              { taskId: "fine", tags: { a: 1 } },
            ],
          },
        },
        codes: ["UPSTREAM_INVALID_RESPONSE"],
      });
      expect(errors[0]?.path).toEqual(["tasks", "nodes", 0, "tags"]);
    }
  });
});

/** A subscription whose text is read as it comes. */
interface Follower {
  readonly text: string;
  /** Lets time pass until the text has this; fails when it does not come. */
  shows(pattern: RegExp): Promise<void>;
  leave(): void;
}

async function follow(transport: "socket" | "stream" | "multipart", query: string): Promise<Follower> {
  const { gateway } = attacked;
  const body = JSON.stringify({ query });
  let text = "";
  let leave: () => void;
  if (transport === "socket") {
    const socket = await RawSocket.open(gateway.url);
    socket.socket.on("message", (data: Buffer) => {
      text += `${data.toString()}\n`;
    });
    socket.send(`{"id":"a","type":"subscribe","payload":${body}}`);
    leave = () => socket.terminate();
  } else {
    const controller = new AbortController();
    const [url, init] = toRequest(gateway.url, transport, body);
    const read = async (): Promise<void> => {
      const response = await fetch(url, { ...init, signal: controller.signal });
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
    };
    read().catch(() => undefined);
    leave = () => controller.abort();
  }
  return {
    get text() {
      return text;
    },
    leave: () => leave(),
    async shows(pattern) {
      for (let turn = 0; turn < 20; turn += 1) {
        if (pattern.test(text)) return;
        await gateway.serveInnocents();
      }
      leave();
      throw new Error(`Expected ${String(pattern)} in: ${text.slice(0, 2_000)}`);
    },
  };
}

describe("a value of a task that is nested deep leaves the rest as it is", () => {
  it.each([
    ["userDataJson", `,"UserData":${JSON.stringify(deep(900))}`],
    ["tags", `,"Tags":${deep(5_000)}`],
    ["tags", `,"Tags":${deep(100)}`],
    ["requestDefinition", `,"TaskRequestDefinition":${JSON.stringify(deep(5_000))}`],
    ["requestDefinition", `,"TaskRequestDefinition":${JSON.stringify(`{"Sources":${JSON.stringify(deep(5_000))}}`)}`],
    ["requestDefinitionText", `,"TaskRequestDefinition":${JSON.stringify(deep(5_000))}`],
    ["outputs", `,"TaskRequestDefinition":${JSON.stringify(`{"TargetURI":${deep(5_000)}}`)}`],
    ["startTime", `,"Unknown":${deep(50_000)}`],
    ["message", `,"Message":${deep(5_000)}`],
  ])("%s %#", async (field, members) => {
    const { gateway } = attacked;
    gateway.upstream.answer = ({ action, response }) =>
      sendJson(response, action === "ListTasks" ? listText([taskText("one", members)]) : taskText("one", members));
    const outcomes = await gateway.send({
      query: `{ task(${KEY}) { status ${field} } tasks(projectName: "${BAD_PROJECT}") { nodes { ${field} } } }`,
    });
    expectHarmless(outcomes);
    for (const outcome of await gateway.send(
      { query: `subscription { taskProgress(${KEY}) { status ${field} } }` },
      300,
    )) {
      expect(outcome.codes).not.toContain("INTERNAL_SERVER_ERROR");
    }
    if (field === "message") return;
    for (const { data } of outcomes) expect(data).toMatchObject({ task: { status: "RUNNING" } });
  });
});

describe("an answer that goes wrong is an error of its operation", () => {
  const whole = taskText("one");
  const raw =
    (text: string | Buffer, ends = true) =>
    (socket: Duplex): void => {
      socket.write(text);
      if (ends) socket.end();
    };
  const head = (status: string, ...lines: readonly string[]): string =>
    ["HTTP/1.1 " + status, "Content-Type: application/json", ...lines, "", ""].join("\r\n");
  it.each<[string, (socket: Duplex) => void]>([
    ["nothing", raw("")],
    ["no HTTP", raw("hello\r\n\r\n")],
    ["half a head", raw("HTTP/1.1 200")],
    ["a head without an end", raw(`HTTP/1.1 200 OK\r\n${"X: a\r\n".repeat(50_000)}`)],
    ["fewer bytes than it says", raw(`${head("200 OK", "Content-Length: 10000")}${whole}`)],
    ["more bytes than it says", raw(`${head("200 OK", "Content-Length: 10")}${whole}`)],
    ["a length of signs", raw(`${head("200 OK", "Content-Length: x")}${whole}`)],
    ["two lengths", raw(`${head("200 OK", "Content-Length: 5", "Content-Length: 6")}${whole}`)],
    ["chunks of signs", raw(`${head("200 OK", "Transfer-Encoding: chunked")}zz\r\n${whole}`)],
    ["chunks without an end", raw(`${head("200 OK", "Transfer-Encoding: chunked")}5\r\n{"a":\r\n`)],
    ["100 without a further word", raw(head("100 Continue"))],
    ["103 over and over", raw(head("103 Early Hints").repeat(500))],
    ["101", raw(head("101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"))],
    ["204", raw(head("204 No Content"))],
    ["304", raw(head("304 Not Modified"))],
    ["a redirect to itself", raw(head("302 Found", "Location: /", "Content-Length: 0"))],
    [
      "a page with 500",
      raw(`HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>${"x".repeat(100_000)}`),
    ],
    ["a page with 400", raw("HTTP/1.1 400 Oops\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>")],
    ["an empty 400", raw(head("400 Bad Request", "Content-Length: 0"))],
    ["a 400 nested deep", raw(`${head("400 Bad Request", "Connection: close")}{"Code":${deep(5_000)},"Message":[]}`)],
    [
      "a 403 of odd members",
      raw(`${head("403 Forbidden", "Connection: close")}{"Code":null,"Message":1,"RequestId":{}}`),
    ],
    [
      "a throttling of signs",
      raw(
        `${head("429 Too Many", "Retry-After: \u00ff", "x-acs-retry-after: -1e9", "Connection: close")}{"Code":"Throttling"}`,
      ),
    ],
    ["status 999", raw(`${head("999 Odd", "Connection: close")}{}`)],
    ["what nobody compressed", raw(`${head("200 OK", "Content-Encoding: gzip", "Connection: close")}${whole}`)],
    [
      "what nobody asked to compress",
      raw(Buffer.concat([Buffer.from(head("200 OK", "Content-Encoding: gzip", "Connection: close")), gzipSync(whole)])),
    ],
    [
      "bytes that are no UTF-8",
      raw(Buffer.concat([Buffer.from(head("200 OK", "Connection: close")), Buffer.from([0x7b, 0xff, 0xfe])])),
    ],
    ...[
      "null",
      "[]",
      '"text"',
      "1e400",
      "{}",
      "",
      "\uFEFF{}",
      "{]",
      "[".repeat(100_000),
      '{"Tasks":null}',
      '{"Tasks":{}}',
      '{"Tasks":[null]}',
      '{"Tasks":[[[]]],"NextToken":[]}',
      '{"__proto__":{"TaskId":"one"},"constructor":1}',
      `{"Tasks":[${"{},".repeat(5_000)}{}]}`,
    ].map((text): [string, (socket: Duplex) => void] => [
      `the JSON ${text.slice(0, 40)}`,
      raw(`${head("200 OK", "Connection: close")}${text}`),
    ]),
  ])("%s", async (_what, write) => {
    expectHarmless(await attack(({ socket }) => write(socket)));
  });

  it("no answer at all", async () => {
    expectHarmless(await attack(() => undefined));
  });
});

describe("an answer without end", () => {
  /** What a gateway that does not count would take within its deadline, and more than it may take. */
  const MAX_SENT_BYTES = 80 * MIB;
  it.each([200, 400, 503])("with status %d is cut, and does not fill the memory", async (status) => {
    const { gateway } = attacked;
    let sent = 0;
    const chunk = Buffer.alloc(MIB, 0x20);
    gateway.upstream.answer = ({ response }) => {
      response.writeHead(status, { "content-type": "application/json" });
      const write = (): void => {
        while (!response.destroyed && sent < MAX_SENT_BYTES) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once("drain", write);
        }
        // The vendor's client reads a refusal by itself, to its end.
        if (status >= 400) response.end();
      };
      write();
    };
    let isAnswered = false;
    const answered = gateway.send({ query: `{ task(${KEY}) { status } }` }).finally(() => {
      isAnswered = true;
    });
    let mostBytes = 0;
    while (!isAnswered) mostBytes = Math.max(mostBytes, (await gateway.ask({})).heapBytes);
    const outcomes = await answered;
    expectHarmless(outcomes);
    if (status !== 200) return;
    for (const { codes } of outcomes) expect(codes).toEqual(["UPSTREAM_INVALID_RESPONSE"]);
    expect(sent).toBeLessThan(MAX_SENT_BYTES);
    expect(mostBytes).toBeLessThan(200 * MIB);
  });
});

describe("pages without end", () => {
  const tokens = [
    ["the same token", () => "again"],
    ["always another token", (call: number) => `token${call}`],
  ] as const;
  /** A project that is followed may have some hundred pages of tasks, a list that is asked for ten. */
  const operations = [
    ["a list", 40, `{ tasks(projectName: "${BAD_PROJECT}", first: 1000) { nodes { taskId progress } } }`],
    [
      "a list by type",
      40,
      `{ tasks(projectName: "${BAD_PROJECT}", filter: { taskTypes: ["${TYPE}"] }) { nodes { taskId eventId } } }`,
    ],
    ["a task", 40, `{ task(${KEY}) { progress } }`],
    ["a followed task", 40, SUBSCRIPTIONS[0]],
    ["a followed project", 250, SUBSCRIPTIONS[1]],
  ] as const;
  it.each(
    tokens.flatMap(([token, tokenOf]) =>
      operations.map(([what, max, query]) => [what, token, tokenOf, max, query] as const),
    ),
  )("are read so far and no further: %s, %s", async (_what, _token, tokenOf, maxCalls, query) => {
    const { gateway } = attacked;
    const { upstream } = gateway;
    const before = upstream.badCalls;
    upstream.answer = ({ action, response }) =>
      sendJson(
        response,
        action === "ListTasks" ? listText([taskText("one")], tokenOf(upstream.badCalls)) : taskText("one"),
      );
    const socket = await RawSocket.open(gateway.url);
    socket.send(JSON.stringify({ id: "pages", type: "subscribe", payload: { query } }));
    // Time stands still: what is asked now is asked for one round alone.
    let calls = 0;
    do {
      calls = upstream.badCalls - before;
      await socket.message(() => false, 100);
    } while (upstream.badCalls - before > calls && calls <= maxCalls);
    socket.terminate();
    expect(calls).toBeLessThan(maxCalls);
    await gateway.check();
    const after = upstream.badCalls;
    for (let turn = 0; turn < 3; turn += 1) await gateway.serveInnocents();
    expect(upstream.badCalls).toBe(after);
  });
});

describe("answers of which any part is odd", () => {
  it("do no harm", async () => {
    await holdsFor(40, [taskAnswers, listAnswers], async (task, list) => {
      await attacked.fresh();
      expectHarmless(await attack(({ action, response }) => sendJson(response, action === "ListTasks" ? list : task)));
      await attacked.gateway.check();
    });
  });
});
