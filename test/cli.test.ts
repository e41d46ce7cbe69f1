import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "@jest/globals";
import { eventually } from "./support/eventually.js";
import { keyArguments, query } from "./support/query.js";
import { endRuns, Run, type Finished, type Outputs } from "./support/run.js";
import { disposeAfterTest } from "./support/start-gateway.js";

// What only a process of its own can show; test/commands/ has the rest. The test runs from dist/test/: the bundle that
// users run lies beside that folder, the schema two folders up.
const command = fileURLToPath(new URL("../command/imm-graphql.js", import.meta.url));
const schemaFile = fileURLToPath(new URL("../../schema.graphql", import.meta.url));

const key = {
  ALIBABA_CLOUD_ACCESS_KEY_ID: "LTAI5tHunter2Id",
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: "hunter2-secret",
  ALIBABA_CLOUD_SECURITY_TOKEN: "hunter2-token",
};

afterEach(endRuns);

function start(parameters: readonly string[], env?: Readonly<Record<string, string>>, ...outputs: Outputs): Run {
  return new Run([command, ...parameters], env, ...outputs);
}

async function run(parameters: readonly string[], env?: Readonly<Record<string, string>>): Promise<Finished> {
  return start(parameters, env).finished;
}

const served = /^imm-graphql \S+ serves (http:\/\/127\.0\.0\.1:\d+)\/graphql$/m;
const example = keyArguments({ taskType: "FileCompression", taskId: "FileCompression-demo-running" });

/** A port that is taken until it is given up. */
async function takePort(): Promise<{ readonly port: string; readonly giveUp: () => Promise<void> }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port: String(port),
    giveUp: async () => {
      server.close();
      await once(server, "close");
    },
  };
}

/** Waits until it answers there. */
async function answers(url: string): Promise<void> {
  let isThere = false;
  while (!isThere) {
    isThere = await fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}

describe("the command as a process", () => {
  it("says in one sentence that its output cannot be written, and nothing to a reader that goes", async () => {
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

  it("fails on an altered copy of the schema, with one sentence", async () => {
    const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
    disposeAfterTest(() => rmSync(folder, { recursive: true }));
    const altered = join(folder, "schema.graphql");
    writeFileSync(altered, `${readFileSync(schemaFile, "utf8")}\ntype Extra {\n  a: Int\n}\n`);
    expect(await run(["schema", "--check", altered])).toEqual({
      code: 1,
      stdout: "",
      stderr: `imm-graphql: ${altered} is not the schema that the gateway serves: write it by "imm-graphql schema > ${altered}".\n`,
    });
  });

  it("refuses a wrong setting with one line", async () => {
    expect(await run(["serve"], { ...key, PORT: "abc" })).toEqual({
      code: 1,
      stdout: "",
      stderr: 'imm-graphql: PORT: expected an integer from 0 to 65535, got "abc".\n',
    });
  });

  it("says in one sentence that the port is taken", async () => {
    const { port, giveUp } = await takePort();
    expect(await run(["serve", "--port", port])).toEqual({
      code: 1,
      stdout: "",
      stderr: `imm-graphql: Cannot listen on 127.0.0.1:${port}: it is in use by another program.\n`,
    });
    await giveUp();
  });

  it("answers queries on the port that it prints, ignores SIGUSR1, and ends cleanly on SIGTERM", async () => {
    const serving = start(["serve", "--port", "0"], key);
    const url = await serving.prints(served);
    serving.kill("SIGUSR1");
    const answer = await query(url, `{ task(${example}) { status taskId } }`);
    expect(answer).toMatchObject({
      status: 200,
      data: { task: { status: "RUNNING", taskId: "FileCompression-demo-running" } },
    });
    serving.kill("SIGTERM");
    const { code, stdout, stderr } = await serving.finished;
    expect(code).toBe(0);
    expect(stdout).toContain("made up, by the embedded emulator");
    expect(stderr).toContain('"msg":"Stopped."');
    expect(stderr).not.toContain("Debugger");
    expect(`${stdout}${stderr}`).not.toMatch(/hunter2/i);
    await expect(fetch(url)).rejects.toThrow("fetch failed");
  });

  it("goes on after a promise that nothing handles, and drains after an exception that nothing catches", async () => {
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

  it("goes on, and ends cleanly, where neither its log nor its output can be written", async () => {
    const { port, giveUp } = await takePort();
    await giveUp();
    const full = openSync("/dev/full", "w");
    const serving = start(["serve", "--port", port, "--log-level", "trace"], {}, full);
    closeSync(full);
    const url = `http://127.0.0.1:${port}`;
    await answers(url);
    expect((await query(url, `{ task(${example}) { taskId } }`)).status).toBe(200);
    serving.kill("SIGTERM");
    expect((await serving.finished).code).toBe(0);
  });
});
