/**
 * Why no new work should come to this gateway, as a probe learns it. It is judged by what calls have come to: no probe asks
 * IMM, and a gateway that has asked nothing yet is ready.
 */

import type { GuardedImmClient } from "../imm/policy/call-policy.js";
import { STOPPING } from "./transports/refusal.js";
import type { Unreadiness } from "./transports/http/http.js";

export const DRAINING: Unreadiness = { status: "draining", reason: STOPPING };

/** Null where new work may come. */
export function unreadinessOf(trouble: GuardedImmClient["trouble"]): Unreadiness | null {
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
