/** Which IMM the command talks to, by its options: the real one, or the embedded emulator's made-up data. Pure. */

import { ConfigurationError } from "../errors.js";
import { endpointOfRegion, parseEndpoint, type Endpoint } from "../imm/endpoints.js";
import type { AccessKey } from "../imm/openapi-client.js";
import type { CommandOptions } from "../options/options.js";

/** Whom to ask. Without an access key the vendor's chain finds one. */
export type Upstream =
  | { readonly kind: "emulator" }
  | { readonly kind: "imm"; readonly endpoint: Endpoint; readonly accessKey: AccessKey | undefined };

/**
 * Production never serves made-up data unless it is asked for.
 *
 * @throws ConfigurationError - when nothing says which IMM, or two options contradict each other.
 */
export function chooseUpstream(options: CommandOptions): Upstream {
  const { region, endpoint, emulator, nodeEnv } = options;
  const isImmSet = region !== undefined || endpoint !== undefined;
  if (emulator === true && isImmSet) {
    throw new ConfigurationError("IMM_EMULATOR=true contradicts IMM_REGION and IMM_ENDPOINT: unset one of them.");
  }
  if (emulator ?? (!isImmSet && nodeEnv !== "production")) return { kind: "emulator" };
  const chosen = endpoint === undefined ? region && endpointOfRegion(region) : parseEndpoint(endpoint);
  if (chosen === undefined || chosen === "") {
    throw new ConfigurationError(
      "IMM_REGION or IMM_ENDPOINT: expected one of them to be set; IMM_EMULATOR=true serves made-up data instead.",
    );
  }
  return { kind: "imm", endpoint: chosen, accessKey: chooseAccessKey(options) };
}

function chooseAccessKey({ accessKeyId, accessKeySecret, securityToken }: CommandOptions): AccessKey | undefined {
  if (accessKeyId !== undefined && accessKeySecret !== undefined) {
    return { accessKeyId, accessKeySecret, securityToken };
  }
  if (accessKeyId === undefined && accessKeySecret === undefined && securityToken === undefined) return undefined;
  throw new ConfigurationError(
    "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET: expected both to be set, or neither, and a security token only beside them.",
  );
}
