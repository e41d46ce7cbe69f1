/**
 * How IMM says no to a request: an HTTP status, a code and a sentence. Leaf of the emulator; thrown by every check,
 * turned into an answer by `imm-http-server.ts` alone.
 *
 * | code                                        | HTTP | thrown when                                  | evidence  |
 * | ------------------------------------------- | ---- | -------------------------------------------- | --------- |
 * | Missing{Name}, Invalid{Name}                | 400  | a parameter is absent or malformed           | docs      |
 * | Invalid{Name}                               | 400  | a parameter travels in the wrong place       | inferred  |
 * | InvalidJSON Array parsing error,{Name}      | 400  | a JSON parameter does not parse              | docs      |
 * | ResourceNotFound                            | 400  | no such project or task, or no longer        | docs      |
 * | Throttling.User                             | 400  | over the requests per second                 | support   |
 * | SignatureDoesNotMatch, SignatureNonceUsed   | 400  | the signature is wrong, or used before       | generic   |
 * | InvalidTimeStamp.Expired, MissingParameter  | 400  | the date is too far off; a header is absent  | generic   |
 * | InvalidAccessKeyId.NotFound                 | 404  | the access key is not known                  | generic   |
 * | ServiceUnavailable, InternalError           | 5xx  | an injected fault; a defect of the emulator  | generic   |
 * | IncompleteSignature, InvalidTimeStamp.Format | 400 | the Authorization or the date does not parse | inferred  |
 * | MissingSecurityToken                        | 400  | an STS token is required and absent          | inferred  |
 * | InvalidSecurityToken.MismatchWithAccessKey  | 400  | the STS token is another one                 | inferred  |
 * | InvalidAction.NotFound, InvalidVersion      | 404, 400 | the action or the version is not known   | inferred  |
 * | UnsupportedHTTPMethod, InvalidPath.NotFound | 405, 404 | neither POST / nor a GET of a read       | inferred  |
 * | RequestBodyTooLarge                         | 413  | the body is over the emulator's own limit    | inferred  |
 * | RequestURITooLarge                          | 414  | the URL is over the emulator's own limit     | inferred  |
 * | InvalidRequest                              | 400  | the request is no HTTP                       | inferred  |
 *
 * "docs" is IMM's error page (document 477131), "support" an answer of IMM's support, "generic" the error pages of
 * Alibaba Cloud's common gateway; "inferred" codes follow the gateway's naming but were not seen at IMM.
 */

/** Thrown to refuse the request at hand. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A required parameter that is absent or empty. */
export function missingParameter(name: string): Refusal {
  return new Refusal(400, `Missing${name}`, `${name} is mandatory for this action.`);
}

/** A parameter whose value IMM does not accept. `reason` is a clause that follows "is not valid: ". */
export function invalidParameter(name: string, reason: string): Refusal {
  return new Refusal(400, `Invalid${name}`, `The specified parameter ${name} is not valid: ${reason}.`);
}

/** A project or task that is not there. `resource` is the word IMM uses for it. */
export function resourceNotFound(resource: "project" | "TaskId"): Refusal {
  return new Refusal(400, "ResourceNotFound", `The specified resource ${resource} is not found.`);
}

/** More requests than are granted in a second. */
export function throttled(): Refusal {
  return new Refusal(400, "Throttling.User", "Request was denied due to user flow control.");
}
