/** When a caller that follows something is no longer believed: at its expiry, or as soon as the rules let it in no more. */

import type { Clock, Timer } from "../clock.js";
import type { Access } from "./access.js";
import type { Principal } from "./principal.js";

/** Calls back once, in another turn, when the caller is no longer believed. */
export type WhenExpired = (principal: Principal, onExpired: () => void) => Timer;

/** The wall clock may be set, and no timer of the platform lasts a month. */
const MAX_WAIT_MS = 3_600_000;

/** Watches over the callers of a gateway. */
export function createWhenExpired(access: Pick<Access, "renew" | "onChange">, clock: Clock): WhenExpired {
  return (given, onExpired) => {
    let principal: Principal | undefined = given;
    let timer: Timer | undefined;
    const cancel = (): void => {
      timer?.cancel();
      unlisten();
    };
    const plan = (): void => {
      timer?.cancel();
      const { expiresAt = Infinity } = principal ?? { expiresAt: 0 };
      if (expiresAt === Infinity) return;
      timer = clock.setTimer(Math.min(Math.max(expiresAt - clock.now(), 0), MAX_WAIT_MS), () => {
        if (clock.now() < expiresAt) {
          plan();
          return;
        }
        cancel();
        onExpired();
      });
    };
    const unlisten = access.onChange(() => {
      principal = principal && access.renew(principal);
      plan();
    });
    plan();
    return { cancel };
  };
}
