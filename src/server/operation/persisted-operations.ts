/**
 * Documents that clients name instead of sending them: those of the operator's manifest, and where it is allowed those
 * that clients have registered themselves (automatic persisted queries).
 *
 * Every transport resolves what a request names before anything is parsed. The documents of the manifest are parsed and
 * validated once, at the start.
 */

import { GraphQLError } from "graphql";
import { LRUCache } from "lru-cache";
import { ConfigurationError, type ErrorCode } from "../../errors.js";
import { isTooDeep } from "../../json.js";
import { sha256 } from "../../sha256.js";
import type { Documents } from "./documents/documents.js";
import { toBareId } from "./documents/operation-manifest.js";
import { nestingRefusal } from "./variables.js";

/** What the transports may be asked for by name. */
export interface PersistedOperationsOptions {
  /** The texts of the manifest by bare id; undefined without a manifest. */
  readonly documents: ReadonlyMap<string, string> | undefined;
  /** What errors call the manifest. */
  readonly source: string;
  /** Whether nothing else is executed. */
  readonly isExclusive: boolean;
  /** Bytes of what clients may register; 0 when they may not. */
  readonly maxAutomaticQueryBytes: number;
  /** Where the documents of the manifest are checked, and kept. */
  readonly checked: Documents;
}

/** The members of a request that say which document it means, as the client sent them. */
export interface DocumentRequest {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: unknown;
}

/** Which document a request means. */
export type Resolution =
  /** It names none: what it carries, if anything, is for the transport to judge. */
  | { readonly kind: "sent" }
  | { readonly kind: "named"; readonly text: string }
  | { readonly kind: "refused"; readonly error: GraphQLError };

/** The documents of one gateway. */
export class PersistedOperations {
  readonly #isExclusive: boolean;
  readonly #byId: ReadonlyMap<string, string> | undefined;
  readonly #registered: LRUCache<string, string> | undefined;

  /** @throws ConfigurationError - naming the first document of the manifest that may not be executed. */
  constructor({ documents, source, isExclusive, maxAutomaticQueryBytes, checked }: PersistedOperationsOptions) {
    this.#isExclusive = isExclusive;
    this.#byId = documents;
    keepAll(documents ?? new Map(), source, checked);
    if (maxAutomaticQueryBytes > 0) {
      this.#registered = new LRUCache({
        maxSize: maxAutomaticQueryBytes,
        sizeCalculation: (text, id) => Buffer.byteLength(text) + id.length,
      });
    }
  }

  /** Finds the document that a request names. */
  resolve(request: DocumentRequest): Resolution {
    if (isTooDeep(request.extensions)) return { kind: "refused", error: nestingRefusal("extensions") };
    const name = nameOf(request);
    if (name instanceof GraphQLError) return { kind: "refused", error: name };
    if (name === null) {
      if (!this.#isExclusive) return { kind: "sent" };
      return refuse("PERSISTED_QUERY_ID_REQUIRED", 400, "Expected the id of a persisted operation, and no document.");
    }
    if (this.#byId === undefined && this.#registered === undefined) {
      return refuse("PERSISTED_QUERY_NOT_SUPPORTED", 200, "There are no persisted operations here.");
    }
    const id = toBareId(name);
    // graphql-ws lets no message pass without a `query`: an empty one is none.
    const sent = typeof request.query === "string" && request.query !== "" ? request.query : undefined;
    const text = this.#byId?.get(id) ?? this.#registered?.get(id);
    if (text === undefined) return this.#resolveUnknown(id, sent);
    return sent === undefined || sent === text ? { kind: "named", text } : refuse("BAD_REQUEST", 400, NO_MATCH);
  }

  /** Apollo's clients answer the refusal by sending the document beside its hash. */
  #resolveUnknown(id: string, sent: string | undefined): Resolution {
    if (sent === undefined || this.#isExclusive) {
      return refuse("PERSISTED_QUERY_NOT_FOUND", 200, "There is no persisted operation of this id.");
    }
    if (sha256(sent) !== id) return refuse("BAD_REQUEST", 400, NO_MATCH);
    this.#registered?.set(id, sent);
    return { kind: "named", text: sent };
  }
}

const NO_MATCH = "Expected the document that the id names, or none.";

function keepAll(documents: ReadonlyMap<string, string>, source: string, checked: Documents): void {
  for (const [id, text] of documents) {
    const [error] = checked.keep(text).errors;
    if (error === undefined) continue;
    throw new ConfigurationError(`${source}: the document "${id}" cannot be executed: ${error.message}`, {
      cause: error,
    });
  }
}

/** The id that a request gives, in either spelling; null when it gives none. */
function nameOf({ documentId, extensions }: DocumentRequest): string | GraphQLError | null {
  const { persistedQuery } = Object(extensions) as Partial<Record<string, unknown>>;
  if (documentId !== undefined && documentId !== null && documentId !== "") {
    if (persistedQuery !== undefined && persistedQuery !== null) {
      return refusalOf("BAD_REQUEST", 400, "Expected one of `documentId` and `extensions.persistedQuery`, got both.");
    }
    return typeof documentId === "string"
      ? documentId
      : refusalOf("BAD_REQUEST", 400, `Expected \`documentId\` to be a string, got ${typeof documentId}.`);
  }
  if (persistedQuery === undefined || persistedQuery === null) return null;
  const { version, sha256Hash } = Object(persistedQuery) as Partial<Record<string, unknown>>;
  return version === 1 && typeof sha256Hash === "string"
    ? sha256Hash
    : refusalOf(
        "BAD_REQUEST",
        400,
        "Expected `extensions.persistedQuery` to be of the form { version: 1, sha256Hash }.",
      );
}

function refuse(code: RefusalCode, status: number, message: string): Resolution {
  return { kind: "refused", error: refusalOf(code, status, message) };
}

type RefusalCode = Extract<ErrorCode, `PERSISTED_QUERY_${string}`> | "BAD_REQUEST";

/** @param status - over HTTP; Apollo's clients read the codes that they act on from answers with 200 only. */
function refusalOf(code: RefusalCode, status: number, message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code, http: { status } } });
}
