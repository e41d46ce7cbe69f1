/**
 * A gateway in a process of its own, so that its CPU time and memory are its own. Started by the benchmarks with an
 * emulator's URL; answers each message with what it has used.
 */

import { parseEndpoint } from "../src/imm/endpoints.js";
import { createOpenApi } from "../src/imm/openapi-client.js";
import { createGateway } from "../src/server/gateway.js";

/** What the process has used so far. */
export interface Usage {
  readonly cpuMs: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly watchedTasks: number;
}

const [emulatorUrl = ""] = process.argv.slice(2);
const { openApi } = await createOpenApi({
  endpoint: parseEndpoint(emulatorUrl),
  accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
  userAgent: "bench",
});
const gateway = createGateway({ openApi, port: 0 });
const { url } = await gateway.start();

process.on("message", () => {
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { heapUsed, rss } = process.memoryUsage();
  process.send?.({
    cpuMs: (user + system) / 1_000,
    heapBytes: heapUsed,
    rssBytes: rss,
    watchedTasks: gateway.watchedTasks,
  } satisfies Usage);
});
process.send?.({ url });
