import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { RawSocket } from "./transports.js";
import { endRuns, Run } from "../support/run.js";

const CLI = new URL("../../command/imm-graphql.js", import.meta.url).pathname;

const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await endRuns();
});

/** The command with its outputs where a test wants them, and its URL when it serves. */
async function serve(stdio: StdioOptions): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const port = await freePort();
  const child = spawn(process.execPath, [CLI, "serve", "--port", String(port), "--log-level", "debug"], {
    env: { PATH: process.env["PATH"] },
    stdio,
  });
  children.push(child);
  const url = `http://127.0.0.1:${port}`;
  while (child.exitCode === null) {
    const response = await fetch(`${url}/healthz`).catch(() => null);
    if (response?.status === 200) return { child, url };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`The gateway has ended with ${child.exitCode}.`);
}

/** One that is free now; what the command prints may be lost. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Makes the gateway log a line: a socket that breaks the protocol is one. */
async function causeLines(url: string): Promise<void> {
  const socket = await RawSocket.open(url);
  socket.send("x".repeat(400_000));
  await socket.closed();
}

async function query(url: string): Promise<number> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers,
    body: '{"query":"{ taskTypes { name } }"}',
  });
  return response.status;
}

describe("a gateway whose log cannot be written", () => {
  it.each(["full", "closed"] as const)("goes on when it is %s, and SIGTERM is still a drain", async (state) => {
    const full = openSync("/dev/full", "w");
    const { child, url } = await serve(["ignore", "ignore", state === "full" ? full : "pipe"]);
    closeSync(full);
    child.stderr?.destroy();
    await causeLines(url);
    expect(await query(url)).toBe(200);
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    expect(await exit).toEqual([0, null]);
  });

  it("goes on when its start message cannot be written either", async () => {
    const full = openSync("/dev/full", "w");
    const { child, url } = await serve(["ignore", full, full]);
    closeSync(full);
    expect(await query(url)).toBe(200);
    const exit = once(child, "exit");
    child.kill("SIGTERM");
    expect(await exit).toEqual([0, null]);
  });
});

describe("a manifest that cannot be used", () => {
  const subscription =
    'subscription ($b: Boolean!) { taskProgress(key: { projectName: "a", taskType: "b", taskId: "c" }) @include(if: $b) { status } }';
  it.each([
    ["a condition on a subscription's field", JSON.stringify({ a: subscription })],
    [
      "a condition on a subscription's fragment",
      JSON.stringify({
        a: subscription
          .replace("@include(if: $b) {", "{")
          .replace("taskProgress", "... @skip(if: $b) { taskProgress")
          .replace("} }", "} } }"),
      }),
    ],
    [
      "lists nested 1,400 deep",
      JSON.stringify({ a: `{ nodes(ids: ${"[".repeat(1_400)}${"]".repeat(1_400)}) { id } }` }),
    ],
    ["JSON nested 100,000 deep", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ["objects nested 100,000 deep", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`],
  ])("is one sentence: %s", async (_what, manifest) => {
    const file = join(mkdtempSync(join(tmpdir(), "hostile-")), "manifest.json");
    writeFileSync(file, manifest);
    const { code, stdout, stderr } = await new Run([CLI, "serve", "--port", "0", "--persisted-operations", file])
      .finished;
    rmSync(join(file, ".."), { recursive: true });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^imm-graphql: .*manifest\.json.*\n$/);
  });
});
