import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { settings } from "../src/options/options.js";
import { printGatewaySchema } from "../src/schema/build-schema.js";
import { eventually } from "./support/eventually.js";
import { keyArguments, query } from "./support/query.js";
import { endRuns, Run, type Finished, type Outputs } from "./support/run.js";

// The test runs from dist/test/: the command lies beside it, the schema two folders up.
const command = fileURLToPath(new URL("../src/cli.js", import.meta.url));
const schemaFile = fileURLToPath(new URL("../../schema.graphql", import.meta.url));

const key = {
  ALIBABA_CLOUD_ACCESS_KEY_ID: "LTAI5tHunter2Id",
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: "hunter2-secret",
  ALIBABA_CLOUD_SECURITY_TOKEN: "hunter2-token",
};

const folders: string[] = [];

afterEach(async () => {
  await endRuns();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function start(parameters: readonly string[], env?: Readonly<Record<string, string>>, ...outputs: Outputs): Run {
  return new Run([command, ...parameters], env, ...outputs);
}

async function run(parameters: readonly string[], env?: Readonly<Record<string, string>>): Promise<Finished> {
  return start(parameters, env).finished;
}

/** The port in a URL, which a later start shall find taken. */
function portOf(url: string): string {
  return new URL(url).port;
}

const served = /^imm-graphql \S+ serves (http:\/\/127\.0\.0\.1:\d+)\/graphql$/m;
const example = keyArguments({ taskType: "FileCompression", taskId: "FileCompression-demo-running" });

/** A port that was free a moment ago, for a command that cannot say which one it took. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Waits until somebody answers there. */
async function answers(url: string): Promise<void> {
  let isThere = false;
  while (!isThere) {
    isThere = await fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}

describe("schema", () => {
  test("says in one sentence that it cannot be written, and nothing to a reader that goes", async () => {
    const full = openSync("/dev/full", "w");
    const writing = start(["schema"], {}, "pipe", full);
    closeSync(full);
    expect(await writing.finished).toMatchObject({
      code: 1,
      stderr: "imm-graphql: Standard output cannot be written (ENOSPC).\n",
    });
    const reading = start(["schema"]);
    reading.stopReading();
    expect(await reading.finished).toMatchObject({ code: 0, stderr: "" });
  });

  test("prints exactly the schema that is committed", async () => {
    expect(await run(["schema"])).toEqual({ code: 0, stdout: readFileSync(schemaFile, "utf8"), stderr: "" });
  });

  test("--federation prints it as a subgraph", async () => {
    const { code, stdout, stderr } = await run(["schema", "--federation"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(printGatewaySchema({ federation: true }));
  });

  test("--check passes on that file, and prints nothing", async () => {
    expect(await run(["schema", "--check", schemaFile])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("--check passes on a copy with the line ends of Windows", async () => {
    const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
    folders.push(folder);
    const copy = join(folder, "schema.graphql");
    writeFileSync(copy, readFileSync(schemaFile, "utf8").replaceAll("\n", "\r\n"));
    expect(await run(["schema", "--check", copy])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("--check fails on an altered copy, with one sentence", async () => {
    const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
    folders.push(folder);
    const altered = join(folder, "schema.graphql");
    writeFileSync(altered, `${readFileSync(schemaFile, "utf8")}\ntype Extra {\n  a: Int\n}\n`);
    expect(await run(["schema", "--check", altered])).toEqual({
      code: 1,
      stdout: "",
      stderr: `imm-graphql: ${altered} is not the schema that the gateway serves: write it by "imm-graphql schema > ${altered}".\n`,
    });
  });

  test.each([
    ["schema", ["--check"]],
    ["schema --federation", ["--federation", "--check"]],
  ])("%s --check says of a file that is not there how to write it", async (written, flags) => {
    expect(await run(["schema", ...flags, "no-such.graphql"])).toEqual({
      code: 1,
      stdout: "",
      stderr: `imm-graphql: no-such.graphql: there is no such file: write it by "imm-graphql ${written} > no-such.graphql".\n`,
    });
  });

  test("--check says why a file cannot be read", async () => {
    expect(await run(["schema", "--check", tmpdir()])).toMatchObject({
      code: 1,
      stderr: `imm-graphql: ${tmpdir()}: cannot be read (EISDIR).\n`,
    });
  });
});

describe("serve", () => {
  test("answers queries on the port that it prints, and ends cleanly on SIGTERM", async () => {
    const serving = start(["serve", "--port", "0"], key);
    const url = await serving.prints(served);
    const answer = await query(url, `{ task(${example}) { status taskId } }`);
    expect(answer).toMatchObject({
      status: 200,
      data: { task: { status: "RUNNING", taskId: "FileCompression-demo-running" } },
    });
    serving.kill("SIGTERM");
    const { code, stdout, stderr } = await serving.finished;
    expect(code).toBe(0);
    expect(stdout).toContain("made up, by the embedded emulator");
    expect(`${stdout}${stderr}`).not.toMatch(/hunter2/i);
    await expect(fetch(url)).rejects.toThrow("fetch failed");
  });

  test("ends on SIGINT as well, with its log as JSON on standard error", async () => {
    const serving = start(["serve", "--port", "0"]);
    await serving.prints(served);
    serving.kill("SIGINT");
    const { code, stderr } = await serving.finished;
    expect(code).toBe(0);
    const messages = stderr
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toEqual(["Stopping: no new work, running queries finish.", "Stopped."]);
  });

  test.each(["SIGHUP", "SIGUSR2"] as const)("ends on %s like on SIGTERM, and ignores SIGUSR1", async (signal) => {
    const serving = start(["serve", "--port", "0"]);
    const url = await serving.prints(served);
    serving.kill("SIGUSR1");
    expect((await query(url, `{ task(${example}) { taskId } }`)).status).toBe(200);
    serving.kill(signal);
    const { code, stderr } = await serving.finished;
    expect(code).toBe(0);
    expect(stderr).not.toContain("Debugger");
    expect(stderr).toContain(`"signal":"${signal}"`);
  });

  test("still serves for the delay of production on SIGTERM, which an interrupt skips", async () => {
    const production = { NODE_ENV: "production", IMM_EMULATOR: "true" };
    const serving = start(["serve", "--port", "0"], production);
    const url = await serving.prints(served);
    serving.kill("SIGTERM");
    // The answer comes from a process that has begun to go.
    let status = 0;
    while (status !== 503) ({ status } = await fetch(`${url}/readyz`));
    // A supervisor that signals a group, and a parent that passes signals on, send it twice.
    serving.kill("SIGTERM");
    expect((await query(url, `{ task(${example}) { taskId } }`)).status).toBe(200);
    serving.kill("SIGINT");
    serving.kill("SIGINT");
    expect((await serving.finished).code).toBe(0);
  });

  test("ends at once at a second interrupt, and waits for what runs at the first", async () => {
    const serving = start(["serve", "--port", "0"]);
    const url = await serving.prints(served);
    const socket = connectTcp(Number(portOf(url)), "127.0.0.1");
    socket.on("error", () => undefined);
    // A request that has begun holds the drain up.
    socket.write("POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    await once(socket, "data");
    serving.kill("SIGINT");
    await eventually(() => serving.stderr.includes("Still stopping"));
    serving.kill("SIGINT");
    expect((await serving.finished).code).toBe(130);
    socket.destroy();
  });

  test("goes on after a promise that nothing handles, and drains after an exception that nothing catches", async () => {
    const defects = `
      process.on("SIGWINCH", () => void Promise.reject(new Error("hunter" + 2)));
      process.on("SIGCONT", () => { throw new Error("hunter" + 2); });
    `;
    const preload = `data:text/javascript,${encodeURIComponent(defects)}`;
    const serving = new Run(["--import", preload, command, "serve", "--port", "0"]);
    const url = await serving.prints(served);
    serving.kill("SIGWINCH");
    await eventually(() => serving.stderr.includes("A promise was rejected, and nothing handled it."));
    expect((await query(url, `{ task(${example}) { taskId } }`)).status).toBe(200);
    serving.kill("SIGCONT");
    const { code, stderr } = await serving.finished;
    expect(code).toBe(1);
    expect(stderr).toContain("Nothing caught an exception: the process stops.");
    expect(stderr).toContain('"msg":"Stopped."');
    expect(stderr).not.toContain("hunter2");
  });

  test("goes on, and ends cleanly, where neither its log nor its output can be written", async () => {
    const port = await freePort();
    const full = openSync("/dev/full", "w");
    const serving = start(["serve", "--port", String(port), "--log-level", "trace"], {}, full);
    closeSync(full);
    const url = `http://127.0.0.1:${port}`;
    await answers(url);
    expect((await query(url, `{ task(${example}) { taskId } }`)).status).toBe(200);
    serving.kill("SIGTERM");
    expect((await serving.finished).code).toBe(0);
  });

  test("talks to the endpoint that is set, with the key that is set", async () => {
    const emulating = start(["emulator", "--port", "0"]);
    const endpoint = await emulating.prints(/serves (http:\/\/\S+)/);
    const serving = start(
      ["serve", "--port=0", `--imm-endpoint=${endpoint}`, "--imm-region=emulator", "--max-retries=0"],
      key,
    );
    const url = await serving.prints(served);
    const refused = await query(url, `{ task(${example}) { status } }`);
    expect(refused.data).toEqual({ task: null });
    expect(refused.errors).toMatchObject([
      { extensions: { code: "UPSTREAM_MISCONFIGURED", imm: { code: "InvalidAccessKeyId.NotFound" } } },
    ]);
    serving.kill("SIGTERM");
    const { stdout, stderr } = await serving.finished;
    expect(stdout).toContain(`IMM at ${endpoint}, through @alicloud/`);
    expect(`${stdout}${stderr}${refused.text}`).not.toMatch(/hunter2/i);
  });

  test("says in its log that nobody is asked who they are, where other machines can reach it", async () => {
    const open = start(["serve", "--port", "0"], { HOST: "0.0.0.0" });
    await open.prints(/ serves (http:\/\/0\.0\.0\.0:\d+)\/graphql$/m);
    const local = start(["serve", "--port", "0"], { HOST: "localhost" });
    await local.prints(/ serves (http:\/\/localhost:\d+)\/graphql$/m);
    for (const serving of [open, local]) serving.kill("SIGINT");
    const warnings = (await open.finished).stderr.split("\n").filter((line) => line.includes('"level":40'));
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] ?? "")).toMatchObject({
      host: "0.0.0.0",
      msg: expect.stringMatching(/asks nobody who they are.*authenticates, or set HOST=127\.0\.0\.1\.$/),
    });
    expect((await local.finished).stderr).not.toContain("who they are");
  });

  test("lets a flag win over its variable, and takes an empty variable for none", async () => {
    const serving = start(["serve", "--port", "0", "--explorer", "false"], {
      PORT: "abc",
      EXPLORER: "true",
      HOST: "",
    });
    const url = await serving.prints(served);
    serving.kill("SIGTERM");
    const { code, stdout } = await serving.finished;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect(stdout).not.toContain("Explorers");
    expect(code).toBe(0);
  });

  test("executes nothing but the documents of the manifest, and shows no explorer", async () => {
    const manifest = fileURLToPath(new URL("../../examples/persisted-operations.json", import.meta.url));
    const serving = start(["serve", "--port", "0", "--only-persisted-operations", "true"], {
      PERSISTED_OPERATIONS: manifest,
    });
    const url = await serving.prints(served);
    const named = await fetch(`${url}/graphql?documentId=taskTypes`, { headers: { "apollo-require-preflight": "1" } });
    expect(await named.json()).toMatchObject({ data: { taskTypes: expect.any(Array) } });
    expect((await query(url, "{ taskTypes { name } }")).errors).toMatchObject([
      { extensions: { code: "PERSISTED_QUERY_ID_REQUIRED" } },
    ]);
    serving.kill("SIGTERM");
    const { stdout } = await serving.finished;
    expect(stdout).toContain(`Documents  those of ${manifest}, and no others.`);
    expect(stdout).not.toMatch(/Explorers|to paste/);
  });

  test.each([
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
    folders.push(folder);
    const manifest = join(folder, "manifest.json");
    if (text !== null) writeFileSync(manifest, text);
    expect(await run(["serve", "--port", "0", "--persisted-operations", manifest])).toEqual({
      code: 1,
      stdout: "",
      stderr: `imm-graphql: ${manifest}: ${reason}\n`,
    });
  });

  test("says in one sentence that the port is taken", async () => {
    const serving = start(["serve", "--port", "0"]);
    const port = portOf(await serving.prints(served));
    expect(await run(["serve", "--port", port])).toEqual({
      code: 1,
      stdout: "",
      stderr: `imm-graphql: Cannot listen on 127.0.0.1:${port}: it is in use by another program.\n`,
    });
  });

  test.each<[Readonly<Record<string, string>>, RegExp]>([
    [{ PORT: "abc" }, /^imm-graphql: PORT: expected an integer from 0 to 65535, got "abc"\.\n$/],
    [
      { NODE_ENV: "production" },
      /^imm-graphql: IMM_REGION or IMM_ENDPOINT: expected one of them to be set; IMM_EMULATOR=true serves made-up data instead\.\n$/,
    ],
    [{ IMM_REGION: "cn-nowhere" }, /^imm-graphql: IMM_REGION: expected one of [^\n]*, got "cn-nowhere"; [^\n]*\.\n$/],
    [
      { IMM_REGION: "cn-hangzhou", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "" },
      /^imm-graphql: ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET: expected both to be set, or neither, and a security token only beside them\.\n$/,
    ],
    [
      { MIN_POLL_INTERVAL_MS: "20000" },
      /^imm-graphql: Expected MIN_POLL_INTERVAL_MS to be at most MAX_POLL_INTERVAL_MS \(15000\), got `20000`\.\n$/,
    ],
  ])("refuses %j with one line, and serves nothing", async (env, line) => {
    const { code, stdout, stderr } = await run(["serve"], { ...key, ...env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(line);
    expect(stderr).not.toMatch(/hunter2/i);
  });

  test("refuses a flag that it does not have", async () => {
    const { code, stdout, stderr } = await run(["serve", "--prot", "0"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("unknown option '--prot'");
  });
});

describe("emulator", () => {
  test("prints where it is and how to use it, answers there, and ends on SIGTERM", async () => {
    const emulating = start(["emulator", "--port", "0"]);
    const url = await emulating.prints(/^The IMM emulator serves (http:\/\/127\.0\.0\.1:\d+) with made-up data/m);
    const answer = await fetch(url, { method: "POST" });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ Code: "IncompleteSignature", RequestId: expect.any(String) });
    emulating.kill("SIGTERM");
    const { code, stdout, stderr } = await emulating.finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`IMM_ENDPOINT=${url} IMM_REGION=emulator`);
  });

  test.each([
    ["--port", "abc", 'an integer from 0 to 65535, got "abc"'],
    ["--time-scale", "0", 'a number from 0.001 to 1000000, got "0"'],
    ["--seed", "1.5", 'an integer from 0 to 2147483647, got "1.5"'],
  ])("refuses %s %s with one sentence", async (flag, text, expected) => {
    expect(await run(["emulator", "--port", "0", flag, text])).toEqual({
      code: 1,
      stdout: "",
      stderr: `imm-graphql: ${flag}: expected ${expected}.\n`,
    });
  });

  test("says in one sentence that the port is taken", async () => {
    const emulating = start(["emulator", "--port", "0"]);
    const port = portOf(await emulating.prints(/serves (http:\/\/\S+)/));
    const { code, stdout, stderr } = await run(["emulator", "--port", port]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^imm-graphql: [^\\n]*\\b${port}\\b[^\\n]*\\n$`));
  });
});

describe("help", () => {
  test("lists each setting with its variable, its effect and its default", async () => {
    const { code, stdout, stderr } = await run(["serve", "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    // The help is wrapped to columns.
    const help = stdout.replaceAll(/\s+/g, " ");
    for (const { section, env, flag, expected, effect, fallback } of settings) {
      const line =
        flag === null
          ? `${env} ${effect} [default: ${fallback}]`
          : `${effect} [${env}; ${expected}; default: ${fallback}]`;
      expect(help).toContain(line);
      expect(help).toContain(flag === null ? env : `--${flag} <`);
      expect(help).toContain(`${section}: --`);
    }
  });

  test("lists the three commands", async () => {
    const { code, stdout } = await run(["--help"]);
    expect(code).toBe(0);
    for (const name of ["serve", "emulator", "schema"]) expect(stdout).toMatch(new RegExp(`^ +${name}\\b`, "m"));
  });

  test("tells the version of the package", async () => {
    const { stdout } = await run(["--version"]);
    const file = new URL("../../package.json", import.meta.url);
    expect(stdout).toBe(`${(JSON.parse(readFileSync(file, "utf8")) as { version: string }).version}\n`);
  });
});
