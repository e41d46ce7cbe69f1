import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { query } from "../support/query.js";
import { endRuns, Run } from "../support/run.js";
import { disposeAfterTest } from "../support/start-gateway.js";
import { Audience } from "./audience.js";
import { command, Fleet } from "./fleet.js";
import { until } from "./until.js";

afterEach(endRuns);

/** Says when the process ends how many modules of ioredis it has loaded. */
const counting = `data:text/javascript,${encodeURIComponent(`
  import { Module } from "node:module";
  process.on("exit", () => {
    const names = Object.keys(Module._cache).filter((name) => name.includes("/node_modules/ioredis/"));
    console.error(names.length === 0 ? "no module of ioredis" : "modules of ioredis");
  });
`)}`;

/** The log of a process that was started and stopped. */
async function logOf(env: Readonly<Record<string, string>>): Promise<string> {
  const serving = new Run(["--import", counting, command, "serve", "--port", "0"], env);
  await serving.prints(/ serves (\S+)\/graphql$/m);
  serving.kill("SIGTERM");
  return (await serving.finished).stderr;
}

/** The command in a folder from which no package is found. */
function placeCommandAlone(): string {
  const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
  disposeAfterTest(() => rmSync(folder, { recursive: true }));
  const root = join(dirname(command), "../..");
  cpSync(dirname(command), join(folder, "dist/command"), { recursive: true });
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  return join(folder, "dist/command", basename(command));
}

describe("a start", () => {
  it("loads the client of Redis with REDIS_URL, and nothing of it without", async () => {
    expect(await logOf({})).toContain("no module of ioredis");
    expect(await logOf({ REDIS_URL: "redis://127.0.0.1:9" })).toContain("\nmodules of ioredis");
  });

  it("with REDIS_URL and without the client says what to install, in one sentence", async () => {
    const env = { REDIS_URL: "redis://:hunter2@127.0.0.1:9" };
    const { code, stdout, stderr } = await new Run([placeCommandAlone(), "serve", "--port", "0"], env).finished;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^imm-graphql: REDIS_URL[^\n]*npm install ioredis[^\n]*\n$/);
  });

  it("without Redis asks IMM for nothing and is not ready, until Redis is there", async () => {
    const fleet = await Fleet.start({ instances: 1, isRedisUp: false });
    disposeAfterTest(async () => fleet.stop());
    fleet.emulator.addTask({ taskType: "FileCompression", taskId: "task-00", durationMs: Infinity });
    const instance = fleet.at(0);
    expect(await instance.readiness()).toBe(503);
    const audience = new Audience(fleet);
    disposeAfterTest(async () => audience.leave());
    const followed = audience.follow(["task-00"], 0);
    const answer = await query(
      fleet.urlFor(0),
      '{ task(key: { projectName: "immtest", taskType: "FileCompression", taskId: "task-00" }) { status } }',
    );
    expect(answer.errors).toMatchObject([{ extensions: { code: "UPSTREAM_UNAVAILABLE" } }]);
    expect(fleet.emulator.calls).toEqual([]);
    await fleet.redis?.start();
    await until("it is ready", async () => (await instance.readiness()) === 200, 5_000);
    await followed;
    expect(audience.subscribers).toMatchObject([{ failures: [], told: [{ progress: expect.any(Number) }] }]);
  });
});
