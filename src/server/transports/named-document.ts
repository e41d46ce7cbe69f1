/**
 * Makes of an HTTP request that names its document one that carries it, so that Apollo, graphql-sse and the multipart transport
 * find the document where they look for one.
 */

import type { FastifyRequest } from "fastify";
import type { GraphQLError } from "graphql";
import type { PersistedOperations } from "../operation/persisted-operations.js";

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
  const url = new URL(request.url, "http://gateway");
  const parameters = url.searchParams;
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
    request.raw.url = `${url.pathname}${url.search}`;
  }
  return null;
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
