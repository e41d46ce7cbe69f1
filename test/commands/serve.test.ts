import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { eventually } from "../support/eventually.js";
import { keyArguments, query } from "../support/query.js";
import { CommandRun, runCommand } from "../support/run-command.js";
import { disposeAfterTest } from "../support/start-gateway.js";

const key = {
  ALIBABA_CLOUD_ACCESS_KEY_ID: "LTAI5tHunter2Id",
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: "hunter2-secret",
  ALIBABA_CLOUD_SECURITY_TOKEN: "hunter2-token",
};

const served = /^imm-graphql \S+ serves (http:\/\/127\.0\.0\.1:\d+)\/graphql$/m;
const example = keyArguments({ taskType: "FileCompression", taskId: "FileCompression-demo-running" });

describe("serve", () => {
  it("ends on SIGINT as well, with its log as JSON on standard error", async () => {
    const serving = new CommandRun(["serve", "--port", "0"]);
    await serving.prints(served);
    serving.emit("SIGINT");
    const { code, stderr } = await serving.finished;
    expect(code).toBe(0);
    const messages = stderr
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toEqual(["Stopping: no new work, running queries finish.", "Stopped."]);
  });

  it.each(["SIGHUP", "SIGUSR2"] as const)("ends on %s like on SIGTERM, and ignores SIGUSR1", async (signal) => {
    const serving = new CommandRun(["serve", "--port", "0"]);
    const url = await serving.prints(served);
    serving.emit("SIGUSR1");
    expect((await query(url, `{ task(${example}) { taskId } }`)).status).toBe(200);
    serving.emit(signal);
    const { code, stderr } = await serving.finished;
    expect(code).toBe(0);
    expect(stderr).toContain(`"signal":"${signal}"`);
    expect(serving.clock.pendingTimers).toBe(0);
  });

  it("still serves for the delay of production on SIGTERM, which an interrupt skips", async () => {
    const serving = new CommandRun(["serve", "--port", "0"], { NODE_ENV: "production", IMM_EMULATOR: "true" });
    const url = await serving.prints(served);
    serving.emit("SIGTERM");
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    // A supervisor that signals a group, and a parent that passes signals on, send it twice.
    serving.emit("SIGTERM");
    expect((await query(url, `{ task(${example}) { taskId } }`)).status).toBe(200);
    serving.emit("SIGINT");
    serving.emit("SIGINT");
    const { code, stderr } = await serving.finished;
    expect(code).toBe(0);
    expect(stderr.match(/Stopping:/g)).toHaveLength(1);
  });

  it("ends at once at a second interrupt, and waits for what runs at the first", async () => {
    const serving = new CommandRun(["serve", "--port", "0"]);
    const { port } = new URL(await serving.prints(served));
    const socket = connectTcp(Number(port), "127.0.0.1");
    socket.on("error", () => undefined);
    // A request that has begun holds the drain up.
    socket.write("POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    await once(socket, "data");
    serving.emit("SIGINT");
    await serving.clock.advance(999);
    serving.emit("SIGINT");
    await serving.clock.advance(1);
    expect(serving.stderr).toContain("Still stopping");
    serving.emit("SIGINT");
    const { code, stderr } = await serving.finished;
    expect(code).toBe(130);
    expect(stderr).not.toContain("Stopped.");
    socket.destroy();
    await eventually(() => serving.stderr.includes("Stopped."));
  });

  it("talks to the endpoint that is set, with the key that is set", async () => {
    const emulating = new CommandRun(["emulator", "--port", "0"]);
    const endpoint = await emulating.prints(/serves (http:\/\/\S+)/);
    const serving = new CommandRun(
      ["serve", "--port=0", `--imm-endpoint=${endpoint}`, "--imm-region=emulator", "--max-retries=0"],
      key,
    );
    const url = await serving.prints(served);
    const refused = await query(url, `{ task(${example}) { status } }`);
    expect(refused.data).toEqual({ task: null });
    expect(refused.errors).toMatchObject([
      { extensions: { code: "UPSTREAM_MISCONFIGURED", imm: { code: "InvalidAccessKeyId.NotFound" } } },
    ]);
    serving.emit("SIGTERM");
    const { stdout, stderr } = await serving.finished;
    expect(stdout).toContain(`IMM at ${endpoint}, through @alicloud/`);
    expect(`${stdout}${stderr}${refused.text}`).not.toMatch(/hunter2/i);
  });

  it("says in its log that nobody is asked who they are, where other machines can reach it", async () => {
    const open = new CommandRun(["serve", "--port", "0"], { HOST: "0.0.0.0", INSECURE_NO_AUTH: "true" });
    await open.prints(/ serves (http:\/\/0\.0\.0\.0:\d+)\/graphql$/m);
    const local = new CommandRun(["serve", "--port", "0"], { HOST: "localhost" });
    await local.prints(/ serves (http:\/\/localhost:\d+)\/graphql$/m);
    for (const serving of [open, local]) serving.emit("SIGINT");
    const warnings = (await open.finished).stderr.split("\n").filter((line) => line.includes('"level":40'));
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] ?? "")).toMatchObject({
      host: "0.0.0.0",
      msg: expect.stringMatching(
        /asks no caller who it is \(INSECURE_NO_AUTH\).*Let nothing reach it but what authenticates its callers\.$/,
      ),
    });
    expect((await local.finished).stderr).not.toContain("who they are");
  });

  it("refuses to ask nobody who they are where other machines can reach it", async () => {
    const { code, stdout, stderr } = await runCommand(["serve", "--port", "0"], { HOST: "0.0.0.0" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^imm-graphql: Expected ACCESS_FILE .* HOST \(`host`\) 0\.0\.0\.0\. .*INSECURE_NO_AUTH=true.*\.\n$/,
    );
  });

  it("lets a flag win over its variable, and takes an empty variable for none", async () => {
    const serving = new CommandRun(["serve", "--port", "0", "--explorer", "false"], {
      PORT: "abc",
      EXPLORER: "true",
      HOST: "",
    });
    const url = await serving.prints(served);
    serving.emit("SIGTERM");
    const { code, stdout } = await serving.finished;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect(stdout).not.toContain("Explorers");
    expect(code).toBe(0);
  });

  it("executes nothing but the documents of the manifest, and shows no explorer", async () => {
    const manifest = fileURLToPath(new URL("../../../examples/persisted-operations.json", import.meta.url));
    const serving = new CommandRun(["serve", "--port", "0", "--only-persisted-operations", "true"], {
      PERSISTED_OPERATIONS: manifest,
    });
    const url = await serving.prints(served);
    const named = await fetch(`${url}/graphql?documentId=taskTypes`, { headers: { "apollo-require-preflight": "1" } });
    expect(await named.json()).toMatchObject({ data: { taskTypes: expect.any(Array) } });
    expect((await query(url, "{ taskTypes { name } }")).errors).toMatchObject([
      { extensions: { code: "PERSISTED_QUERY_ID_REQUIRED" } },
    ]);
    serving.emit("SIGTERM");
    const { stdout } = await serving.finished;
    expect(stdout).toContain(`Documents  those of ${manifest}, and no others.`);
    expect(stdout).not.toMatch(/Explorers|to paste/);
  });

  it.each([
    ["has no such file", null, "there is no such file: is the path right?"],
    ["is no JSON", "{", "expected JSON."],
    ["has an id twice", '{"a":"{ __typename }","a":"{ __typename }"}', '"a" is there twice.'],
    [
      "does not fit the schema",
      '{"a":"{ nothing }"}',
      'the document "a" cannot be executed: Cannot query field "nothing" on type "Query".',
    ],
  ])("refuses a manifest that %s, by the name of its file", async (_what, text, reason) => {
    const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
    disposeAfterTest(() => rmSync(folder, { recursive: true }));
    const manifest = join(folder, "manifest.json");
    if (text !== null) writeFileSync(manifest, text);
    expect(await runCommand(["serve", "--port", "0", "--persisted-operations", manifest])).toEqual({
      code: 1,
      stdout: "",
      stderr: `imm-graphql: ${manifest}: ${reason}\n`,
    });
  });

  it.each<[Readonly<Record<string, string>>, RegExp]>([
    [
      { NODE_ENV: "production" },
      /^imm-graphql: IMM_REGION or IMM_ENDPOINT: expected one of them to be set; IMM_EMULATOR=true serves made-up data instead\.\n$/,
    ],
    [
      { IMM_REGION: "cn-nowhere" },
      /^imm-graphql: IMM_REGION: expected a region of IMM, such as [^\n]*, got "cn-nowhere"; [^\n]*\.\n$/,
    ],
    [
      { IMM_REGION: "cn-hangzhou", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "" },
      /^imm-graphql: ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET: expected both to be set, or neither, and a security token only beside them\.\n$/,
    ],
    [
      { MIN_POLL_INTERVAL_MS: "20000" },
      /^imm-graphql: Expected MIN_POLL_INTERVAL_MS to be at most MAX_POLL_INTERVAL_MS \(15000\), got `20000`\.\n$/,
    ],
  ])("refuses %j with one line, and serves nothing", async (env, line) => {
    const { code, stdout, stderr } = await runCommand(["serve"], { ...key, ...env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(line);
    expect(stderr).not.toMatch(/hunter2/i);
  });
});
