import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import {
  API_VERSION,
  createOperations,
  modelOf,
  models,
  operations,
  RETENTION_DAYS,
  resultOperations,
  taskTypes,
  toCamelCase,
  travelsAsJson,
  type CreateOperation,
  type Member,
  type Members,
  type Model,
  type Operation,
  type Parameter,
  type ResultOperation,
  type Rule,
  type Shape,
} from "../../../src/imm/operations/operations.js";
import { resultModels } from "../../../src/imm/operations/results.js";
import { schemaInputOf, type InputStructure } from "../../../src/imm/wire/create-inputs.js";
import { createActions } from "../../support/example-input.js";

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
  readonly taskType?: string;
  readonly taskTypeEvidence?: string;
  readonly requestDefinitionInGetTask?: boolean;
  readonly eventType?: string | null;
  readonly retentionDays?: number | null;
  readonly supports?: { readonly UserData: boolean; readonly Tags: boolean; readonly CredentialConfig: boolean };
  readonly request: Readonly<Record<string, MemberFacts>>;
  readonly response: Readonly<Record<string, MemberFacts>>;
}

interface MemberFacts {
  readonly type: string;
  readonly format?: string;
  readonly model?: string;
  readonly items?: MemberFacts;
  readonly values?: readonly (string | number)[];
  readonly in?: string;
  readonly required?: boolean;
  readonly style?: string;
  readonly range?: unknown;
  readonly default?: unknown;
  readonly maxBytes?: number;
  readonly unpublished?: boolean;
}

/** What is known of a shape on both sides. */
function shapeFacts(shape: Shape | MemberFacts): unknown {
  const { type, format, model, items, values, range, maxBytes } = shape;
  return { type, format, model, values, range, maxBytes, items: items === undefined ? undefined : shapeFacts(items) };
}

function memberFacts(member: Member | MemberFacts): unknown {
  const { required = false, default: fallback, unpublished = false } = member;
  return { shape: shapeFacts(member), required, fallback, unpublished };
}

/** What a parameter says beyond that: its place, and whether it travels as JSON text. */
function parameterFacts(parameter: Parameter): unknown {
  return { member: memberFacts(parameter), place: parameter.in, isJson: travelsAsJson(parameter) };
}

function documentedParameterFacts(parameter: MemberFacts): unknown {
  return { member: memberFacts(parameter), place: parameter.in, isJson: parameter.style === "json" };
}

function mapMembers<M>(members: Readonly<Record<string, M>>, toFacts: (member: M) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, toFacts(member)]));
}

const table: Readonly<Record<string, Operation>> = operations;
const creates: Readonly<Record<string, CreateOperation>> = createOperations;
const results: Readonly<Record<string, ResultOperation>> = resultOperations;
const modelTable: Readonly<Record<string, Model>> = models;

/** Every set of members that the schema gives names to, by what it belongs to. */
const memberSets: readonly (readonly [owner: string, members: Members])[] = [
  ...Object.entries(modelTable).map(([name, model]) => [name, model.members] as const),
  ...Object.values(table).map(({ action, request }) => [`${action} request`, request] as const),
  ...Object.values(table).map(({ action, response }) => [`${action} response`, response] as const),
];

// dist/test/imm/ lies three folders below the repository, and the facts beside the repository.
const factsFile = new URL("../../../../../shared/imm/operations.json", import.meta.url);
const facts = existsSync(factsFile) ? (JSON.parse(readFileSync(factsFile, "utf8")) as Facts) : null;

if (facts !== null) {
  describe("the table against the facts of the SDK", () => {
    it("names the API's version", () => {
      expect(API_VERSION).toBe(facts.meta.apiVersion);
    });

    it("has every operation and every model, and no other", () => {
      expect(Object.keys(table).toSorted()).toEqual(Object.keys(facts.operations).toSorted());
      expect(Object.keys(table)).toHaveLength(25);
      expect(Object.keys(modelTable).toSorted()).toEqual(Object.keys(facts.models).toSorted());
      expect(Object.keys(modelTable)).toHaveLength(60);
    });

    it.each(Object.keys(facts.operations))("has each parameter of %s with its shape, place and bounds", (action) => {
      expect(mapMembers(table[action]?.request ?? {}, parameterFacts)).toEqual(
        mapMembers(facts.operations[action]?.request ?? {}, documentedParameterFacts),
      );
    });

    it.each(Object.keys(facts.operations))("has each member of the answer of %s", (action) => {
      expect(mapMembers<Member>(table[action]?.response ?? {}, memberFacts)).toEqual(
        mapMembers(facts.operations[action]?.response ?? {}, memberFacts),
      );
    });

    it.each(Object.keys(facts.operations))("has %s under its own action, of its kind and stage", (action) => {
      const { action: factsAction, kind, stage } = facts.operations[action] ?? {};
      expect(table[action]).toMatchObject({ action: factsAction, kind, stage });
      expect(table[action]?.action).toBe(action);
    });

    it.each(Object.keys(facts.models))("has each member of the model %s", (name) => {
      expect(mapMembers<Member>(modelTable[name]?.members ?? {}, memberFacts)).toEqual(
        mapMembers(facts.models[name] ?? {}, memberFacts),
      );
    });

    it("has what the tasks of each create operation are called, how sure that is, and how long they are kept", () => {
      const documented = Object.values(facts.operations).filter(({ kind }) => kind === "create");
      expect(Object.keys(creates).toSorted()).toEqual(documented.map(({ action }) => action).toSorted());
      for (const create of documented) {
        expect(creates[create.action]).toMatchObject({
          taskType: create.taskType,
          evidence: create.taskTypeEvidence,
          hasRequestDefinition: create.requestDefinitionInGetTask,
          eventType: create.eventType,
          retentionDays: create.retentionDays,
        });
      }
    });

    it("has each task type with what its create operation takes", () => {
      const documented = Object.values(facts.operations).filter(({ kind }) => kind === "create");
      const expected = documented.map((create) => ({
        name: create.taskType ?? "",
        operation: create.action,
        mutation: create.action === "CreateStory" ? "createStoryCreationTask" : toCamelCase(create.action),
        hasRequestDefinition: create.requestDefinitionInGetTask,
        takesTags: create.supports?.Tags,
        takesUserData: create.supports?.UserData,
        takesCredentialConfig: create.supports?.CredentialConfig,
        eventType: create.eventType,
        stage: create.stage,
        evidence: create.taskTypeEvidence,
      }));
      expect(byName<{ readonly name: string }>(taskTypes)).toEqual(byName(expected));
    });

    it("forgets a task after the days that the create operations state", () => {
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
  it.each([
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
  ])("has %s, started by %s", (name, operation, hasRequestDefinition, takes) => {
    expect(taskTypes.find((row) => row.name === name)).toMatchObject({
      operation,
      hasRequestDefinition,
      takesTags: takes.includes("T"),
      takesUserData: takes.includes("U"),
      takesCredentialConfig: takes.includes("C"),
    });
  });

  it("are nineteen, each once", () => {
    expect(taskTypes).toHaveLength(19);
    expect(new Set(taskTypes.map(({ name }) => name)).size).toBe(19);
    expect(new Set(taskTypes.map(({ operation }) => operation)).size).toBe(19);
    expect(new Set(taskTypes.map(({ mutation }) => mutation)).size).toBe(19);
  });

  it("have a request definition in GetTask for exactly twelve", () => {
    expect(taskTypes.filter(({ hasRequestDefinition }) => hasRequestDefinition)).toHaveLength(12);
  });

  it("keep the event vocabulary apart from the type's name", () => {
    const unlike = taskTypes.filter(({ name, eventType }) => eventType !== `imm:Task:${name}`);
    expect(Object.fromEntries(unlike.map(({ name, eventType }) => [name, eventType]))).toEqual({
      FaceClustering: "imm:Task:FigureClustering",
      PointCloudCompress: "imm:Task:PointCloudCompression",
      Highlight: null,
    });
  });

  it("say which spellings are not printed in the docs", () => {
    const unsure = taskTypes.filter(({ evidence }) => evidence !== "docs");
    expect(Object.fromEntries(unsure.map(({ name, evidence }) => [name, evidence]))).toEqual({
      DecodeBlindWatermark: "sdk",
      SimilarImageClustering: "sdk",
      Highlight: "sdk",
      FigureClustersMerging: "inferred",
    });
  });

  it("say which operations are previews", () => {
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
  it("refer to models that the table has, and to each of them", () => {
    const named = memberSets.flatMap(([, members]) =>
      Object.values(members).flatMap((member) => [member.model ?? [], member.items?.model ?? []].flat()),
    );
    expect(new Set(named)).toEqual(new Set(Object.keys(models)));
    expect(() => modelOf({ model: "Unknown" })).toThrow("The table has no model Unknown.");
  });

  it("need three names to find a task and one to list", () => {
    const requiredOf = (operation: Operation): string[] =>
      Object.keys(operation.request).filter((name) => operation.request[name]?.required === true);
    expect(requiredOf(operations.GetTask)).toEqual(["ProjectName", "TaskType", "TaskId"]);
    expect(requiredOf(operations.ListTasks)).toEqual(["ProjectName"]);
    for (const result of Object.values(results))
      expect(requiredOf(result)).toEqual(["ProjectName", "TaskType", "TaskId"]);
  });

  it("travel in the query but for three operations", () => {
    const inBody = Object.values(table).map(({ action, request }) => [
      action,
      Object.keys(request).filter((name) => request[name]?.in === "body"),
    ]);
    expect(Object.fromEntries(inBody.filter(([, names]) => names?.length))).toEqual({
      CreateOfficeConversionTask: ["Sources"],
      CreateHighlightTask: Object.keys(operations.CreateHighlightTask.request).filter((name) => name !== "ProjectName"),
      CreateStory: Object.keys(operations.CreateStory.request).filter(
        (name) => !["UserData", "Tags", "Notification"].includes(name),
      ),
    });
  });

  it("take a page of one to a hundred tasks, and answer its size as text", () => {
    expect(operations.ListTasks.request.MaxResults.range).toEqual({ min: 0, max: 100, exclusiveMin: true });
    expect(operations.ListTasks.response.MaxResults.type).toBe("string");
  });

  it("have no filter by task id", () => {
    expect(operations.ListTasks.request).not.toHaveProperty("TaskId");
  });

  it("say which member of a result's answer is the outcome: the one that GetTask does not have", () => {
    const outcomes = Object.values(results).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(["ModerationResult", "ModerationResult", "Labels", "Content"]);
    for (const { outcome, response } of Object.values(results)) {
      expect(Object.keys(response).filter((name) => !(name in operations.GetTask.response))).toEqual([outcome]);
    }
    expect(Object.values(results).map(({ taskType }) => taskType)).toEqual(
      expect.arrayContaining([
        "ImageModeration",
        "VideoModeration",
        "VideoLabelClassification",
        "DecodeBlindWatermark",
      ]),
    );
  });

  it("bound the lists that the docs bound", () => {
    const bounds = memberSets.flatMap(([owner, members]) =>
      Object.entries(members).flatMap(([name, { maxItems, maxLength }]) =>
        maxItems === undefined && maxLength === undefined ? [] : [[`${owner} ${name}`, maxItems ?? maxLength]],
      ),
    );
    expect(Object.fromEntries(bounds)).toEqual({
      "CreateFileCompressionTask request Sources": 100,
      "CreateFigureClustersMergingTask request Froms": 100,
      "CreateMediaConvertTask request Sources": 11,
      "CreateHighlightTask request Sources": 10,
      "CreateHighlightTaskRequestEdit BackgroundMusics": 1,
      "CreateHighlightTaskRequestEdit Transitions": 10,
      "CreateHighlightTaskRequestEdit VfxEffects": 10,
      "CreateHighlightTaskRequestHighlight Content": 100,
      "ListTasks response Tasks": 100,
    });
  });
});

function namesOfRule(rule: Rule): readonly string[] {
  if (rule.kind === "needs") return [rule.member, rule.needs];
  return rule.kind === "onlyWhere" ? [...rule.members, rule.where] : rule.members;
}

function isChoice({ kind }: Rule): boolean {
  return kind !== "needs" && kind !== "onlyWhere";
}

describe("the rules between members", () => {
  const owners: readonly (readonly [
    owner: string,
    of: Pick<Operation, "rules"> & Partial<Pick<Model, "inputRules">>,
    members: Members,
  ])[] = [
    ...Object.values(table).map((operation) => [operation.action, operation, operation.request] as const),
    ...Object.entries(modelTable).map(([name, model]) => [name, model, model.members] as const),
  ];

  it("speak of members that are there, and do not make a choice of what is required anyway", () => {
    const wrong = owners.flatMap(([owner, { rules, inputRules = [] }, members]) =>
      [...rules, ...inputRules].flatMap((rule) => {
        const names = namesOfRule(rule);
        return names
          .filter((name) => members[name] === undefined || (isChoice(rule) && members[name].required))
          .map((name) => `${owner} ${name}`);
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("are those of the operations that the docs state in prose", () => {
    const ofOperations = Object.values(table).filter(({ rules }) => rules.length > 0);
    expect(Object.fromEntries(ofOperations.map(({ action, rules }) => [action, rules]))).toEqual({
      CreateFileCompressionTask: [{ kind: "exactlyOneOf", members: ["Sources", "SourceManifestURI"] }],
      CreateOfficeConversionTask: [{ kind: "exactlyOneOf", members: ["TargetURI", "TargetURIPrefix"] }],
      CreateFigureClustersMergingTask: [{ kind: "exactlyOneOf", members: ["From", "Froms"] }],
      CreateMediaConvertTask: [{ kind: "atLeastOneOf", members: ["Targets", "TargetGroups"] }],
    });
  });
});

describe("the names of the schema", () => {
  it.each([
    ["TargetURI", "targetUri"],
    ["TargetURIPrefix", "targetUriPrefix"],
    ["SourceManifestURI", "sourceManifestUri"],
    ["URI", "uri"],
    ["MNS", "mns"],
    ["RocketMQ", "rocketMq"],
    ["CRF", "crf"],
    ["GOPSize", "gopSize"],
    ["BFrames", "bFrames"],
    ["ImageDPI", "imageDpi"],
    ["OSSUri", "ossUri"],
    ["Dx", "dx"],
    ["VfxEffectMode", "vfxEffectMode"],
    ["CreateImageToPDFTask", "createImageToPdfTask"],
    ["CreateFileCompressionTask", "createFileCompressionTask"],
    ["CreateStory", "createStory"],
  ])("write %s as %s", (wireName, schemaName) => {
    expect(toCamelCase(wireName)).toBe(schemaName);
  });

  it("of results say units and do not repeat what they are in", () => {
    const renamed = Object.values<Model>(resultModels).flatMap(({ members }) =>
      Object.entries(members).flatMap(([name, { schemaName }]) =>
        schemaName === undefined ? [] : [[name, schemaName]],
      ),
    );
    expect(Object.fromEntries(renamed)).toEqual({
      BlockFrames: "blocked",
      LabelAlias: "alias",
      LabelConfidence: "confidence",
      LabelLevel: "level",
      LabelName: "name",
      ParentLabelName: "parentName",
      Rate: "confidencePercent",
    });
  });

  const structures = createActions.flatMap((action) =>
    structuresBelow(schemaInputOf(createOperations[action]), action),
  );

  it.each(structures)("are names of GraphQL, each once, and lead back to the wire: %s", (_owner, { fields, ways }) => {
    const names = fields.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][A-Za-z0-9]*$/);
    const inner = fields.flatMap((field) => (field.wireName === null ? (field.inner?.fields ?? []) : [field]));
    expect([...ways.keys()].toSorted()).toEqual(inner.map(({ wireName }) => wireName ?? "").toSorted());
  });

  it("do not repeat the name of what they stand in, nor say a thing twice in the negative", () => {
    const names = structures.flatMap(([path, { fields }]) => fields.map(({ name }) => `${path}.${name}`));
    const repeating = names.filter((path) => {
      const [parent = "", name = ""] = path.split(".").slice(-2);
      return parent.length > 3 && name !== parent && name.toLowerCase().includes(parent.toLowerCase());
    });
    expect(repeating).toEqual([]);
    const negative = names.filter((path) => /disable|without/i.test(path.split(".").at(-1) ?? ""));
    expect(negative.filter((path) => !path.endsWith(".disabled"))).toEqual([]);
  });

  it("give a closed choice the words that the documents know, and no other", () => {
    const choices = structures.flatMap(([path, { fields }]) =>
      fields.flatMap(({ name, member, form }) =>
        typeof form === "object" ? [[`${path}.${name}`, Object.values(form.words), member.values] as const] : [],
      ),
    );
    expect(choices.length).toBeGreaterThan(30);
    for (const [path, words, values = ["stretch", "crop", "fill", "fit"]] of choices) {
      expect([path, words.map(({ wire }) => wire)]).toEqual([path, values]);
    }
  });

  it("say the unit of a time", () => {
    const timed = structures.flatMap(([path, { fields }]) =>
      fields
        .filter(({ member }) => /second|millisecond/i.test(member.description) && member.type !== "boolean")
        .map(({ name }) => `${path}.${name}`),
    );
    expect(timed.filter((path) => !/Seconds$|Bps$|PerSecond$|Hz$/.test(path))).toEqual([]);
  });

  it("call each model and result by a noun of its own, that the schema does not have already", () => {
    const nouns = [...Object.values(modelTable), ...Object.values(results)].map(({ schemaName }) => schemaName);
    expect(new Set(nouns).size).toBe(nouns.length);
    for (const noun of nouns) expect(noun).toMatch(/^[A-Z][A-Za-z0-9]*$/);
    const taken = ["Task", "TaskType", "TaskError", "TaskStatus", "TaskTypeStage", "TaskResult", "Node"];
    expect(nouns.filter((noun) => taken.includes(noun))).toEqual([]);
    expect(nouns.filter((noun) => /(Input|Payload|Connection|Edge)$/.test(noun))).toEqual([]);
  });

  it("call each create operation by a field of its own", () => {
    expect(new Set(Object.keys(creates).map(toCamelCase)).size).toBe(19);
  });
});

describe("the descriptions", () => {
  const described: readonly (readonly [owner: string, description: string])[] = [
    ...Object.values(table).map(({ action, description }) => [action, description] as const),
    ...Object.entries(modelTable).map(([name, { description }]) => [name, description] as const),
    ...memberSets.flatMap(([owner, members]) =>
      Object.entries(members).map(([name, { description }]) => [`${owner} ${name}`, description] as const),
    ),
  ];

  it("are sentences: of everything that has a name", () => {
    expect(described.length).toBeGreaterThan(500);
    const odd = described.filter(([, description]) => !/^[A-Z0-9][^\n]*[^.\s]\.$/.test(description));
    expect(odd).toEqual([]);
  });

  it("do not repeat the default, which is told from the row", () => {
    expect(described.filter(([, description]) => /default/i.test(description))).toEqual([]);
  });
});

function structuresBelow(structure: InputStructure, path: string): (readonly [path: string, InputStructure])[] {
  return [
    [path, structure],
    ...structure.fields.flatMap(({ name, inner }) =>
      inner === undefined ? [] : structuresBelow(inner, `${path}.${name}`),
    ),
  ];
}
