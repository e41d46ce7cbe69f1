/**
 * The documents of a manifest by their ids, from the two forms that clients' build tools write. Pure: `cli.ts` reads the
 * file, `persisted-operations.ts` checks the documents.
 *
 * @see https://www.apollographql.com/docs/graphos/platform/security/persisted-queries#manifest-format
 */

import { ConfigurationError } from "../../../errors.js";

/** What Apollo's tools write. */
export interface ApolloManifest {
  readonly format: "apollo-persisted-query-manifest";
  readonly version: 1;
  readonly operations: readonly { readonly id: string; readonly body: string }[];
}

/** A manifest, parsed: Apollo's, or documents by id, as Relay and GraphQL Code Generator write them. */
export type OperationManifest = ApolloManifest | Readonly<Record<string, string>> | ReadonlyMap<string, string>;

const FORMS =
  'an object of documents by id, or { "format": "apollo-persisted-query-manifest", "version": 1, "operations": […] }';

/**
 * The documents of a manifest's text.
 *
 * @param source - what errors call the manifest: the name of its file.
 * @throws ConfigurationError - naming the source and the entry at fault.
 */
export function parseManifest(text: string, source: string): ReadonlyMap<string, string> {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch (cause) {
    throw new ConfigurationError(`${source}: expected JSON.`, { cause });
  }
  const documents = toDocuments(manifest, source);
  // Of two members with one name JSON keeps the last. In a flat object of texts, every second text is a name.
  if (!isApolloManifest(manifest)) {
    const texts = [...text.matchAll(/"(?:[^"\\]|\\.)*"/g)].map(([quoted]) => JSON.parse(quoted) as string);
    refuseRepeated(
      texts.filter((_text, index) => index % 2 === 0),
      source,
    );
  }
  return documents;
}

/**
 * The documents of a parsed manifest. An id that says `sha256:` means the same without it.
 *
 * @throws ConfigurationError - naming the source and the entry at fault.
 */
export function toDocuments(manifest: unknown, source: string): ReadonlyMap<string, string> {
  const entries = entriesOf(manifest, source);
  for (const [id, text] of entries) {
    if (typeof id !== "string" || id === "") {
      throw new ConfigurationError(`${source}: expected every \`id\` to be a text that is not empty.`);
    }
    if (typeof text !== "string" || text === "") {
      throw new ConfigurationError(`${source}: expected a document under "${id}", got ${typeof text}.`);
    }
  }
  // The cast: the loop has seen to it.
  const documents = entries as readonly (readonly [string, string])[];
  refuseRepeated(
    documents.map(([id]) => id),
    source,
  );
  return new Map(documents.map(([id, text]) => [toBareId(id), text]));
}

/** The id without the prefix that only says how it was made. */
export function toBareId(id: string): string {
  return id.startsWith("sha256:") ? id.slice("sha256:".length) : id;
}

function entriesOf(manifest: unknown, source: string): readonly (readonly [id: unknown, text: unknown])[] {
  if (manifest instanceof Map) return [...manifest];
  if (isApolloManifest(manifest)) {
    return manifest.operations.map((operation: unknown) => {
      const { id, body } = Object(operation) as Partial<Record<string, unknown>>;
      return [id, body];
    });
  }
  if (typeof manifest === "object" && manifest !== null && !Array.isArray(manifest) && !("format" in manifest)) {
    return Object.entries(manifest);
  }
  throw new ConfigurationError(`${source}: expected ${FORMS}.`);
}

function isApolloManifest(manifest: unknown): manifest is ApolloManifest {
  const { format, version, operations } = Object(manifest) as Partial<Record<string, unknown>>;
  return format === "apollo-persisted-query-manifest" && version === 1 && Array.isArray(operations);
}

function refuseRepeated(ids: readonly string[], source: string): void {
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(toBareId(id))) throw new ConfigurationError(`${source}: "${id}" is there twice.`);
    seen.add(toBareId(id));
  }
}
