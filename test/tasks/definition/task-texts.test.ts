/** What is read out of a task's texts is read once, whatever asks for it. */

import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { MAX_BODY_BYTES } from "../../../src/imm/wire/response-body.js";
import { TaskTexts } from "../../../src/tasks/definition/task-texts.js";
import { query } from "../../support/query.js";
import { startGatewayBefore } from "../../support/start-before.js";
import { connect, subscribe } from "../../support/subscribe.js";

afterEach(() => {
  jest.restoreAllMocks();
});

/** How often each of these texts is parsed from now on, in their order. */
function countParses(texts: readonly string[]): () => readonly number[] {
  const parse = jest.spyOn(JSON, "parse");
  return () => texts.map((text) => parse.mock.calls.filter(([parsed]) => parsed === text).length);
}

const FIELDS = ["requestDefinition", "requestDefinitionText", "outputs", "userDataJson"];

/** So many aliases of each field, as a fragment. */
function aliases(count: number): string {
  const fields = FIELDS.flatMap((name) => Array.from({ length: count }, (_, index) => `${name}${index}: ${name}`));
  return `fragment All on Task { ${fields.join(" ")} }`;
}

describe("60 tasks under many aliases", () => {
  const tasks = Array.from({ length: 60 }, (_, index) => {
    const inner = JSON.stringify({ Password: "hunter2", Number: index });
    return {
      TaskType: "FileCompression",
      TaskId: `t${index}`,
      Status: "Running",
      UserData: JSON.stringify({ order: index }),
      TaskRequestDefinition: JSON.stringify({ TargetURI: `oss://b/${index}`, UserData: inner }),
    };
  });
  const texts = tasks.flatMap(({ TaskRequestDefinition, UserData }) => [TaskRequestDefinition, UserData]);
  const DOCUMENT = `{ tasks(projectName: "immtest") { nodes { ...All } } } ${aliases(75)}`;

  it("have their texts parsed once, in all operations together", async () => {
    const { url } = await startGatewayBefore(() => JSON.stringify({ Tasks: tasks }), { maxOperationCost: 1_000_000 });
    const parsesOf = countParses(texts);
    const first = await query<{ tasks: { nodes: Record<string, unknown>[] } }>(url, DOCUMENT);
    expect(first.errors).toEqual([]);
    const shown = first.data?.tasks.nodes[7];
    const definition = { TargetURI: "oss://b/7", UserData: '{"Password":"[redacted]","Number":7}' };
    for (const index of [0, 74]) {
      expect(shown?.[`requestDefinition${index}`]).toEqual(definition);
      expect(shown?.[`requestDefinitionText${index}`]).toBe(JSON.stringify(definition));
      expect(shown?.[`outputs${index}`]).toEqual(["oss://b/7"]);
      expect(shown?.[`userDataJson${index}`]).toEqual({ order: 7 });
    }
    expect(parsesOf()).toEqual(texts.map(() => 1));
    expect((await query(url, DOCUMENT)).text).toBe(first.text);
    expect(parsesOf()).toEqual(texts.map(() => 1));
  });

  it("have texts that cannot be read tried once as well", async () => {
    const bad = { ...tasks[0], UserData: "{no", TaskRequestDefinition: '{"Mode":"prefix","Pass' };
    const { url } = await startGatewayBefore(() => JSON.stringify({ Tasks: [bad] }), { maxOperationCost: 1_000_000 });
    const parsesOf = countParses([bad.UserData, bad.TaskRequestDefinition]);
    const { errors, data } = await query(url, DOCUMENT);
    expect(errors).toEqual([]);
    expect(JSON.stringify(data)).toContain(JSON.stringify('{"Mode":"prefix","[redacted]'));
    expect(parsesOf()).toEqual([1, 1]);
  });

  it("have them parsed once in a stream too, while only their progress changes", async () => {
    let progress = 1;
    const [task] = tasks;
    const { url, clock } = await startGatewayBefore(({ action }) => {
      const present = { ...task, Progress: progress, StartTime: "2026-01-01T00:00:00Z" };
      return JSON.stringify(action === "GetTask" ? present : { Tasks: [present] });
    });
    const parsesOf = countParses(texts.slice(0, 2));
    const key = `key: { projectName: "immtest", taskType: "FileCompression", taskId: "t0" }`;
    const document = `subscription { taskProgress(${key}) { progress ${FIELDS.join(" ")} } }`;
    const stream = subscribe(connect(url), document);
    await stream.next();
    for (const shown of [2, 3]) {
      const next = stream.next();
      progress = shown;
      await clock.advance(60_000);
      expect(await next).toMatchObject({ data: { taskProgress: { progress: shown, userDataJson: { order: 0 } } } });
    }
    expect(parsesOf()).toEqual([1, 1]);
  });
});

describe("TaskTexts", () => {
  it("forgets what was least recently asked for, beyond the bound", () => {
    const texts = new TaskTexts({ isRedacted: true });
    const textOf = (name: string): string => JSON.stringify({ [name]: "x".repeat(MAX_BODY_BYTES / 4) });
    const names = ["a", "b", "c", "d", "e"];
    const first = names.map((name) => texts.definitionOf(textOf(name)));
    expect(texts.definitionOf(textOf("e"))).toBe(first[4]);
    expect(texts.definitionOf(textOf("a"))).not.toBe(first[0]);
  });

  it("keeps the longest text that an answer has room for", () => {
    const texts = new TaskTexts({ isRedacted: true });
    const text = JSON.stringify("x".repeat(MAX_BODY_BYTES - 100));
    expect(texts.definitionOf(text)).toBe(texts.definitionOf(text));
  });

  it("shows secrets only where it may", () => {
    const text = '{"Password":"hunter2"}';
    expect(new TaskTexts({ isRedacted: true }).definitionOf(text).text).not.toContain("hunter2");
    expect(new TaskTexts({ isRedacted: false }).definitionOf(text).text).toBe(text);
  });
});
