/**
 * Reads what the pipeline is given of an HTTP request: its client, and its operation, from the body by POST, from the URL by
 * GET. What a URL leaves empty is omitted: forms, and clients that fill a URL in, send what they have nothing for. The
 * transports refuse what is no operation.
 */

import type { FastifyReply, FastifyRequest } from "fastify";
import type { Client, OperationRequest } from "../operation/pipeline.js";
import { searchParametersOf } from "./request-target.js";

type JsonObject = Readonly<Record<string, unknown>>;

/** The operation, or null when the request has not the form of one: it neither carries nor names a document, for example. */
export function readOperation(request: FastifyRequest): OperationRequest | null {
  const given = request.method === "POST" ? request.body : readUrl(searchParametersOf(request.url));
  if (!isObject(given)) return null;
  const { query, documentId, operationName, variables, extensions } = given;
  const hasForm =
    isAbsentOr(query, (value) => typeof value === "string") &&
    isAbsentOr(operationName, (value) => typeof value === "string") &&
    isAbsentOr(variables, isObject) &&
    isAbsentOr(extensions, isObject);
  const namesDocument = !isAbsent(documentId) || !isAbsent(Object(extensions)["persistedQuery" as never]);
  if (!hasForm || (isAbsent(query) && !namesDocument)) return null;
  // The cast: that is what has been checked.
  return { query, documentId, operationName, variables, extensions } as OperationRequest;
}

/** Where the operation comes from. */
export function clientOf({ method, headers }: FastifyRequest, reply: FastifyReply): Client {
  return { headers, isPosted: method === "POST", signal: clientSignal(reply) };
}

/** Aborted when the connection is closed before the answer is out, or was closed before that began. */
function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  // There will be no event of what has happened.
  if (reply.raw.destroyed) controller.abort();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** The parameters; null when one is there twice, or is not the JSON that it should be. */
function readUrl(parameters: URLSearchParams): JsonObject | null {
  const names = [...parameters.keys()];
  if (new Set(names).size < names.length) return null;
  const text = (name: string): string | undefined => parameters.get(name) || undefined;
  try {
    return {
      query: parameters.get("query"),
      documentId: text("documentId"),
      operationName: text("operationName"),
      variables: JSON.parse(text("variables") ?? "null"),
      extensions: JSON.parse(text("extensions") ?? "null"),
    };
  } catch {
    return null;
  }
}

function isAbsentOr(value: unknown, isRight: (value: unknown) => boolean): boolean {
  return isAbsent(value) || isRight(value);
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
