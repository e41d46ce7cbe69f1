import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { ApolloServerErrorCode } from "@apollo/server/errors";
import { codes } from "../../scripts/errors-page.js";
import { TOKEN_VARIABLE } from "../../src/commands/follow/gateway-source.js";
import { demoTasks } from "../../src/emulator/demo.js";
import * as errors from "../../src/errors.js";
import { operations, type Operation } from "../../src/imm/operations/operations.js";
import { settings } from "../../src/options/options.js";
import { createSchema } from "../../src/schema/build-schema.js";
import { pages, readBlocks, readPage, root } from "../support/snippets.js";

const manual = pages.map(readPage).join("\n");

/** A RAM policy, as far as it is used. */
interface Policy {
  readonly Statement: readonly { readonly Action: readonly string[]; readonly Resource: readonly string[] }[];
}

const policy = readBlocks("docs/operating.md").find(({ text }) => text.includes('"Version": "1"'));
const statements = (JSON.parse(policy?.text ?? "") as Policy).Statement;
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

/** Every file of a folder's TypeScript, as one text. */
function sourceOf(...folders: readonly string[]): string {
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => join(root, folder, path)),
  );
  return paths
    .filter((path) => path.endsWith(".ts"))
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
}

describe("docs/errors.md", () => {
  const rows = readPage("docs/errors.md").split("\n");
  const source = sourceOf("src/schema", "src/server", "src/tasks", "src/imm/wire", "src/imm/policy") + readErrors();
  const sent = new Set([...source.matchAll(/\bcode(?:: | = |, )"([A-Z_]+)"|\brefus\w+\(\s*"([A-Z_]+)"/g)].map(codeOf));

  it("has every code that the source sends", () => {
    // A create's payload has codes of its own, which the schema lists.
    const ofPayloads = ["INVALID_INPUT", "PROJECT_NOT_FOUND", "IDEMPOTENCY_KEY_REUSED"];
    expect(sent.size).toBeGreaterThan(12);
    expect([...sent].filter((code) => !(code in codes) && !ofPayloads.includes(code))).toEqual([]);
  });

  it.each(Object.keys(codes))("has %s once, and it is sent", (code) => {
    expect(rows.filter((row) => row.startsWith(`| \`${code}\` `))).toHaveLength(1);
    expect([...sent, ...Object.values<string>(ApolloServerErrorCode)]).toContain(code);
  });

  it("says what the classes say: whether the same request may succeed later", () => {
    const classes = Object.values(errors).filter((value) => isErrorClass(value));
    const made = classes.map((ErrorClass) => new ErrorClass("x", "x"));
    const wrong = Object.entries(codes).filter(([code, { retry }]) => {
      const ofCode = made.filter((error) => error.code === code);
      return ofCode.some(({ retryable }) => retryable) ? retry === "no" : retry === "yes";
    });
    expect(made.length).toBeGreaterThan(10);
    expect(wrong).toEqual([]);
  });
});

function codeOf([, first, second]: RegExpMatchArray): string {
  return first ?? second ?? "";
}

function readErrors(): string {
  return readFileSync(join(root, "src/errors.ts"), "utf8");
}

type ErrorClass = new (...parameters: readonly string[]) => errors.GatewayError;

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === "function" && value !== errors.GatewayError && value.prototype instanceof errors.GatewayError;
}

describe("the manual", () => {
  it("begins with a README of at most 250 lines", () => {
    expect(readPage("README.md").trimEnd().split("\n").length).toBeLessThanOrEqual(250);
  });

  it("is reached from the README, every page of it", () => {
    const links = readPage("README.md") + readPage("docs/settings.md");
    expect(pages.slice(2).filter((page) => !links.includes(`](${page})`))).toEqual([]);
  });

  it("names no variable that does not exist", () => {
    const known = new Set([...settings.map(({ env }) => env), TOKEN_VARIABLE]);
    const named = manual.match(/\b(?:MAX|MIN|IMM|ALIBABA_CLOUD)_[A-Z_]+[A-Z]\b/g) ?? [];
    const shell = pages.flatMap(readBlocks).filter(({ language }) => language === "sh");
    const given = shell.flatMap(({ text }) => [...text.matchAll(/\b([A-Z][A-Z_]+)=/g)].map(([, name = ""]) => name));
    expect(given.length).toBeGreaterThan(5);
    expect([...named, ...given].filter((name) => !known.has(name))).toEqual([]);
  });

  it("names every field of the query, the mutation and the subscription", () => {
    const schema = createSchema();
    const fields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
      Object.keys(type?.getFields() ?? {}),
    );
    for (const field of fields) expect(manual).toContain(`\`${field}`);
  });

  it("names every kind of demo task", () => {
    const named = demoTasks.map(({ taskId }) => taskId).filter((taskId) => !/running-\d$/.test(taskId));
    for (const taskId of named) expect(readPage("docs/emulator.md")).toContain(`\`${taskId}\``);
  });

  it.each(pages)("says the thing itself instead of a person: %s", (page) => {
    const persons = /\b(nobody|somebody|whoever|those who|everybody|told apart|held back|goes by)\b/gi;
    expect(readPage(page).match(persons)).toBeNull();
  });

  it.each(pages)("leads to headings that are there: %s", (page) => {
    const targets = [...readPage(page).matchAll(/\]\(([^)\s:]*)#([^)\s]+)\)/g)];
    const lost = targets.filter(([, path = "", anchor = ""]) => {
      const target = path === "" ? page : posix.join(posix.dirname(page), path);
      return !anchorsOf(target).includes(anchor);
    });
    expect(lost.map(([link]) => link)).toEqual([]);
  });
});

/** The headings of a page, as GitHub and npm link to them. */
function anchorsOf(page: string): readonly string[] {
  const headings = [...readPage(page).matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) => text);
  return headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** What a pack of the package lists. */
interface Packed {
  readonly files: readonly { readonly path: string }[];
}

describe("the pages of the package", () => {
  const packed = execFileSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], { cwd: root, stdio: "pipe" });
  const [{ files }] = JSON.parse(packed.toString()) as readonly [Packed];
  const paths = new Set(files.map(({ path }) => path));

  it.each([...paths].filter((path) => path.endsWith(".md")))("lead to nothing that is not in it: %s", (page) => {
    const targets = [...readPage(page).matchAll(/\]\(([^)#\s]+)/g)].map(([, target = ""]) => target);
    const own = targets.filter((target) => !URL.canParse(target));
    expect(own.filter((target) => !paths.has(posix.join(posix.dirname(page), target)))).toEqual([]);
  });

  it("name the repository as the package does", () => {
    const { repository } = JSON.parse(readPage("package.json")) as { repository: { url: string } };
    const url = repository.url.replace(/^git\+(.*)\.git$/, "$1");
    for (const page of ["README.md", "docs/clients.md"]) {
      expect(readPage(page)).toContain(`](${url}/tree/main/examples/react)`);
    }
  });
});
