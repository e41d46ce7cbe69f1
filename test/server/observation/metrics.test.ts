import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { createGateway } from "../../../src/server/gateway.js";
import { eventually } from "../../support/eventually.js";
import { withTimePassing } from "../../support/manual-clock.js";
import { EVERY_SECOND, nextPoll } from "../../support/next-poll.js";
import { keyArguments, keyLiteral, query } from "../../support/query.js";
import { RawHttp } from "../../support/raw-http.js";
import { disposeAfterTest, startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { connect, subscribe } from "../../support/subscribe.js";
import { uncalled } from "../../support/uncalled.js";

const root = new URL("../../../../", import.meta.url);
const PREFIX = "imm_graphql_";

/** The numbers of a scrape: of one series, those with these labels together. */
class Scrape {
  readonly #lines: readonly string[];

  constructor(text: string) {
    this.#lines = text.split("\n");
  }

  static async of({ metricsUrl }: Pick<RunningGateway, "metricsUrl">): Promise<Scrape> {
    return new Scrape(await (await fetch(metricsUrl)).text());
  }

  /** Names without those of the process. */
  get names(): readonly string[] {
    return this.#lines.flatMap((line) => /^# TYPE (imm_graphql_\w+)/.exec(line)?.[1] ?? []);
  }

  /** @param labels - as they stand there, such as `outcome="ok"`. */
  sum(name: string, ...labels: readonly string[]): number {
    const found = this.#lines.filter(
      (line) => /^[^ {]+/.exec(line)?.[0] === PREFIX + name && labels.every((label) => line.includes(label)),
    );
    return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }
}

const TASK = { taskType: "FileUncompression", taskId: "running" };
const DONE = { taskType: "MediaConvert", taskId: "done" };

async function startMeasured(gateway: Parameters<typeof startGateway>[0] = {}): Promise<RunningGateway> {
  const running = await startGateway({ ...gateway, gateway: { metricsPort: 0, ...EVERY_SECOND, ...gateway.gateway } });
  running.emulator.addTask({ ...TASK, durationMs: 60_000 });
  running.emulator.addTask({ ...DONE, startedAgoMs: 60_000 });
  return running;
}

describe("the metrics", () => {
  it("are those of the manual's table, each of them", async () => {
    // Nothing listens there. Its series are there only with a place of a Redis.
    const running = await startMeasured({ gateway: { redisUrl: "redis://:hunter2@127.0.0.1:1/0" } });
    const scrape = await Scrape.of(running);
    const page = readFileSync(new URL("docs/observing.md", root), "utf8");
    const named = [...page.matchAll(/^\| `(imm_graphql_\w+)` /gm)].map(([, name = ""]) => name);
    expect(scrape.names.toSorted()).toEqual(named.toSorted());
    const used = [...page.matchAll(/`(imm_graphql_\w+)[`{]/g)].map(([, name = ""]) => name);
    expect(used.filter((name) => !named.includes(name))).toEqual([]);
    expect(scrape.sum("redis_up")).toBe(0);
    expect(scrape.sum("redis_instances")).toBe(1);
    const ready = await fetch(`${running.url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { status: "redis_unseen" }]);
    const lines = running.logger.lines.join("\n");
    expect(lines).toContain('"redis":"redis://127.0.0.1:1/0","prefix":"imm-graphql"');
    expect(lines).toContain("Redis cannot be reached");
    expect(lines).not.toContain("hunter2");
    const alone = (await Scrape.of(await startMeasured())).names;
    expect(alone.filter((name) => name.includes("redis"))).toEqual([]);
  });

  it("count the calls of operations, what they were spared, and what is kept", async () => {
    const running = await startMeasured();
    const { url } = running;
    const ask = `query Q { task(${keyArguments(DONE)}) { status } }`;
    await query(url, ask);
    await query(url, ask);
    await query(
      url,
      `{ tasksByKey(keys: [${keyLiteral(TASK)}, ${keyLiteral({ ...TASK, taskId: "gone" })}]) { status progress } }`,
    );
    await query(url, "{ nope }");
    const scrape = await Scrape.of(running);
    expect(scrape.sum("imm_calls_total", 'action="GetTask"', 'outcome="ok"', 'code="none"')).toBeGreaterThan(0);
    expect(scrape.sum("imm_calls_total", 'outcome="not_found"', 'code="ResourceNotFound"')).toBe(1);
    expect(scrape.sum("imm_calls_total")).toBe(running.emulator.calls.length);
    expect(scrape.sum("imm_call_duration_seconds_count")).toBe(running.emulator.calls.length);
    expect(scrape.sum("tasks_from_memory_total")).toBe(1);
    expect(scrape.sum("imm_calls_saved_total")).toBeGreaterThan(0);
    expect(scrape.sum("tasks_kept", 'state="finished"')).toBe(1);
    expect(scrape.sum("tasks_kept", 'state="running"')).toBe(1);
    expect(scrape.sum("sweep_tasks_sum")).toBe(2);
    expect(scrape.sum("sweep_pages_sum")).toBe(1);
    expect(scrape.sum("operations_total", 'transport="http"', 'kind="query"', 'code="OK"')).toBe(2);
    expect(scrape.sum("operations_total", 'code="NOT_FOUND"')).toBe(1);
    expect(scrape.sum("operations_total", 'code="GRAPHQL_VALIDATION_FAILED"')).toBe(1);
    expect(scrape.sum("operation_duration_seconds_count")).toBe(4);
    expect(scrape.sum("imm_calls_left")).toBeLessThan(10_000);
  });

  it("show a throttled, an absent and a slow IMM, and the breaker", async () => {
    const running = await startMeasured({ gateway: { breakerThreshold: 3, maxRetries: 0, callTimeoutMs: 500 } });
    const { url, emulator, clock } = running;
    const ask = `{ task(${keyArguments(TASK)}) { status } }`;
    emulator.injectFault({ kind: "throttle", times: 1 });
    await query(url, ask);
    let scrape = await Scrape.of(running);
    expect(scrape.sum("imm_calls_total", 'outcome="throttled"', 'code="Throttling"')).toBe(1);
    expect(scrape.sum("imm_throttled_seconds_total")).toBe(1);
    expect(scrape.sum("imm_breaker_state", 'state="closed"')).toBe(1);
    // Until the second is over IMM is not asked.
    await clock.advance(1_000);
    emulator.injectFault({ kind: "stall", times: 1 });
    const waiting = query(url, ask);
    await eventually(() => emulator.calls.length === 2);
    expect((await Scrape.of(running)).sum("imm_calls_in_flight")).toBe(1);
    await waiting;
    emulator.injectFault({ kind: "serverError" });
    for (let index = 0; index < 3; index += 1) await withTimePassing(clock, query(url, ask));
    scrape = await Scrape.of(running);
    expect(scrape.sum("imm_calls_total", 'outcome="timeout"', 'code="none"')).toBe(1);
    expect(scrape.sum("imm_calls_total", 'outcome="unavailable"', 'code="ServiceUnavailable"')).toBe(2);
    expect(scrape.sum("imm_breaker_state", 'state="open"')).toBe(1);
    expect(scrape.sum("imm_calls_refused_total", 'reason="breaker"')).toBe(1);
    expect(scrape.sum("operations_total", 'code="UPSTREAM_UNAVAILABLE"')).toBe(3);
    expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ status: "imm_unavailable" });
    await clock.advance(5_000);
    expect((await Scrape.of(running)).sum("imm_breaker_state", 'state="trying"')).toBe(1);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  it("show what waits for its turn, and what finds no room", async () => {
    const running = await startMeasured({ gateway: { maxCallsPerSecond: 1, maxQueuedCalls: 1 } });
    const { url, clock } = running;
    const ask = async (taskId: string): Promise<unknown> =>
      query(url, `{ task(${keyArguments({ ...TASK, taskId })}) { status } }`);
    await ask("running");
    const second = ask("b");
    for (let waiting = 0; waiting === 0;) waiting = (await Scrape.of(running)).sum("imm_calls_waiting");
    await ask("c");
    const scrape = await Scrape.of(running);
    expect(scrape.sum("imm_calls_waiting", 'urgency="query"')).toBe(1);
    expect(scrape.sum("imm_calls_left")).toBe(0);
    expect(scrape.sum("imm_calls_refused_total", 'reason="budget"')).toBe(1);
    await withTimePassing(clock, second);
  });

  it("show what is watched, by how many, and how old it is", async () => {
    const running = await startMeasured();
    const { url, emulator } = running;
    const client = connect(url);
    const document = `subscription { taskProgress(${keyArguments(TASK)}) { progress } }`;
    const [one, other] = [subscribe(client, document), subscribe(client, document)];
    await Promise.all([one.next(), other.next()]);
    await nextPoll(running);
    await Promise.all([one.next(), other.next()]);
    let scrape = await Scrape.of(running);
    const numbers = ["watched_tasks", "watched_projects", "followers", "sockets", "streams", "events_delivered_total"];
    expect(numbers.map((name) => scrape.sum(name))).toEqual([1, 1, 1, 1, 2, 4]);
    expect(scrape.sum("streams", 'transport="websocket"')).toBe(2);
    expect(scrape.sum("polls_total", 'outcome="ok"')).toBe(2);
    expect(scrape.sum("poll_duration_seconds_count")).toBe(2);
    expect(scrape.sum("event_age_seconds_count")).toBe(2);
    expect(scrape.sum("events_replaced_total")).toBe(0);
    emulator.injectFault({ kind: "serverError" });
    for (let second = 0; second < 3; second += 1) await nextPoll(running);
    scrape = await Scrape.of(running);
    expect(scrape.sum("polls_total", 'outcome="unavailable"')).toBeGreaterThan(0);
    expect(scrape.sum("watch_oldest_seconds")).toBe(3);
    one.unsubscribe();
    other.unsubscribe();
    await eventually(() => running.gateway.watchedTasks === 0);
    await subscribe(client, "{ __typename }").rest();
    expect((await Scrape.of(running)).sum("streams")).toBe(0);
  });

  it("show who was refused, and by which setting", async () => {
    const running = await startMeasured({ gateway: { requestsPerMinute: 3, corsOrigins: ["https://app.example"] } });
    const { url, port } = running;
    await fetch(`${url}/graphql`, { method: "POST", headers: { origin: "https://evil.example" } });
    const raw = await RawHttp.open(url);
    await raw.ask(["GET /graphql HTTP/1.1", `Host: evil.example:${port}`]);
    for (let index = 0; index < 5; index += 1) await query(url, "{ __typename }");
    const scrape = await Scrape.of(running);
    expect(scrape.sum("refusals_total", 'reason="origin"')).toBeGreaterThan(0);
    expect(scrape.sum("refusals_total", 'reason="host"')).toBe(1);
    expect(scrape.sum("refusals_total", 'reason="allowance"', 'allowance="REQUESTS_PER_MINUTE"')).toBeGreaterThan(0);
  });
});

describe("readiness", () => {
  it("ends when IMM refuses the gateway's credentials again and again, and returns with its first answer", async () => {
    const { url, emulator } = await startMeasured({ gateway: { maxRetries: 0 } });
    const ask = `{ task(${keyArguments(TASK)}) { status } }`;
    const probe = async (): Promise<unknown> => (await fetch(`${url}/readyz`)).json();
    emulator.injectFault({ kind: "refuse", code: "InvalidAccessKeyId.NotFound", times: 3 });
    for (let index = 0; index < 3; index += 1) {
      expect(await probe()).toEqual({ status: "ok" });
      await query(url, ask);
    }
    expect(await probe()).toMatchObject({ status: "credentials_refused" });
    await query(url, `{ task(${keyArguments({ ...TASK, taskId: "gone" })}) { status } }`);
    expect(await probe()).toEqual({ status: "ok" });
  });
});

describe("the port of the metrics", () => {
  it("serves them and nothing else, to who asks by a name of this machine", async () => {
    const { metricsUrl, gateway } = await startMeasured();
    const answer = await fetch(metricsUrl);
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await answer.text()).toContain("nodejs_eventloop_lag_p99_seconds");
    expect(await gateway.metrics()).toContain("imm_graphql_watched_tasks 0");
    expect((await fetch(new URL("/graphql", metricsUrl))).status).toBe(404);
    expect((await fetch(metricsUrl, { method: "POST" })).status).toBe(405);
    const raw = await RawHttp.open(metricsUrl);
    expect((await raw.ask(["GET /metrics HTTP/1.1", "Host: evil.example"])).status).toBe(403);
    await gateway.stop();
    await expect(fetch(metricsUrl)).rejects.toThrow("fetch failed");
  });

  it("answers one request of a connection, however many come at once", async () => {
    const { metricsUrl } = await startMeasured();
    const { port } = new URL(metricsUrl);
    const socket = connectTcp({ host: "127.0.0.1", port: Number(port) });
    socket.write("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(500));
    let answers = "";
    socket.setEncoding("latin1").on("data", (text: string) => (answers += text));
    socket.on("error", () => undefined);
    await once(socket, "close");
    expect(answers.split("HTTP/1.1 200 OK")).toHaveLength(2);
  });

  it("is asked under any name where other machines reach it, as a scraper of pods does by their addresses", async () => {
    const { metricsUrl, gateway } = await startMeasured({
      gateway: { host: "0.0.0.0", insecureNoAuth: true, allowedHosts: ["imm.example.com"] },
    });
    const raw = await RawHttp.open(metricsUrl);
    expect((await raw.ask(["GET /metrics HTTP/1.1", "Host: 10.1.2.3:9464"])).status).toBe(200);
    await gateway.stop();
  });

  it("stops the start when it is taken, or the gateway's own", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    disposeAfterTest(() => void other.close());
    await new Promise((resolve) => other.once("listening", resolve));
    const address = other.address();
    const metricsPort = typeof address === "object" && address !== null ? address.port : 0;
    const parts = { client: uncalled, region: "cn-hangzhou" };
    const gateway = createGateway({ ...parts, port: 0, metricsPort });
    await expect(gateway.start()).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${metricsPort}: it is in use by another program.`,
    );
    await gateway.stop();
    expect(() => createGateway({ ...parts, port: 4_000, metricsPort: 4_000 })).toThrow(
      "Expected `metricsPort` to be another port than `port` (4000).",
    );
  });
});

const LOADED = `
  import { createRequire } from "node:module";
  import { createGateway } from "./dist/src/index.js";
  const { cache } = createRequire(import.meta.url);
  const loaded = () => ["prom-client", "@opentelemetry"].filter((name) => Object.keys(cache).some((path) => path.includes("/" + name + "/")));
  const refuse = async () => { throw new Error("not called"); };
  const client = { getTask: refuse, listTasks: refuse, getResult: refuse, createTask: refuse };
  const found = [];
  for (const options of [{}, { metricsPort: 0, otlpEndpoint: "http://127.0.0.1:1" }]) {
    const gateway = createGateway({ client, region: "cn-hangzhou", port: 0, ...options });
    await gateway.start();
    await gateway.stop();
    found.push(loaded());
  }
  console.log(JSON.stringify(found));
`;

describe("a gateway without metrics and traces", () => {
  it("loads nothing of what makes them", async () => {
    const parameters = ["--input-type=module", "--eval", LOADED];
    const { stdout } = await promisify(execFile)(process.execPath, parameters, { cwd: fileURLToPath(root) });
    expect(JSON.parse(stdout)).toEqual([[], ["prom-client", "@opentelemetry"]]);
  });
});
