/** Who may ask: the access file by `AccessFile.open`, and whether the gateway may listen without one, both as `serve` does it. */

import { AccessFile } from "../../access/config/access-file.js";
import { OPEN_ACCESS } from "../../access/access.js";
import type { Clock } from "../../clock.js";
import { silentLogger } from "../../log.js";
import type { CommandOptions } from "../../options/options.js";
import { refuseOtherMachines } from "../../server/gateway-access.js";
import { failed, ok, warning, wordsOf, type Check, type Finding } from "./check.js";
import { checkGrants } from "./grants.js";

/** The rules of a gateway. */
export interface Rules {
  /** Undefined where no caller is asked who it is. */
  readonly file: AccessFile | undefined;
}

export async function checkAccess(options: CommandOptions, clock: Clock): Promise<Finding<Rules>> {
  const { accessFile } = options;
  if (accessFile === undefined) return { checks: [await checkOpen(options)], value: { file: undefined } };
  const file = await AccessFile.open(accessFile, { clock });
  const { issuers = [], tokens = [], anonymous } = file.config;
  const parts = [count(issuers.length, "issuer"), count(tokens.length, "token")];
  const others = anonymous === undefined ? "no callers without a token" : "callers without a token";
  const message = `${accessFile} lets in ${parts.join(", ")}, ${others}.`;
  return { checks: [ok("access", message), ...checkGrants(file.config, options, clock)], value: { file } };
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

const WRITE_A_FILE = "Write an access file: docs/access.md shows how, and `imm-graphql token` makes a first token.";

/** Whether a gateway that asks no caller who it is may listen there. */
async function checkOpen(options: CommandOptions): Promise<Check> {
  const { host, nodeEnv, insecureNoAuth } = options;
  let said: string | undefined;
  const logger = { ...silentLogger, warn: (_fields: object, message: string) => void (said = message) };
  try {
    await refuseOtherMachines(OPEN_ACCESS, options, logger);
  } catch (thrown) {
    return failed("access", wordsOf(thrown), WRITE_A_FILE);
  }
  if (said !== undefined) return warning("access", said, `${WRITE_A_FILE} Then unset INSECURE_NO_AUTH.`);
  const message = `No caller is asked who it is; only this machine can ask (HOST=${host}).`;
  if (nodeEnv !== "production") return ok("access", message);
  const cure = `A proxy on this machine lets others in. ${WRITE_A_FILE}`;
  return insecureNoAuth ? ok("access", message) : warning("access", message, cure);
}
