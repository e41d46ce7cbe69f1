import { describe, expect, it } from "@jest/globals";
import { createFormatError } from "../../../src/server/operation/format-error.js";
import { Pipeline, type PipelineOptions } from "../../../src/server/operation/pipeline.js";
import { SerializedResults } from "../../../src/server/subscription/serialized-results.js";
import { RecordingLogger } from "../../support/recording-logger.js";

describe("a result as it travels", () => {
  it("is formatted and serialized once", () => {
    let formatted = 0;
    const results = new SerializedResults((result) => {
      formatted += 1;
      return { data: result.data ?? null };
    });
    const result = { data: { a: 1 } };
    expect([results.of(result), results.of(result), formatted]).toEqual(['{"data":{"a":1}}', '{"data":{"a":1}}', 1]);
  });

  it("is a masked error where it has no text, logged once", () => {
    const logger = new RecordingLogger();
    const formatError = createFormatError(logger, { hasSuggestions: false });
    // The cast: nothing is executed.
    const pipeline = new Pipeline({ formatError } as PipelineOptions);
    const results = new SerializedResults((result) => pipeline.format(result));
    const deep: unknown = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
    const result = { data: { deep } };
    const text = results.of(result);
    expect(JSON.parse(text)).toEqual({
      errors: [
        {
          message: "The gateway failed unexpectedly.",
          extensions: { code: "INTERNAL_SERVER_ERROR", errorId: expect.any(String) },
        },
      ],
    });
    expect(results.of(result)).toBe(text);
    expect(logger.lines).toHaveLength(1);
  });

  it("is an error also where not even an error can be formatted", () => {
    const results = new SerializedResults(() => {
      throw new Error("odd");
    });
    expect(JSON.parse(results.of({ data: {} }))).toMatchObject({
      errors: [{ extensions: { code: "INTERNAL_SERVER_ERROR" } }],
    });
  });
});
