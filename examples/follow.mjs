/**
 * Follows one task to its end over graphql-transport-ws and prints each event as a line.
 *
 *   node examples/follow.mjs [taskId] [taskType] [projectName] [url]
 */

import { createClient } from "graphql-ws";
import { WebSocket } from "ws";

const [
  taskId = "FileCompression-demo-running-4",
  taskType = "FileCompression",
  projectName = "immtest",
  url = "ws://127.0.0.1:4000/graphql",
] = process.argv.slice(2);

let wasConnected = false;
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  retryAttempts: Infinity,
  // A gateway that restarts comes back; where there never was one, the URL is wrong.
  shouldRetry: () => wasConnected,
  on: { connected: () => (wasConnected = true) },
});

const events = client.iterate({
  query: `subscription Follow($key: TaskKeyInput!) {
    taskProgress(key: $key) {
      status
      progress
      error { code message }
    }
  }`,
  variables: { key: { projectName, taskType, taskId } },
});

try {
  for await (const event of events) console.log(JSON.stringify(event));
  console.log("complete");
} catch (thrown) {
  // What the gateway refuses comes as a list of errors, a connection that fails as an event.
  const reason = Array.isArray(thrown)
    ? thrown.map(({ message }) => message).join(" ")
    : thrown.message || thrown.reason;
  console.error(
    wasConnected
      ? `The gateway at ${url} refused: ${reason}`
      : `No gateway answers at ${url} (${reason}): start one with "npm start".`,
  );
  process.exitCode = 1;
}
await client.dispose();
