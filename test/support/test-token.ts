/** A token of which tests configure the digest. */

import { createHash } from "node:crypto";

export const TOKEN = "imm_a-token-for-tests";

/** As a configuration has it. */
export function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
