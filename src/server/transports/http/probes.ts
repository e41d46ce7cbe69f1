/** What orchestrators ask: whether the process is there, and whether new work should come here. */

import type { FastifyInstance, FastifyRequest } from "fastify";
import { GRAPHQL_PATH } from "./json-answers.js";

/** Whether the process is there. */
const HEALTH_PATH = "/healthz";
/** Whether new work should come here. */
const READY_PATH = "/readyz";
const PROBE_PATHS: ReadonlySet<string | undefined> = new Set([HEALTH_PATH, READY_PATH]);

/** What a probe is answered where no new work should come here. */
export interface Unreadiness {
  readonly status: "draining" | "imm_unavailable" | "credentials_refused" | "redis_unseen";
  readonly reason: string;
}

/** What a probe is answered besides, where new work may come. */
export interface Remarks {
  readonly redis?: "away";
}

/** Who knows. */
export interface ProbeOptions {
  /** Why no new work should come here; null where it may. */
  readonly unreadiness: () => Unreadiness | null;
  readonly remarks: () => Remarks;
}

export function registerProbes(app: FastifyInstance, { unreadiness, remarks }: ProbeOptions): void {
  app.get(HEALTH_PATH, async () => ({ status: "ok" }));
  app.get(READY_PATH, async (_request, reply) => {
    const unready = unreadiness();
    return unready === null ? { status: "ok", ...remarks() } : reply.status(503).send(unready);
  });
}

/** Whether a request is one that a route of them answers. Fastify makes an object to say which route it is. */
export function isProbe(request: FastifyRequest): boolean {
  return request.url !== GRAPHQL_PATH && PROBE_PATHS.has(request.routeOptions.url);
}
