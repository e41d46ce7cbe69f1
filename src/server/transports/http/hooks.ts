/**
 * What is done for each request of HTTP, whatever it asks for, before its body is read and as its answer leaves: hosts, origins,
 * the limits of addresses, paths and methods. It waits for nothing: a hook that waits costs as much as what it does.
 */

import cors from "@fastify/cors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { AddressLimits } from "../../limits/address-limits.js";
import type { AddressOf } from "../../limits/client-address.js";
import type { RefuseHost } from "../hosts.js";
import { FOREIGN_PAGE, type AllowsOrigin, type ListsOrigin } from "../origins.js";
import { refusalOf, refuseBody, sendRefusal, tooManyRequests, type HttpRefusal } from "../refusal.js";
import { pathOf } from "../request-target.js";
import { SECURITY_HEADERS } from "../security-headers.js";
import { GRAPHQL_PATH } from "./json-answers.js";
import { isProbe } from "./probes.js";

/** The rules. */
export interface HookOptions {
  readonly refuseHost: RefuseHost;
  readonly listsOrigin: ListsOrigin;
  readonly allowsOrigin: AllowsOrigin;
  readonly addressOf: AddressOf;
  readonly addressLimits: AddressLimits;
  readonly maxRequestBytes: number;
  /** Whether new work is refused. */
  readonly isDraining: () => boolean;
}

/** For pages of other origins. Not strict: a client that is no page may ask for what there is too. */
const PREFLIGHT = { methods: ["GET", "POST"], maxAge: 600, strictPreflight: false };

/** Adds them for all routes that are added from now on. */
export async function addHooks(app: FastifyInstance, options: HookOptions): Promise<void> {
  const { refuseHost, listsOrigin, isDraining } = options;
  const methods = collectMethods(app);
  app.addHook("onRequest", (request, reply, goOn) => {
    void reply.headers(SECURITY_HEADERS);
    const refused = refuseHost(request.raw, isProbe(request));
    if (refused !== null) return void sendRefusal(request, reply, refused);
    const allowed = request.method === "OPTIONS" ? methods.get(pathOf(request.url)) : undefined;
    if (allowed !== undefined) reply.header("allow", allowed.join(", "));
    return goOn();
  });
  // Ahead of the other refusals, so that pages which are let in may read them. Those of the gateway's own origin may anyhow.
  await app.register(cors, { origin: (origin, letIn) => letIn(null, listsOrigin(origin)), ...PREFLIGHT });
  app.addHook("onRequest", (request, reply, goOn) => {
    const refused = refuseUnread(request, reply, methods, options);
    if (refused !== null) return void sendRefusal(request, reply, refused);
    // Of the gateway's own origin: no browser asks for leave there.
    if (request.method === "OPTIONS") return void reply.status(204).send();
    return goOn();
  });
  app.addHook("onSend", (_request, reply, _payload, goOn) => {
    // A connection that stays open after its last answer would hold the stop up until the deadline.
    if (isDraining()) reply.header("connection", "close");
    goOn();
  });
}

/** By path, of the routes that are there. */
type Methods = ReadonlyMap<string, readonly string[]>;

/** Why a request is refused before its body is read, or null. */
function refuseUnread(
  request: FastifyRequest,
  reply: FastifyReply,
  methods: Methods,
  { isDraining, addressLimits, addressOf, allowsOrigin, maxRequestBytes }: HookOptions,
): HttpRefusal | null {
  if (isProbe(request)) {
    reply.header("cache-control", "no-store");
    return null;
  }
  if (isDraining()) return refusalOf(503, maxRequestBytes);
  const tooMany = addressLimits.refuseRequest(addressOf(request.raw));
  if (tooMany !== null) return tooManyRequests(tooMany);
  const { origin, host } = request.headers;
  if (request.method === "OPTIONS") return allowsOrigin(origin, host) ? null : FOREIGN_PAGE;
  if (!request.is404) return request.method === "POST" ? refuseBody(request.headers) : null;
  // Here and not in the handler for it, which would want to read a body first.
  const allowed = methods.get(pathOf(request.url))?.join(", ");
  if (allowed === undefined) return { status: 404, message: `There is nothing here; GraphQL is at ${GRAPHQL_PATH}.` };
  reply.header("allow", allowed);
  return { status: 405, message: `Expected one of the methods ${allowed}.` };
}

/** Which methods each path takes, of the routes that are added from now on. */
function collectMethods(app: FastifyInstance): Methods {
  const methods = new Map<string, readonly string[]>();
  app.addHook("onRoute", ({ url, method }) => {
    // That of CORS, for preflights of every path.
    if (url !== "*") methods.set(url, [...(methods.get(url) ?? []), ...[method].flat()]);
  });
  return methods;
}
