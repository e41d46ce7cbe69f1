/**
 * The package as users get it: packed, installed without a lockfile in an empty folder, started, asked and compiled
 * against. It asks the registry, so it is not among the tests of `npm test`.
 */

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";
import { WebSocket } from "ws";
import { keyArguments, query } from "../support/query.js";
import { endRuns, Run } from "../support/run.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
const installed = join(folder, "node_modules/imm-graphql");
const command = join(folder, "node_modules/.bin/imm-graphql");
const page = readFileSync(join(root, "docs/emulator.md"), "utf8");
const served = /^imm-graphql \S+ serves (http:\/\/127\.0\.0\.1:\d+)\/graphql$/m;
const key = keyArguments({ taskType: "FileCompression", taskId: "FileCompression-demo-running" });
const {
  dependencies,
  devDependencies,
  version: ownVersion,
} = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  dependencies: Readonly<Record<string, string>>;
  devDependencies: Readonly<Record<string, string>>;
  version: string;
};

/** Runs npm there; answers what it wrote. An outer `npm run --silent` would make it keep its warnings to itself. */
async function npm(cwd: string, ...parameters: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return run("npm", [...parameters, "--prefix", cwd, "--loglevel", "warn", "--no-fund", "--no-audit"], { cwd });
}

/** What npm said when it installed the package and nothing else. */
let warnings = "";

beforeAll(async () => {
  // Built already, and the build would change what other processes run from.
  const packed = await npm(root, "pack", "--ignore-scripts", "--json", "--pack-destination", folder);
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  warnings = (await npm(folder, "install", join(folder, filename))).stderr;
}, 300_000);

afterEach(endRuns);
afterAll(() => rmSync(folder, { recursive: true }));

describe("the package", () => {
  it("holds the manual, the schema and the code, says where it comes from, and nothing else", () => {
    for (const path of [
      "README.md",
      "CHANGELOG.md",
      "LICENSE",
      "docs/settings.md",
      "docs/installing.md",
      "schema.graphql",
    ])
      expect(readFileSync(join(installed, path), "utf8")).toBe(readFileSync(join(root, path), "utf8"));
    for (const path of ["dist/test", "dist/bench", "dist/scripts", "dist/src/cli.js", "dist/src/commands", "src"])
      expect(existsSync(join(installed, path))).toBe(false);
    expect(JSON.parse(readFileSync(join(installed, "package.json"), "utf8"))).toMatchObject({
      repository: { type: "git", url: "git+https://github.com/imm-graphql/imm-graphql.git" },
    });
  });

  it("holds the licence of each package that is in the command", () => {
    const licences = readFileSync(join(installed, "dist/command/THIRD-PARTY-LICENSES.txt"), "utf8");
    for (const name of Object.keys(dependencies)) expect(licences).toMatch(new RegExp(`^${name} \\d`, "m"));
    // What comes with them too.
    for (const name of ["@apollo/utils.keyvaluecache", "avvio"])
      expect(licences).toMatch(new RegExp(`^${name} \\d`, "m"));
  });

  it("brings no package that asks for a newer Node than this one, but for those that the manual names", () => {
    const manual = readFileSync(join(root, "docs/installing.md"), "utf8");
    const asking = [...warnings.matchAll(/EBADENGINE +package: '(.+)@[^@']+'/g)].map(
      ([, name]) => `\`${String(name)}\``,
    );
    expect(asking.filter((name) => !manual.includes(name))).toEqual([]);
  });

  it("has no install script but those that the manual names", () => {
    const manual = readFileSync(join(root, "docs/installing.md"), "utf8");
    const scripted = [...warnings.matchAll(/^npm warn install-scripts +(@?[^@\s]+)@\S+ \(/gm)].map(([, name]) => name);
    expect(scripted.filter((name) => !manual.includes(`\`${String(name)}\``))).toEqual([]);
  });
});

describe("its command", () => {
  it("is found by npx, and prints the schema", async () => {
    const { stdout } = await run("npx", ["--no-install", "imm-graphql", "schema"], { cwd: folder });
    expect(stdout).toBe(readFileSync(join(root, "schema.graphql"), "utf8"));
  });

  it("says what it can do and which version it is, and makes a token", async () => {
    const [help, ofServe, version, token] = await Promise.all(
      [["--help"], ["serve", "--help"], ["--version"], ["token"]].map(
        async (flags) => new Run([command, ...flags]).finished,
      ),
    );
    expect(help).toMatchObject({ code: 0, stdout: expect.stringMatching(/serve .*emulator .*schema .*token /s) });
    expect(ofServe).toMatchObject({ code: 0, stdout: expect.stringContaining("--max-calls-per-second") });
    expect(version).toEqual({ code: 0, stdout: `${ownVersion}\n`, stderr: "" });
    expect(token).toMatchObject({ code: 0, stdout: expect.stringMatching(/^The token.*: imm_/) });
  });

  it("serves queries, subscriptions, GraphiQL and the board on the embedded emulator, until Ctrl-C", async () => {
    const serving = new Run([command, "serve", "--port", "0"]);
    const url = await serving.prints(served);
    expect(await query(url, `{ task(${key}) { status } }`)).toMatchObject({ data: { task: { status: "RUNNING" } } });
    const board = await (await fetch(`${url}/board`)).text();
    const [, script = ""] = /src="(\/board\/assets\/[^"]+\.js)"/.exec(board) ?? [];
    expect((await fetch(url + script)).headers.get("cache-control")).toContain("immutable");

    const document = `subscription { taskProgress(${key}) { status progress } }`;
    const sse = createSseClient({ url: `${url}/graphql/stream`, retryAttempts: 0 });
    const socket = createSocketClient({ url: `${url.replace("http", "ws")}/graphql`, webSocketImpl: WebSocket });
    for (const client of [sse, socket]) {
      const progress: number[] = [];
      for await (const { data } of client.iterate<{ taskProgress: { progress: number } }>({ query: document })) {
        if (progress.push(data?.taskProgress.progress ?? -1) === 2) break;
      }
      expect(progress[1]).toBeGreaterThan(progress[0] ?? Infinity);
    }
    sse.dispose();
    await socket.dispose();

    const page = await fetch(`${url}/graphiql`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain("<title>GraphiQL</title>");

    serving.kill("SIGINT");
    expect(await serving.finished).toMatchObject({ code: 0 });
    await expect(fetch(url)).rejects.toThrow("fetch failed");
  });
});

describe("the library", () => {
  const [, program = "", printed = ""] =
    /```js\n(import \{ createGateway, createOpenApi[^`]*(?:`[^`]+)*?)\n```\n\nIt prints:\n\n```\n(.*?)```/s.exec(
      page,
    ) ?? [];

  it("does what the manual's program shows", async () => {
    writeFileSync(join(folder, "program.js"), program);
    expect(await new Run([join(folder, "program.js")]).finished).toEqual({ code: 0, stdout: printed, stderr: "" });
  });

  describe("has declarations that compile unskipped", () => {
    const consumer = `${program}
import type { GatewayOptions, ImmClient, OpenApi } from "imm-graphql";
import { parseManifest, printGatewaySchema, settings, taskTypes } from "imm-graphql";

export const myOwn: OpenApi = { callApi: async ({ action }, { query }) => ({ statusCode: 200, body: { action, query } }) };
export const options: GatewayOptions = { openApi: myOwn, region: "cn-hangzhou", port: 4000, logger: console, maxCallsPerSecond: 20 };
export const read = async (client: ImmClient): Promise<string> =>
  (await client.getTask({ projectName: "a", taskType: "b", taskId: "c" })).status;
export const rest: readonly unknown[] = [
  parseManifest("{}", "a.json"), printGatewaySchema(), settings[0]?.env, taskTypes[0]?.name,
];
// @ts-expect-error - the types are there, and hold.
export const wrong: GatewayOptions = { openApi: myOwn, region: "cn-hangzhou", port: "4000" };
`;

    beforeAll(async () => {
      const needed = ["typescript", "@types/node"].map((name) => `${name}@${String(devDependencies[name])}`);
      await npm(folder, "install", "--save-dev", ...needed);
      writeFileSync(join(folder, "consumer.ts"), consumer);
    }, 300_000);

    it.each([
      ["in a bundled project", { module: "esnext", moduleResolution: "bundler", types: [] }],
      ["in a project for Node", { module: "node16", moduleResolution: "node16", lib: ["es2023"], types: ["node"] }],
    ])("%s", async (_, own) => {
      const compilerOptions = { strict: true, target: "es2022", noEmit: true, skipLibCheck: false, ...own };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
      const compiled = await new Run([join(folder, "node_modules/typescript/bin/tsc"), "-p", folder]).finished;
      expect(compiled).toEqual({ code: 0, stdout: "", stderr: "" });
    });
  });
});

it("its command shares by Redis where ioredis is installed beside it, and else says what to install", async () => {
  // Nothing listens there.
  const env = { REDIS_URL: "redis://:hunter2@127.0.0.1:1" };
  const sentence = "REDIS_URL (`redisUrl`) needs a package that is not installed: npm install ioredis@6.";
  const refused = await new Run([command, "serve", "--port", "0"], env).finished;
  expect(refused).toEqual({ code: 1, stdout: "", stderr: `imm-graphql: ${sentence}\n` });
  const looked = await new Run([command, "doctor"], { ...env, PORT: "0" }).finished;
  expect(looked.stdout).toContain(`✗ redis        ${sentence}\n               → `);

  await npm(folder, "install", "ioredis@6");
  const serving = new Run([command, "serve", "--port", "0"], env);
  const url = await serving.prints(served);
  expect(serving.stdout).toContain("  Shared     by redis://127.0.0.1:1, under imm-graphql.\n");
  expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ status: "redis_unseen" });
  serving.kill("SIGINT");
  const { code, stderr } = await serving.finished;
  expect(code).toBe(0);
  expect(stderr).toContain("Redis cannot be reached");
  expect(stderr).not.toContain("hunter2");
}, 120_000);

it("its command asks its own emulator, through a client of the vendor's package where that is installed", async () => {
  // As the package is made: a class on top of the core that is installed, which is not the copy within the command.
  const sdk = join(folder, "node_modules/@alicloud/imm20200930");
  mkdirSync(sdk);
  writeFileSync(join(sdk, "package.json"), JSON.stringify({ name: "@alicloud/imm20200930", version: "4.0.0" }));
  writeFileSync(join(sdk, "index.js"), `exports.default = class extends require("@alicloud/openapi-core").default {};`);

  const emulating = new Run([command, "emulator", "--port", "0"]);
  const endpoint = await emulating.prints(/^The IMM emulator serves (\S+) /m);
  const serving = new Run([command, "serve", "--port", "0"], {
    IMM_ENDPOINT: endpoint,
    IMM_REGION: "emulator",
    ALIBABA_CLOUD_ACCESS_KEY_ID: "emulator",
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: "emulator",
  });
  const url = await serving.prints(served);
  expect(serving.stdout).toContain(`IMM at ${endpoint}, through @alicloud/imm20200930.`);
  expect(await query(url, `{ task(${key}) { status } }`)).toMatchObject({ data: { task: { status: "RUNNING" } } });
});
