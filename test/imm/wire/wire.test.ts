import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { schemaInputOf, toWireInput } from "../../../src/imm/wire/create-inputs.js";
import { models, operations } from "../../../src/imm/operations/operations.js";
import {
  creates,
  flag,
  inBody,
  inQuery,
  int32,
  map,
  object,
  objects,
  text,
  texts,
} from "../../../src/imm/operations/rows.js";
import {
  decodeMembers,
  encodeParameters,
  toSchemaMembers,
  WireShapeError,
  type WireParameters,
} from "../../../src/imm/wire/wire.js";

/** Has a parameter of each kind, in both places. */
const { Probe: operation } = creates({
  Probe: {
    taskType: "Probe",
    description: "A probe.",
    hasRequestDefinition: false,
    request: {
      ...inQuery({
        Name: text("A text."),
        Flag: flag("A boolean."),
        Count: int32("An integer."),
        List: texts("A list."),
        TargetURI: text("A name with an acronym."),
        Labels: map("Keys of the caller."),
      }),
      ...inBody({
        Range: object("TimeRange", "An object."),
        Marks: objects("TargetVideoFilterVideoWatermarks", "A list of objects, with a misspelled member."),
        Note: text("A text."),
      }),
    },
  },
});

function encodeInput(of: typeof operation, input: Readonly<Record<string, unknown>>): WireParameters {
  return encodeParameters(of, toWireInput(schemaInputOf(of), input));
}

const members = {
  Text: { type: "string" },
  Flag: { type: "boolean" },
  Count: { type: "integer" },
  Ratio: { type: "number" },
  Texts: { type: "array", items: { type: "string" } },
  Range: { type: "object", model: "TimeRange" },
  Free: { type: "map" },
} as const;

/** The one error that stands in what `decodeMembers` reads of a value, however deep. */
function shapeErrorOf(value: unknown): WireShapeError {
  const [error, ...others] = errorsIn(decodeMembers(members, value));
  if (error === undefined || others.length > 0) throw new Error("Expected one error.");
  return error;
}

function errorsIn(value: unknown): readonly WireShapeError[] {
  if (value instanceof WireShapeError) return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(errorsIn) : [];
}

const PREFIX = "IMM's answer is not of the documented shape. ";

function nested(levels: number): unknown {
  return JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);
}

describe("encodeParameters", () => {
  it("leaves undefined out and keeps empty text, zero, false and empty lists", () => {
    expect(encodeParameters(operation, { Name: "", Flag: false, Count: 0, List: [], Note: undefined })).toEqual({
      query: { Name: "", Flag: "false", Count: "0", List: "[]" },
      body: {},
    });
  });

  it("puts each parameter in its place", () => {
    expect(encodeParameters(operation, { Name: "n", Note: "m", Range: { Start: "s" } })).toEqual({
      query: { Name: "n" },
      body: { Note: "m", Range: '{"Start":"s"}' },
    });
  });

  it("writes text as it is, and as JSON inside of what travels as JSON", () => {
    expect(encodeParameters(operation, { Name: '"quoted"', List: ['"quoted"'] }).query).toEqual({
      Name: '"quoted"',
      List: '["\\"quoted\\""]',
    });
  });

  it("refuses a parameter that the operation does not have", () => {
    expect(() => encodeParameters(operation, { Nmae: "n" })).toThrow("Probe has no parameter Nmae.");
  });

  it("carries any text unchanged, and any list so that JSON gives it back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.array(fc.string({ unit: "binary" })), (text, list) => {
        const { query } = encodeParameters(operation, { Name: text, List: list });
        expect(query["Name"]).toBe(text);
        expect(JSON.parse(query["List"] ?? "")).toEqual(list);
      }),
    );
  });
});

describe("an input of the schema", () => {
  it("spells every member as the wire does, however deep", () => {
    const marks = [
      { fontAlpha: 0.5, uri: "oss://b/o" },
      { dx: { pixels: 1 }, dy: { ratio: 1 }, width: { ratio: 0.5 }, type: "FILE" },
    ];
    expect(encodeInput(operation, { targetUri: "oss://b/t", range: { start: "s" }, marks })).toEqual({
      query: { TargetURI: "oss://b/t" },
      body: {
        Range: '{"Start":"s"}',
        Marks: '[{"FontApha":0.5,"URI":"oss://b/o"},{"Dx":1,"Dy":1.0,"Width":0.5,"Type":"file"}]',
      },
    });
  });

  it("leaves undefined and null out, and keeps empty text, zero, false and empty lists", () => {
    expect(
      encodeInput(operation, {
        name: "",
        flag: false,
        count: 0,
        list: [],
        note: null,
        targetUri: undefined,
        range: { start: "", end: null },
      }),
    ).toEqual({ query: { Name: "", Flag: "false", Count: "0", List: "[]" }, body: { Range: '{"Start":""}' } });
  });

  it("keeps the keys of maps, whatever they are", () => {
    const labels = { targetUri: 1, TargetURI: 2, "a b": { c: null } };
    expect(JSON.parse(encodeInput(operation, { labels }).query["Labels"] ?? "")).toEqual(labels);
  });

  it.each([{ nmae: "n" }, { Name: "n" }, { range: { begin: "s" } }, { marks: [{ fontApha: 1 }] }])(
    "refuses a member that the table does not have: %j",
    (input) => {
      expect(() => encodeInput(operation, input)).toThrow(/^The table has no member \w+\.$/);
    },
  );
});

describe("toSchemaMembers", () => {
  it("spells every member as the schema does, however deep, and adds none", () => {
    const { response } = operations.GetVideoModerationResult;
    const frames = { TotalCount: 2, BlockFrames: [{ Label: "l", Rate: 0.5 }] };
    const decoded = decodeMembers(response, {
      TaskId: "t",
      ModerationResult: { URI: "oss://b/o", Categories: ["c"], Frames: frames },
    });
    expect(toSchemaMembers(response, decoded)).toEqual({
      taskId: "t",
      moderationResult: {
        uri: "oss://b/o",
        categories: ["c"],
        frames: { totalCount: 2, blocked: [{ label: "l", confidencePercent: 0.5 }] },
      },
    });
  });

  it("keeps the errors that stand in the places of what did not fit", () => {
    const { response } = operations.GetVideoModerationResult;
    const frames = { TotalCount: "x", BlockFrames: [null, { Label: "l" }] };
    const schema = toSchemaMembers(response, decodeMembers(response, { ModerationResult: { Frames: frames } }));
    expect(schema).toEqual({
      moderationResult: {
        frames: { totalCount: expect.any(WireShapeError), blocked: [expect.any(WireShapeError), { label: "l" }] },
      },
    });
  });

  it("gives back what was encoded, but for what IMM leaves out", () => {
    const input = { range: { start: "s" }, marks: [{ fontAlpha: 0.5 }], labels: { aB: 1 }, list: ["x"] };
    const { query, body } = encodeInput(operation, input);
    const sent = Object.entries({ ...query, ...body }).map(([name, value]) => [name, JSON.parse(value) as unknown]);
    expect(toSchemaMembers(operation.request, decodeMembers(operation.request, Object.fromEntries(sent)))).toEqual(
      input,
    );
  });
});

describe("decodeMembers", () => {
  it("reads what the table documents, drops the rest, and leaves null out", () => {
    const answer = { Text: "t", Flag: false, Count: 0, Texts: [], Free: { any: [1] }, Ratio: null, Unknown: "u" };
    const decoded = decodeMembers(members, answer);
    expect(decoded).toEqual({ Text: "t", Flag: false, Count: 0, Texts: [], Free: { any: [1] } });
    expect(Object.keys(decoded)).not.toContain("Ratio");
    expect(Object.keys(decoded)).not.toContain("Unknown");
  });

  it("keeps empty text", () => {
    expect(decodeMembers(members, { Text: "" })).toEqual({ Text: "" });
  });

  it("takes numbers written as text, text written as numbers, and booleans written as text", () => {
    expect(decodeMembers(members, { Text: 100, Count: "42", Ratio: "0.5", Flag: "true", Texts: [1, "2"] })).toEqual({
      Text: "100",
      Count: 42,
      Ratio: 0.5,
      Flag: true,
      Texts: ["1", "2"],
    });
    expect(decodeMembers(members, { Flag: "false" })).toEqual({ Flag: false });
  });

  it("reads nested models by their own table", () => {
    expect(decodeMembers(members, { Range: { Start: "s", End: null, Zone: "z" } })).toEqual({ Range: { Start: "s" } });
    const page = { Tasks: [{ TaskId: "a", Progress: "7", Owner: "o" }, {}] };
    expect(decodeMembers(operations.ListTasks.response, page)).toEqual({ Tasks: [{ TaskId: "a", Progress: 7 }, {}] });
  });

  it.each([null, undefined, "text", 7, true, [], [{}]])("refuses %j as an answer", (answer) => {
    expect(() => decodeMembers(members, answer)).toThrow(new WireShapeError("Expected answer to be an object."));
  });

  it.each([
    ["Text", true, "string"],
    ["Text", {}, "string"],
    ["Text", [], "string"],
    ["Flag", "yes", "boolean"],
    ["Flag", 1, "boolean"],
    ["Count", "abc", "integer"],
    ["Count", "", "integer"],
    ["Count", " ", "integer"],
    ["Count", true, "integer"],
    ["Count", "Infinity", "integer"],
    ["Ratio", "1,5", "number"],
    ["Ratio", [], "number"],
    ["Texts", "a", "array"],
    ["Texts", { 0: "a" }, "array"],
    ["Free", "x", "map"],
    ["Free", [], "map"],
  ])("reads %s: %j as an error in its place, naming the member and its documented type", (name, value, type) => {
    const { Other, ...decoded } = decodeMembers({ ...members, Other: members.Text }, { Other: "o", [name]: value });
    expect(decoded).toEqual({
      [name]: new WireShapeError(`Expected answer.${name} to be of type ${type}.`),
    });
    expect(Other).toBe("o");
  });

  it("reads a map that is nested too deep as an error in its place", () => {
    expect(decodeMembers(members, { Free: nested(64) })).toEqual({ Free: nested(64) });
    for (const levels of [65, 6_000, 1_000_000]) {
      expect(shapeErrorOf({ Free: nested(levels) }).message).toBe(
        `${PREFIX}Expected answer.Free to be nested at most 64 deep.`,
      );
    }
  });

  it("believes no longer list than is documented", () => {
    const page = (length: number): object => ({ Tasks: Array.from({ length }, () => ({ TaskId: "t" })) });
    const { response } = operations.ListTasks;
    expect(decodeMembers(response, page(100))).toEqual(page(100));
    expect(errorsIn(decodeMembers(response, page(101)))).toHaveLength(1);
    expect(errorsIn(decodeMembers(response, page(1_000_000)))).toHaveLength(1);
  });

  it("makes no more errors than a thousand of one answer, or than the caller allows", () => {
    expect(errorsIn(decodeMembers(members, { Texts: Array(1_000).fill(true) }))).toHaveLength(1_000);
    expect(() => decodeMembers(members, { Texts: Array(1_000_000).fill(true) })).toThrow(WireShapeError);
    expect(() => decodeMembers(members, { Texts: ["a", {}] }, { path: "definition", maxMisfits: 0 })).toThrow(
      new WireShapeError("Expected definition.Texts[1] to be of type string."),
    );
  });

  it("names the path of what is nested", () => {
    expect(shapeErrorOf({ Range: "x" }).message).toBe(`${PREFIX}Expected answer.Range to be of type object.`);
    expect(shapeErrorOf({ Range: { Start: {}, End: "e" } }).message).toBe(
      `${PREFIX}Expected answer.Range.Start to be of type string.`,
    );
    expect(shapeErrorOf({ Texts: ["a", null] }).message).toBe(
      `${PREFIX}Expected answer.Texts[1] to be of type string.`,
    );
    expect(decodeMembers(operations.ListTasks.response, { Tasks: [{}, null] })).toEqual({
      Tasks: [{}, new WireShapeError("Expected answer.Tasks[1] to be of type object.")],
    });
  });

  it("never repeats a value, whatever it is", () => {
    const secret = "s3cr3t-5b0e7a";
    const wrong = fc.constantFrom([secret], { [secret]: secret }, [[secret]], { Start: secret });
    fc.assert(
      fc.property(fc.constantFrom("Text", "Flag", "Count", "Ratio"), wrong, (name, value) => {
        expect(shapeErrorOf({ [name]: value }).message).not.toContain(secret);
      }),
    );
    for (const name of ["Flag", "Count", "Ratio", "Texts", "Range", "Free"]) {
      expect(shapeErrorOf({ [name]: secret }).message).not.toContain(secret);
    }
  });

  it("gives back any text that was encoded", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(text, text, (start, end) => {
        const { body } = encodeParameters(operation, { Range: { Start: start, End: end }, Note: start });
        expect(decodeMembers(models.TimeRange.members, JSON.parse(body["Range"] ?? ""))).toEqual({
          Start: start,
          End: end,
        });
        expect(decodeMembers(members, { Text: body["Note"] })).toEqual({ Text: start });
      }),
    );
  });

  it("reads every finite number back from its decimal text", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger(), (ratio, count) => {
        expect(decodeMembers(members, { Ratio: String(ratio), Count: String(count) })).toEqual({
          Ratio: Number(String(ratio)),
          Count: count,
        });
      }),
    );
  });
});
