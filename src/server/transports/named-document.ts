/**
 * Makes of an HTTP request that names its document one that carries it, so that Apollo, graphql-sse and the multipart transport
 * find the document where they look for one. What a URL leaves empty is left out for them too.
 */

import type { FastifyRequest } from "fastify";
import type { GraphQLError } from "graphql";
import type { PersistedOperations } from "../operation/persisted-operations.js";
import { searchParametersOf } from "./request-target.js";

/** Puts the document in the place of its name, or says why not; a request that names none stays as it is. */
export function insertNamedDocument(request: FastifyRequest, persisted: PersistedOperations): GraphQLError | null {
  return request.method === "POST" ? insertInBody(request, persisted) : insertInUrl(request, persisted);
}

function insertInBody(request: FastifyRequest, persisted: PersistedOperations): GraphQLError | null {
  const body = Object(request.body) as Readonly<Record<string, unknown>>;
  const resolution = persisted.resolve(body);
  if (resolution.kind === "refused") return resolution.error;
  if (resolution.kind === "named") {
    const { documentId: _named, extensions, ...rest } = body;
    request.body = {
      ...rest,
      query: resolution.text,
      ...(extensions !== undefined && { extensions: withoutName(extensions) }),
    };
  }
  return null;
}

function insertInUrl(request: FastifyRequest, persisted: PersistedOperations): GraphQLError | null {
  const parameters = searchParametersOf(request.url);
  const isShorter = leaveOutEmpty(parameters);
  const extensions = parseOrNull(parameters.get("extensions"));
  const resolution = persisted.resolve({
    query: parameters.get("query"),
    documentId: parameters.get("documentId"),
    extensions,
  });
  if (resolution.kind === "refused") return resolution.error;
  if (resolution.kind === "named") {
    parameters.delete("documentId");
    parameters.set("query", resolution.text);
    if (extensions !== null) parameters.set("extensions", JSON.stringify(withoutName(extensions)));
  }
  if (isShorter || resolution.kind === "named") {
    request.raw.url = `${request.url.split("?", 1)[0]}?${parameters}`;
  }
  return null;
}

/** Forms, and clients that fill a URL in, send what they have nothing for: an empty text, or null. True when there was any. */
function leaveOutEmpty(parameters: URLSearchParams): boolean {
  const empty = ["operationName", "variables", "extensions"].filter((name) => {
    const values = parameters.getAll(name);
    // A name may well be "null".
    const isEmpty = (value: string): boolean => value === "" || (name !== "operationName" && value.trim() === "null");
    return values.length > 0 && values.every(isEmpty);
  });
  for (const name of empty) parameters.delete(name);
  return empty.length > 0;
}

/** The extensions without the name, which Apollo would refuse as unsupported. */
function withoutName(extensions: unknown): unknown {
  if (typeof extensions !== "object" || extensions === null || Array.isArray(extensions)) return extensions;
  const { persistedQuery: _named, ...rest } = extensions as Readonly<Record<string, unknown>>;
  return rest;
}

/** What is no JSON names nothing; the transport refuses it in its own words. */
function parseOrNull(json: string | null): unknown {
  try {
    return JSON.parse(json ?? "null");
  } catch {
    return null;
  }
}
