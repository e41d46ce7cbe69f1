/** How a gateway asks who its callers are, by its options; and where it may listen when it does not. */

import { lookup } from "node:dns/promises";
import { OPEN_ACCESS, type Access } from "../access/access.js";
import { parseAccessConfig, type AccessConfig } from "../access/config/access-config.js";
import { AccessFile } from "../access/config/access-file.js";
import { ConfiguredAccess } from "../access/authenticators/configured-access.js";
import { createFunctionAccess, type AuthenticateFunction } from "../access/authenticators/function-access.js";
import type { KeyFetching } from "../access/authenticators/issuer-keys.js";
import { ConfigurationError, toListenError } from "../errors.js";
import type { Logger } from "../log.js";
import { isLoopback } from "./transports/hosts.js";

/** Who may ask, and what they may do: at most one of the two. Without them the gateway listens on this machine only. */
export interface AccessParts {
  /** As the access file has it, or such a file. What is wrong in it is refused by its place. */
  readonly access?: AccessConfig | AccessFile | undefined;
  /** Names each caller, and says what it may do. */
  readonly authenticate?: AuthenticateFunction | undefined;
}

/** Said at the start of a gateway that may be reached by others. */
const OPEN_TO_OTHERS =
  "Other machines can reach this gateway, and it asks no caller who it is (INSECURE_NO_AUTH): they can read every task that " +
  "its account can, and start tasks unless READ_ONLY=true. Let nothing reach it but what authenticates its callers.";

/** @throws ConfigurationError */
export function createAccess({ access, authenticate }: AccessParts, fetching: KeyFetching): Access {
  if (access !== undefined && authenticate !== undefined) {
    throw new ConfigurationError("Expected one of `access` and `authenticate`, got both.");
  }
  if (authenticate !== undefined) return createFunctionAccess(authenticate, fetching);
  if (access === undefined) return OPEN_ACCESS;
  if (access instanceof AccessFile) return new ConfiguredAccess(access, fetching);
  return new ConfiguredAccess({ config: parseAccessConfig(access, "access"), watch: () => () => undefined }, fetching);
}

/** Where a gateway is to listen. */
interface Listening {
  readonly host: string;
  readonly port: number;
  readonly insecureNoAuth: boolean;
}

/**
 * Refuses to be reached by other machines without asking who they are, unless that is wanted: then says what it means.
 *
 * @throws ConfigurationError - for a name that has no address as well, since it may have one later.
 */
export async function refuseOtherMachines(
  access: Access,
  { host, port, insecureNoAuth }: Listening,
  logger: Logger,
): Promise<void> {
  if (access !== OPEN_ACCESS || (await isThisMachine(host, port))) return;
  if (!insecureNoAuth) {
    throw new ConfigurationError(
      `Expected ACCESS_FILE (\`access\` or \`authenticate\` of createGateway), since other machines can ask by HOST ` +
        `(\`host\`) ${host}. Else set HOST=127.0.0.1, or INSECURE_NO_AUTH=true behind something that authenticates.`,
    );
  }
  logger.warn({ host }, OPEN_TO_OTHERS);
}

/** Whether what listens there is reached from this machine alone. */
async function isThisMachine(host: string, port: number): Promise<boolean> {
  const addresses = await lookup(host, { all: true }).catch((thrown: unknown) => {
    throw toListenError(thrown, host, port);
  });
  return addresses.every(({ address }) => isLoopback(address));
}
