/** A gateway before a server whose bytes the test writes itself, both disposed of when the test ends. */

import type { ServerResponse } from "node:http";
import { EMULATOR_REGION } from "../../src/emulator/emulator.js";
import { parseEndpoint } from "../../src/imm/wire/endpoints.js";
import { createOpenApi } from "../../src/imm/wire/openapi-client.js";
import { createGateway, type GatewayOptions } from "../../src/server/gateway.js";
import type { ManualClock } from "./manual-clock.js";
import { serveImm, type ImmServer, type WireRequest } from "./serve-imm.js";
import { disposeAfterTest, manualClockNow, QUICK_LIMITS } from "./start-gateway.js";

export interface GatewayBefore {
  readonly url: string;
  readonly clock: ManualClock;
  readonly upstream: ImmServer;
}

/** @param answer - ends each response of the upstream, or gives its JSON text. */
export async function startGatewayBefore(
  answer: (request: WireRequest, response: ServerResponse) => string | undefined,
  options: Omit<Partial<GatewayOptions>, "openApi" | "client" | "clock"> = {},
): Promise<GatewayBefore> {
  const upstream = await serveImm((response, request) => {
    const text = answer(request, response);
    if (text !== undefined) response.end(text);
  });
  disposeAfterTest(async () => upstream.close());
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(upstream.url),
    accessKey: { accessKeyId: "test", accessKeySecret: "test" },
    userAgent: "test",
  });
  const clock = manualClockNow();
  const gateway = createGateway({ port: 0, ...QUICK_LIMITS, ...options, openApi, clock, region: EMULATOR_REGION });
  disposeAfterTest(async () => gateway.stop());
  const { url } = await gateway.start();
  return { url, clock, upstream };
}
