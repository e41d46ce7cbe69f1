import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { printGatewaySchema } from "../../src/schema/build-schema.js";
import { runCommand } from "../support/run-command.js";
import { disposeAfterTest } from "../support/start-gateway.js";

// The test runs from dist/test/commands/: the schema lies three folders up.
const schemaFile = fileURLToPath(new URL("../../../schema.graphql", import.meta.url));

describe("schema", () => {
  it("prints exactly the schema that is committed", async () => {
    expect(await runCommand(["schema"])).toEqual({ code: 0, stdout: readFileSync(schemaFile, "utf8"), stderr: "" });
  });

  it("--federation prints it as a subgraph", async () => {
    const { code, stdout, stderr } = await runCommand(["schema", "--federation"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(printGatewaySchema({ federation: true }));
  });

  it("--check passes on that file, and prints nothing", async () => {
    expect(await runCommand(["schema", "--check", schemaFile])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("--check passes on a copy with the line ends of Windows", async () => {
    const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
    disposeAfterTest(() => rmSync(folder, { recursive: true }));
    const copy = join(folder, "schema.graphql");
    writeFileSync(copy, readFileSync(schemaFile, "utf8").replaceAll("\n", "\r\n"));
    expect(await runCommand(["schema", "--check", copy])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it.each([
    ["schema", ["--check"]],
    ["schema --federation", ["--federation", "--check"]],
  ])("%s --check says of a file that is not there how to write it", async (written, flags) => {
    expect(await runCommand(["schema", ...flags, "no-such.graphql"])).toEqual({
      code: 1,
      stdout: "",
      stderr: `imm-graphql: no-such.graphql: there is no such file: write it by "imm-graphql ${written} > no-such.graphql".\n`,
    });
  });

  it("--check says why a file cannot be read", async () => {
    expect(await runCommand(["schema", "--check", tmpdir()])).toMatchObject({
      code: 1,
      stderr: `imm-graphql: ${tmpdir()}: cannot be read (EISDIR).\n`,
    });
  });
});
