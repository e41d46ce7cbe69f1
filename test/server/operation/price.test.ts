import { describe, expect, it } from "@jest/globals";
import { parse } from "graphql";
import { createSchema } from "../../../src/schema/build-schema.js";
import { refuseOperation } from "../../../src/server/operation/price.js";

const schema = createSchema({ federation: true });
const KEY = 'key: { projectName: "p", taskType: "t", taskId: "i" }';

/** Whether an operation stays within so many fields. */
function fits(text: string, maxOperationCost: number, variables: Readonly<Record<string, unknown>> = {}): boolean {
  const operation = { schema, document: parse(text), operationName: null, variables };
  return refuseOperation(operation, { maxOperationCost, maxCreatesPerOperation: 2 }) === null;
}

/** @returns the least limit that the operation fits. */
function priceOf(text: string, variables?: Readonly<Record<string, unknown>>): number {
  let [tooLittle, enough] = [0, 1_000_000];
  while (enough - tooLittle > 1) {
    const middle = Math.floor((tooLittle + enough) / 2);
    if (fits(text, middle, variables)) enough = middle;
    else tooLittle = middle;
  }
  return enough;
}

describe("the price of an operation", () => {
  it.each<[string, string, number]>([
    ["a list by its length", '{ tasks(projectName: "p", first: 50) { nodes { id } } }', 1 + 50 * 2],
    ["a task that is read by itself", `{ task(${KEY}) { id } }`, 1 + 1 + 20],
    ["its result and event id", `{ task(${KEY}) { eventId result { __typename } } }`, 1 + 11 + 12 + 20],
    ["each of several ids", '{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3 * (1 + 20)],
    ["representations", '{ _entities(representations: [{ __typename: "Task", id: "a" }]) { __typename } }', 1 + 1 + 20],
    ["progress in a list", '{ tasks(projectName: "p", first: 50) { nodes { id progress } } }', 1 + 50 * 3],
    [
      "progress under many names",
      `{ task(${KEY}) { a: progress b: progress c: progress d: progress } }`,
      1 + 4 + 10 + 20,
    ],
    ["the types of the schema", "{ __schema { types { fields { name } } } }", 1 + 1 + 40 * (1 + 3)],
  ])("counts %s", (_what, text, price) => {
    expect(priceOf(text)).toBe(price);
  });

  it("lets the whole schema be asked for, and not a hundred times", () => {
    const text = "{ __schema { types { fields { name type { name } } } } }";
    const many = Array.from({ length: 100 }, (_value, index) => `a${index}: ${text.slice(2, -2)}`).join(" ");
    expect([fits(text, 20_000), fits(`{ ${many} }`, 20_000)]).toEqual([true, false]);
  });

  it("counts mutations, and those that are skipped do not count", () => {
    const text = `mutation ($no: Boolean!) { a: rerunTask(input: { id: "x" }) { isNew } ...F c: rerunTask(input: { id: "x" }) @include(if: $no) { isNew } }
      fragment F on Mutation { b: rerunTask(input: { id: "x" }) { isNew } }`;
    expect([fits(text, 100, { no: false }), fits(text, 100, { no: true })]).toEqual([true, false]);
  });

  it("looks no further into variables than to the first that are wrong", () => {
    let seen = 0;
    const keys = Array.from({ length: 1_000 }, () => ({
      get projectName() {
        seen += 1;
        return 1;
      },
    }));
    const text = "query ($keys: [TaskKeyInput!]!) { tasksByKey(keys: $keys) { id } }";
    expect(fits(text, 100, { keys })).toBe(false);
    expect(seen).toBeLessThan(5);
  });
});
