import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, it } from "@jest/globals";
import { endRuns, Run } from "../support/run.js";

const script = fileURLToPath(new URL("../../scripts/remove-stale.js", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "imm-graphql-"));

afterEach(async () => {
  await endRuns();
  rmSync(root, { recursive: true });
});

function write(...paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
  }
}

it("a build leaves nothing of a source that has gone, and all else", async () => {
  write("src/kept.ts", "dist/src/kept.js", "dist/src/kept.js.map", "dist/src/kept.d.ts", "dist/src/page.html.gz");
  write("dist/src/kept.test.js", "dist/test/moved.js", "dist/test/moved.js.map", "dist/test/moved.d.ts");
  write("dist/command/imm-graphql.js");
  expect(await new Run([script, root]).finished).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(readdirSync(join(root, "dist/src")).toSorted()).toEqual([
    "kept.d.ts",
    "kept.js",
    "kept.js.map",
    "page.html.gz",
  ]);
  expect(readdirSync(join(root, "dist/test"))).toEqual([]);
  expect(readdirSync(join(root, "dist/command"))).toEqual(["imm-graphql.js"]);
});
