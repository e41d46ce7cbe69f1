/** Which credentials are used: by `createOpenApi`, as `serve` does; the link of the vendor's chain is named, never a secret. */

import { createOpenApi, OpenApiImmClient, type FoundCredentials } from "../../imm/wire/openapi-client.js";
import type { ImmClient } from "../../imm/imm-client.js";
import { version } from "../command.js";
import { ok, STEP_TIMEOUT_MS, type Finding } from "./check.js";
import type { Target } from "./upstream.js";

/** A way to ask IMM that counts. It repeats nothing, and starts no task. */
export interface Asking {
  readonly client: ImmClient;
  /** Calls that were made so far. */
  readonly calls: number;
}

export async function checkCredentials({ endpoint, accessKey, isEmulator }: Target): Promise<Finding<Asking>> {
  const { openApi, packageName, found } = await createOpenApi({
    endpoint,
    accessKey,
    userAgent: `imm-graphql/${version} doctor`,
  });
  let calls = 0;
  const counting: typeof openApi = {
    callApi: async (...call) => {
      calls += 1;
      return openApi.callApi(...call);
    },
  };
  const client = new OpenApiImmClient({ openApi: counting, callTimeoutMs: STEP_TIMEOUT_MS });
  const value = {
    client,
    get calls() {
      return calls;
    },
  };
  const keyId = accessKey?.accessKeyId ?? found?.accessKeyId ?? "";
  const from = isEmulator ? "the emulator" : sourceOf(found, accessKey?.securityToken !== undefined);
  const message = `The AccessKey ${beginningOf(keyId)} comes from ${from}; calls go through ${packageName}.`;
  return { checks: [ok("credentials", message)], value };
}

/** By the link of the vendor's chain. */
const LINKS: Readonly<Record<string, string>> = {
  env: "the environment (ALIBABA_CLOUD_ACCESS_KEY_ID)",
  oidc_role_arn: "an OIDC role, as RRSA gives it to a pod (ALIBABA_CLOUD_ROLE_ARN)",
  cli_profile: "a profile of the Alibaba Cloud CLI (~/.aliyun/config.json)",
  profile: "a profile file (~/.alibabacloud/credentials, or ALIBABA_CLOUD_CREDENTIALS_FILE)",
  ecs_ram_role: "the RAM role of this ECS instance",
  credential_uri: "a credentials URI (ALIBABA_CLOUD_CREDENTIALS_URI)",
};

function sourceOf(found: FoundCredentials | undefined, isTemporary: boolean): string {
  if (found === undefined) {
    return `the environment (ALIBABA_CLOUD_ACCESS_KEY_ID${isTemporary ? ", with a security token" : ""})`;
  }
  const link = found.provider.split("/").at(-1) ?? "";
  return LINKS[link] ?? `the vendor's chain (${found.provider})`;
}

/** The four characters that say of which kind a key is, such as `LTAI` or `STS.`, and nothing of which key. */
function beginningOf(keyId: string): string {
  return `${keyId.slice(0, 4)}…`;
}
