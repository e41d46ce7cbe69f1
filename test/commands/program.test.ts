import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { settings } from "../../src/options/options.js";
import { runCommand } from "../support/run-command.js";

describe("help", () => {
  it("lists each setting with its variable, its effect and its default", async () => {
    const { code, stdout, stderr } = await runCommand(["serve", "--help"]);
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

  it("lists the commands", async () => {
    const { code, stdout } = await runCommand(["--help"]);
    expect(code).toBe(0);
    for (const name of ["serve", "doctor", "emulator", "schema", "token", "watch", "tasks"])
      expect(stdout).toMatch(new RegExp(`^ +${name}\\b`, "m"));
  });

  it("tells the version of the package", async () => {
    const { stdout } = await runCommand(["--version"]);
    const file = new URL("../../../package.json", import.meta.url);
    expect(stdout).toBe(`${(JSON.parse(readFileSync(file, "utf8")) as { version: string }).version}\n`);
  });
});

describe("a command line that asks for nothing", () => {
  it("gets the help on standard error", async () => {
    const { code, stdout, stderr } = await runCommand([]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("Usage: imm-graphql");
  });

  it("is refused for a flag that the command does not have", async () => {
    const { code, stdout, stderr } = await runCommand(["serve", "--prot", "0"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("unknown option '--prot'");
  });
});
