/**
 * This gateway in front of the tasks in memory, to be measured. Its limits on calls are wide open. `metrics`: with its metrics;
 * `access` and the URL of an issuer's keys: it asks its callers who they are.
 */

import type { ImmClient } from "../../src/imm/imm-client.js";
import { createGateway, type AccessConfig } from "../../src/index.js";
import { answerMeasurements } from "../measured-process.js";
import { ISSUER } from "./issuer.js";
import { getTask, listTasks, PROJECT, REGION } from "./upstream.js";

const unused = async (): Promise<never> => {
  throw new Error("Expected reads of tasks alone.");
};
const client: ImmClient = { getTask, listTasks, getResult: unused, createTask: unused };
const [, , mode, keysUrl = ""] = process.argv;
/** One who may read what there is, and one who may not. */
const access: AccessConfig = {
  issuers: [
    {
      issuer: ISSUER.issuer,
      audiences: [ISSUER.audience],
      algorithms: [ISSUER.algorithm],
      jwks: { url: keysUrl },
      grants: [
        { when: { "/roles": "reader" }, projects: [PROJECT], allow: ["read"] },
        { when: { "/roles": "editor" }, projects: ["*"], allow: ["read", "create", "definitions"] },
      ],
    },
  ],
  allowance: { callsPerMinute: 1_000_000, burst: 1_000_000 },
};
const gateway = createGateway({
  region: REGION,
  client,
  port: 0,
  ...(mode === "metrics" && { metricsPort: 0 }),
  ...(mode === "access" && { access }),
  maxCallsPerSecond: 10_000,
  maxConcurrentCalls: 10_000,
  maxQueuedCalls: 1_000_000,
});
const { url } = await gateway.start();
answerMeasurements(url);
