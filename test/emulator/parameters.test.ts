import { describe, expect, it } from "@jest/globals";
import { decodeParameters } from "../../src/emulator/parameters.js";
import { Refusal } from "../../src/emulator/refusal.js";
import { type CreateAction } from "../../src/imm/operations/operations.js";
import { parseExact } from "../../src/json.js";
import { createActions, EXAMPLE_VARIANTS, encodeInput, exampleInput } from "../support/example-input.js";

function decodeList(parameters: Record<string, string>) {
  return decodeParameters("ListTasks", new Map(Object.entries({ ProjectName: "immtest", ...parameters })));
}

function refusalOf(decode: () => unknown): Pick<Refusal, "status" | "code"> {
  try {
    decode();
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, code: error.code };
    throw error;
  }
  throw new Error("Expected a refusal");
}

describe("decodeParameters", () => {
  it("fills in the table's defaults and leaves the rest undefined", () => {
    expect(decodeList({})).toEqual({
      ProjectName: "immtest",
      TaskTypes: undefined,
      Status: undefined,
      StartTimeRange: undefined,
      EndTimeRange: undefined,
      TagSelector: undefined,
      Sort: "TaskId",
      Order: "asc",
      MaxResults: 100,
      NextToken: undefined,
      RequestDefinition: false,
    });
  });

  it("decodes booleans, integers, arrays and models", () => {
    const decoded = decodeList({
      RequestDefinition: "true",
      MaxResults: "7",
      TaskTypes: '["MediaConvert"]',
      StartTimeRange: '{"Start":"a","Other":1,"End":null}',
    });
    expect(decoded).toMatchObject({ RequestDefinition: true, MaxResults: 7, TaskTypes: ["MediaConvert"] });
    expect(decoded.StartTimeRange).toEqual({ Start: "a" });
  });

  it("matches closed words in any case and answers in the table's spelling", () => {
    expect(decodeList({ Status: "RUNNING", Order: "DESC", Sort: "starttime" })).toMatchObject({
      Status: "Running",
      Order: "desc",
      Sort: "StartTime",
    });
  });

  it("takes an empty optional parameter as left out, and ignores unknown ones", () => {
    const decoded = decodeList({ NextToken: "", MaxResults: "", Colour: "red" });
    expect(decoded).toMatchObject({ NextToken: undefined, MaxResults: 100 });
    expect(decoded).not.toHaveProperty("Colour");
  });

  it.each([{}, { TaskId: "" }])("refuses a required parameter that is missing or empty: %j", (rest) => {
    const sent = new Map(Object.entries({ ProjectName: "immtest", TaskType: "MediaConvert", ...rest }));
    expect(refusalOf(() => decodeParameters("GetTask", sent))).toEqual({ status: 400, code: "MissingTaskId" });
  });

  it.each([
    ["MaxResults", "ten"],
    ["MaxResults", "1.5"],
    ["MaxResults", "0"],
    ["MaxResults", "-1"],
    ["MaxResults", "101"],
    ["RequestDefinition", "yes"],
    ["Status", "Canceled"],
    ["Sort", "Status"],
    ["Order", "random"],
    ["TaskTypes", '"MediaConvert"'],
    ["TaskTypes", "[1]"],
    ["StartTimeRange", "[]"],
    ["StartTimeRange", '{"Start":1}'],
  ])("refuses %s=%s as Invalid%s", (name, text) => {
    expect(refusalOf(() => decodeList({ [name]: text }))).toEqual({ status: 400, code: `Invalid${name}` });
  });

  it.each(["TaskTypes", "EndTimeRange"])("names the parameter %s whose JSON does not parse", (name) => {
    expect(refusalOf(() => decodeList({ [name]: '["Media' }))).toEqual({
      status: 400,
      code: `InvalidJSON Array parsing error,${name}`,
    });
  });
});

describe("decodeParameters of what starts a task", () => {
  function decodeCreate(action: CreateAction, parameters: Readonly<Record<string, string>>) {
    return decodeParameters(action, new Map(Object.entries(parameters)));
  }

  it.each(createActions)("takes a full %s, and gives back every member", (action) => {
    for (const variant of EXAMPLE_VARIANTS) {
      const { query, body } = encodeInput(action, exampleInput(action, variant));
      const sent = { ...query, ...body };
      const decoded: Readonly<Record<string, unknown>> = decodeCreate(action, sent);
      for (const [name, text] of Object.entries(sent)) {
        expect(decoded[name]).toEqual(typeof decoded[name] === "string" ? text : parseExact(text));
      }
    }
  });

  const compression = { ProjectName: "p", Sources: '[{"URI":"oss://b/a"}]', TargetURI: "oss://b/t" };
  const convert = { ProjectName: "p", Sources: "[{}]" };
  const highlight = {
    ProjectName: "p",
    Type: "Concat",
    Sources: '[{"URI":"oss://b/a"}]',
    Output: '{"URI":"oss://b/t"}',
  };

  function tag(members: string): Record<string, string> {
    return { ...convert, Targets: `[{"Video":{"FilterVideo":{"Watermarks":[${members}]}}}]` };
  }

  it.each<[action: CreateAction, parameters: Record<string, string>, code: string]>([
    ["CreateFileCompressionTask", { ...compression, Sources: "" }, "MissingSources"],
    ["CreateFileCompressionTask", { ...compression, SourceManifestURI: "m" }, "InvalidSourceManifestURI"],
    ["CreateFileCompressionTask", { ...compression, TargetURI: "" }, "MissingTargetURI"],
    ["CreateFileCompressionTask", { ...compression, UserData: "ü".repeat(1025) }, "InvalidUserData"],
    ["CreateFileCompressionTask", { ...compression, Sources: `[${"{},".repeat(100)}{}]` }, "InvalidSources"],
    ["CreateFileCompressionTask", { ...compression, Sources: "[]" }, "MissingSources"],
    ["CreateFileCompressionTask", { ...compression, Sources: '[{"URI":"/b/a"}]' }, "InvalidSources"],
    ["CreateFileCompressionTask", { ...compression, TargetURI: "https://b/t" }, "InvalidTargetURI"],
    ["CreateFileUncompressionTask", { ProjectName: "p", SourceURI: "oss:/b/a" }, "InvalidSourceURI"],
    ["CreateMediaConvertTask", { ...convert, Sources: "[]", Targets: "[{}]" }, "MissingSources"],
    ["CreateMediaConvertTask", { ...convert, Targets: "[]" }, "MissingTargets"],
    ["CreateMediaConvertTask", convert, "MissingTargets"],
    ["CreateMediaConvertTask", { ...convert, Targets: '[{"Container":"mp4"}]' }, "InvalidTargets"],
    ["CreateMediaConvertTask", tag('{"FontSize":4}'), "InvalidTargets"],
    ["CreateMediaConvertTask", tag('{"FontSize":120}'), "InvalidTargets"],
    ["CreateMediaConvertTask", tag('{"FontApha":0}'), "InvalidTargets"],
    ["CreateHighlightTask", { ...highlight, Sources: '[{"URI":""}]' }, "InvalidSources"],
    ["CreateHighlightTask", { ...highlight, Output: "{}" }, "InvalidOutput"],
    ["CreateHighlightTask", { ...highlight, Tags: "[]" }, "InvalidTags"],
  ])("refuses %s %j as %s", (action, parameters, code) => {
    expect(refusalOf(() => decodeCreate(action, parameters))).toEqual({ status: 400, code });
  });

  it("takes words that the table does not know", () => {
    expect(decodeCreate("CreateHighlightTask", { ...highlight, Type: "Remix" })).toMatchObject({ Type: "Remix" });
    expect(decodeCreate("CreateMediaConvertTask", tag('{"FontSize":5,"FontApha":1}'))).toMatchObject({
      Targets: [{ Video: { FilterVideo: { Watermarks: [{ FontSize: 5, FontApha: 1 }] } } }],
    });
  });
});
