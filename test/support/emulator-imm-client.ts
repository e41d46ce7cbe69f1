/** The real client, as a gateway uses it, in front of an emulator. */

import type { Emulator } from "../../src/emulator/emulator.js";
import { parseEndpoint } from "../../src/imm/wire/endpoints.js";
import type { ImmClient } from "../../src/imm/imm-client.js";
import { createOpenApi, OpenApiImmClient } from "../../src/imm/wire/openapi-client.js";

export async function connectTo(emulator: Emulator): Promise<ImmClient> {
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(emulator.url),
    accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
    userAgent: "imm-graphql/test",
  });
  return new OpenApiImmClient({ openApi, callTimeoutMs: 5_000 });
}
