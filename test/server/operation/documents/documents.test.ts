import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "@jest/globals";
import { createSchema } from "../../../../src/schema/build-schema.js";
import { Documents, type DocumentsOptions } from "../../../../src/server/operation/documents/documents.js";
import { NO_BOUNDS } from "../../../support/no-limits.js";
import { query } from "../../../support/query.js";
import { startGateway } from "../../../support/start-gateway.js";
import { transports } from "../../../support/every-transport.js";

const schema = createSchema();

function createDocuments(options: Partial<DocumentsOptions> = {}): Documents {
  const limits = { ...NO_BOUNDS, maxQueryTokens: 3_000, maxDocumentCacheBytes: 1_000_000 };
  return new Documents({ schema, hasIntrospection: false, ...limits, ...options });
}

/** A document of about 2,700 tokens; by its index unlike any other. */
function longDocument(index: number): string {
  return `{ d${index}: __typename ${Array.from({ length: 890 }, (_value, field) => `a${field}: __typename`).join(" ")} }`;
}

function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

describe("the cache of documents", () => {
  it("gives a document that was used again as it was parsed and validated, to all transports", async () => {
    const documents = createDocuments();
    const text = "{ taskTypes { name } }";
    expect(documents.check(text).document).toBe(documents.check(text).document);
    expect(documents.check(text)).toMatchObject({ text, errors: [] });
  });

  it("keeps it without its places in the text, which are two thirds of it", () => {
    expect(JSON.stringify(createDocuments().check("{ taskTypes { name } }").document)).not.toContain('"loc"');
  });

  it("lets the least recently used go when there is no more room", () => {
    const documents = createDocuments({ maxDocumentCacheBytes: 2_000_000 });
    const [first, second] = [documents.check(longDocument(1)), documents.check(longDocument(2))];
    expect(documents.check(longDocument(1))).toBe(first);
    for (const index of [3, 4]) {
      documents.check(longDocument(index));
      documents.check(longDocument(1));
    }
    expect(documents.check(longDocument(1))).toBe(first);
    expect(documents.check(longDocument(2))).not.toBe(second);
  });

  it("is not emptied by documents that may not be executed, or that are larger than it", () => {
    const documents = createDocuments({ maxDocumentCacheBytes: 20_000 });
    const text = "{ taskTypes { name } }";
    const { document } = documents.check(text);
    for (let index = 0; index < 100; index += 1) documents.check(`{ nothing${index} }`);
    for (let index = 0; index < 100; index += 1) documents.check(`{ nothing${index}`);
    documents.check(longDocument(1));
    expect(documents.check(text).document).toBe(document);
  });

  it("keeps the documents of the manifest whatever comes", () => {
    const documents = createDocuments({ maxDocumentCacheBytes: 1_024 });
    const kept = documents.keep(longDocument(0));
    for (let index = 1; index < 10; index += 1) documents.check(longDocument(index));
    expect(documents.check(longDocument(0))).toBe(kept);
  });

  it("holds the memory of the process at its bound, by whatever transport documents come", async () => {
    const { url } = await startGateway({ gateway: { maxDocumentCacheBytes: 4_194_304 } });
    const send = async (index: number): Promise<void> => {
      const json = JSON.stringify({ query: longDocument(index) });
      expect((await transports[index % 2 === 0 ? "P" : "S"](url, json)).errors).toEqual([]);
    };
    for (let index = 0; index < 20; index += 1) await send(index);
    const before = heapBytes();
    for (let index = 20; index < 95; index += 1) await send(index);
    // 75 of them would take 24 MB, and 57 with their places in the text.
    expect(heapBytes() - before).toBeLessThan(12_000_000);
  });
});

describe("a document", () => {
  it("says where it is wrong, unless that is thousands of lines down", () => {
    const documents = createDocuments();
    const placeOf = (text: string): unknown => documents.check(text).errors[0]?.locations;
    expect(placeOf("{\n  nothing }")).toEqual([{ line: 2, column: 3 }]);
    expect(placeOf("{\n  taskTypes { name ")).toEqual([{ line: 2, column: 20 }]);
    expect(placeOf(`{${"\n".repeat(4_000)}nothing }`)).toEqual([{ line: 4_001, column: 1 }]);
    expect(placeOf(`{${"\n".repeat(6_000)}nothing }`)).toBeUndefined();
  });

  it.each<[string, string]>([
    ["equal fields at the root", `{ ${"taskTypes { name } ".repeat(400)} }`],
    ["equal leaves", `{ ${"__typename ".repeat(1_000)} }`],
    ["equal fields of equal fields", `{ ${`taskTypes { ${"name ".repeat(20)} } `.repeat(20)} }`],
    ["names that conflict", `{ ${"a: __typename a: taskTypes ".repeat(200)} }`],
    [
      "equal fields of fragments",
      `{ ${Array.from({ length: 280 }, (_value, index) => `...f${index}`).join(" ")} } ${Array.from({ length: 280 }, (_value, index) => `fragment f${index} on Query { __typename }`).join(" ")}`,
    ],
    ["equal fields of inline fragments", `{ ${"... { __typename } ".repeat(500)} }`],
    [
      "fragments that double",
      `{ ...f0 } ${Array.from({ length: 64 }, (_value, index) => `fragment f${index} on Query { a: taskTypes { ...f${index + 1} } b: taskTypes { ...f${index + 1} } }`).join(" ")}`,
    ],
  ])("is refused before its fields are compared two by two, where they are too many: %s", (_what, text) => {
    const { errors } = createDocuments({ maxQueryTokens: 10_000 }).check(text);
    expect(errors.map(({ message }) => message)).toEqual([
      "Expected fewer fields, above all of one name: validation would make more than 30000 comparisons.",
    ]);
    expect(errors[0]?.extensions).toEqual({ code: "GRAPHQL_VALIDATION_FAILED" });
  });

  it("may have many fields of one name in different places, and fragments that are spread everywhere", () => {
    const tasks = Array.from(
      { length: 90 },
      (_value, index) =>
        `t${index}: task(key: { projectName: "p", taskType: "t", taskId: "${index}" }) { ...F ...F id status }`,
    );
    const text = `{ ${tasks.join(" ")} } fragment F on Task { id status ...G } fragment G on Task { id progress }`;
    expect(createDocuments().check(text).errors).toEqual([]);
  });

  it("whose fragments spread each other is refused by that", () => {
    const text = "{ ...A } fragment A on Query { ...B } fragment B on Query { taskTypes { name } ...A }";
    expect(createDocuments().check(text).errors[0]?.message).toBe('Cannot spread fragment "A" within itself via "B".');
  });

  it("says at a field that fails its path, and the code", async () => {
    const { url } = await startGateway();
    const { errors } = await query(url, '{\n a: task(key: { projectName: "", taskType: "t", taskId: "i" }) { id } }');
    expect(errors).toMatchObject([
      { path: ["a"], extensions: { code: "BAD_USER_INPUT", argument: "key.projectName" } },
    ]);
  });
});
