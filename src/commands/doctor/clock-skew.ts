/** Whether the clock of this machine goes as IMM's does: a request is signed with the time, and refused when that is far off. */

import { failed, ok, skipped, warning, type Finding } from "./check.js";
import type { ServerDate } from "./endpoint.js";

const WARNING_MS = 30_000;
/** @see the generic gateway errors (document 48054): `InvalidTimeStamp.Expired` */
const REFUSED_MS = 900_000;
const CURE = "Set the clock by NTP (`timedatectl set-ntp true`, or chrony); a container has the clock of its host.";

export function checkClock({ dateAt, hereAt }: ServerDate): Finding {
  if (Number.isNaN(dateAt)) return { checks: [skipped("clock", "The answer of IMM's endpoint has no Date to go by.")] };
  // A date leaves its fraction of a second out.
  const skewMs = hereAt - (dateAt + 500);
  const distanceMs = Math.abs(skewMs);
  if (distanceMs <= 1_500) return { checks: [ok("clock", "The clock of this machine goes as IMM's does.")] };
  const message = `The clock of this machine is ${inWords(distanceMs)} ${skewMs > 0 ? "ahead of" : "behind"} IMM's`;
  if (distanceMs >= REFUSED_MS) {
    return { checks: [failed("clock", `${message}: it refuses every call from 15 minutes on.`, CURE)] };
  }
  if (distanceMs > WARNING_MS) {
    return { checks: [warning("clock", `${message}; at 15 minutes it refuses every call.`, CURE)] };
  }
  return { checks: [ok("clock", `${message}, which is near enough.`)] };
}

function inWords(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}
