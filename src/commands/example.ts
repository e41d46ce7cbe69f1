/** The operations that the explorers begin with on made-up data, and that the start message shows. */

import { DEMO_PROJECT } from "../emulator/names.js";
import type { ExampleOperations } from "../server/transports/http/example-operations.js";

const keyOf = (taskId: string): string => `
    key: { projectName: "${DEMO_PROJECT}", taskType: "FileCompression", taskId: "${taskId}" }
  `;

/** Each has a task of its own, which begins when it is first asked for: however late the second is sent, it shows progress. */
export const EXAMPLE: ExampleOperations = {
  query: `query Look {
  task(${keyOf("FileCompression-demo-running")}) {
    status
    progress
    requestDefinition
  }
}`,
  subscription: `subscription Follow {
  taskProgress(${keyOf("FileCompression-demo-followed")}) {
    status
    progress
  }
}`,
};
