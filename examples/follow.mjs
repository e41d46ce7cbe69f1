/**
 * Follows one task to its end over graphql-transport-ws and prints each event as a line.
 *
 *   node examples/follow.mjs [taskId] [taskType] [projectName] [url]
 *
 * Without a url it asks the gateway on this machine, at the port of PORT or 4000.
 */

import { createClient } from "graphql-ws";
import { WebSocket } from "ws";

const [
  taskId = "FileCompression-demo-running-4",
  taskType = "FileCompression",
  projectName = "immtest",
  url = `ws://127.0.0.1:${process.env.PORT || 4000}/graphql`,
] = process.argv.slice(2);

if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol)) {
  console.error(`Expected a URL such as ws://127.0.0.1:4000/graphql, got "${url}".`);
  process.exit(1);
}

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
  for await (const event of events) {
    // A task that cannot be followed, for example one that does not exist.
    if (event.errors) throw event.errors;
    console.log(JSON.stringify(event));
  }
  console.log("complete");
} catch (thrown) {
  // What the gateway refuses comes as a list of errors, a connection that fails as an event.
  const reason = Array.isArray(thrown)
    ? thrown.map(({ message }) => message).join(" ")
    : thrown.message || thrown.error?.code || thrown.reason || `closed with ${thrown.code}`;
  // In the words of ws.
  const [, status] = /^Unexpected server response: (\d+)/.exec(reason) ?? [];
  if (wasConnected) console.error(`The gateway at ${url} refused: ${reason}`);
  else if (status === "404") console.error(`There is no gateway at this path of ${url}: it is /graphql.`);
  else if (status) console.error(`A server at ${url} refused the WebSocket with status ${status}.`);
  else console.error(`No gateway answers at ${url} (${reason}): start one with "npm start".`);
  process.exitCode = 1;
}
await client.dispose();
