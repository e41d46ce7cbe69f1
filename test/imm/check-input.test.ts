import { describe, expect, test } from "@jest/globals";
import { checkInput, type Violation } from "../../src/imm/check-input.js";
import {
  createOperations,
  modelOf,
  models,
  operations,
  schemaNameOf,
  type CreateAction,
  type CreateOperation,
  type Members,
  type Shape,
} from "../../src/imm/operations.js";
import { inQuery, text, int64 } from "../../src/imm/operations/rows.js";
import { createActions, EXAMPLE_VARIANTS, exampleInput } from "../support/example-input.js";

type Input = Readonly<Record<string, unknown>>;

function check(action: CreateAction, input: Input): Violation | null {
  return checkInput(operations[action], input);
}

const compression = { projectName: "p", sources: [{ uri: "oss://b/a" }], targetUri: "oss://b/t.zip" };
const conversion = { projectName: "p", targetType: "pdf", targetUri: "oss://b/t" };
const merging = { projectName: "p", datasetName: "d", from: "a", to: "b" };
const convert = { projectName: "p", sources: [{ uri: "oss://b/a" }] };
const highlight = { projectName: "p", type: "Concat", sources: [{ uri: "oss://b/a" }], output: { uri: "oss://b/t" } };
const splicing = { projectName: "p", sources: [{ uri: "oss://b/a" }], targetUri: "oss://b/t" };

/** A conversion whose video is encoded so. */
function transcoding(transcodeVideo: Input): Input {
  return { ...convert, targets: [{ video: { transcodeVideo } }] };
}

describe("a full input", () => {
  const inputs = createActions.flatMap((action) => EXAMPLE_VARIANTS.map((variant) => [action, variant] as const));

  test.each(inputs)("of %s (variant %d) is right", (action, variant) => {
    expect(check(action, exampleInput(action, variant))).toBeNull();
  });

  test.each(createActions)("of %s sets every member, however deep, in one of the variants", (action) => {
    const { request }: CreateOperation = createOperations[action];
    const set = new Set(EXAMPLE_VARIANTS.flatMap((variant) => pathsOf(request, exampleInput(action, variant), "")));
    expect(pathsOfTable(request, "").filter((path) => !set.has(path))).toEqual([]);
  });

  test.each(inputs)("of %s (variant %d) is wrong without any one of what is required", (action, variant) => {
    const { request }: CreateOperation = createOperations[action];
    for (const [wireName, member] of Object.entries(request)) {
      if (!member.required) continue;
      const name = schemaNameOf(wireName, member);
      for (const missing of [undefined, null]) {
        expect(check(action, { ...exampleInput(action, variant), [name]: missing })?.path).toBe(name);
      }
    }
  });
});

describe("what is an OSS URI by its document", () => {
  const uris = createActions.flatMap((action) =>
    pathsOfTable(createOperations[action].request, "")
      .filter((path) => /uri(prefix)?$/i.test(path))
      .map((path) => [action, path] as const),
  );

  test.each(uris)("%s: %s begins with oss:// and a bucket", (action, path) => {
    const variant = EXAMPLE_VARIANTS.find((candidate) =>
      pathsOf(createOperations[action].request, exampleInput(action, candidate), "").includes(path),
    );
    const given = JSON.stringify(exampleInput(action, variant ?? 0));
    // Each URI of an example holds the name of its member.
    const name = path.split(".").at(-1);
    for (const wrong of ["b/a", "oss:/b/a", "oss://", "oss:///a", "https://b/a", "file:///a", " oss://b/a"]) {
      const input = JSON.parse(given.replaceAll(`"oss://examples/${name}/a b+c.bin"`, JSON.stringify(wrong))) as Input;
      expect(check(action, input)).toEqual({
        path: expect.stringMatching(/uri(prefix)?$/i),
        expected: "an OSS URI, such as oss://bucket/object",
      });
    }
  });
});

describe("what is empty", () => {
  const { sources: _sources, ...without } = compression;

  test("counts as left out between members that exclude or replace each other", () => {
    expect(check("CreateFileCompressionTask", { ...without, sourceManifestUri: "" })?.path).toBe("sources");
    expect(check("CreateFileCompressionTask", { ...compression, sourceManifestUri: "" })).toBeNull();
  });

  test.each<[action: CreateAction, input: Input, path: string]>([
    ["CreateFileCompressionTask", { ...compression, sources: [] }, "sources"],
    ["CreateFigureClustersMergingTask", { projectName: "p", datasetName: "d", to: "b", froms: [] }, "from"],
    ["CreateMediaConvertTask", { ...convert, targets: [] }, "targets"],
    ["CreateMediaConvertTask", { ...convert, targets: [], targetGroups: [] }, "targets"],
    ["CreateMediaConvertTask", { ...convert, sources: [], targets: [{}] }, "sources"],
    ["CreateImageToPDFTask", { ...splicing, sources: [] }, "sources"],
    ["CreateHighlightTask", { ...highlight, sources: [] }, "sources"],
  ])("is nothing to work on: %s %j", (action, input, path) => {
    expect(check(action, input)?.path).toBe(path);
  });

  test("may be a list that the documents do not ask for", () => {
    expect(check("CreateMediaConvertTask", { ...convert, targets: [{}], targetGroups: [] })).toBeNull();
    expect(check("CreateFacesSearchingTask", { projectName: "p", datasetName: "d", sources: [] })).toBeNull();
  });

  test("is no list that is required", () => {
    expect(check("CreateImageSplicingTask", { ...splicing, sources: [] })).toEqual({
      path: "sources",
      expected: "a non-empty list",
    });
  });
});

describe("what is required", () => {
  test.each<[action: CreateAction, input: Input, violation: Violation]>([
    [
      "CreateFileCompressionTask",
      { ...compression, targetUri: "" },
      { path: "targetUri", expected: "a non-empty string" },
    ],
    ["CreateImageSplicingTask", { ...splicing, sources: null }, { path: "sources", expected: "a non-empty list" }],
    [
      "CreateImageSplicingTask",
      { ...splicing, sources: [{ uri: "oss://b/a" }, { rotate: 90 }] },
      { path: "sources[1].uri", expected: "a non-empty string" },
    ],
    ["CreateHighlightTask", { ...highlight, output: {} }, { path: "output.uri", expected: "a non-empty string" }],
    [
      "CreateHighlightTask",
      { ...highlight, edit: { mode: "Sequential", transitions: [{ weight: 1 }] } },
      { path: "edit.transitions[0].transition", expected: "a non-empty string" },
    ],
    [
      "CreateLocationDateClusteringTask",
      { projectName: "p", datasetName: "d", dateOptions: { minDays: 1, maxDays: 2 }, locationOptions: {} },
      { path: "dateOptions.gapDays", expected: "an integer from 0 to 99999" },
    ],
    [
      "CreateCompressPointCloudTask",
      { projectName: "p", sourceUri: "oss://b/s", targetUri: "oss://b/t", compressMethod: "octree" },
      { path: "pointCloudFields", expected: "a non-empty list" },
    ],
  ])("is missed in %s %j", (action, input, violation) => {
    expect(check(action, input)).toEqual(violation);
  });

  test("is not asked for below what was left out, and null is left out", () => {
    expect(check("CreateHighlightTask", { ...highlight, edit: null, highlight: undefined })).toBeNull();
    expect(check("CreateFileCompressionTask", { ...compression, userData: null, sourceManifestUri: null })).toBeNull();
  });
});

describe("types and ranges", () => {
  test.each<[input: Input, violation: Violation]>([
    [{ projectName: 7 }, { path: "projectName", expected: "a non-empty string" }],
    [{ sourceUri: ["s"] }, { path: "sourceUri", expected: "a string" }],
    [{ firstPage: "true" }, { path: "firstPage", expected: "true or false" }],
    [{ startPage: 1.5 }, { path: "startPage", expected: "an integer" }],
    [{ startPage: 2 ** 53 }, { path: "startPage", expected: "an integer" }],
    [{ startPage: "1" }, { path: "startPage", expected: "an integer" }],
    [{ quality: 101 }, { path: "quality", expected: "an integer from 0 to 100" }],
    [{ quality: -1 }, { path: "quality", expected: "an integer from 0 to 100" }],
    [{ imageDpi: 95 }, { path: "imageDpi", expected: "an integer from 96 to 600" }],
    [{ trimPolicy: [] }, { path: "trimPolicy", expected: "an object" }],
    [
      { trimPolicy: { disableDeleteEmptyCell: 1 } },
      { path: "trimPolicy.disableDeleteEmptyCell", expected: "true or false" },
    ],
    [{ tags: "a=b" }, { path: "tags", expected: "an object" }],
    [{ tags: [] }, { path: "tags", expected: "an object" }],
    [{ sources: { uri: "s" } }, { path: "sources", expected: "a list" }],
    [{ sources: ["s"] }, { path: "sources[0]", expected: "an object" }],
    [{ sources: [{}, null] }, { path: "sources[1]", expected: "an object" }],
    [{ sources: [{ rotate: "90" }] }, { path: "sources[0].rotate", expected: "an integer" }],
    [{ notification: { mns: { topicName: 1 } } }, { path: "notification.mns.topicName", expected: "a string" }],
  ])("refuse a conversion with %j", (input, violation) => {
    expect(check("CreateOfficeConversionTask", { ...conversion, ...input })).toEqual(violation);
  });

  test.each([0, 100])("take %d, a bound that belongs to its range", (quality) => {
    expect(check("CreateOfficeConversionTask", { ...conversion, quality })).toBeNull();
  });

  test.each([
    [4, false],
    [5, true],
    [119, true],
    [120, false],
  ])("take a font size of %d, between bounds that do not belong to the range: %p", (fontSize, isRight) => {
    const input = { ...convert, targets: [{ video: { filterVideo: { watermarks: [{}, { fontSize }] } } }] };
    expect(check("CreateMediaConvertTask", input)).toEqual(
      isRight
        ? null
        : {
            path: "targets[0].video.filterVideo.watermarks[1].fontSize",
            expected: "an integer above 4 and below 120",
          },
    );
  });

  test.each([
    [0, "a number above 0 and up to 1"],
    [Number.NaN, "a number above 0 and up to 1"],
    [Infinity, "a number above 0 and up to 1"],
    [1, null],
  ])("judge an opacity of %d", (fontAlpha, expected) => {
    const watermarks = [{ fontAlpha }];
    const violation = check("CreateMediaConvertTask", {
      ...convert,
      targets: [{ video: { filterVideo: { watermarks } } }],
    });
    expect(violation?.expected ?? null).toBe(expected);
  });

  test("know that some integers have 32 bits", () => {
    const violation = { path: "targets[0].video.transcodeVideo.bitrate", expected: "an integer" };
    expect(check("CreateMediaConvertTask", transcoding({ bitrate: 2 ** 31 - 1 }))).toBeNull();
    expect(check("CreateMediaConvertTask", transcoding({ bitrate: 2 ** 31 }))).toEqual(violation);
    expect(check("CreateMediaConvertTask", transcoding({ bitrate: Number.NaN }))).toEqual(violation);
    expect(check("CreateOfficeConversionTask", { ...conversion, startPage: 2 ** 31 })).toBeNull();
  });

  test("count the bytes of user data, not its characters", () => {
    const expected = { path: "userData", expected: "a string of at most 2048 bytes" };
    expect(check("CreateFileCompressionTask", { ...compression, userData: "a".repeat(2048) })).toBeNull();
    expect(check("CreateFileCompressionTask", { ...compression, userData: "ü".repeat(1024) })).toBeNull();
    expect(check("CreateFileCompressionTask", { ...compression, userData: "a".repeat(2049) })).toEqual(expected);
    expect(check("CreateFileCompressionTask", { ...compression, userData: `${"ü".repeat(1024)}a` })).toEqual(expected);
    expect(check("CreateHighlightTask", { ...highlight, userData: "a".repeat(5_000) })).toBeNull();
  });

  test("count the characters of a subject, not its bytes", () => {
    expect(check("CreateHighlightTask", { ...highlight, highlight: { content: "😀".repeat(100) } })).toBeNull();
    expect(check("CreateHighlightTask", { ...highlight, highlight: { content: "a".repeat(101) } })).toEqual({
      path: "highlight.content",
      expected: "a non-empty string of at most 100 characters",
    });
  });

  test("bound lists", () => {
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
  test.each<[action: CreateAction, input: Input]>([
    ["CreateFileCompressionTask", { ...compression, compressedFormat: "7z" }],
    ["CreateImageSplicingTask", { ...splicing, sources: [{ uri: "oss://b/a", rotate: 45 }] }],
    ["CreateHighlightTask", { ...highlight, type: "Remix" }],
    ["CreateMediaConvertTask", transcoding({ codec: "av1" })],
  ])("are open: %s %j passes", (action, input) => {
    expect(check(action, input)).toBeNull();
  });

  test("are closed where the row says so", () => {
    const request = inQuery({
      Word: text("A word.", { values: ["a", "b"], closed: true }),
      Number: int64("A number.", { values: [1, 2], closed: true }),
    });
    expect(checkInput({ request, rules: [] }, { word: "a", number: 2 })).toBeNull();
    expect(checkInput({ request, rules: [] }, { word: "A" })).toEqual({ path: "word", expected: "one of a, b" });
    expect(checkInput({ request, rules: [] }, { number: 3 })).toEqual({ path: "number", expected: "one of 1, 2" });
  });
});

describe("members that the table does not have", () => {
  const expected = "left out, since there is no such member";

  test.each<[input: Input, path: string]>([
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

  test("may be undefined, and the keys of a map are free", () => {
    expect(check("CreateFileCompressionTask", { ...compression, colour: undefined })).toBeNull();
    expect(check("CreateFigureClustersMergingTask", { ...merging, tags: { any: { thing: 1 } } })).toBeNull();
  });

  test("are known by the schema's name only where the wire's is mended", () => {
    const filter = (mark: Input): Input => ({
      ...convert,
      targets: [{ video: { filterVideo: { watermarks: [mark] } } }],
    });
    expect(check("CreateMediaConvertTask", filter({ fontAlpha: 0.5 }))).toBeNull();
    expect(check("CreateMediaConvertTask", filter({ fontApha: 0.5 }))?.expected).toBe(expected);
  });
});

describe("rules between members", () => {
  test.each<[action: CreateAction, input: Input, violation: Violation | null]>([
    [
      "CreateFileCompressionTask",
      { ...compression, sources: undefined },
      { path: "sources", expected: "given, or `sourceManifestUri` instead" },
    ],
    [
      "CreateFileCompressionTask",
      { ...compression, sourceManifestUri: "oss://b/m" },
      { path: "sourceManifestUri", expected: "left out beside `sources`" },
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
      { path: "targetUriPrefix", expected: "left out beside `targetUri`" },
    ],
    [
      "CreateFigureClustersMergingTask",
      { ...merging, froms: ["c"] },
      { path: "froms", expected: "left out beside `from`" },
    ],
    [
      "CreateFigureClustersMergingTask",
      { ...merging, from: undefined },
      { path: "from", expected: "given, or `froms` instead" },
    ],
    ["CreateMediaConvertTask", convert, { path: "targets", expected: "given, or `targetGroups` instead" }],
    ["CreateMediaConvertTask", { ...convert, targets: [{}], targetGroups: [{}] }, null],
    ["CreateMediaConvertTask", { ...convert, targetGroups: [{}] }, null],
    [
      "CreateMediaConvertTask",
      { ...convert, targets: [{}, { container: "mp4" }] },
      { path: "targets[1].uri", expected: "given beside `container`" },
    ],
    [
      "CreateMediaConvertTask",
      { ...convert, targets: [{ uri: "oss://b/t" }] },
      { path: "targets[0].container", expected: "given beside `uri`" },
    ],
    [
      "CreateMediaConvertTask",
      transcoding({ bitrate: 1, crf: 2 }),
      { path: "targets[0].video.transcodeVideo.crf", expected: "left out beside `bitrate`" },
    ],
    [
      "CreateMediaConvertTask",
      transcoding({ crf: 2, maxBitrate: 3 }),
      { path: "targets[0].video.transcodeVideo.bufferSize", expected: "given beside `maxBitrate`" },
    ],
    ["CreateMediaConvertTask", transcoding({ crf: 2, maxBitrate: 3, bufferSize: 4 }), null],
    ["CreateMediaConvertTask", transcoding({}), null],
  ])("judge %s %j", (action, input, violation) => {
    expect(check(action, input)).toEqual(violation);
  });
});

/** The paths of all members that the table has below `members`, by the schema's names, lists by their items. */
function pathsOfTable(members: Members, prefix: string): string[] {
  return Object.entries(members).flatMap(([wireName, member]) => {
    const path = prefix + schemaNameOf(wireName, member);
    const shape: Shape = member.items ?? member;
    return [path, ...(shape.type === "object" ? pathsOfTable(modelOf(shape).members, `${path}.`) : [])];
  });
}

/** The paths of all members that an input has. */
function pathsOf(members: Members, input: Input, prefix: string): string[] {
  return Object.entries(members).flatMap(([wireName, member]) => {
    const name = schemaNameOf(wireName, member);
    const value = input[name];
    if (value === undefined) return [];
    const shape: Shape = member.items ?? member;
    const items = Array.isArray(value) ? (value as readonly Input[]) : [value as Input];
    const below = shape.type === "object" ? modelOf(shape).members : {};
    return [prefix + name, ...items.flatMap((item) => pathsOf(below, item, `${prefix}${name}.`))];
  });
}

test("the models that inputs are made of are checked as the requests are: none is out of reach", () => {
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
