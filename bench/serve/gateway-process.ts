/** This gateway in front of the tasks in memory, to be measured. Its limits on calls are wide open. */

import type { ImmClient } from "../../src/imm/imm-client.js";
import { createGateway } from "../../src/index.js";
import { answerMeasurements } from "../measured-process.js";
import { getTask, listTasks, REGION } from "./upstream.js";

const unused = async (): Promise<never> => {
  throw new Error("Expected reads of tasks alone.");
};
const client: ImmClient = { getTask, listTasks, getResult: unused, createTask: unused };
const gateway = createGateway({
  region: REGION,
  client,
  port: 0,
  ...(process.argv.includes("metrics") && { metricsPort: 0 }),
  maxCallsPerSecond: 10_000,
  maxConcurrentCalls: 10_000,
  maxQueuedCalls: 1_000_000,
});
const { url } = await gateway.start();
answerMeasurements(url);
