/** Parts of a pipeline that refuse no one, for tests of the others. */

import { systemClock } from "../../src/clock.js";
import { AddressLimits } from "../../src/server/limits/address-limits.js";
import { CallerLimits } from "../../src/server/limits/caller-limits.js";

/** Of documents. */
export const NO_BOUNDS = { maxQueryDepth: 0, maxQueryAliases: 0, maxQueryDirectives: 0 } as const;

/** Of callers and addresses. */
export const NO_LIMITS = {
  addressLimits: new AddressLimits({
    clock: systemClock,
    requestsPerMinute: 0,
    failedLoginsPerMinute: 0,
    maxSocketsPerAddress: 0,
  }),
  callerLimits: new CallerLimits({
    clock: systemClock,
    callsPerMinute: 0,
    callBurst: 1,
    mutationsPerMinute: 0,
    maxStreamsPerCaller: 0,
    maxProjectStreamsPerCaller: 0,
    maxSocketsPerCaller: 0,
  }),
} as const;
