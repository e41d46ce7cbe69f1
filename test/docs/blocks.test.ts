import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "@jest/globals";
import { composeServices } from "@theguild/federation-composition";
import { Kind, OperationTypeNode, parse, type FormattedExecutionResult, type OperationDefinitionNode } from "graphql";
import { AccessFile } from "../../src/access/config/access-file.js";
import { startDemo } from "../../src/emulator/demo.js";
import { EMULATOR_REGION } from "../../src/emulator/emulator.js";
import { printGatewaySchema } from "../../src/schema/build-schema.js";
import { parseManifest } from "../../src/server/operation/documents/operation-manifest.js";
import { toGlobalTaskId } from "../../src/tasks/task-id.js";
import { eventually } from "../support/eventually.js";
import { EVERY_SECOND, nextPoll } from "../support/next-poll.js";
import { query } from "../support/query.js";
import { endRuns, Run } from "../support/run.js";
import { readRequests, type ShellRequest } from "../support/shell-request.js";
import {
  ADDRESS,
  compileSnippets,
  fileNameOf,
  pages,
  placeFiles,
  readBlocks,
  readPage,
  readSnippets,
  root,
  type Block,
} from "../support/snippets.js";
import { disposeAfterTest, startGateway, type RunningGateway } from "../support/start-gateway.js";
import { openStream, subscribeBySse, type StreamedText } from "../support/stream-request.js";

// Every fenced block of the manual is run or checked, here or by another test of this folder, or has a reason why not.

const PICTURE = "a picture";
const COMMAND = "the tests of the command start it, with other options";
const SCRIPT = "the scripts of package.json, which a build runs";
const ENGINE =
  "it needs a container engine; test/deploy/ holds the Dockerfile, deploy/check-container-steps.sh does its steps";

/** Blocks that nothing here runs: the page, how the block begins, and why. */
const exceptions: readonly (readonly [page: string, beginning: string, why: string])[] = [
  ["README.md", "npm ci       #", COMMAND],
  ["README.md", "IMM_REGION=", "it needs an account; the tests of the command start it with such variables"],
  ["README.md", "npm ci && npm test", SCRIPT],
  ["README.md", " browser", PICTURE],
  ["README.md", " a thousand pages", PICTURE],
  ["CONTRIBUTING.md", " browser", PICTURE],
  ["CONTRIBUTING.md", "schema.graphql ", PICTURE],
  ["docs/access.md", "npx imm-graphql token", COMMAND],
  ["docs/access.md", "HOST=0.0.0.0", "it needs an account; the tests of the command start it with such variables"],
  ["docs/board.md", "npm ci && npm run build:react", "test/browser/ builds and drives the board"],
  ["docs/clients.md", "npm ci && npm run build && cd examples/react", "test/browser/ builds and drives the app"],
  ["docs/emulator.md", "imm-graphql emulator", COMMAND],
  ["docs/federation.md", "npx imm-graphql schema", COMMAND],
  ["docs/federation.md", "FEDERATION=true FEDERATION_PREFIX", COMMAND],
  ["docs/federation.md", "subscription:\n", "Apollo Router is no package of npm's"],
  [
    "docs/federation.md",
    "import { defineConfig }",
    "test/support/start-router.ts gives Hive's runtime the same entries",
  ],
  [
    "docs/following.md",
    "const source = new EventSource",
    "Node 20 has no EventSource; test/server sends what one sends",
  ],
  ["docs/operating.md", "docker build ", ENGINE],
  ["docs/operating.md", "docker run --rm", ENGINE],
  ["docs/operating.md", "FROM imm-graphql:", ENGINE],
  ["docs/operating.md", "docker run --detach", ENGINE],
  ["docs/operating.md", "kubectl ", "it needs a cluster; test/deploy/ holds the manifest against the gateway"],
  ["docs/operating.md", "HOST=127.0.0.1 TRUSTED", "test/deploy/nginx/ starts a gateway with such options"],
  ["docs/installing.md", "npm ci && npm pack", "test/package/ packs and installs the package"],
  ["docs/installing.md", "npm install ../imm-graphql", "test/package/ packs and installs the package"],
  [
    "docs/operating.md",
    "IMM_REGION=cn-hangzhou \\\n",
    "it needs an account; the tests of the command start it with such variables",
  ],
  ["docs/operating.md", '{\n  "Version"', "pages.test.ts holds the policy against the table of operations"],
  ["docs/operating.md", "imm-graphql serve ", COMMAND],
  ["docs/observing.md", '{\n  "level"', "traces.test.ts reads such lines"],
  ["docs/observing.md", "METRICS_PORT=", "metrics.test.ts asks for them, and reads the table behind it"],
  ["docs/operating.md", "npm install ioredis@6", "test/package/ installs it beside the gateway"],
  ["docs/observing.md", "npm install @opentelemetry", "the range is that of package.json"],
  ["docs/observing.md", "graphql over http", PICTURE],
  ["docs/observing.md", "IMM_REGION=cn-hangzhou IMM_PROJECTS", COMMAND],
  ["docs/observing.md", "$ IMM_PROJECTS=immtst", "doctor.test.ts compares it"],
  ["docs/observing.md", '{\n  "version"', "doctor.test.ts compares it"],
  ["docs/scaling.md", " browsers", PICTURE],
  ["docs/scaling.md", "redis-server ", "test/redis/ starts such a Redis"],
  ["docs/scaling.md", "npm install ioredis@6\nnpx", "test/instances/ starts instances with such settings"],
  ["docs/scaling.md", "upstream imm_graphql", "test/deploy/nginx/ has a gateway behind nginx"],
  ["docs/scaling.md", "ACL SETUSER", "test/instances/ starts instances with these rights"],
  ["docs/terminal.md", "npx imm-graphql watch --project immtest --url", COMMAND],
  ["docs/terminal.md", "✔ MediaConvert-demo-28", PICTURE],
  [
    "docs/terminal.md",
    "npx imm-graphql watch --project immtest --type FileCompression --id FileCompression-demo-running-6",
    COMMAND,
  ],
  ["docs/terminal.md", "FileCompression-demo-running-6  running", PICTURE],
  [
    "docs/terminal.md",
    "npx imm-graphql watch --project immtest --type FileCompression --id FileCompression-demo-running-9",
    COMMAND,
  ],
  ["docs/terminal.md", "npx imm-graphql tasks", COMMAND],
  ["docs/terminal.md", "STATUS ", PICTURE],
  ["docs/trusted-documents.md", "PERSISTED_OPERATIONS=", COMMAND],
  [
    "docs/trusted-documents.md",
    "import { PersistedQueryLink }",
    "its package of ids is not installed; persisted-operations.test.ts has the link",
  ],
];

/** What is done with a block; null where nothing is. */
type Use = "sent" | "printed" | "answer" | "executed" | "composed" | "compiled" | "read" | "configured";

const SCRIPT_OF_EXAMPLES = "node examples/follow.mjs\n";

/** Whether a block is one of the exceptions. */
function isExcepted({ page, text }: Block): boolean {
  return exceptions.some(([of, beginning]) => of === page && text.startsWith(beginning));
}

function useOf(block: Block, before: Block | undefined): Use | null {
  const { language, text } = block;
  if (isExcepted(block)) return null;
  if (requestsOf(block).length > 0) return "sent";
  if (text === SCRIPT_OF_EXAMPLES || (language === "js" && text.includes('from "imm-graphql"'))) return "printed";
  if (language === "graphql") return operationsOf(text).length > 0 ? "executed" : "composed";
  if (fileNameOf(block) !== null) return "compiled";
  if (text.includes('"apollo-persisted-query-manifest"')) return "read";
  if (language === "yaml") return "configured";
  const isAnswer = before !== undefined && ["sent", "printed"].includes(String(useOf(before, undefined)));
  return isAnswer && ["", "json"].includes(language) ? "answer" : null;
}

function requestsOf({ language, text }: Block): readonly ShellRequest[] {
  return language === "sh" ? (readRequests(text) ?? []) : [];
}

function operationsOf(text: string): readonly OperationDefinitionNode[] {
  return parse(text).definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
}

/** A block with what stands around it on its page. */
interface Placed {
  readonly block: Block;
  readonly use: Use | null;
  /** The block behind it, where that is its answer. */
  readonly answer: string | undefined;
  readonly title: string;
}

const placed: readonly Placed[] = pages.flatMap((page) => {
  const blocks = readBlocks(page);
  return blocks.map((block, index): Placed => {
    const next = blocks[index + 1];
    return {
      block,
      use: useOf(block, blocks[index - 1]),
      answer: next !== undefined && useOf(next, block) === "answer" ? next.text : undefined,
      title: `${page}: ${block.text.trim().slice(0, 60).replaceAll(/\s+/g, " ")}`,
    };
  });
});

function usedAs(use: Use): readonly Placed[] {
  return placed.filter((each) => each.use === use);
}

describe("the blocks of the manual", () => {
  it("are used, or have a reason why not", () => {
    const idle = placed.filter(({ block, use }) => use === null && !isExcepted(block));
    expect(idle.map(({ title }) => title)).toEqual([]);
  });

  it.each(exceptions)("are there where they are excepted: %s, %s", (page, beginning) => {
    expect(readBlocks(page).filter(({ text }) => text.startsWith(beginning))).toHaveLength(1);
  });
});

/** Where the manual's files of operations are. */
const MANIFEST = "examples/persisted-operations.json";

/** What a page of the manual asks: the gateway on its made-up data, time standing still. */
async function startAsShown(page: string): Promise<RunningGateway> {
  const trusted = {
    explorer: false,
    onlyPersistedOperations: true,
    persistedOperations: parseManifest(readPage(MANIFEST), MANIFEST),
  };
  const running = await startGateway({
    gateway: { ...EVERY_SECOND, ...(page === "docs/trusted-documents.md" && trusted) },
  });
  const demo = startDemo(running.emulator, { clock: running.clock });
  disposeAfterTest(() => demo.stop());
  return running;
}

/** Lets time pass until no task is followed any more. The first event has come already. */
async function untilDone<T>(running: RunningGateway, whole: Promise<T>): Promise<T> {
  while (running.gateway.watchedTasks > 0) await nextPoll(running);
  return whole;
}

/** The whole text of a stream, while time passes. */
async function readWhole(running: RunningGateway, stream: StreamedText): Promise<string> {
  const begin = String(await stream.until("}\n\n"));
  return `${begin}}\n\n${await untilDone(running, stream.rest())}`;
}

const ANY_NUMBER: unknown = expect.any(Number);
const ANY_TEXT: unknown = expect.any(String);

/** What an answer is held against: values that are another each time by their type alone. */
function patternOf(shown: unknown): unknown {
  if (typeof shown === "number") return [0, 100].includes(shown) ? shown : ANY_NUMBER;
  if (typeof shown === "string") return /[\d…]/.test(shown) ? ANY_TEXT : shown;
  if (Array.isArray(shown)) return shown.map(patternOf);
  if (typeof shown !== "object" || shown === null) return shown;
  return Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, patternOf(value)]));
}

/** A sequence as the manual shows it: `…` stands for what is left out. */
function asShown(given: readonly unknown[], shown: readonly unknown[]): readonly unknown[] {
  const gap = shown.indexOf("…");
  if (gap === -1) return given;
  return [...given.slice(0, gap), "…", ...given.slice(given.length - (shown.length - gap - 1))];
}

const fromJson = (text: string): unknown => (/^[{[]/.test(text) ? JSON.parse(text) : text);

/** The events of a stream, without its comments. */
function eventsOf(stream: string): readonly unknown[] {
  const events = stream.split("\n\n").map((event) => event.trim());
  const named = events.filter((event) => event !== "" && event !== ":");
  return named.map((event) => {
    const [, name, data = ""] = /^event: (\w+)\ndata:(.*)$/.exec(event) ?? [];
    return name === undefined ? event : { name, data: fromJson(data.trim()) };
  });
}

/** What requests are answered: a body each; or the events of a stream, only the first where no more is shown. */
async function answersTo(block: Block, isShown: boolean): Promise<readonly unknown[]> {
  const running = await startAsShown(block.page);
  const answers: unknown[] = [];
  for (const { url, init } of requestsOf(block)) {
    const there = url.replace(ADDRESS, `127.0.0.1:${running.port}`);
    if (url.includes("/graphql/stream")) {
      const stream = await openStream(there, init);
      if (isShown) return eventsOf(await readWhole(running, stream));
      answers.push(await firstEventOf(stream));
    } else answers.push(await (await fetch(there, init)).json());
  }
  return answers;
}

async function firstEventOf(stream: StreamedText): Promise<unknown> {
  await stream.until("event: next\ndata: ");
  const data: unknown = JSON.parse(String(await stream.until("\n")));
  stream.vanish();
  return data;
}

/** The answers that a block shows. */
function readAnswers(text: string): readonly unknown[] {
  if (/^event: /m.test(text)) return eventsOf(text);
  return /^\{\n|^\{ /.test(text) ? [fromJson(text)] : text.trim().split("\n").map(fromJson);
}

describe("a request", () => {
  it.each(usedAs("sent").filter(({ answer }) => answer !== undefined))(
    "is answered as shown: $title",
    async ({ block, answer = "" }) => {
      const shown = readAnswers(answer);
      expect(asShown(await answersTo(block, true), shown)).toEqual(shown.map(patternOf));
    },
  );

  it.each(usedAs("sent").filter(({ answer }) => answer === undefined))(
    "is answered without an error: $title",
    async ({ block }) => {
      const withoutErrors = expect.not.objectContaining({ errors: expect.anything() });
      expect(await answersTo(block, false)).toEqual(requestsOf(block).map(() => withoutErrors));
    },
  );
});

describe("an operation", () => {
  const projectName = "immtest";
  const taskType = "FileCompression";
  const variables: Readonly<Record<string, unknown>> = {
    key: { projectName, taskType, taskId: "FileCompression-demo-running" },
    id: toGlobalTaskId({ region: EMULATOR_REGION, projectName, taskType, taskId: "FileCompression-demo-succeeded" }),
  };

  it.each(usedAs("executed"))("is executed without an error: $title", async ({ block }) => {
    const { url } = await startAsShown(block.page);
    for (const { operation, loc } of operationsOf(block.text)) {
      const document = block.text.slice(loc?.start, loc?.end);
      const used = Object.entries(variables).filter(([name]) => document.includes(`$${name}`));
      const execute = operation === OperationTypeNode.SUBSCRIPTION ? firstResult : query;
      const { data, errors = [] } = await execute(url, document, Object.fromEntries(used));
      expect({ data, errors }).toEqual({ data: expect.anything(), errors: [] });
      expect(JSON.stringify(data)).not.toMatch(/"userErrors":\[\{/);
    }
  });

  async function firstResult(url: string, document: string, given: object): Promise<FormattedExecutionResult> {
    const stream = await subscribeBySse(url, document, given);
    const result = await stream.result();
    stream.text.vanish();
    return result;
  }

  it.each(usedAs("composed"))("of another subgraph composes with the gateway's: $title", ({ block }) => {
    const others = `${block.text.replace('["@key"]', '["@key", "@shareable"]')} type Query { albums: [Album!]! }`;
    const { errors = [] } = composeServices([
      { name: "imm", typeDefs: parse(printGatewaySchema({ federation: true })), url: "http://imm" },
      { name: "albums", typeDefs: parse(others), url: "http://albums" },
    ]);
    expect(errors.map(({ message }) => message)).toEqual([]);
  });
});

describe("a program", () => {
  afterEach(endRuns);

  it.each(usedAs("printed").filter(({ block }) => block.language === "js"))(
    "prints what is shown: $title",
    async ({ block, answer }) => {
      const urlOf = placeFiles("programs", new Map([["program.js", block.text]]));
      const printed = await new Run([fileURLToPath(urlOf("program.js"))]).finished;
      expect(printed).toEqual({ code: 0, stdout: answer, stderr: "" });
    },
  );

  it.each(usedAs("printed").filter(({ block }) => block.language === "sh"))(
    "prints what is shown: $title",
    async ({ block, answer = "" }) => {
      const running = await startAsShown(block.page);
      const own = ["FileCompression-demo-running-4", "FileCompression", "immtest"];
      const script = join(root, "examples/follow.mjs");
      const run = new Run([script, ...own, `ws://127.0.0.1:${running.port}/graphql`]);
      await eventually(() => run.stdout.includes("\n"));
      const { stdout } = await untilDone(running, run.finished);
      const shown = readAnswers(answer);
      expect(asShown(readAnswers(stdout), shown)).toEqual(shown.map(patternOf));
    },
  );

  const others = new Set(usedAs("compiled").map(({ block }) => block.page));
  // README.md shows a file of docs/clients.md, which clients-page.test.ts compiles and runs.
  it.each([...others].filter((page) => !["README.md", "docs/clients.md"].includes(page)))(
    "compiles in strict TypeScript: %s",
    async (page) => {
      // The vendor's package is optional, and not installed here.
      const vendor = `declare module "@alicloud/imm20200930" {
        class Client { constructor(config: object); callApi: import("imm-graphql").OpenApi["callApi"]; }
        const module: { default: typeof Client };
        export default module;
      }`;
      const files = new Map(readSnippets(page)).set("vendor.d.ts", vendor);
      const folder = page.replaceAll(/\W/g, "-");
      expect((await compileSnippets(folder, files, ["node"])).errors).toBe("");
    },
  );
});

describe("a manifest", () => {
  it.each(usedAs("read"))("is a part of the example: $title", ({ block }) => {
    const shown = parseManifest(block.text, "shown");
    expect(shown.size).toBeGreaterThan(0);
    const example = parseManifest(readPage(MANIFEST), MANIFEST);
    for (const [id, body] of shown) expect(example.get(id)).toBe(body);
  });
});

describe("an access file", () => {
  it.each(usedAs("configured"))("is one that the gateway takes: $title", async ({ block }) => {
    const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
    disposeAfterTest(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "access.yaml");
    writeFileSync(path, block.text);
    const { config } = await AccessFile.open(path);
    const { issuers = [], tokens = [] } = config;
    expect(issuers.length + tokens.length).toBeGreaterThan(0);
  });
});
