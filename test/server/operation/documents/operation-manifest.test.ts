import { describe, expect, it } from "@jest/globals";
import { parseManifest } from "../../../../src/server/operation/documents/operation-manifest.js";

const DOCUMENT = "{ taskTypes { name } }";

function apollo(operations: unknown, version = 1): string {
  return JSON.stringify({ format: "apollo-persisted-query-manifest", version, operations });
}

describe("a manifest", () => {
  it("is Apollo's", () => {
    const text = apollo([{ id: "a", name: "A", type: "query", body: DOCUMENT }]);
    expect(parseManifest(text, "m.json")).toEqual(new Map([["a", DOCUMENT]]));
    expect(parseManifest(apollo([]), "m.json")).toEqual(new Map());
  });

  it("is an object of documents by id, as Relay and GraphQL Code Generator write it", () => {
    const awkward = '{ task(key: { projectName: "\\"a\\": \\\\", taskType: "{", taskId: "," }) { id } }';
    const text = JSON.stringify({ "sha256:ab": DOCUMENT, 'quoted "id"': awkward, __proto: DOCUMENT });
    expect(parseManifest(text, "m.json")).toEqual(
      new Map([
        ["ab", DOCUMENT],
        ['quoted "id"', awkward],
        ["__proto", DOCUMENT],
      ]),
    );
  });

  const forms =
    'm.json: expected an object of documents by id, or { "format": "apollo-persisted-query-manifest", "version": 1, "operations": […] }.';

  it.each([
    ["is no JSON", "{", "m.json: expected JSON."],
    ["is empty", "", "m.json: expected JSON."],
    ["is a list", "[]", forms],
    ["is null", "null", forms],
    ["is Apollo's of another version", apollo([], 2), forms],
    ["is Apollo's without operations", apollo({}), forms],
    ["has a document that is no text", '{"a":{"b":1}}', 'm.json: expected a document under "a", got object.'],
    ["has an empty document", '{"a":""}', 'm.json: expected a document under "a", got string.'],
    ["has an operation without a body", apollo([{ id: "a" }]), 'm.json: expected a document under "a", got undefined.'],
    ["has an operation without an id", apollo([null]), "m.json: expected every `id` to be a text that is not empty."],
    ["has an empty id", '{"":"{ a }"}', "m.json: expected every `id` to be a text that is not empty."],
    ["has an id twice", '{"a":"{ a }","b":"{ b }","a":"{ c }"}', 'm.json: "a" is there twice.'],
    ["spells an id in two ways", String.raw`{"a":"{ a }","\u0061":"{ b }"}`, 'm.json: "a" is there twice.'],
    ["has an id with and without its prefix", '{"a":"{ a }","sha256:a":"{ b }"}', 'm.json: "sha256:a" is there twice.'],
    [
      "is Apollo's and has an id twice",
      apollo([
        { id: "a", body: "{ a }" },
        { id: "a", body: "{ b }" },
      ]),
      'm.json: "a" is there twice.',
    ],
  ])("is refused by the name of its file and the entry: one that %s", (_what, text, sentence) => {
    expect(() => parseManifest(text, "m.json")).toThrow(
      expect.objectContaining({ name: "ConfigurationError", message: sentence }),
    );
  });
});
