import { inspect } from "node:util";
import { describe, expect, it } from "@jest/globals";
import {
  BadUserInputError,
  ForbiddenError,
  NotFoundError,
  UpstreamInvalidResponseError,
  UpstreamMisconfiguredError,
  UpstreamRejectedError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
  type GatewayError,
} from "../../../src/errors.js";
import { fromCallFailure, fromRefusal, type Refusal } from "../../../src/imm/wire/upstream-errors.js";

type ErrorClass = new (...parameters: never[]) => GatewayError;

function refuse(code: string | null, rest: Partial<Refusal> = {}): GatewayError {
  return fromRefusal({ httpStatus: 400, code, message: null, requestId: "R-1", retryAfterMs: undefined, ...rest });
}

/** An error as a vendor's class throws it: a native error with more members. */
function vendorError(members: Readonly<Record<string, unknown>>, message = "composed by the vendor"): Error {
  return Object.assign(new Error(message), members);
}

describe("fromRefusal", () => {
  it.each<[code: string, errorCode: string, expected: ErrorClass]>([
    ["Throttling", "UPSTREAM_THROTTLED", UpstreamThrottledError],
    ["Throttling.User", "UPSTREAM_THROTTLED", UpstreamThrottledError],
    ["Throttling.Api", "UPSTREAM_THROTTLED", UpstreamThrottledError],
    ["Request.Throttling", "UPSTREAM_THROTTLED", UpstreamThrottledError],
    ["SignatureNonceUsed", "UPSTREAM_UNAVAILABLE", UpstreamUnavailableError],
    ["InvalidTimeStamp.Expired", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["InvalidTimeStamp.Format", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["SignatureDoesNotMatch", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["IncompleteSignature", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["InvalidAccessKeyId.NotFound", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["InvalidAccessKeyId.Inactive", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["InvalidSecurityToken.Expired", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["MissingSecurityToken", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["InvalidCredentials", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["InvalidVersion", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["InvalidAction.NotFound", "UPSTREAM_MISCONFIGURED", UpstreamMisconfiguredError],
    ["ResourceNotFound", "NOT_FOUND", NotFoundError],
    ["ResourceNotFound.Task", "NOT_FOUND", NotFoundError],
    ["ProjectNotFound", "NOT_FOUND", NotFoundError],
    ["AccessDenied", "FORBIDDEN", ForbiddenError],
    ["NoPermission", "FORBIDDEN", ForbiddenError],
    ["Forbidden.RAM", "FORBIDDEN", ForbiddenError],
    ["User not authorized to operate on the specified APIs", "FORBIDDEN", ForbiddenError],
    ["InvalidArgument", "BAD_USER_INPUT", BadUserInputError],
    ["MissingParameter", "BAD_USER_INPUT", BadUserInputError],
    ["InvalidMaxResults", "BAD_USER_INPUT", BadUserInputError],
    ["MissingTaskId", "BAD_USER_INPUT", BadUserInputError],
    ["LimitExceededError", "BAD_USER_INPUT", BadUserInputError],
    ["ResourceAlreadyExists", "BAD_USER_INPUT", BadUserInputError],
    ["InternalError", "UPSTREAM_UNAVAILABLE", UpstreamUnavailableError],
    ["ServiceUnavailable", "UPSTREAM_UNAVAILABLE", UpstreamUnavailableError],
    ["File access forbidden", "UPSTREAM_INVALID_RESPONSE", UpstreamRejectedError],
    ["SomethingNew", "UPSTREAM_INVALID_RESPONSE", UpstreamRejectedError],
  ])("turns %s into %s, whatever the HTTP status", (code, errorCode, expected) => {
    for (const httpStatus of [400, 403, 404]) {
      const error = refuse(code, { httpStatus });
      expect(error).toBeInstanceOf(expected);
      expect(error.toExtensions()).toMatchObject({ code: errorCode, imm: { code, requestId: "R-1" } });
    }
  });

  it.each<[httpStatus: number, expected: ErrorClass]>([
    [429, UpstreamThrottledError],
    [500, UpstreamUnavailableError],
    [502, UpstreamUnavailableError],
    [503, UpstreamUnavailableError],
    [400, UpstreamRejectedError],
    [404, UpstreamRejectedError],
  ])("goes by HTTP %d where the code says nothing", (httpStatus, expected) => {
    expect(refuse("SomethingNew", { httpStatus })).toBeInstanceOf(expected);
    expect(refuse(null, { httpStatus })).toBeInstanceOf(expected);
  });

  it("retries what may pass, and nothing else", () => {
    const retryable = ["Throttling.User", "SignatureNonceUsed", "InternalError", "ServiceUnavailable"];
    const final = ["ResourceNotFound", "AccessDenied", "InvalidArgument", "SignatureDoesNotMatch", "SomethingNew"];
    expect(retryable.map((code) => refuse(code).retryable)).toEqual([true, true, true, true]);
    expect(final.map((code) => refuse(code).retryable)).toEqual([false, false, false, false, false]);
  });

  it.each([
    ["MissingTaskId", "taskId"],
    ["InvalidMaxResults", "maxResults"],
    ["InvalidProjectName", "projectName"],
    ["InvalidJSON Array parsing error,TaskTypes", "taskTypes"],
    ["InvalidJSON Array parsing error, TaskTypes", "taskTypes"],
    ["InvalidArgument", null],
    ["InvalidParameter", null],
    ["MissingParameter", null],
    ["LimitExceededError", null],
    ["ResourceAlreadyExists", null],
  ])("reads from %s that the argument is %j", (code, argument) => {
    expect(refuse(code).toExtensions()["argument"]).toBe(argument);
  });

  it("names the argument and IMM's code, and repeats nothing of IMM's sentence: it may hold the value", () => {
    const message =
      'The value "hunter2" of ProjectName=p&UserData=hunter2 is not valid, see https://imm.example/?a=hunter2.';
    expect(refuse("InvalidTaskId", { message }).message).toBe("IMM refused `taskId` (InvalidTaskId).");
    expect(refuse("InvalidArgument", { message }).message).toBe("IMM refused an argument (InvalidArgument).");
  });

  it("tells a missing project from a missing task by IMM's sentence", () => {
    const project = refuse("ResourceNotFound", { message: "The specified resource project is not found." });
    const task = refuse("ResourceNotFound", { message: "The specified resource TaskId is not found." });
    expect(project.message).toBe("IMM knows no such project in this region.");
    expect(task.message).toBe(
      "IMM knows no such task: the project, type or id is wrong, or the task started more than 7 days ago.",
    );
  });

  it("takes the text of a refusal for a denial where its code says nothing", () => {
    const message = "User not authorized to operate on the specified APIs.";
    expect(refuse("SomethingNew", { message })).toBeInstanceOf(ForbiddenError);
    expect(refuse(null, { message })).toBeInstanceOf(ForbiddenError);
  });

  it("passes on when IMM wants to be asked again", () => {
    expect(refuse("Throttling.User", { retryAfterMs: 750 }).toExtensions()).toMatchObject({ retryAfterMs: 750 });
    expect(refuse(null, { httpStatus: 429, retryAfterMs: 750 }).toExtensions()).toMatchObject({ retryAfterMs: 750 });
    expect(refuse("Throttling.User").toExtensions()).not.toHaveProperty("retryAfterMs");
  });
});

describe("fromCallFailure", () => {
  it("reads IMM's own JSON before the vendor's members", () => {
    const data = {
      Code: "ResourceNotFound",
      Message: "The specified resource project is not found.",
      RequestId: "R-2",
    };
    const error = fromCallFailure(vendorError({ statusCode: 400, code: "undefined", requestId: "R-9", data }));
    expect(error.message).toBe("IMM knows no such project in this region.");
    expect(error.imm).toEqual({ code: "ResourceNotFound", requestId: "R-2" });
  });

  it('takes the word "undefined" and empty text for nothing', () => {
    const members = { statusCode: 400, code: "undefined", requestId: "undefined", data: { Code: "", RequestId: "" } };
    expect(fromCallFailure(vendorError(members)).imm).toEqual({ code: null, requestId: null });
  });

  it.each([undefined, null, "text", 7])("reads a refusal whose data is %j", (data) => {
    const error = fromCallFailure(vendorError({ statusCode: 400, code: "AccessDenied", requestId: "R-3", data }));
    expect(error).toBeInstanceOf(ForbiddenError);
    expect(error.imm).toEqual({ code: "AccessDenied", requestId: "R-3" });
  });

  it.each([Number.NaN, -1, "5", null])("ignores %p as a time to wait", (retryAfter) => {
    const error = fromCallFailure(vendorError({ statusCode: 400, code: "Throttling.User", retryAfter }));
    expect(error).toBeInstanceOf(UpstreamThrottledError);
    expect(error.retryAfterMs).toBeUndefined();
  });

  it.each([
    ["ECONNREFUSED", false],
    ["ENOTFOUND", false],
    ["EAI_AGAIN", false],
    ["EHOSTUNREACH", false],
    ["ENETUNREACH", false],
    ["ECONNRESET", true],
    ["EPIPE", true],
  ])("turns %s into an outage; that the request may have arrived is %p", (code, mayHaveArrived) => {
    const error = fromCallFailure(vendorError({ code }, "connect to http://imm.example/?UserData=hunter2"));
    expect(error).toBeInstanceOf(UpstreamUnavailableError);
    expect(error).toMatchObject({ message: `The connection to IMM failed (${code}).`, mayHaveArrived });
  });

  it.each([{ name: "RequestTimeoutError" }, { name: "ConnectTimeout" }, { code: "ETIMEDOUT" }])(
    "turns %j into a timeout",
    (members) => {
      const error = fromCallFailure(vendorError(members));
      expect(error).toBeInstanceOf(UpstreamTimeoutError);
      expect(error.message).toBe("IMM did not answer in time.");
    },
  );

  it.each([new SyntaxError("Unexpected token h in hunter2"), new TypeError("Cannot read null")])(
    "turns %p into an answer that is not JSON",
    (thrown) => {
      const error = fromCallFailure(thrown);
      expect(error).toBeInstanceOf(UpstreamInvalidResponseError);
      expect(error.message).toBe("IMM's answer is not JSON.");
    },
  );

  it("takes the vendor's failure to find credentials for the gateway's own fault", () => {
    expect(fromCallFailure(vendorError({ code: "InvalidCredentials" }))).toBeInstanceOf(UpstreamMisconfiguredError);
  });

  it("passes an error of the house through", () => {
    const error = new NotFoundError("gone");
    expect(fromCallFailure(error)).toBe(error);
  });

  it.each([undefined, null, "hunter2", { message: "hunter2" }])("shows nothing of a thrown %j", (thrown) => {
    const error = fromCallFailure(thrown);
    expect(error).toBeInstanceOf(UpstreamUnavailableError);
    expect(error.message).toBe("The call to IMM failed.");
  });

  it("shows nothing of an error that it does not know", () => {
    const error = fromCallFailure(new Error("hunter2"));
    expect(error).toBeInstanceOf(UpstreamUnavailableError);
    expect(error.message).toBe("The call to IMM failed for a reason the gateway does not know.");
  });

  it.each<[thrown: unknown, httpStatus: number, cause: string]>([
    [vendorError({ statusCode: 400, name: "ClientError", data: { Code: "Throttling" } }, "hunter2"), 0, "ClientError"],
    [vendorError({ statusCode: 400, code: "ResourceNotFound" }, "hunter2"), 0, "Error (ResourceNotFound)"],
    [vendorError({ statusCode: 400, code: "not a code: hunter2" }, "hunter2"), 0, "Error"],
    [vendorError({ statusCode: 429, name: "hunter2 of the vendor" }, "hunter2"), 0, "Error"],
    [vendorError({ code: "InvalidCredentials" }, "hunter2"), 0, "Error (InvalidCredentials)"],
    [vendorError({ code: "ECONNRESET" }, "a\n    at hunter2 (file.js:1:1)"), 0, "Error (ECONNRESET)"],
    [vendorError({ name: "RequestTimeoutError" }, "hunter2"), 0, "RequestTimeoutError"],
    [vendorError({ name: "URIError" }, "hunter2"), 0, "URIError"],
    [new SyntaxError("hunter2"), 0, "SyntaxError"],
    [new SyntaxError("hunter2"), 502, "SyntaxError"],
    [new Error("hunter2"), 0, "Error"],
    [new Error("hunter2"), 413, "Error"],
    [Object.assign(new Error("hunter2"), { message: "another" }), 0, "Error"],
    ["hunter2", 0, "string"],
  ])("keeps %p as the cause, without its words", (thrown, httpStatus, message) => {
    const error = fromCallFailure(thrown, httpStatus);
    expect(error.cause).toMatchObject({ name: "Error", message });
    expect(inspect(error, { depth: 5, showHidden: true })).not.toContain("hunter2");
  });

  it("tells by the cause where it was thrown", () => {
    const { stack } = fromCallFailure(vendorError({ code: "ECONNRESET" }, "hunter2")).cause as Error;
    expect(stack).toMatch(/^Error: Error \(ECONNRESET\)\n +at vendorError \(/);
  });
});
