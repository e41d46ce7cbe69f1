/**
 * A gateway in front of the emulator whose URL the command line gives, to be measured; `unlimited`, it asks for each request
 * at once.
 */

import { EMULATOR_REGION } from "../src/emulator/emulator.js";
import { parseEndpoint } from "../src/imm/wire/endpoints.js";
import { createOpenApi } from "../src/imm/wire/openapi-client.js";
import { createGateway } from "../src/server/gateway.js";
import { answerMeasurements } from "./measured-process.js";

const [emulatorUrl = "", ...flags] = process.argv.slice(2);
const { openApi } = await createOpenApi({
  endpoint: parseEndpoint(emulatorUrl),
  accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
  userAgent: "bench",
});
const limits = { maxCallsPerSecond: 10_000, maxConcurrentCalls: 10_000, maxQueuedCalls: 1_000_000, taskMaxAgeMs: 0 };
const metrics = process.env["METRICS"] === undefined ? {} : { metricsPort: 0 };
const gateway = createGateway({
  region: EMULATOR_REGION,
  openApi,
  port: 0,
  ...metrics,
  ...(flags.includes("unlimited") && limits),
});
const { url } = await gateway.start();
answerMeasurements(url, () => gateway.watchedTasks);
