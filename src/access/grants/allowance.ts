/** Which share of the calls to IMM a principal has. Pure. */

import type { CallAllowance, Principal } from "../principal.js";

/** The most generous allowance of its grants; where none has one, that of all callers. Undefined: as many calls as it likes. */
export function allowanceOf({ grants }: Principal, ofAll: CallAllowance | undefined): CallAllowance | undefined {
  let most: CallAllowance | undefined;
  for (const { allowance } of grants) if (allowance !== undefined && isMore(allowance, most)) most = allowance;
  return most ?? ofAll;
}

function isMore({ callsPerMinute, burst }: CallAllowance, than: CallAllowance | undefined): boolean {
  if (than === undefined || callsPerMinute !== than.callsPerMinute)
    return callsPerMinute > (than?.callsPerMinute ?? -1);
  return burst > than.burst;
}
