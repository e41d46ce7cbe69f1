/**
 * Reads what the pipeline is given of an HTTP request: its client, and its operation, from the body by POST, from the URL by
 * GET. What a URL leaves empty is omitted: forms, and clients that fill a URL in, send what they have nothing for. What has
 * not the form of an operation is refused here, by the name of the member, for all of HTTP.
 */

import type { FastifyReply, FastifyRequest } from "fastify";
import type { AddressOf } from "../limits/client-address.js";
import { EndableInterest, type Interest } from "../../interest.js";
import { observeRequest, REQUEST_ID_HEADER } from "../operation/observed-request.js";
import type { Observers } from "../../observe.js";
import type { Client, OperationRequest } from "../operation/pipeline.js";
import type { HttpRefusal } from "./refusal.js";
import { searchParametersOf } from "./request-target.js";

type JsonObject = Readonly<Record<string, unknown>>;

/** The operation, or why the request has not the form of one. */
export type ReadOperation =
  | { readonly operation: OperationRequest; readonly refusal?: undefined }
  | { readonly operation?: undefined; readonly refusal: HttpRefusal };

/** What each member must be, where it is given, and how that is said. `documentId` is judged where names are resolved. */
const FORMS: readonly (readonly [member: string, isRight: (value: unknown) => boolean, expected: string])[] = [
  ["query", isText, "to be a string"],
  ["operationName", isText, "to be a string"],
  ["variables", isObject, "to be a JSON object"],
  ["extensions", isObject, "to be a JSON object"],
];
const PARAMETERS = ["documentId", ...FORMS.map(([member]) => member)];

/** Reads a request that may carry an operation, or name one. */
export function readOperation({ method, body, url }: FastifyRequest): ReadOperation {
  const isPosted = method === "POST";
  const parameters = isPosted ? undefined : searchParametersOf(url);
  const given = parameters === undefined ? body : readUrl(parameters);
  if (!isObject(given)) return malformed("Expected a JSON body of the form { query, variables, operationName }.");
  const nameOf = (member: string): string => (isPosted ? `\`${member}\`` : `the parameter \`${member}\``);
  const twice = parameters && PARAMETERS.find((name) => parameters.getAll(name).length > 1);
  if (twice !== undefined) return malformed(`Expected ${nameOf(twice)} once.`);
  for (const [member, isRight, expected] of FORMS) {
    if (!isAbsent(given[member]) && !isRight(given[member]))
      return malformed(`Expected ${nameOf(member)} ${expected}.`);
  }
  const { query, documentId, operationName, variables, extensions } = given;
  const isNamed = (!isAbsent(documentId) && documentId !== "") || !isAbsent(persistedQueryOf(extensions));
  if (!query && !isNamed) return malformed(`Expected ${nameOf("query")}, which is a document.`);
  // The cast: that is what has been checked.
  return { operation: { query, documentId, operationName, variables, extensions } as OperationRequest };
}

function malformed(message: string): ReadOperation {
  return { refusal: { status: 400, message } };
}

function persistedQueryOf(extensions: unknown): unknown {
  return (Object(extensions) as JsonObject)["persistedQuery"];
}

/** What is asked about a client. */
interface Asked {
  readonly addressOf: AddressOf;
  readonly observers: Observers;
}

/** Where the operation comes from. Its answer will have the request's id. */
export function clientOf(
  { method, headers, raw }: FastifyRequest,
  reply: FastifyReply,
  transport: "http" | "sse",
  { addressOf, observers }: Asked,
): Client {
  const { authorization } = headers;
  const [address, isPosted] = [addressOf(raw), method === "POST"];
  const request = observeRequest(transport, headers, observers);
  void reply.header(REQUEST_ID_HEADER, request.id);
  const { span } = request;
  if (reply.raw.destroyed) span?.end();
  else if (span !== undefined) reply.raw.once("close", () => span.end());
  return { authorization, headers, address, transport, isPosted, signal: interestOf(reply), request };
}

/** Over when the connection is closed before the answer is out, or was closed before that began. */
function interestOf({ raw }: FastifyReply): Interest {
  const interest = new EndableInterest();
  // There will be no event of what has happened.
  if (raw.destroyed) interest.end();
  raw.once("close", () => {
    if (!raw.writableFinished) interest.end();
  });
  return interest;
}

/** The parameters. What is no JSON where it should be stays text, which has not the form. */
function readUrl(parameters: URLSearchParams): JsonObject {
  const text = (name: string): string | undefined => parameters.get(name) || undefined;
  const json = (name: string): unknown => {
    const given = text(name);
    try {
      return JSON.parse(given ?? "null");
    } catch {
      return given;
    }
  };
  return {
    query: text("query"),
    documentId: text("documentId"),
    operationName: text("operationName"),
    variables: json("variables"),
    extensions: json("extensions"),
  };
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
