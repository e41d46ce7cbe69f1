/** Which share of the calls to IMM a principal has. Pure. */

import type { CallAllowance, Principal } from "../principal.js";

/** The most generous allowance of its grants; where none has one, that of all callers. Undefined: as many calls as it likes. */
export function allowanceOf({ grants }: Principal, ofAll: CallAllowance | undefined): CallAllowance | undefined {
  const own = grants.flatMap(({ allowance }) => allowance ?? []);
  return own.toSorted((a, b) => b.callsPerMinute - a.callsPerMinute || b.burst - a.burst)[0] ?? ofAll;
}
