import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { settings } from "../src/options/options.js";
import { demoTasks } from "../src/emulator/demo.js";
import type { ErrorCode } from "../src/errors.js";
import { operations, type Operation } from "../src/imm/operations/operations.js";
import { createSchema } from "../src/schema/build-schema.js";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** The rows of all tables, each as its cells. */
const rows = readme
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );

/** Every code, by the compiler's word: a code that is added to the type is missing here. */
const codes: Readonly<Record<ErrorCode, true>> = {
  BAD_USER_INPUT: true,
  NOT_FOUND: true,
  FORBIDDEN: true,
  RATE_LIMITED: true,
  OUTCOME_UNKNOWN: true,
  UPSTREAM_THROTTLED: true,
  UPSTREAM_TIMEOUT: true,
  UPSTREAM_UNAVAILABLE: true,
  UPSTREAM_INVALID_RESPONSE: true,
  UPSTREAM_MISCONFIGURED: true,
  PERSISTED_QUERY_NOT_FOUND: true,
  PERSISTED_QUERY_ID_REQUIRED: true,
  PERSISTED_QUERY_NOT_SUPPORTED: true,
  INTERNAL_SERVER_ERROR: true,
};

/** A RAM policy, as far as it is used. */
interface Policy {
  readonly Statement: readonly { readonly Action: readonly string[]; readonly Resource: readonly string[] }[];
}

const [, policyText = ""] = /```json\n(\{\s+"Version".*?)```/s.exec(readme) ?? [];
const statements = (JSON.parse(policyText) as Policy).Statement;
const patterns = statements.flatMap(({ Action }) => Action);

/** Whether a pattern of the policy, whose `*` stands for any text, covers an action of IMM. */
function covers(pattern: string, action: string): boolean {
  return new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(`imm:${action}`);
}

/** What the policy lets an action be done to: `*`, or what stands behind the account's id. */
function resourcesOf(action: string): readonly string[] {
  const granting = statements.filter(({ Action }) => Action.some((pattern) => covers(pattern, action)));
  return granting.flatMap(({ Resource }) => Resource.map((name) => name.replace(/^acs:imm:[\w-]+:\d+:/, "")));
}

describe("the RAM policy", () => {
  it.each(Object.values<Operation>(operations))("grants $action where IMM checks it", ({ action, request }) => {
    // IMM checks no project for it.
    const checked = [action === "GetDecodeBlindWatermarkResult" ? "*" : "project/my-project"];
    if ("DatasetName" in request) checked.push("project/my-project/dataset/*");
    expect(resourcesOf(action)).toEqual(expect.arrayContaining(checked));
  });

  it.each(patterns)("grants by %s something that the gateway calls", (pattern) => {
    expect(Object.keys(operations).filter((action) => covers(pattern, action))).not.toEqual([]);
  });
});

describe("the manual", () => {
  it.each(Object.keys(codes))("explains the error %s", (code) => {
    expect(rows.filter(([first]) => first === `\`${code}\``)).toHaveLength(1);
  });

  it("names no variable that does not exist", () => {
    const named = readme.match(/\b(?:MAX|MIN|IMM|ALIBABA_CLOUD)_[A-Z_]+[A-Z]\b/g) ?? [];
    const known = new Set(settings.map(({ env }) => env));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it("names every field of the query, the mutation and the subscription", () => {
    const schema = createSchema();
    const fields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
      Object.keys(type?.getFields() ?? {}),
    );
    const taskTypes = readFileSync(new URL("../../docs/task-types.md", import.meta.url), "utf8");
    for (const field of fields) expect(readme + taskTypes).toContain(`\`${field}`);
  });

  it("names every kind of demo task", () => {
    const named = demoTasks.map(({ taskId }) => taskId).filter((taskId) => !/running-\d$/.test(taskId));
    for (const taskId of named) expect(readme).toContain(`\`${taskId}\``);
  });
});

/** What a pack of the package lists. */
interface Packed {
  readonly files: readonly { readonly path: string }[];
}

describe("the pages of the package", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const packed = execFileSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], { cwd: root, stdio: "pipe" });
  const [{ files }] = JSON.parse(packed.toString()) as readonly [Packed];
  const paths = new Set(files.map(({ path }) => path));
  const pages = [...paths].filter((path) => path.endsWith(".md"));

  it.each(pages)("lead to nothing that is not in it: %s", (page) => {
    const text = readFileSync(`${root}/${page}`, "utf8");
    const targets = [...text.matchAll(/\]\(([^)#\s]+)/g)].map(([, target = ""]) => target);
    const own = targets.filter((target) => !URL.canParse(target));
    expect(own.filter((target) => !paths.has(posix.join(posix.dirname(page), target)))).toEqual([]);
  });

  it("name the repository as the package does", () => {
    const { repository } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as { repository: { url: string } };
    const url = repository.url.replace(/^git\+(.*)\.git$/, "$1");
    for (const page of ["README.md", "docs/clients.md"]) {
      expect(readFileSync(`${root}/${page}`, "utf8")).toContain(`](${url}/tree/main/examples/react)`);
    }
  });
});
