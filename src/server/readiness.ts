/**
 * Why no new work should come to this gateway, as a probe learns it. It is judged by what calls have come to: no probe asks
 * IMM, and a gateway that has asked nothing yet is ready. One that shares is not before it has reached Redis.
 */

import type { GuardedImmClient } from "../imm/policy/call-policy.js";
import type { Readings } from "../observe.js";
import { STOPPING } from "./transports/refusal.js";
import type { Remarks, Unreadiness } from "./transports/http/probes.js";

type RedisState = NonNullable<Readings["redis"]>["state"];

export const DRAINING: Unreadiness = { status: "draining", reason: STOPPING };

const REDIS_UNSEEN: Unreadiness = {
  status: "redis_unseen",
  reason: "Redis has not been reached since the start, and IMM is not asked before: other instances may ask it.",
};

/** Null where new work may come. @param redis - undefined where the gateway shares nothing. */
export function unreadinessOf(trouble: GuardedImmClient["trouble"], redis: RedisState | undefined): Unreadiness | null {
  if (redis === "unseen") return REDIS_UNSEEN;
  switch (trouble) {
    case undefined:
      return null;
    case "breaker":
      return {
        status: "imm_unavailable",
        reason: "IMM has failed repeatedly; the gateway waits before it asks again.",
      };
    case "credentials":
      return {
        status: "credentials_refused",
        reason: "IMM cannot be asked with the gateway's credentials, clock or endpoint.",
      };
  }
}

/** What a ready gateway has to say besides: it goes on by itself while Redis is away. */
export function remarksOf(redis: RedisState | undefined): Remarks {
  return redis === "away" ? { redis } : {};
}
