/**
 * A gateway in front of the emulator whose URL the command line ends with, to be measured; `unlimited`, it asks for each request
 * at once.
 */

import { EMULATOR_REGION } from "../src/emulator/emulator.js";
import { parseEndpoint } from "../src/imm/wire/endpoints.js";
import { createOpenApi } from "../src/imm/wire/openapi-client.js";
import { createGateway } from "../src/server/gateway.js";
import { answerMeasurements } from "./measured-process.js";

const emulatorUrl = process.argv.at(-1) ?? "";
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
  ...(process.argv.includes("unlimited") && limits),
});
const { url } = await gateway.start();
answerMeasurements(url, () => gateway.watchedTasks);
