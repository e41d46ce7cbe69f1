import { describe, expect, it } from "@jest/globals";
import { buildSchema, execute, GraphQLError, parse, type ExecutionResult } from "graphql";
import { NotFoundError } from "../../../src/errors.js";
import { createFormatError } from "../../../src/server/operation/format-error.js";
import { RecordingLogger } from "../../support/recording-logger.js";

describe("the outward error border", () => {
  it("shows an error of the house, however deep it is wrapped", () => {
    const inner = new NotFoundError("Gone.", { imm: { code: "ResourceNotFound", requestId: "r" } });
    const outer = new GraphQLError("x", {
      path: ["task"],
      originalError: new GraphQLError("y", { originalError: inner }),
    });
    expect(createFormatError(new RecordingLogger(), { hasSuggestions: false })(outer)).toEqual({
      message: "Gone.",
      path: ["task"],
      extensions: { code: "NOT_FOUND", imm: { code: "ResourceNotFound", requestId: "r" } },
    });
  });

  it("keeps the code of an error of the request itself", () => {
    const error = new GraphQLError("Syntax", { extensions: { code: "GRAPHQL_PARSE_FAILED" } });
    expect(createFormatError(new RecordingLogger(), { hasSuggestions: false })(error)).toMatchObject({
      message: "Syntax",
      extensions: { code: "GRAPHQL_PARSE_FAILED" },
    });
  });

  it("takes a value that does not fit its field for a defect, never for the client's mistake", () => {
    const logger = new RecordingLogger();
    const schema = buildSchema("type Query { pages(first: Int): Int }");
    const errorsOf = (document: string, pages: unknown): readonly GraphQLError[] =>
      (execute({ schema, document: parse(document), rootValue: { pages } }) as ExecutionResult).errors ?? [];
    const codesOf = (errors: readonly GraphQLError[]): unknown[] =>
      errors.map((error) => createFormatError(logger, { hasSuggestions: false })(error).extensions?.["code"]);
    expect(codesOf(errorsOf("{ pages }", 1.5))).toEqual(["INTERNAL_SERVER_ERROR"]);
    expect(codesOf(errorsOf("{ pages }", "many"))).toEqual(["INTERNAL_SERVER_ERROR"]);
    expect(codesOf(errorsOf('{ pages(first: "x") }', 1))).toEqual(["BAD_USER_INPUT"]);
    expect(logger.lines).toHaveLength(2);
  });

  it("takes an argument that does not fit for the client's mistake, and says nothing of HTTP", () => {
    const logger = new RecordingLogger();
    const inner = new GraphQLError('Argument "id" must not be null.', { path: ["node"] });
    const error = new GraphQLError(inner.message, {
      path: ["node"],
      originalError: inner,
      extensions: { code: "INTERNAL_SERVER_ERROR", http: { status: 400 } },
    });
    expect(createFormatError(logger, { hasSuggestions: false })(error)).toEqual({
      message: 'Argument "id" must not be null.',
      path: ["node"],
      extensions: { code: "BAD_USER_INPUT" },
    });
    expect(logger.lines).toEqual([]);
  });

  it.each([
    ["an error", new Error("hunter2")],
    ["a wrapped error", new GraphQLError("hunter2", { path: ["a"], originalError: new TypeError("hunter2") })],
    ["a text", "hunter2"],
    ["nothing", undefined],
  ])("masks %s and logs it under the id that is shown", (_what, thrown) => {
    const logger = new RecordingLogger();
    const shown = createFormatError(logger, { hasSuggestions: false })(thrown);
    expect(shown).toMatchObject({
      message: "The gateway failed unexpectedly.",
      extensions: { code: "INTERNAL_SERVER_ERROR" },
    });
    expect(JSON.stringify(shown)).not.toContain("hunter2");
    expect(logger.lines).toHaveLength(1);
    expect(logger.lines[0]).toContain(String(shown.extensions?.["errorId"]));
  });

  it("logs the causes of a defect, and shows none", () => {
    const logger = new RecordingLogger();
    const circle = new Error("outermost");
    circle.cause = new TypeError("middle", { cause: new Error("innermost", { cause: circle }) });
    expect(JSON.stringify(createFormatError(logger, { hasSuggestions: false })(circle))).not.toMatch(
      /outermost|middle|innermost/,
    );
    expect(JSON.parse(logger.lines[0] ?? "")).toMatchObject({
      error: { message: "outermost", cause: { name: "TypeError", message: "middle", cause: { message: "innermost" } } },
    });
  });

  it("shows nothing of the cause of an error of the house", () => {
    const logger = new RecordingLogger();
    const gone = new NotFoundError("Gone.", { cause: new Error("hunter2") });
    expect(createFormatError(logger, { hasSuggestions: false })(gone)).toEqual({
      message: "Gone.",
      extensions: { code: "NOT_FOUND" },
    });
    expect(logger.lines).toEqual([]);
  });
});
