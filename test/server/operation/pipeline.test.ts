import { describe, expect, it } from "@jest/globals";
import { OperationTypeNode } from "graphql";
import { prepare, run, type ExecutionOptions, type Preparation } from "../../../src/server/operation/pipeline.js";

const throws = (): never => {
  throw new Error("odd");
};
const FAILED = { errors: [{ originalError: { message: "odd" } }] };

// The casts: what a part fails before is not looked at.
describe("the pipeline", () => {
  it("refuses an operation whose preparation fails, and does not throw", () => {
    const options = { documents: { check: throws } } as unknown as ExecutionOptions;
    expect(prepare({ query: "{ a }" }, options, throws)).toMatchObject({ kind: "refused", ...FAILED });
  });

  it.each([OperationTypeNode.QUERY, OperationTypeNode.MUTATION, OperationTypeNode.SUBSCRIPTION])(
    "answers a %s that fails with an error, and does not reject",
    async (operation) => {
      // An operation that has failed is over as well.
      let ended = 0;
      const contextValue = { end: () => void (ended += 1) };
      const preparation = { kind: "ready", operation, args: { contextValue } } as unknown as Preparation;
      expect(await run(preparation, { execute: throws, subscribe: throws })).toMatchObject(FAILED);
      expect(ended).toBe(operation === OperationTypeNode.SUBSCRIPTION ? 0 : 1);
    },
  );
});
