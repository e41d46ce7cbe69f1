/** A gateway in front of the emulator whose URL the command line gives, to be measured. */

import { EMULATOR_REGION } from "../src/emulator/emulator.js";
import { parseEndpoint } from "../src/imm/wire/endpoints.js";
import { createOpenApi } from "../src/imm/wire/openapi-client.js";
import { createGateway } from "../src/server/gateway.js";
import { answerMeasurements } from "./measured-process.js";

const [emulatorUrl = ""] = process.argv.slice(2);
const { openApi } = await createOpenApi({
  endpoint: parseEndpoint(emulatorUrl),
  accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
  userAgent: "bench",
});
const metrics = process.env["METRICS"] === undefined ? {} : { metricsPort: 0 };
const gateway = createGateway({ region: EMULATOR_REGION, openApi, port: 0, ...metrics });
const { url } = await gateway.start();
answerMeasurements(url, () => gateway.watchedTasks);
