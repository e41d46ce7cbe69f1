/** What codes mean, in a sentence each: those of a task that failed are IMM's, those of a refusal the gateway's. */

/** IMM's codes, by what they begin with; an earlier row wins. IMM may have others. */
const ofTasks: readonly (readonly [beginning: string, meaning: string])[] = [
  ["ResourceNotFound", "IMM did not find a source that the task names: look at its bucket, its path and its region."],
  ["AccessDenied", "IMM was not allowed to read a source or to write the target: look at the project's service role."],
  ["Forbidden", "IMM was not allowed to read a source or to write the target: look at the project's service role."],
  [
    "InvalidMediaFormat",
    "IMM could not read the source: it is damaged, or of a format that this type of task does not take.",
  ],
  [
    "InvalidFileFormat",
    "IMM could not read the source: it is damaged, or of a format that this type of task does not take.",
  ],
  ["Unsupported", "The source is of a kind that this type of task does not take."],
  ["Invalid", "A parameter of the task does not fit: look at what it was created with, below."],
  ["Missing", "A parameter that the task needs is missing: look at what it was created with, below."],
  ["Throttling", "IMM had too much to do at that time. Run it again later."],
  ["OperationTimeout", "The task took longer than IMM lets it. Run it again, with less to do at once."],
  ["Timeout", "The task took longer than IMM lets it. Run it again, with less to do at once."],
  [
    "Internal",
    "Something broke within IMM. Run it again; if it fails again, quote the request id to Alibaba Cloud's support.",
  ],
  ["ServiceUnavailable", "IMM was not available at that time. Run it again later."],
];

/** What the code of a failed task means; null where that is not known. */
export function meaningOfFailure(code: string | null): string | null {
  return (code && ofTasks.find(([beginning]) => code.startsWith(beginning))?.[1]) || null;
}

/** The gateway's codes, as docs/errors.md has them. */
const ofRefusals: Readonly<Record<string, string>> = {
  NOT_FOUND: "Look at the name of the project and at its region. IMM forgets a task seven days after its start.",
  FORBIDDEN: "Your token does not let you do this here. The access file of the gateway says what it lets you do.",
  RATE_LIMITED: "You have asked for more than you may at a time. Try again in a minute.",
  UPSTREAM_THROTTLED: "IMM, or the gateway's own limit, takes no more at the moment. Try again in a minute.",
  UPSTREAM_TIMEOUT: "IMM did not answer in time. Try again.",
  UPSTREAM_UNAVAILABLE: "IMM cannot be reached from the gateway. Try again in a minute.",
  UPSTREAM_MISCONFIGURED: "IMM does not believe the gateway's own key or endpoint: its operator must look at them.",
  INTERNAL_SERVER_ERROR: "Something broke within the gateway: its log has this error under its errorId.",
  OUTCOME_UNKNOWN:
    "The answer was lost, so the task may have started. Press the button again: it will not start twice.",
};

/** What to do about a refusal; null where its message says it. */
export function meaningOfRefusal(code: string | undefined): string | null {
  return (code && ofRefusals[code]) || null;
}
