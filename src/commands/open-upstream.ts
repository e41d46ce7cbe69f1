/** Opens what the command talks to: IMM through the vendor's client, or the embedded emulator with its made-up data. */

import type { Clock } from "../clock.js";
import { DEMO_PROJECT } from "../emulator/names.js";
import { parseEndpoint } from "../imm/wire/endpoints.js";
import { createOpenApi, type OpenApiHandle } from "../imm/wire/openapi-client.js";
import { version } from "./command.js";
import type { Stop } from "./stop-on-signal.js";
import type { Upstream } from "./upstream.js";

/** The client to talk through, and one line about who answers. */
export interface OpenUpstream extends OpenApiHandle {
  readonly data: string;
}

/** @param stops - gets what ends the embedded emulator. */
export async function openUpstream(upstream: Upstream, clock: Clock, stops: Stop[]): Promise<OpenUpstream> {
  const userAgent = `imm-graphql/${version}`;
  switch (upstream.kind) {
    case "imm": {
      const { endpoint, accessKey } = upstream;
      const handle = await createOpenApi({ endpoint, accessKey, userAgent });
      return { ...handle, data: `IMM at ${endpoint.protocol}://${endpoint.host}, through ${handle.packageName}.` };
    }
    case "emulator": {
      // Not loaded where IMM answers.
      const { EMULATOR_KEY, startDemoEmulator } = await import("./emulator.js");
      const emulator = await startDemoEmulator({ clock }, stops);
      const handle = await createOpenApi({ endpoint: parseEndpoint(emulator.url), accessKey: EMULATOR_KEY, userAgent });
      return {
        ...handle,
        data: `made up, by the embedded emulator (project ${DEMO_PROJECT}). Set IMM_REGION to talk to IMM.`,
      };
    }
  }
}
