/** What the pages of the gateway have in common: their type, who is shown them, and that a browser which has one asks whether it is still the same. */

import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import Negotiator from "negotiator";
import { JSON_TYPE } from "../refusal.js";

const HTML = "text/html";
export const HTML_TYPE = `${HTML}; charset=utf-8`;

/** Whether a request is a browser's that is to show something, and not a client's. */
export function prefersPage({ method, headers: { accept } }: FastifyRequest): boolean {
  const types = [JSON_TYPE, "application/graphql-response+json", "multipart/mixed", HTML];
  // Without a header a client takes the first.
  return method === "GET" && new Negotiator({ headers: { accept } }).mediaType(types) === HTML;
}

export function digestOf(text: string | Buffer, encoding: "base64" | "base64url"): string {
  return createHash("sha256").update(text).digest(encoding);
}

export function etagOf(page: string | Buffer): string {
  return `W/"${digestOf(page, "base64url")}"`;
}

/**
 * Says how a page may be kept: it is asked for again each time, since the next version of the gateway has another; the same
 * one costs no bytes. True when the client has it, and has been answered.
 */
export function answersFresh({ headers }: FastifyRequest, reply: FastifyReply, etag: string, vary: string): boolean {
  void reply.headers({ etag, "cache-control": "no-cache", vary });
  const known = headers["if-none-match"]?.trim() ?? "";
  const isFresh = known === "*" || known.includes(etag.slice("W/".length));
  if (isFresh) void reply.status(304).send();
  return isFresh;
}
