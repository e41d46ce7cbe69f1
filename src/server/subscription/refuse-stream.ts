/** Whether a live stream may go on after the rules of access have changed: a right that was added ends none. */

import type { Access } from "../../access/access.js";
import { keeps } from "../../access/grants/grants.js";
import { ForbiddenError, UnauthenticatedError } from "../../errors.js";
import type { RefuseStream } from "./shared-subscriptions.js";

/** By the rules as they are when it is asked. */
export function createRefuseStream({ renew }: Access): RefuseStream {
  return (principal, { rights, targets }) => {
    const renewed = renew(principal);
    if (renewed === undefined) return new UnauthenticatedError("The caller is not let in any more.");
    const isKept = targets.every((target) => keeps(principal.grants, renewed.grants, rights, target));
    return isKept ? undefined : new ForbiddenError("The caller may not see this any more.");
  };
}
