import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  API_VERSION,
  models,
  operations,
  RETENTION_DAYS,
  taskTypes,
  type Member,
  type Operation,
  type Parameter,
} from "../../src/imm/operations.js";

/** The facts that were extracted from the SDK, as far as these tests read them. */
interface Facts {
  readonly meta: { readonly apiVersion: string };
  readonly operations: Readonly<Record<string, OperationFacts>>;
  readonly models: Readonly<Record<string, Readonly<Record<string, MemberFacts>>>>;
}

interface OperationFacts {
  readonly action: string;
  readonly kind: string;
  readonly stage: string;
  readonly taskType: string;
  readonly taskTypeEvidence: string;
  readonly requestDefinitionInGetTask: boolean;
  readonly eventType: string | null;
  readonly retentionDays: number | null;
  readonly supports: { readonly UserData: boolean; readonly Tags: boolean; readonly CredentialConfig: boolean };
  readonly request: Readonly<Record<string, MemberFacts>>;
  readonly response: Readonly<Record<string, MemberFacts>>;
}

interface MemberFacts {
  readonly type: string;
  readonly model?: string;
  readonly items?: MemberFacts;
  readonly values?: readonly string[];
  readonly in?: string;
  readonly required?: boolean;
  readonly style?: string;
  readonly range?: unknown;
  readonly default?: unknown;
}

/** What a response member or a model member says about its shape. */
function shapeOf({ type, model, items, values }: Member | MemberFacts): unknown {
  return { type, model, values, items: items === undefined ? undefined : shapeOf(items) };
}

/** What a parameter says about its shape, its place and its bounds. */
function parameterFacts(parameter: Parameter | MemberFacts): unknown {
  const { in: place, required = false, style, range, default: fallback } = parameter;
  return { shape: shapeOf(parameter), place, required, style, range, fallback };
}

function mapMembers<M>(members: Readonly<Record<string, M>>, toFacts: (member: M) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, toFacts(member)]));
}

const table: Readonly<Record<string, Operation>> = operations;

// dist/test/imm/ lies three folders below the repository, and the facts beside the repository.
const factsFile = new URL("../../../../shared/imm/operations.json", import.meta.url);
const facts = existsSync(factsFile) ? (JSON.parse(readFileSync(factsFile, "utf8")) as Facts) : null;

if (facts !== null) {
  describe("the table against the facts of the SDK", () => {
    test("names the API's version", () => {
      expect(API_VERSION).toBe(facts.meta.apiVersion);
    });

    test.each(Object.keys(operations))("has each parameter of %s with its shape, place and bounds", (action) => {
      expect(mapMembers(table[action]?.request ?? {}, parameterFacts)).toEqual(
        mapMembers(facts.operations[action]?.request ?? {}, parameterFacts),
      );
    });

    test.each(Object.keys(operations))("has each member of the answer of %s", (action) => {
      expect(mapMembers(table[action]?.response ?? {}, shapeOf)).toEqual(
        mapMembers(facts.operations[action]?.response ?? {}, shapeOf),
      );
    });

    test.each(Object.keys(operations))("has %s under its own action, of its kind", (action) => {
      const { action: factsAction, kind } = facts.operations[action] ?? {};
      expect({ action: table[action]?.action, kind: table[action]?.kind }).toEqual({ action: factsAction, kind });
      expect(table[action]?.action).toBe(action);
    });

    test.each(Object.keys(models))("has each member of the model %s", (name) => {
      const members: Readonly<Record<string, Member>> = models[name as keyof typeof models];
      expect(mapMembers(members, shapeOf)).toEqual(mapMembers(facts.models[name] ?? {}, shapeOf));
    });

    test("has each task type with what its create operation takes", () => {
      const creates = Object.values(facts.operations).filter(({ kind }) => kind === "create");
      const expected = creates.map((create) => ({
        name: create.taskType,
        createdBy: create.action,
        hasRequestDefinition: create.requestDefinitionInGetTask,
        takesTags: create.supports.Tags,
        takesUserData: create.supports.UserData,
        takesCredentialConfig: create.supports.CredentialConfig,
        eventType: create.eventType,
        stage: create.stage,
        evidence: create.taskTypeEvidence,
      }));
      expect(byName(taskTypes)).toEqual(byName(expected));
    });

    test("forgets a task after the days that the create operations state", () => {
      const stated = Object.values(facts.operations).flatMap(({ retentionDays }) => retentionDays ?? []);
      expect(new Set(stated)).toEqual(new Set([RETENTION_DAYS]));
    });
  });
}

function byName<T extends { readonly name: string }>(rows: readonly T[]): readonly T[] {
  return rows.toSorted((a, b) => a.name.localeCompare(b.name));
}

describe("the task types", () => {
  // Section 1.1 of the facts: type, operation, whether it has a definition, T(ags) U(serData) C(redentialConfig).
  test.each([
    ["ArchiveFileInspection", "CreateArchiveFileInspectionTask", true, "-UC"],
    ["PointCloudCompress", "CreateCompressPointCloudTask", true, "TUC"],
    ["FacesSearching", "CreateFacesSearchingTask", true, "-U-"],
    ["FaceClustering", "CreateFigureClusteringTask", true, "TU-"],
    ["FileCompression", "CreateFileCompressionTask", true, "-UC"],
    ["FileUncompression", "CreateFileUncompressionTask", true, "-UC"],
    ["ImageSplicing", "CreateImageSplicingTask", true, "TUC"],
    ["ImageToPDF", "CreateImageToPDFTask", true, "TUC"],
    ["LocationDateClustering", "CreateLocationDateClusteringTask", true, "TU-"],
    ["MediaConvert", "CreateMediaConvertTask", true, "TUC"],
    ["StoryCreation", "CreateStory", true, "TU-"],
    ["VideoLabelClassification", "CreateVideoLabelClassificationTask", true, "TUC"],
    ["ImageModeration", "CreateImageModerationTask", false, "TUC"],
    ["OfficeConversion", "CreateOfficeConversionTask", false, "TUC"],
    ["VideoModeration", "CreateVideoModerationTask", false, "TUC"],
    ["DecodeBlindWatermark", "CreateDecodeBlindWatermarkTask", false, "---"],
    ["SimilarImageClustering", "CreateSimilarImageClusteringTask", false, "TU-"],
    ["Highlight", "CreateHighlightTask", false, "TUC"],
    ["FigureClustersMerging", "CreateFigureClustersMergingTask", false, "TU-"],
  ])("has %s, started by %s", (name, createdBy, hasRequestDefinition, takes) => {
    expect(taskTypes.find((row) => row.name === name)).toMatchObject({
      createdBy,
      hasRequestDefinition,
      takesTags: takes.includes("T"),
      takesUserData: takes.includes("U"),
      takesCredentialConfig: takes.includes("C"),
    });
  });

  test("are nineteen, each once", () => {
    expect(taskTypes).toHaveLength(19);
    expect(new Set(taskTypes.map(({ name }) => name)).size).toBe(19);
    expect(new Set(taskTypes.map(({ createdBy }) => createdBy)).size).toBe(19);
  });

  test("have a request definition in GetTask for exactly twelve", () => {
    expect(taskTypes.filter(({ hasRequestDefinition }) => hasRequestDefinition)).toHaveLength(12);
  });

  test("keep the event vocabulary apart from the type's name", () => {
    const unlike = taskTypes.filter(({ name, eventType }) => eventType !== `imm:Task:${name}`);
    expect(Object.fromEntries(unlike.map(({ name, eventType }) => [name, eventType]))).toEqual({
      FaceClustering: "imm:Task:FigureClustering",
      PointCloudCompress: "imm:Task:PointCloudCompression",
      Highlight: null,
    });
  });

  test("say which spellings are not printed in the docs", () => {
    const unsure = taskTypes.filter(({ evidence }) => evidence !== "docs");
    expect(Object.fromEntries(unsure.map(({ name, evidence }) => [name, evidence]))).toEqual({
      DecodeBlindWatermark: "sdk",
      SimilarImageClustering: "sdk",
      Highlight: "sdk",
      FigureClustersMerging: "inferred",
    });
  });

  test("say which operations are previews", () => {
    const previews = taskTypes.filter(({ stage }) => stage !== "general");
    expect(Object.fromEntries(previews.map(({ name, stage }) => [name, stage]))).toEqual({
      ArchiveFileInspection: "public-preview",
      FileCompression: "public-preview",
      FileUncompression: "public-preview",
      Highlight: "invitational-preview",
    });
  });
});

describe("the operations", () => {
  test("refer to models that the table has", () => {
    const members: readonly Member[] = Object.values(table).flatMap(({ request, response }) => [
      ...Object.values(request),
      ...Object.values(response),
    ]);
    const named = members.flatMap((member) => [member.model ?? [], member.items?.model ?? []].flat());
    expect(new Set(named)).toEqual(new Set(Object.keys(models)));
  });

  test("need three names to find a task and one to list", () => {
    const requiredOf = (operation: Operation): string[] =>
      Object.keys(operation.request).filter((name) => operation.request[name]?.required === true);
    expect(requiredOf(operations.GetTask)).toEqual(["ProjectName", "TaskType", "TaskId"]);
    expect(requiredOf(operations.ListTasks)).toEqual(["ProjectName"]);
  });

  test("travel in the query, arrays and objects as JSON text", () => {
    for (const { request } of Object.values(table)) {
      for (const parameter of Object.values(request)) {
        const isNested = ["array", "object", "map"].includes(parameter.type);
        expect(parameter).toMatchObject({ in: "query" });
        expect(parameter.style).toBe(isNested ? "json" : undefined);
      }
    }
  });

  test("take a page of one to a hundred tasks, and answer its size as text", () => {
    expect(operations.ListTasks.request.MaxResults.range).toEqual({ min: 0, max: 100, exclusiveMin: true });
    expect(operations.ListTasks.response.MaxResults.type).toBe("string");
  });

  test("have no filter by task id", () => {
    expect(operations.ListTasks.request).not.toHaveProperty("TaskId");
  });
});
