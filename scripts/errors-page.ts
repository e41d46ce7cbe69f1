/**
 * docs/errors.md: what a client gets when something goes wrong, by code and by HTTP status or close code.
 *
 * `write-docs.ts` writes the page. The compiler asks for a row for each code of the house and of Apollo Server; a test finds
 * the codes in the source, so that neither side has one that the other does not know.
 */

import type { ApolloServerErrorCode } from "@apollo/server/errors";
import type { ErrorCode } from "../src/errors.js";

/** What the page says of a code. */
interface CodeRow {
  /** When a client gets it. */
  readonly cause: string;
  readonly cure: string;
  /** Whether the same request may succeed later. */
  readonly retry: string;
  /** Further members of `extensions`. */
  readonly extensions?: readonly string[];
}

const IMM = ["imm"];
const LATER = ["retryAfterMs", "imm"];

/** In the order of the page. */
export const codes: Readonly<Record<ErrorCode | `${ApolloServerErrorCode}`, CodeRow>> = {
  BAD_USER_INPUT: {
    cause:
      "an argument is malformed, here or by IMM's word (`Invalid…`, `Missing…`); a list is too long; a variable does not fit; an operation costs too much, or its answer is too large",
    cure: "correct the argument that is named",
    retry: "no",
    extensions: ["argument", "imm"],
  },
  NOT_FOUND: {
    cause:
      "IMM knows no such project in this region, or no such task, or the task started more than 7 days ago and has left the memory; or it is not the caller's [own](access.md#own-tasks)",
    cure: "check all three names and the region",
    retry: "no",
    extensions: IMM,
  },
  UNAUTHENTICATED: {
    cause:
      "the caller shows no token, or one that is wrong, has expired, or is not let in any more; HTTP 401 with `WWW-Authenticate`. With `retryAfterMs` and HTTP 503 the keys of its issuer cannot be had",
    cure: "send `Authorization: Bearer` with a fresh token; on a WebSocket `authorization` in `connectionParams`",
    retry: "with a fresh token",
  },
  FORBIDDEN: {
    cause:
      "the caller's [grants](access.md#rights) do not cover the project, the type or the right, or no longer do; the project is not in `IMM_PROJECTS`; a mutation while `READ_ONLY` is set; with `imm`, IMM denies the gateway's account the action or the project",
    cure: "extend the grants or the setting; where there is `imm`, the [RAM policy](operating.md#with-a-real-account)",
    retry: "no",
    extensions: IMM,
  },
  RATE_LIMITED: {
    cause:
      "the caller has spent its own allowance: `CALLS_PER_MINUTE`, `MUTATIONS_PER_MINUTE`, `MAX_STREAMS_PER_CALLER`; on a WebSocket `MAX_SOCKET_OPERATIONS` at once, or `MAX_SOCKET_BUFFER_BYTES` of them; or its address has: `REQUESTS_PER_MINUTE`, `FAILED_LOGINS_PER_MINUTE`, `MAX_SOCKETS_PER_ADDRESS`",
    cure: "subscribe instead of polling; end a stream or an operation before the next",
    retry: "after `retryAfterMs`, where there is one; else once another has ended",
    extensions: ["retryAfterMs"],
  },
  OUTCOME_UNKNOWN: {
    cause: "in `userErrors` of a create: its answer was lost, so a task may have been started",
    cure: "list the project's tasks first, where the create had no key",
    retry: "with its `idempotencyKey` only, after `retryAfterMs` where there is one",
  },
  UPSTREAM_THROTTLED: {
    cause:
      "IMM throttles after all retries; too many calls of the project are waiting here; the gateway follows as many tasks or projects, or has as many waits, as it may",
    cure: "subscribe instead of polling; narrow what is followed",
    retry: "after `retryAfterMs`",
    extensions: LATER,
  },
  UPSTREAM_TIMEOUT: {
    cause: "IMM did not answer within `CALL_TIMEOUT_MS`, after all retries",
    cure: "try again",
    retry: "yes",
  },
  UPSTREAM_UNAVAILABLE: {
    cause:
      "IMM answers 5xx, the connection fails, or IMM has failed so often in a row that calls fail at once; a create has an idempotency key, and Redis (`REDIS_URL`) is not reached; or this gateway stops under a multipart stream",
    cure: "try again",
    retry: "after `retryAfterMs`, where there is one",
    extensions: LATER,
  },
  UPSTREAM_INVALID_RESPONSE: {
    cause: "the answer is not JSON or not of the documented shape; a refusal that no rule knows",
    cure: "for a definition take `requestDefinitionText`; else report it",
    retry: "perhaps, where the answer was garbled",
    extensions: IMM,
  },
  UPSTREAM_MISCONFIGURED: {
    cause:
      "IMM refuses the gateway's own key, clock or endpoint; or the source of its credentials gives none at the moment",
    cure: "the operator must act",
    retry: "perhaps, where credentials were missing for a moment",
    extensions: IMM,
  },
  PERSISTED_QUERY_NOT_FOUND: {
    cause:
      "no document of this id is in the manifest, nor registered; HTTP 200, since Apollo's clients expect it there",
    cure: "give the gateway the [manifest](trusted-documents.md) of this build of the client",
    retry: "no",
  },
  PERSISTED_QUERY_ID_REQUIRED: {
    cause: "a document was sent where only those of the manifest are executed; HTTP 400",
    cure: "send the id, and no document",
    retry: "no",
  },
  PERSISTED_QUERY_NOT_SUPPORTED: {
    cause: "a document was named where there is no manifest; HTTP 200",
    cure: "set `PERSISTED_OPERATIONS`, or send the document",
    retry: "no",
  },
  INTERNAL_SERVER_ERROR: {
    cause: "anything else: masked here, logged in full under the `errorId`",
    cure: "find the `errorId` in the log",
    retry: "perhaps",
    extensions: ["errorId"],
  },
  GRAPHQL_PARSE_FAILED: {
    cause: "the document is no GraphQL, or has more than `MAX_QUERY_TOKENS`",
    cure: "correct the document, at `locations`",
    retry: "no",
  },
  GRAPHQL_VALIDATION_FAILED: {
    cause:
      "the document does not fit the schema, is nested too deep, repeats its fields too often, or exceeds `MAX_QUERY_DEPTH`, `MAX_QUERY_ALIASES` or `MAX_QUERY_DIRECTIVES`; introspection while `EXPLORER` is off",
    cure: "correct the document, at `locations`",
    retry: "no",
  },
  OPERATION_RESOLUTION_FAILURE: {
    cause: "the document has several operations and `operationName` names none of them",
    cure: "name the operation",
    retry: "no",
  },
  BAD_REQUEST: {
    cause: "the request is none of GraphQL over HTTP, or of a page that is not let in: see below",
    cure: "as the message says",
    retry: "no",
  },
};

/** What happens below the codes, and how each transport answers it. */
const answers: readonly (readonly [event: string, answer: string])[] = [
  ["a body that is not JSON, a document that does not parse or does not fit the schema", "HTTP 400"],
  ["an operation over `MAX_OPERATION_COST`", "HTTP 400, `BAD_USER_INPUT`"],
  [
    "an answer over `MAX_RESPONSE_BYTES`; variables or `extensions` nested deeper than 64",
    "HTTP 400, `BAD_USER_INPUT`; a mutation answers what is small, with HTTP 200",
  ],
  ["a request of a page that is not let in", "HTTP 403, `BAD_REQUEST`"],
  [
    "a GET that any page could have caused: the browser does not say whose it was, and there is no `apollo-require-preflight`",
    "HTTP 400, `BAD_REQUEST`",
  ],
  [
    "a `Host` that is no name; one that is not among `ALLOWED_HOSTS` or this machine's, as [settings.md](settings.md) has it; the probes take any",
    "HTTP 400; 403",
  ],
  ["another method than the path takes", "HTTP 405 with `Allow`"],
  [
    "a client that accepts neither `application/json` nor `application/graphql-response+json`",
    "HTTP 406, and nothing was executed",
  ],
  [
    "a subscription that is posted without asking for `multipart/mixed;subscriptionSpec=1.0`",
    "HTTP 400, `BAD_REQUEST`: the message names the transports for it",
  ],
  [
    "a document that does not match the id beside it; two names at once; a name that is no text",
    "HTTP 400, `BAD_REQUEST`",
  ],
  ["a request that takes longer than `REQUEST_TIMEOUT_MS` to come", "HTTP 408"],
  [
    "a body over `MAX_REQUEST_BYTES`; another content type or charset, a `Content-Encoding`; headers that are too long",
    "HTTP 413; 415; 431",
  ],
  ["a request while the gateway stops", "HTTP 503"],
  [
    "an operation, over HTTP, SSE or multipart, whose caller has spent its allowance; a request or a handshake of an address that has",
    "HTTP 429, `RATE_LIMITED`, with `Retry-After` where it is known when to come again",
  ],
  [
    "over SSE: a document that does not parse or does not fit the schema, or one that the manifest refuses",
    "an event `next` with `errors`, then `complete`",
  ],
  ["over SSE: a client that does not accept `text/event-stream`; a mutation by GET", "HTTP 406; 405"],
  ["a WebSocket or a stream for a page that is not let in", "HTTP 403"],
  ["over WebSocket: an operation that is refused before it is executed", "a message `error`; the socket stays"],
  ["a WebSocket message that is no message of the protocol; one before the greeting", "close code 4400; 4401"],
  [
    "a WebSocket whose `connection_init` shows no token or a wrong one; one whose token expires, or is not let in any more",
    "close code 4401, which graphql-ws's client takes for final; 4403 within 2 s, after which it comes again",
  ],
  [
    "a stream over SSE or multipart whose token expires, or is not let in any more",
    "a last `UNAUTHENTICATED`, and the end",
  ],
  ["a WebSocket message in a binary frame, or with an id of more than 1,024 characters", "close code 4400"],
  ["a WebSocket message that begins an operation under the id of one which runs", "close code 4409"],
  ["a WebSocket message over `MAX_REQUEST_BYTES`; a subprotocol that is not known", "close code 1009; 4406"],
  [
    "a WebSocket client that does not read its answers",
    "close code 1013, after which graphql-ws's client comes again; it is cut 2 s later",
  ],
  [
    "a WebSocket of a caller who has `MAX_SOCKETS_PER_CALLER`, or with credentials from an address where too many were wrong",
    "close code 1013, after which graphql-ws's client comes again",
  ],
  [
    "a WebSocket that sends more than `MAX_SOCKET_MESSAGES_PER_SECOND`",
    "close code 1008, which graphql-ws's client takes for final",
  ],
  [
    "a WebSocket that has been idle for `SOCKET_IDLE_MS`; one that is older than `MAX_SOCKET_AGE_MS`",
    "close code 1000, after which a client opens another when it has something to ask; 1012, after which it comes again and follows on",
  ],
  [
    "the gateway stops",
    "close code 1001; the end of an SSE stream without `complete`; a multipart part with `errors` beside a `payload` of null",
  ],
];

/** The page, before it is formatted. */
export function errorsPage(): string {
  const rows = Object.entries(codes).map(([code, { cause, cure, retry, extensions = [] }]) =>
    [`\`${code}\``, cause, cure, retry, extensions.map((name) => `\`${name}\``).join(", ")].join(" | "),
  );
  return [
    "# Errors",
    "",
    "<!-- Written by `npm run docs` from scripts/errors-page.ts. -->",
    "",
    "```sh",
    "curl -s http://127.0.0.1:4000/graphql -H 'content-type: application/json' -d '{\"query\":",
    '  "{ task(key: { projectName: \\"immtest\\", taskType: \\"FileCompression\\", taskId: \\"no-such-task\\" }) { status } }"}\'',
    "```",
    "",
    "```json",
    '{"errors": [{',
    '  "message": "IMM knows no such task: the project, type or id is wrong, or the task started more than 7 days ago.",',
    '  "path": ["task"], "extensions": {"code": "NOT_FOUND",',
    '  "imm": {"code": "ResourceNotFound", "requestId": "FA253742-F99A-42D0-B349-8248FBB67491"}}}],',
    ' "data": {"task": null}}',
    "```",
    "",
    "`extensions.code` is stable; the message is for people. `imm` holds IMM's own `code` and `requestId`, which its support asks",
    "for, where they look like a code and an id. A task that failed is no error: it is data, `status` and `error` of `Task`. What",
    "a create refuses is [data of its payload](starting-tasks.md#what-an-answer-says), too.",
    "",
    "## Codes",
    "",
    "| code | cause | cure | does it help to send it again? | more in `extensions` |",
    "| - | - | - | - | - |",
    ...rows.map((row) => `| ${row} |`),
    "",
    "The last four, for requests that cannot be executed, are those of Apollo Server.",
    "",
    "## By transport",
    "",
    "| what happens | answer |",
    "| - | - |",
    ...answers.map((row) => `| ${row.join(" | ")} |`),
    "",
  ].join("\n");
}
