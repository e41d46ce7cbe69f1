import { describe, expect, it } from "@jest/globals";
import { checkInput, type Violation } from "../../../src/imm/wire/check-input.js";
import { schemaInputOf, wireInputOf, type InputStructure } from "../../../src/imm/wire/create-inputs.js";
import {
  createOperations,
  modelOf,
  models,
  type CreateAction,
  type Members,
  type Shape,
} from "../../../src/imm/operations/operations.js";
import { createActions, EXAMPLE_VARIANTS, exampleInput, toImmInput } from "../../support/example-input.js";

type Input = Readonly<Record<string, unknown>>;

function check(action: CreateAction, input: Input): Violation | null {
  return checkInput(schemaInputOf(createOperations[action]), input);
}

const compression = { projectName: "p", sources: [{ uri: "oss://b/a" }], targetUri: "oss://b/t.zip" };
const conversion = { projectName: "p", sourceUri: "oss://b/s", targetType: "PNG", targetUri: "oss://b/t" };
const merging = { projectName: "p", datasetName: "d", froms: ["a"], to: "b" };
const convert = { projectName: "p", sources: [{ uri: "oss://b/a" }] };
const medium = { uri: "oss://b/t.mp4", container: "mp4" };
const highlight = { projectName: "p", type: "CONCAT", sources: [{ uri: "oss://b/a" }], output: { uri: "oss://b/t" } };
const splicing = { projectName: "p", sources: [{ uri: "oss://b/a" }], targetUri: "oss://b/t" };

const group = { uri: "oss://b/m.m3u8", targets: [{ uri: "oss://b/v.m3u8", container: "ts" }] };

/** A watermark. */
const text = { content: "text" };

/** A conversion whose video is encoded so. */
function transcoding(transcode: Input): Input {
  return { ...convert, targets: [{ ...medium, video: { transcode } }] };
}

describe("a full input", () => {
  const inputs = createActions.flatMap((action) => EXAMPLE_VARIANTS.map((variant) => [action, variant] as const));

  it.each(inputs)("of %s (variant %d) is right", (action, variant) => {
    expect(check(action, exampleInput(action, variant))).toBeNull();
  });

  it.each(createActions)("of %s sets every member, however deep, in one of the variants", (action) => {
    const structure = schemaInputOf(createOperations[action]);
    const set = new Set(EXAMPLE_VARIANTS.flatMap((variant) => pathsOf(structure, exampleInput(action, variant), "")));
    expect(pathsOfStructure(structure, "").filter((path) => !set.has(path))).toEqual([]);
  });

  it.each(inputs)("of %s (variant %d) is wrong without any one of what is required", (action, variant) => {
    for (const { name, isRequired } of schemaInputOf(createOperations[action]).fields) {
      if (!isRequired) continue;
      for (const missing of [undefined, null]) {
        expect(check(action, { ...exampleInput(action, variant), [name]: missing })?.path).toBe(name);
      }
    }
  });

  it.each(inputs)("of %s (variant %d) is right in IMM's spelling, too", (action, variant) => {
    expect(
      checkInput(wireInputOf(createOperations[action]), toImmInput(action, exampleInput(action, variant))),
    ).toBeNull();
  });
});

describe("what is an OSS URI by its document", () => {
  const uris = createActions.flatMap((action) =>
    pathsOfStructure(schemaInputOf(createOperations[action]), "")
      .filter((path) => /uri(prefix)?$/i.test(path))
      .map((path) => [action, path] as const),
  );

  it.each(uris)("%s: %s begins with oss:// and a bucket", (action, path) => {
    const variant = EXAMPLE_VARIANTS.find((candidate) =>
      pathsOf(schemaInputOf(createOperations[action]), exampleInput(action, candidate), "").includes(path),
    );
    const given = JSON.stringify(exampleInput(action, variant ?? 0));
    // Each URI of an example holds the name of its member.
    const name = path.split(".").at(-1);
    for (const wrong of ["b/a", "oss:/b/a", "oss://", "oss:///a", "https://b/a", "file:///a", " oss://b/a", ""]) {
      const input = JSON.parse(given.replaceAll(`"oss://examples/${name}/a b+c.bin"`, JSON.stringify(wrong))) as Input;
      expect(check(action, input)).toEqual({
        path: expect.stringMatching(/uri(prefix)?$/i),
        expected: expect.stringMatching(
          /^(an OSS URI, such as oss:\/\/bucket\/object|a non-empty string|given, or `\w+` instead)$/,
        ),
      });
    }
  });
});

describe("what is empty", () => {
  const { sources: _sources, ...without } = compression;

  it("counts as omitted between members that exclude or replace each other", () => {
    expect(check("CreateFileCompressionTask", { ...without, sources: [] })?.path).toBe("sources");
  });

  it.each<[action: CreateAction, input: Input, path: string]>([
    ["CreateFileCompressionTask", { ...compression, sources: [] }, "sources"],
    ["CreateFigureClustersMergingTask", { projectName: "p", datasetName: "d", to: "b", froms: [] }, "froms"],
    ["CreateFacesSearchingTask", { projectName: "p", datasetName: "d", sources: [] }, "sources"],
    ["CreateMediaConvertTask", { ...convert, targets: [] }, "targets"],
    ["CreateMediaConvertTask", { ...convert, targets: [], targetGroups: [] }, "targets"],
    ["CreateMediaConvertTask", { ...convert, sources: [], targets: [medium] }, "sources"],
    ["CreateImageToPDFTask", { ...splicing, sources: [] }, "sources"],
    ["CreateHighlightTask", { ...highlight, sources: [] }, "sources"],
  ])("is nothing to work on: %s %j", (action, input, path) => {
    expect(check(action, input)?.path).toBe(path);
  });

  it("may be a list that the documents do not ask for", () => {
    expect(check("CreateMediaConvertTask", { ...convert, targets: [medium], targetGroups: [] })).toBeNull();
  });

  it("is no list that is required", () => {
    expect(check("CreateImageSplicingTask", { ...splicing, sources: [] })).toEqual({
      path: "sources",
      expected: "a non-empty list",
    });
  });
});

describe("what is required", () => {
  it.each<[action: CreateAction, input: Input, violation: Violation]>([
    [
      "CreateFileCompressionTask",
      { ...compression, targetUri: "" },
      { path: "targetUri", expected: "a non-empty string" },
    ],
    ["CreateImageSplicingTask", { ...splicing, sources: null }, { path: "sources", expected: "a non-empty list" }],
    [
      "CreateImageSplicingTask",
      { ...splicing, sources: [{ uri: "oss://b/a" }, { rotateDegrees: 90 }] },
      { path: "sources[1].uri", expected: "a non-empty string" },
    ],
    ["CreateHighlightTask", { ...highlight, output: {} }, { path: "output.uri", expected: "a non-empty string" }],
    [
      "CreateHighlightTask",
      { ...highlight, edit: { mode: "Sequential", transitions: [{ weight: 1 }] } },
      { path: "edit.transitions[0].name", expected: "a non-empty string" },
    ],
    [
      "CreateLocationDateClusteringTask",
      { projectName: "p", datasetName: "d", dateOptions: { minDays: 1, maxDays: 2 }, locationOptions: {} },
      { path: "dateOptions.gapDays", expected: "an integer from 0 to 99999" },
    ],
    [
      "CreateCompressPointCloudTask",
      { projectName: "p", sourceUri: "oss://b/s", targetUri: "oss://b/t", method: "OCTREE" },
      { path: "fields", expected: "a non-empty list" },
    ],
  ])("is missed in %s %j", (action, input, violation) => {
    expect(check(action, input)).toEqual(violation);
  });

  it("is not asked for below what is omitted, and null is omitted", () => {
    expect(check("CreateHighlightTask", { ...highlight, edit: null, highlight: undefined })).toBeNull();
    expect(check("CreateFileCompressionTask", { ...compression, userData: null, sourceManifestUri: null })).toBeNull();
  });
});

describe("types and ranges", () => {
  it.each<[input: Input, violation: Violation]>([
    [{ projectName: 7 }, { path: "projectName", expected: "a non-empty string" }],
    [{ sourceUri: ["s"] }, { path: "sourceUri", expected: "a string" }],
    [{ images: { joinPages: "true" } }, { path: "images.joinPages", expected: "true or false" }],
    [{ startPage: 1.5 }, { path: "startPage", expected: "an integer of at least 1" }],
    [{ startPage: 2 ** 53 }, { path: "startPage", expected: "an integer of at least 1" }],
    [{ startPage: "1" }, { path: "startPage", expected: "an integer of at least 1" }],
    [{ startPage: 0 }, { path: "startPage", expected: "an integer of at least 1" }],
    [{ quality: 101 }, { path: "quality", expected: "an integer from 0 to 100" }],
    [{ quality: -1 }, { path: "quality", expected: "an integer from 0 to 100" }],
    [{ images: { dpi: 95 } }, { path: "images.dpi", expected: "an integer from 96 to 600" }],
    [{ spreadsheet: { trim: [] } }, { path: "spreadsheet.trim", expected: "an object" }],
    [
      { spreadsheet: { trim: { keepEmptyCells: 1 } } },
      { path: "spreadsheet.trim.keepEmptyCells", expected: "true or false" },
    ],
    [{ tags: "a=b" }, { path: "tags", expected: "an object" }],
    [{ tags: [] }, { path: "tags", expected: "an object" }],
    [{ sources: [] }, { path: "sources", expected: "omitted, since there is no such member" }],
    [{ credentialConfig: { chain: { role: "r" } } }, { path: "credentialConfig.chain", expected: "a list" }],
    [{ credentialConfig: { chain: ["r"] } }, { path: "credentialConfig.chain[0]", expected: "an object" }],
    [
      { credentialConfig: { chain: [{ role: "r" }, null] } },
      { path: "credentialConfig.chain[1]", expected: "an object" },
    ],
    [{ notification: { mns: { topicName: 1 } } }, { path: "notification.mns.topicName", expected: "a string" }],
  ])("refuse a conversion with %j", (input, violation) => {
    expect(check("CreateOfficeConversionTask", { ...conversion, ...input })).toEqual(violation);
  });

  it.each([0, 100])("take %d, a bound that belongs to its range", (quality) => {
    expect(check("CreateOfficeConversionTask", { ...conversion, quality })).toBeNull();
  });

  it.each([
    [4, false],
    [5, true],
    [119, true],
    [120, false],
  ])("take a font size of %d, between bounds that do not belong to the range: %p", (fontSize, isRight) => {
    const input = {
      ...convert,
      targets: [{ ...medium, video: { filter: { watermarks: [text, { ...text, fontSize }] } } }],
    };
    expect(check("CreateMediaConvertTask", input)).toEqual(
      isRight
        ? null
        : {
            path: "targets[0].video.filter.watermarks[1].fontSize",
            expected: "an integer above 4 and below 120",
          },
    );
  });

  it.each([
    [0, "a number above 0 and up to 1"],
    [Number.NaN, "a number above 0 and up to 1"],
    [Infinity, "a number above 0 and up to 1"],
    [1, null],
  ])("judge an opacity of %d", (fontAlpha, expected) => {
    const watermarks = [{ ...text, fontAlpha }];
    const violation = check("CreateMediaConvertTask", {
      ...convert,
      targets: [{ ...medium, video: { filter: { watermarks } } }],
    });
    expect(violation?.expected ?? null).toBe(expected);
  });

  it("know that some integers have 32 bits", () => {
    const violation = { path: "targets[0].video.transcode.bitrateBps", expected: "an integer of at least 0" };
    expect(check("CreateMediaConvertTask", transcoding({ bitrateBps: 2 ** 31 - 1 }))).toBeNull();
    expect(check("CreateMediaConvertTask", transcoding({ bitrateBps: 2 ** 31 }))).toEqual(violation);
    expect(check("CreateMediaConvertTask", transcoding({ bitrateBps: Number.NaN }))).toEqual(violation);
    expect(check("CreateOfficeConversionTask", { ...conversion, startPage: 2 ** 31 })).toBeNull();
  });

  it("count the bytes of user data, not its characters", () => {
    const expected = { path: "userData", expected: "a string of at most 2048 bytes" };
    expect(check("CreateFileCompressionTask", { ...compression, userData: "a".repeat(2048) })).toBeNull();
    expect(check("CreateFileCompressionTask", { ...compression, userData: "ü".repeat(1024) })).toBeNull();
    expect(check("CreateFileCompressionTask", { ...compression, userData: "a".repeat(2049) })).toEqual(expected);
    expect(check("CreateFileCompressionTask", { ...compression, userData: `${"ü".repeat(1024)}a` })).toEqual(expected);
    expect(check("CreateHighlightTask", { ...highlight, userData: "a".repeat(5_000) })).toBeNull();
  });

  it("count the characters of a subject, not its bytes", () => {
    expect(check("CreateHighlightTask", { ...highlight, highlight: { content: "😀".repeat(100) } })).toBeNull();
    expect(check("CreateHighlightTask", { ...highlight, highlight: { content: "a".repeat(101) } })).toEqual({
      path: "highlight.content",
      expected: "a non-empty string of at most 100 characters",
    });
  });

  it("bound lists", () => {
    const sources = (length: number): Input[] => Array.from({ length }, () => ({ uri: "oss://b/a" }));
    expect(check("CreateFileCompressionTask", { ...compression, sources: sources(100) })).toBeNull();
    expect(check("CreateFileCompressionTask", { ...compression, sources: sources(101) })).toEqual({
      path: "sources",
      expected: "a list of at most 100 items",
    });
    expect(check("CreateHighlightTask", { ...highlight, sources: sources(11) })?.expected).toBe(
      "a non-empty list of at most 10 items",
    );
  });
});

describe("vocabularies", () => {
  it.each<[action: CreateAction, input: Input]>([
    ["CreateFileCompressionTask", { ...compression, compressedFormat: "7z" }],
    ["CreateMediaConvertTask", transcoding({ codec: "av1" })],
    ["CreateOfficeConversionTask", { ...conversion, sourceType: "odt" }],
    ["CreateImageModerationTask", { projectName: "p", sourceUri: "oss://b/a", scenes: ["new"] }],
  ])("are open where IMM extends them: %s %j passes", (action, input) => {
    expect(check(action, input)).toBeNull();
  });

  it.each<[action: CreateAction, input: Input, violation: Violation]>([
    [
      "CreateImageSplicingTask",
      { ...splicing, sources: [{ uri: "oss://b/a", rotateDegrees: 45 }] },
      { path: "sources[0].rotateDegrees", expected: "one of 0, 90, 180, 270" },
    ],
    [
      "CreateHighlightTask",
      { ...highlight, type: "Concat" },
      { path: "type", expected: "one of RETRIEVAL, CONCAT, COMPOSE" },
    ],
    [
      "CreateOfficeConversionTask",
      { ...conversion, targetType: "constructor" },
      { path: "targetType", expected: "one of PNG, JPG, PDF, TXT" },
    ],
  ])("are closed where the row says so: %s %j", (action, input, violation) => {
    expect(check(action, input)).toEqual(violation);
  });

  it("are those of IMM in a recorded definition, and open there", () => {
    const recorded = { ProjectName: "p", Type: "Remix", Sources: [{ URI: "oss://b/a" }], Output: { URI: "oss://b/t" } };
    expect(checkInput(wireInputOf(createOperations.CreateHighlightTask), recorded)).toBeNull();
  });
});

describe("a length", () => {
  function sized(width: unknown): Violation | null {
    const snapshots = [{ uri: "oss://b/s", format: "jpg", width }];
    return check("CreateMediaConvertTask", { ...convert, targets: [{ image: { snapshots } }] });
  }

  it.each([{ pixels: 0 }, { pixels: 1 }, { ratio: 1 }, { ratio: 0.5 }, { pixels: 1, ratio: null }])(
    "may be %j",
    (width) => {
      expect(sized(width)).toBeNull();
    },
  );

  it.each([
    {},
    { pixels: 1, ratio: 1 },
    { pixels: 1.5 },
    { pixels: -1 },
    { ratio: 0 },
    { ratio: 1.5 },
    1,
    { percent: 1 },
  ])("is not %j", (width) => {
    expect(sized(width)).toEqual({
      path: "targets[0].image.snapshots[0].width",
      expected: "{ pixels } of at least 0, or { ratio } above 0 and up to 1",
    });
  });
});

describe("members that the table does not have", () => {
  const expected = "omitted, since there is no such member";

  it.each<[input: Input, path: string]>([
    [{ ...compression, colour: "red" }, "colour"],
    [{ ...compression, TargetURI: "t" }, "TargetURI"],
    [{ ...compression, tags: {} }, "tags"],
    [{ ...compression, sources: [{ uri: "oss://b/a" }, { uri: "oss://b/b", url: "c" }] }, "sources[1].url"],
    [{ ...compression, notification: { webhook: "https://example.com" } }, "notification.webhook"],
    [{ ...compression, constructor: 1 }, "constructor"],
    [JSON.parse('{"__proto__": {"a": 1}}') as Input, "__proto__"],
  ])("are refused: %j", (input, path) => {
    expect(check("CreateFileCompressionTask", input)).toEqual({ path, expected });
  });

  it("may be undefined, and the keys of a map are free", () => {
    expect(check("CreateFileCompressionTask", { ...compression, colour: undefined })).toBeNull();
    expect(check("CreateFigureClustersMergingTask", { ...merging, tags: { any: { thing: 1 } } })).toBeNull();
  });

  it("are known by the schema's name only where the wire's is mended", () => {
    const filter = (mark: Input): Input => ({
      ...convert,
      targets: [{ ...medium, video: { filter: { watermarks: [{ ...text, ...mark }] } } }],
    });
    expect(check("CreateMediaConvertTask", filter({ fontAlpha: 0.5 }))).toBeNull();
    expect(check("CreateMediaConvertTask", filter({ fontApha: 0.5 }))?.expected).toBe(expected);
  });
});

describe("rules between members", () => {
  it.each<[action: CreateAction, input: Input, violation: Violation | null]>([
    [
      "CreateFileCompressionTask",
      { ...compression, sources: undefined },
      { path: "sources", expected: "given, or `sourceManifestUri` instead" },
    ],
    [
      "CreateFileCompressionTask",
      { ...compression, sourceManifestUri: "oss://b/m" },
      { path: "sourceManifestUri", expected: "omitted beside `sources`" },
    ],
    ["CreateFileCompressionTask", { ...compression, sources: null, sourceManifestUri: "oss://b/m" }, null],
    [
      "CreateOfficeConversionTask",
      { ...conversion, targetUri: undefined },
      { path: "targetUri", expected: "given, or `targetUriPrefix` instead" },
    ],
    [
      "CreateOfficeConversionTask",
      { ...conversion, targetUriPrefix: "oss://b/" },
      { path: "targetUriPrefix", expected: "omitted beside `targetUri`" },
    ],
    ["CreateMediaConvertTask", convert, { path: "targets", expected: "given, or `targetGroups` instead" }],
    ["CreateMediaConvertTask", { ...convert, targets: [medium], targetGroups: [group] }, null],
    ["CreateMediaConvertTask", { ...convert, targetGroups: [group] }, null],
    [
      "CreateMediaConvertTask",
      { ...convert, targets: [medium, { container: "mp4" }] },
      { path: "targets[1].uri", expected: "given beside `container`" },
    ],
    [
      "CreateMediaConvertTask",
      { ...convert, targets: [{ uri: "oss://b/t" }] },
      { path: "targets[0].container", expected: "given beside `uri`" },
    ],
    [
      "CreateMediaConvertTask",
      transcoding({ bitrateBps: 1, crf: 2 }),
      { path: "targets[0].video.transcode.crf", expected: "omitted beside `bitrateBps`" },
    ],
    [
      "CreateMediaConvertTask",
      transcoding({ crf: 2, maxBitrateBps: 3 }),
      { path: "targets[0].video.transcode.bufferBits", expected: "given beside `maxBitrateBps`" },
    ],
    ["CreateMediaConvertTask", transcoding({ crf: 2, maxBitrateBps: 3, bufferBits: 4 }), null],
    ["CreateMediaConvertTask", transcoding({}), null],
    [
      "CreateOfficeConversionTask",
      { ...conversion, targetType: "PDF", images: { dpi: 96 } },
      { path: "images.dpi", expected: "omitted unless `targetType` is PNG or JPG" },
    ],
    [
      "CreateOfficeConversionTask",
      { ...conversion, text: { keepLineFeeds: true } },
      { path: "text.keepLineFeeds", expected: "omitted unless `targetType` is TXT" },
    ],
    [
      "CreateOfficeConversionTask",
      { ...conversion, targetType: "TXT", text: { keepLineFeeds: true }, images: {} },
      null,
    ],
    [
      "CreateCompressPointCloudTask",
      {
        projectName: "p",
        sourceUri: "oss://b/s",
        targetUri: "oss://b/t",
        fields: ["xyz"],
        method: "OCTREE",
        kdtree: {},
      },
      { path: "kdtree", expected: "omitted unless `method` is KDTREE" },
    ],
    [
      "CreateMediaConvertTask",
      { ...convert, targets: [{ ...medium, video: { filter: { watermarks: [{ ...text, width: { pixels: 1 } }] } } }] },
      { path: "targets[0].video.filter.watermarks[0].width", expected: "omitted unless `type` is FILE" },
    ],
    [
      "CreateMediaConvertTask",
      { ...convert, targets: [{ ...medium, video: { filter: { watermarks: [{ ...text, type: "FILE" }] } } }] },
      { path: "targets[0].video.filter.watermarks[0].content", expected: "omitted unless `type` is TEXT or omitted" },
    ],
  ])("judge %s %j", (action, input, violation) => {
    expect(check(action, input)).toEqual(violation);
  });
});

/** The paths of all members that a structure has, lists by their items. */
function pathsOfStructure({ fields }: InputStructure, prefix: string): string[] {
  return fields.flatMap(({ name, inner }) => [
    prefix + name,
    ...(inner === undefined ? [] : pathsOfStructure(inner, `${prefix}${name}.`)),
  ]);
}

/** The paths of all members that an input has. */
function pathsOf({ fields }: InputStructure, input: Input, prefix: string): string[] {
  return fields.flatMap(({ name, inner }) => {
    const value = input[name];
    if (value === undefined) return [];
    const items = inner === undefined ? [] : ([value].flat() as readonly unknown[] as readonly Input[]);
    return [prefix + name, ...items.flatMap((item) => (inner ? pathsOf(inner, item, `${prefix}${name}.`) : []))];
  });
}

it("the models that inputs are made of are checked as the requests are: none is out of reach", () => {
  const reached = new Set(createActions.flatMap((action) => modelsBelow(createOperations[action].request)));
  const outcomes = Object.keys(models).filter((name) => !reached.has(name));
  expect(outcomes.toSorted()).toEqual(
    [
      "Clip",
      "GetImageModerationResultResponseBodyModerationResult",
      "GetImageModerationResultResponseBodyModerationResultFrames",
      "GetImageModerationResultResponseBodyModerationResultFramesBlockFrames",
      "GetVideoModerationResultResponseBodyModerationResult",
      "GetVideoModerationResultResponseBodyModerationResultFrames",
      "GetVideoModerationResultResponseBodyModerationResultFramesBlockFrames",
      "Label",
      "TaskInfo",
      "TimeRange",
    ].toSorted(),
  );
});

function modelsBelow(members: Members): string[] {
  return Object.values(members).flatMap((member) => {
    const shape: Shape = member.items ?? member;
    return shape.model === undefined ? [] : [shape.model, ...modelsBelow(modelOf(shape).members)];
  });
}
