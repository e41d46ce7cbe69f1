import { afterEach, describe, expect, it } from "@jest/globals";
import { query } from "../../support/query.js";
import { endRuns, Run } from "../../support/run.js";
import { disposeAfterTest } from "../../support/start-gateway.js";
import { Audience } from "./audience.js";
import { command, Fleet } from "./fleet.js";
import { until } from "./until.js";

afterEach(endRuns);

/** Says at the end of the process which modules of ioredis it has loaded. */
function listModules(refuses: boolean): string {
  const hooks = `
    export async function resolve(name, context, next) {
      if (name !== "ioredis") return next(name, context);
      console.error("ioredis is asked for");
      if (${refuses}) throw Object.assign(new Error("Cannot find package 'ioredis'"), { code: "ERR_MODULE_NOT_FOUND" });
      return next(name, context);
    }`;
  const preload = `
    import { register } from "node:module";
    register("data:text/javascript," + ${JSON.stringify(encodeURIComponent(hooks))});`;
  return `data:text/javascript,${encodeURIComponent(preload)}`;
}

function serve(env: Readonly<Record<string, string>>, refuses = false): Run {
  return new Run(["--import", listModules(refuses), command, "serve", "--port", "0"], env);
}

const SERVES = / serves (\S+)\/graphql$/m;

describe("a start", () => {
  it("without REDIS_URL loads no client of Redis", async () => {
    const serving = serve({});
    await serving.prints(SERVES);
    serving.kill("SIGTERM");
    expect((await serving.finished).stderr).not.toContain("ioredis");
  });

  it("with REDIS_URL and without the client says what to install, in one sentence", async () => {
    const { code, stdout, stderr } = await serve({ REDIS_URL: "redis://:hunter2@127.0.0.1:9" }, true).finished;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^ioredis is asked for\nimm-graphql: REDIS_URL[^\n]*npm install ioredis[^\n]*\n$/);
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
