/**
 * Follows one task to its end over graphql-transport-ws and prints each event as a line.
 *
 *   node examples/follow.mjs [taskId] [taskType] [projectName] [url]
 */

import { createClient } from "graphql-ws";
import { WebSocket } from "ws";

const [
  taskId = "FileCompression-demo-running",
  taskType = "FileCompression",
  projectName = "immtest",
  url = "ws://127.0.0.1:4000/graphql",
] = process.argv.slice(2);

const client = createClient({ url, webSocketImpl: WebSocket });

const events = client.iterate({
  query: `subscription Follow($projectName: String!, $taskType: String!, $taskId: String!) {
    taskProgress(projectName: $projectName, taskType: $taskType, taskId: $taskId) {
      status
      progress
      error { code message }
    }
  }`,
  variables: { projectName, taskType, taskId },
});

for await (const event of events) console.log(JSON.stringify(event));
console.log("complete");
await client.dispose();
