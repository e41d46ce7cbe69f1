/**
 * Reads the operation of an HTTP request: from its body by POST, from its URL by GET. What a URL leaves empty is omitted:
 * forms, and clients that fill a URL in, send what they have nothing for. The transports refuse what is no operation.
 */

import type { FastifyRequest } from "fastify";
import type { OperationRequest } from "../operation/pipeline.js";
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
