import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { AccessFile } from "../../src/access/config/access-file.js";
import { eventually } from "../support/eventually.js";
import { CommandRun, runCommand } from "../support/run-command.js";
import { ManualClock } from "../support/manual-clock.js";
import { RecordingLogger } from "../support/recording-logger.js";
import { disposeAfterTest } from "../support/start-gateway.js";

async function tokenOf(name: string): Promise<{ token: string; lines: string }> {
  const { code, stdout } = await runCommand(["token", "--name", name]);
  expect(code).toBe(0);
  const [, token = ""] = /^The token, which is shown only now: (imm_[\w-]{43})$/m.exec(stdout) ?? [];
  expect(stdout).toContain(`Its SHA-256: ${createHash("sha256").update(token).digest("hex")}\n`);
  return { token, lines: stdout.slice(stdout.indexOf("tokens:")) };
}

function fileOf(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "access-"));
  disposeAfterTest(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "access.yaml"), text);
  return join(folder, "access.yaml");
}

describe("token", () => {
  it("prints another token each time, and lines that are an access file", async () => {
    const [one, other] = [await tokenOf("ci"), await tokenOf("ci")];
    expect(one.token).not.toBe(other.token);
    const options = { clock: new ManualClock(), logger: new RecordingLogger() };
    expect((await AccessFile.open(fileOf(one.lines), options)).config).toEqual({
      tokens: [
        {
          name: "ci",
          sha256: createHash("sha256").update(one.token).digest("hex"),
          grants: [{ projects: ["my-project"], allow: ["read"] }],
        },
      ],
    });
  });

  it("refuses a name that is none", async () => {
    const { code, stderr } = await runCommand(["token", "--name", "a b"]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "imm-graphql: --name: expected letters, digits and . _ - alone, at most 100.\n",
    });
  });

  it("makes one that the command lets in by its access file, until the file has it no more", async () => {
    const { token, lines } = await tokenOf("ci");
    const path = fileOf(lines);
    const serving = new CommandRun(["serve", "--port", "0", "--access-file", path], { HOST: "0.0.0.0" });
    const url = (await serving.prints(/ serves (http:\/\/0\.0\.0\.0:\d+)\/graphql$/m)).replace("0.0.0.0", "127.0.0.1");
    expect(serving.stdout).toContain(`  Callers    those whom ${path} lets in.\n`);
    const ask = async (authorization: string): Promise<number> => {
      const headers = { "content-type": "application/json", authorization };
      return (await fetch(`${url}/graphql`, { method: "POST", headers, body: '{"query":"{ __typename }"}' })).status;
    };
    expect([await ask(`Bearer ${token}`), await ask("Bearer imm_other")]).toEqual([200, 401]);
    writeFileSync(path, "anonymous: { grants: [] }");
    await serving.clock.advance(10_000);
    await eventually(() => serving.stderr.includes("The access file has changed"));
    expect(await ask(`Bearer ${token}`)).toBe(401);
    serving.emit("SIGTERM");
    expect((await serving.finished).code).toBe(0);
    expect(serving.clock.pendingTimers).toBe(0);
  });

  it.each([
    ["tokens: []\nhunter2: 1", /^imm-graphql: \/.*access\.yaml: hunter2: there is no such member\.\n$/],
    ["{}", /^imm-graphql: \/.*access\.yaml: expected issuers, tokens or anonymous/],
  ])("is asked of no one by a gateway whose file is wrong: it does not start: %j", async (text, sentence) => {
    const { code, stdout, stderr } = await runCommand(["serve", "--port", "0"], { ACCESS_FILE: fileOf(text) });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(sentence);
  });
});
