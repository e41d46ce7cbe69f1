import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "@jest/globals";

const MODULE = new URL("../../src/commands/log-output.js", import.meta.url);

/** Logs a megabyte and a half, says that it is alive, and closes the log: in a process of its own. */
const PROGRAM = `
  const { openLog } = await import(${JSON.stringify(MODULE.href)});
  const { logger, close } = openLog("info");
  const log = (count) => {
    for (let line = 0; line < count; line += 1) logger.info({ filling: "x".repeat(1_000) }, "A line.");
  };
  log(1_000);
  setImmediate(async () => {
    log(500);
    process.stdout.write("alive ");
    logger.info({}, "The last line.");
    await close();
    process.stdout.write("closed");
    process.exit(0);
  });
`;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param stderr - what becomes of the log: read, left unread, closed, or a file that is open. */
async function run(stderr: "read" | "unread" | "closed" | number): Promise<Outcome> {
  const stdio = typeof stderr === "number" ? stderr : "pipe";
  const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM], { stdio: ["ignore", "pipe", stdio] });
  const exited = once(child, "exit");
  if (stderr === "closed") child.stderr?.destroy();
  const log = stderr === "read" && child.stderr !== null ? text(child.stderr) : "";
  const output = child.stdout === null ? "" : text(child.stdout);
  await exited;
  return { code: child.exitCode, stdout: await output, stderr: await log };
}

describe("the log of the command", () => {
  it("is written to its last line before it is closed, where it is read", async () => {
    const { code, stdout, stderr } = await run("read");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "alive closed" });
    const lines = stderr.trim().split("\n");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ msg: "A line." });
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ msg: "The last line." });
  });

  it.each(["unread", "closed"] as const)("is lost where its pipe is %s, and nothing else is", async (stderr) => {
    expect(await run(stderr)).toMatchObject({ code: 0, stdout: "alive closed" });
  });

  it("is lost on a full disk, and nothing else is", async () => {
    const full = openSync("/dev/full", "w");
    const outcome = run(full);
    closeSync(full);
    expect(await outcome).toMatchObject({ code: 0, stdout: "alive closed" });
  });
});
