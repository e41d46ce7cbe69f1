/** Which IMM the command talks to, by its options: the real one, or the embedded emulator's made-up data. Pure. */

import { ConfigurationError } from "../errors.js";
import { EMULATOR_REGION } from "../emulator/names.js";
import { endpointOfRegion, parseEndpoint, regionOfEndpoint, type Endpoint } from "../imm/wire/endpoints.js";
import type { AccessKey } from "../imm/wire/openapi-client.js";
import type { CommandOptions } from "../options/options.js";

/** Whom to ask, and in which region. Without an access key the vendor's chain finds one. */
export type Upstream =
  | { readonly kind: "emulator"; readonly region: string }
  | {
      readonly kind: "imm";
      readonly region: string;
      readonly endpoint: Endpoint;
      readonly accessKey: AccessKey | undefined;
    };

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
  if (emulator ?? (!isImmSet && nodeEnv !== "production")) return { kind: "emulator", region: EMULATOR_REGION };
  return { kind: "imm", ...chooseEndpoint(region, endpoint), accessKey: chooseAccessKey(options) };
}

/** An endpoint needs a region beside it unless its host names one: the ids of tasks would mean others elsewhere. */
function chooseEndpoint(
  region: string | undefined,
  url: string | undefined,
): { readonly region: string; readonly endpoint: Endpoint } {
  if (url === undefined) {
    if (region !== undefined) return { region, endpoint: endpointOfRegion(region) };
    throw new ConfigurationError(
      "IMM_REGION or IMM_ENDPOINT: expected one of them to be set; IMM_EMULATOR=true serves made-up data instead.",
    );
  }
  const endpoint = parseEndpoint(url);
  const named = regionOfEndpoint(endpoint);
  if (named !== undefined && region !== undefined && named !== region) {
    throw new ConfigurationError(`IMM_REGION: expected ${named}, which IMM_ENDPOINT names, got "${region}".`);
  }
  const chosen = region ?? named;
  if (chosen !== undefined) return { region: chosen, endpoint };
  throw new ConfigurationError(
    `IMM_REGION: expected the region behind IMM_ENDPOINT to be set, such as cn-hangzhou or, for the emulator, ${EMULATOR_REGION}: its host does not name one, and it is a part of every task's id.`,
  );
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
