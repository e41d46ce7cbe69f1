import { describe, expect, it } from "@jest/globals";
import { CommandRun, runCommand } from "../support/run-command.js";

describe("emulator", () => {
  it("prints where it is and how to use it, answers there, and ends on SIGTERM", async () => {
    const emulating = new CommandRun(["emulator", "--port", "0"]);
    const url = await emulating.prints(/^The IMM emulator serves (http:\/\/127\.0\.0\.1:\d+) with made-up data/m);
    const answer = await fetch(url, { method: "POST" });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ Code: "IncompleteSignature", RequestId: expect.any(String) });
    emulating.emit("SIGTERM");
    const { code, stdout, stderr } = await emulating.finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`IMM_ENDPOINT=${url} IMM_REGION=emulator`);
    expect(emulating.clock.pendingTimers).toBe(0);
  });

  it.each([
    ["--port", "abc", 'an integer from 0 to 65535, got "abc"'],
    ["--time-scale", "0", 'a number from 0.001 to 1000000, got "0"'],
    ["--seed", "1.5", 'an integer from 0 to 2147483647, got "1.5"'],
  ])("refuses %s %s with one sentence", async (flag, text, expected) => {
    expect(await runCommand(["emulator", "--port", "0", flag, text])).toEqual({
      code: 1,
      stdout: "",
      stderr: `imm-graphql: ${flag}: expected ${expected}.\n`,
    });
  });

  it("says in one sentence that the port is taken", async () => {
    const emulating = new CommandRun(["emulator", "--port", "0"]);
    const { port } = new URL(await emulating.prints(/serves (http:\/\/\S+)/));
    const { code, stdout, stderr } = await runCommand(["emulator", "--port", port]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(new RegExp(`^imm-graphql: [^\\n]*\\b${port}\\b[^\\n]*\\n$`));
  });
});
