/** How a gateway asks who its callers are, by its options; and where it may listen when it does not. */

import { lookup } from "node:dns/promises";
import { OPEN_ACCESS, type Access } from "../access/access.js";
import { parseAccessConfig, type AccessConfig } from "../access/config/access-config.js";
import { AccessFile } from "../access/config/access-file.js";
import { ConfiguredAccess } from "../access/authenticators/configured-access.js";
import { createFunctionAccess, type AuthenticateFunction } from "../access/authenticators/function-access.js";
import type { KeyFetching } from "../access/authenticators/issuer-keys.js";
import { ConfigurationError } from "../errors.js";
import { isLoopback } from "./transports/hosts.js";

/** Who may ask, and what they may do: at most one of the two. Without them the gateway listens on this machine only. */
export interface AccessParts {
  /** As the access file has it, or such a file. What is wrong in it is refused by its place. */
  readonly access?: AccessConfig | AccessFile | undefined;
  /** Names each caller, and says what it may do. */
  readonly authenticate?: AuthenticateFunction | undefined;
}

/** Said at the start of a gateway that may be reached by others. */
export const OPEN_TO_OTHERS =
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

/** Why a gateway does not start that would ask no one who they are. */
export function mustAuthenticate(host: string): ConfigurationError {
  return new ConfigurationError(
    `Expected ACCESS_FILE (\`access\` or \`authenticate\` of createGateway), since other machines can ask by HOST ` +
      `(\`host\`) ${host}. Else set HOST=127.0.0.1, or INSECURE_NO_AUTH=true behind something that authenticates.`,
  );
}

/** Whether what listens there is reached from this machine alone. A name that has no address is for `listen` to refuse. */
export async function isThisMachine(host: string): Promise<boolean> {
  const addresses = await lookup(host, { all: true }).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOTFOUND") return [];
    throw thrown;
  });
  return addresses.every(({ address }) => isLoopback(address));
}
