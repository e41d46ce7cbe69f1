/**
 * A gateway in front of the emulator whose URL the command line ends with, to be measured; `unlimited`, it asks for each request
 * at once; with the URL of an issuer's keys ahead, it asks its callers who they are.
 */

import { EMULATOR_REGION } from "../src/emulator/emulator.js";
import { DEMO_PROJECT } from "../src/emulator/names.js";
import { parseEndpoint } from "../src/imm/wire/endpoints.js";
import { createOpenApi } from "../src/imm/wire/openapi-client.js";
import { createGateway } from "../src/server/gateway.js";
import { accessBy } from "./issuer.js";
import { answerMeasurements } from "./measured-process.js";

const emulatorUrl = process.argv.at(-1) ?? "";
const { openApi } = await createOpenApi({
  endpoint: parseEndpoint(emulatorUrl),
  accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
  userAgent: "bench",
});
const limits = { maxCallsPerSecond: 10_000, maxConcurrentCalls: 10_000, maxQueuedCalls: 1_000_000, taskMaxAgeMs: 0 };
const keysUrl = process.argv.slice(2, -1).find((given) => URL.canParse(given));
const metrics = process.env["METRICS"] === undefined ? {} : { metricsPort: 0 };
const gateway = createGateway({
  region: EMULATOR_REGION,
  openApi,
  port: 0,
  ...metrics,
  ...(keysUrl !== undefined && { access: accessBy(keysUrl, DEMO_PROJECT) }),
  ...(process.argv.includes("unlimited") && limits),
});
const { url } = await gateway.start();
answerMeasurements(url, () => gateway.watchedTasks);
