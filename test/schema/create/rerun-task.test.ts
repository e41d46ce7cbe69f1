import { describe, expect, it } from "@jest/globals";
import { EMULATOR_REGION } from "../../../src/emulator/emulator.js";
import { DEMO_PROJECT, demoTasks, startDemo } from "../../../src/emulator/demo.js";
import { createOperations, type CreateOperation } from "../../../src/imm/operations/operations.js";
import { parseExact, stringifyExact } from "../../../src/json.js";
import { toGlobalTaskId } from "../../../src/tasks/task-id.js";
import {
  createActions,
  TWO_VARIANTS,
  encodeInput,
  exampleInput,
  type ExampleVariant,
} from "../../support/example-input.js";
import { keyArguments, query, refusalsOf, USER_ERRORS, type QueryAnswer } from "../../support/query.js";
import { startGatewayBefore, type GatewayBefore } from "../../support/start-before.js";
import { disposeAfterTest, startGateway, type RunningGateway } from "../../support/start-gateway.js";

interface Rerun {
  readonly rerunTask: { readonly isNew: boolean; readonly task: { readonly taskId: string } } | null;
}

async function rerun(
  url: string,
  taskType: string,
  taskId = "a",
  idempotencyKey?: string,
): Promise<QueryAnswer<Rerun>> {
  return query<Rerun>(
    url,
    `mutation ($id: ID!, $idempotencyKey: String) { rerunTask(input: { id: $id, idempotencyKey: $idempotencyKey }) { isNew task { taskId requestDefinition } ${USER_ERRORS} } }`,
    {
      id: toGlobalTaskId({ region: EMULATOR_REGION, projectName: "example-project", taskType, taskId }),
      idempotencyKey,
    },
  );
}

async function start(): Promise<RunningGateway> {
  return startGateway({
    emulator: { projects: ["example-project"], createdTasks: () => ({ durationMs: Infinity }) },
  });
}

const rerunnable = createActions.flatMap((action) => {
  const operation: CreateOperation = createOperations[action];
  return operation.hasRequestDefinition ? TWO_VARIANTS.map((variant) => [action, variant] as const) : [];
});

/** What IMM would record: the parameters by the wire's names, those with members as values. */
function definitionOf(action: (typeof createActions)[number], variant: ExampleVariant): Record<string, unknown> {
  const operation: CreateOperation = createOperations[action];
  const { query: inQuery, body } = encodeInput(action, exampleInput(action, variant));
  return Object.fromEntries(
    Object.entries({ ...inQuery, ...body }).map(([name, text]) => [
      name,
      operation.request[name]?.type === "string" ? text : parseExact(text),
    ]),
  );
}

describe("a task that is run again", () => {
  it.each(rerunnable)("%s, example %i: is created with what the first was created with", async (action, variant) => {
    const { url, emulator } = await start();
    const operation: CreateOperation = createOperations[action];
    const definition = definitionOf(action, variant);
    emulator.addTask({
      projectName: "example-project",
      taskType: operation.taskType,
      taskId: "a",
      requestDefinition: stringifyExact(definition, undefined, "\t"),
    });
    const { data, errors } = await rerun(url, operation.taskType);
    expect(errors).toEqual([]);
    expect(data?.rerunTask).toMatchObject({ isNew: true, task: { taskId: expect.stringMatching(/./) } });
    expect(data?.rerunTask?.task.taskId).not.toBe("a");
    const { query: inQuery, body } = encodeInput(action, exampleInput(action, variant));
    expect(emulator.calls[1]).toMatchObject({ action, status: 200 });
    expect(emulator.calls[1]?.parameters).toEqual({ ...inQuery, ...body });
  });

  it("is read from JSON text in members, without what was left empty, with user data and tags that only the task has", async () => {
    const { url, emulator } = await start();
    emulator.addTask({
      projectName: "example-project",
      taskType: "ImageToPDF",
      taskId: "a",
      userData: "mine",
      tags: { team: "web", "imm-graphql-idempotency": "0", "imm-graphql-input": "0" },
      requestDefinition: JSON.stringify({
        ProjectName: "another",
        Sources: '[{"URI":"oss://b/a","Rotate":"90"}]',
        TargetURI: "oss://b/t.pdf",
        UserData: "",
        Notification: null,
        CredentialConfig: {},
      }),
    });
    expect((await rerun(url, "ImageToPDF")).errors).toEqual([]);
    expect(emulator.calls[1]?.parameters).toEqual({
      ProjectName: "example-project",
      Sources: '[{"URI":"oss://b/a","Rotate":90}]',
      TargetURI: "oss://b/t.pdf",
      UserData: "mine",
      Tags: '{"team":"web"}',
      CredentialConfig: "{}",
    });
  });

  it("passes a password on without showing it", async () => {
    const { url, emulator, logger } = await start();
    const definition = { SourceURI: "oss://b/a.zip", Password: "s3cret" };
    const requestDefinition = JSON.stringify(definition);
    emulator.addTask({ projectName: "example-project", taskType: "FileUncompression", taskId: "a", requestDefinition });
    const { text, errors } = await rerun(url, "FileUncompression");
    expect(errors).toEqual([]);
    expect(emulator.calls[1]?.parameters["Password"]).toBe("s3cret");
    expect(text).not.toContain("s3cret");
    expect(JSON.stringify(logger)).not.toContain("s3cret");
  });

  describe("with numbers that JavaScript writes with other digits", () => {
    const TAGS = '{"n":12345678901234567890,"f":1.10,"e":1e400,"list":[-0,1.0]}';
    const SOURCES = '[{"URI":"oss://b/a","StartTime":1.10,"Duration":2.0}]';

    async function before(definition: string): Promise<GatewayBefore> {
      return startGatewayBefore(({ action }) =>
        action === "GetTask"
          ? `{"TaskType":"MediaConvert","Status":"Running","Tags":${TAGS},"TaskRequestDefinition":${JSON.stringify(definition)}}`
          : '{"TaskId":"b","RequestId":"r"}',
      );
    }

    it("is sent IMM's digits, those of the tags too", async () => {
      const { url, upstream } = await before(`{"Sources":${SOURCES},"Targets":[{"Speed":1.0}]}`);
      expect((await rerun(url, "MediaConvert")).errors).toEqual([]);
      expect(upstream.requests[1]?.query).toMatchObject({ Tags: TAGS, Sources: SOURCES, Targets: '[{"Speed":1.0}]' });
    });

    it("shows them as IMM wrote them in the text, and as JavaScript's in JSON", async () => {
      const { url } = await before(`{"Sources":${SOURCES},"Password":"s3cret"}`);
      const key = keyArguments({ taskType: "MediaConvert", taskId: "a" });
      const { data, errors } = await query(url, `{ task(${key}) { requestDefinitionText requestDefinition tags } }`);
      expect(errors).toEqual([]);
      expect(data?.["task"]).toEqual({
        requestDefinitionText: `{"Sources":${SOURCES},"Password":"[redacted]"}`,
        requestDefinition: { Sources: JSON.parse(SOURCES) as unknown, Password: "[redacted]" },
        tags: { n: 12345678901234567000, f: 1.1, e: null, list: [0, 1] },
      });
    });
  });

  it("is started once for an idempotency key", async () => {
    const { url, emulator } = await start();
    const requestDefinition = JSON.stringify({ SourceURI: "oss://b/a.zip" });
    emulator.addTask({ projectName: "example-project", taskType: "FileUncompression", taskId: "a", requestDefinition });
    const first = (await rerun(url, "FileUncompression", "a", "key")).data?.rerunTask;
    const again = (await rerun(url, "FileUncompression", "a", "key")).data?.rerunTask;
    expect(again).toMatchObject({ isNew: false, task: { taskId: first?.task.taskId } });
    expect(emulator.calls.filter(({ action }) => action === "CreateFileUncompressionTask")).toHaveLength(1);
  });
});

const NOT_FIT = { code: "INVALID_INPUT", argument: "input.id" };

describe("the tasks of the demo", () => {
  const definitions = demoTasks.flatMap(({ taskType, taskId, requestDefinition }) =>
    requestDefinition === undefined || taskId.endsWith("not-json") ? [] : [[taskType, taskId] as const],
  );

  it.each([...definitions, ["MediaConvert", "MediaConvert-demo-1"] as const])(
    "can be run again: %s %s",
    async (taskType, taskId) => {
      const { url, emulator, clock } = await startGateway();
      const demo = startDemo(emulator, { clock });
      disposeAfterTest(() => demo.stop());
      const id = toGlobalTaskId({ region: EMULATOR_REGION, projectName: DEMO_PROJECT, taskType, taskId });
      const { data, errors } = await query(url, "mutation ($id: ID!) { rerunTask(input: { id: $id }) { isNew } }", {
        id,
      });
      expect(errors).toEqual([]);
      expect(data).toEqual({ rerunTask: { isNew: true } });
    },
  );
});

describe("a task that cannot be run again", () => {
  it.each(["OfficeConversion", "LiveTranscoding"])("is one of the type %s: no call is made", async (taskType) => {
    const { url, emulator } = await start();
    expect(refusalsOf(await rerun(url, taskType))).toMatchObject([NOT_FIT]);
    expect(emulator.calls).toEqual([]);
  });

  it.each([
    ["is not there", undefined, NOT_FIT],
    ["is not JSON", "s3cret", NOT_FIT],
    ["is no object", '["s3cret"]', NOT_FIT],
    ["has a member that no create takes", '{"SourceURI":"a","Fresh":"s3cret"}', NOT_FIT],
    ["has such a member further down", '{"SourceURI":"a","Notification":{"Fresh":"s3cret"}}', NOT_FIT],
    ["has a member of another type", '{"SourceURI":["s3cret"]}', NOT_FIT],
    ["lacks what a create needs", '{"Password":"s3cret"}', NOT_FIT],
  ])(
    "is one whose definition %s: nothing is created, and no value is shown",
    async (_case, requestDefinition, refusal) => {
      const { url, emulator } = await start();
      emulator.addTask({
        projectName: "example-project",
        taskType: "FileUncompression",
        taskId: "a",
        ...(requestDefinition !== undefined && { requestDefinition }),
      });
      const answer = await rerun(url, "FileUncompression");
      expect(answer.data?.rerunTask?.task ?? null).toBeNull();
      expect(refusalsOf(answer)).toMatchObject([refusal]);
      expect(answer.text).not.toContain("s3cret");
      expect(emulator.calls.map(({ action }) => action)).toEqual(["GetTask"]);
    },
  );

  it("is one that IMM does not know, or whose id is none", async () => {
    const { url } = await start();
    expect(refusalsOf(await rerun(url, "FileUncompression"))).toMatchObject([
      { ...NOT_FIT, message: expect.stringMatching(/^IMM knows no such task/) },
    ]);
    expect(
      refusalsOf(await query(url, `mutation { rerunTask(input: { id: "x" }) { isNew ${USER_ERRORS} } }`)),
    ).toMatchObject([NOT_FIT]);
  });
});
