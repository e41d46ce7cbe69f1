/** The log tells of each create who has started what, and of nothing that was not started. */

import { describe, expect, it } from "@jest/globals";
import { query, refusalsOf, USER_ERRORS } from "../../support/query.js";
import { actionsOf } from "../../support/start-reader.js";
import { startGateway, type RunningGateway } from "../../support/start-gateway.js";

interface Created {
  readonly payload: { readonly requestId: string | null; readonly task: { readonly taskId: string } | null } | null;
}

const moderation = { projectName: "immtest", sourceUri: "oss://b/a.jpg", userData: "s3cret", tags: { team: "s3cret" } };
const unpacking = { projectName: "immtest", sourceUri: "oss://b/a.zip", password: "s3cret" };

async function create(url: string, name: string, input: object): ReturnType<typeof query<Created>> {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const selection = `{ requestId task { taskId } ${USER_ERRORS} }`;
  return query<Created>(url, `mutation ($input: ${type}!) { payload: ${name}(input: $input) ${selection} }`, { input });
}

function linesOf({ logger }: RunningGateway): readonly unknown[] {
  return logger.lines.map((line) => JSON.parse(line) as unknown);
}

describe("the log", () => {
  it("tells who has started what, once for each task", async () => {
    const running = await startGateway();
    const keyed = { ...moderation, idempotencyKey: "key" };
    const { data } = await create(running.url, "createImageModerationTask", keyed);
    await create(running.url, "createImageModerationTask", keyed);
    expect(linesOf(running)).toEqual([
      {
        level: "info",
        message: "A task was started.",
        caller: "",
        action: "CreateImageModerationTask",
        projectName: "immtest",
        taskId: data?.payload?.task?.taskId,
        requestId: data?.payload?.requestId,
      },
    ]);
    expect(data?.payload?.requestId).toEqual(expect.any(String));
    await create(running.url, "createFileUncompressionTask", unpacking);
    expect(linesOf(running)).toMatchObject([{}, { action: "CreateFileUncompressionTask", taskId: expect.any(String) }]);
    expect(running.logger.lines.join()).not.toContain("s3cret");
  });

  it("tells what may have been started, and what was found again", async () => {
    const running = await startGateway();
    const { url, emulator } = running;
    for (const action of ["CreateFileUncompressionTask", "CreateImageModerationTask"] as const) {
      emulator.injectFault({ kind: "answerLost", action, times: 1 });
    }
    const keyed = { ...unpacking, idempotencyKey: "key" };
    for (const _ of [1, 2]) {
      const lost = await create(url, "createFileUncompressionTask", keyed);
      expect(refusalsOf(lost)).toMatchObject([{ code: "OUTCOME_UNKNOWN" }]);
    }
    const found = await create(url, "createImageModerationTask", { ...moderation, idempotencyKey: "key" });
    expect(linesOf(running).filter((line) => (line as { readonly level: string }).level === "info")).toEqual([
      expect.objectContaining({
        message: "A task may have been started: the answer was lost.",
        action: "CreateFileUncompressionTask",
        taskId: null,
      }),
      expect.objectContaining({
        message: "A task was started.",
        action: "CreateImageModerationTask",
        taskId: found.data?.payload?.task?.taskId,
        requestId: null,
      }),
    ]);
  });

  it("tells nothing of what was not started", async () => {
    const running = await startGateway();
    for (const wrong of [{ projectName: "no-such-project" }, { sourceUri: "no-uri" }]) {
      const refused = await create(running.url, "createImageModerationTask", { ...moderation, ...wrong });
      expect(refusalsOf(refused)).toHaveLength(1);
    }
    expect(actionsOf(running.emulator)).toContain("CreateImageModerationTask");
    expect(running.logger.lines.filter((line) => line.includes("A task "))).toEqual([]);
  });
});
