import { afterEach, describe, expect, it } from "@jest/globals";
import { query, type QueryAnswer } from "../support/query.js";
import { endRuns } from "../support/run.js";
import { readBlocks } from "../support/snippets.js";
import { disposeAfterTest } from "../support/start-gateway.js";
import { Audience } from "./audience.js";
import { Fleet, type FleetOptions } from "./fleet.js";
import { pass, until } from "./until.js";
import { busiestSecond } from "./verdicts.js";

afterEach(endRuns);

async function startFleet(options: Partial<FleetOptions> = {}): Promise<Fleet> {
  const fleet = await Fleet.start({ instances: 3, ...options });
  disposeAfterTest(async () => fleet.stop());
  return fleet;
}

/** Asks until Redis is reached: on a busy machine a process may have no turn for longer than Redis has to answer. */
async function create(url: string, document: string): Promise<QueryAnswer<Created>> {
  for (;;) {
    const answer = await query<Created>(url, document, { key: "order-4712" });
    if (answer.errors[0]?.extensions["code"] !== "UPSTREAM_UNAVAILABLE") return answer;
    await pass(1_000);
  }
}

/** Of a type that takes no tags, and of one that does. */
const creates = {
  CreateFileCompressionTask: `mutation ($key: String!) {
    created: createFileCompressionTask(input: {
      projectName: "immtest", sources: [{ uri: "oss://b/in/" }], targetUri: "oss://b/out.zip", idempotencyKey: $key
    }) { task { taskId } isNew userErrors { code message } }
  }`,
  CreateFigureClusteringTask: `mutation ($key: String!) {
    created: createFigureClusteringTask(input: { projectName: "immtest", datasetName: "set", idempotencyKey: $key }) {
      task { taskId } isNew userErrors { code message }
    }
  }`,
};

interface Created {
  readonly created: { readonly task: { readonly taskId: string } | null; readonly isNew: boolean | null };
}

describe("three instances", () => {
  it.each(Object.entries(creates))(
    "start one task for a key, also after all were started again: %s",
    async (action, document) => {
      const fleet = await startFleet();
      const ask = async (): Promise<readonly (string | undefined)[]> => {
        const answers = await Promise.all(
          fleet.instances.map(async ({ index }) => create(fleet.urlFor(index), document)),
        );
        expect(answers.map(({ errors }) => errors)).toEqual([[], [], []]);
        return answers.map(({ data }) => data?.created.task?.taskId);
      };
      const [first, ...others] = await ask();
      expect(first).toEqual(expect.any(String));
      expect(others).toEqual([first, first]);
      for (const instance of fleet.instances) {
        await instance.end();
        await instance.start();
      }
      expect(await ask()).toEqual([first, first, first]);
      expect(fleet.emulator.calls.filter((call) => call.action === action)).toHaveLength(1);
    },
  );

  it("need no more rights in Redis than the manual gives them", async () => {
    const [command = ""] = readBlocks("docs/scaling.md").flatMap(
      ({ text }) => /^ACL SETUSER gateway (.*)$/m.exec(text)?.[1] ?? [],
    );
    const fleet = await startFleet({ instances: 2, rights: command.split(" "), env: { CALLS_PER_MINUTE: "600" } });
    const tasks = [2_000, 4_000].map((durationMs, index) =>
      fleet.emulator.addTask({ taskType: "FileCompression", taskId: `task-${index}`, durationMs }),
    );
    const audience = new Audience(fleet);
    const taskIds = tasks.map(({ taskId }) => taskId);
    for (const { index } of fleet.instances) {
      await query(fleet.urlFor(index), creates.CreateFileCompressionTask, { key: "order-4712" });
      await audience.follow(taskIds, index);
    }
    await until("all streams have ended", () => audience.haveAllEnded, 10_000);
    const document = `{ task(key: { projectName: "immtest", taskType: "FileCompression", taskId: "task-0" }) { status } }`;
    for (const { index } of fleet.instances) await query(fleet.urlFor(index), document);
    await audience.leave();
    fleet.at(0).signal("SIGTERM");
    await until("it has stopped", () => fleet.at(0).log.includes("Stopped."));
    expect(await fleet.redis?.ask("ACL", "LOG")).toEqual([]);
    expect(fleet.instances.map(({ log }) => log).join("")).not.toContain("Redis is away");
  });

  it("take no more calls in any second than one may", async () => {
    const maxCallsPerSecond = 20;
    const env = { MAX_CALLS_PER_SECOND: String(maxCallsPerSecond), TASK_MAX_AGE_MS: "0", MAX_RETRIES: "0" };
    const fleet = await startFleet({ env });
    const taskIds = Array.from({ length: 400 }, (_value, index) => `task-${index}`);
    for (const taskId of taskIds) {
      fleet.emulator.addTask({ taskType: "FileCompression", taskId, durationMs: Infinity });
    }
    const document = `query ($taskId: String!) {
      task(key: { projectName: "immtest", taskType: "FileCompression", taskId: $taskId }) { eventId }
    }`;
    const flood = taskIds.map(async (taskId, index) =>
      // The test ends before most of them are answered.
      query(fleet.urlFor(index % 3), document, { taskId }).catch(() => undefined),
    );
    // The first calls of a process take long from their grant to IMM.
    await pass(3_000);
    fleet.emulator.clearCalls();
    await pass(8_000);
    const calls = [...fleet.emulator.calls];
    await fleet.stop();
    await Promise.all(flood);
    expect(busiestSecond(calls, fleet.turns)).toBeLessThanOrEqual(1.1 * maxCallsPerSecond);
    // What may be taken is taken.
    expect(calls.length).toBeGreaterThanOrEqual(0.8 * 8 * maxCallsPerSecond);
  });
});
