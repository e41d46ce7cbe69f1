/**
 * This gateway in front of the tasks in memory, to be measured. Its limits on calls are wide open. `metrics`: with its metrics;
 * `access` and the URL of an issuer's keys: it asks its callers who they are.
 */

import type { ImmClient } from "../../src/imm/imm-client.js";
import { createGateway } from "../../src/index.js";
import { accessBy } from "../issuer.js";
import { answerMeasurements } from "../measured-process.js";

import { getTask, listTasks, PROJECT, REGION } from "./upstream.js";

const unused = async (): Promise<never> => {
  throw new Error("Expected reads of tasks alone.");
};
const client: ImmClient = { getTask, listTasks, getResult: unused, createTask: unused };
const [, , mode, keysUrl = ""] = process.argv;
const gateway = createGateway({
  region: REGION,
  client,
  port: 0,
  ...(mode === "metrics" && { metricsPort: 0 }),
  ...(mode === "access" && { access: accessBy(keysUrl, PROJECT) }),
  maxCallsPerSecond: 10_000,
  maxConcurrentCalls: 10_000,
  maxQueuedCalls: 1_000_000,
});
const { url } = await gateway.start();
answerMeasurements(url);
