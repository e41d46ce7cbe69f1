/**
 * The way that graphql-ws documents, to be measured beside the gateway: `useServer({ schema })` on a server of ws, an async
 * iterator for each subscriber, each change executed and serialized for each of them. The changes come from the benchmark.
 *
 * @see https://the-guild.dev/graphql/ws/get-started
 */

import { EventEmitter, on, once } from "node:events";
import type { AddressInfo } from "node:net";
import {
  GraphQLID,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLSchema,
  GraphQLString,
  type GraphQLFieldConfigArgumentMap,
} from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";
import { answerMeasurements } from "./measured-process.js";

/** What the benchmark tells this process. */
export interface Change {
  readonly progress: number;
}

const changes = new EventEmitter();
changes.setMaxListeners(0);
let progress = 1;

const text = { type: new GraphQLNonNull(GraphQLString) };
const key = new GraphQLInputObjectType({
  name: "TaskKeyInput",
  fields: { projectName: text, taskType: text, taskId: text },
});
const args: GraphQLFieldConfigArgumentMap = {
  key: { type: new GraphQLNonNull(key) },
  maxStalenessMs: { type: GraphQLInt },
};

async function* follow(): AsyncGenerator<object> {
  const toEvent = (): object => ({ taskProgress: { id: "VGFzazp0YXNr", status: "RUNNING", progress } });
  // Listens first, so that no change falls between the two.
  const later = on(changes, "change");
  yield toEvent();
  for await (const _change of later) yield toEvent();
}

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { hello: { type: GraphQLString } } }),
  subscription: new GraphQLObjectType({
    name: "Subscription",
    fields: {
      taskProgress: {
        args,
        subscribe: follow,
        type: new GraphQLObjectType({
          name: "Task",
          fields: { id: { type: GraphQLID }, status: { type: GraphQLString }, progress: { type: GraphQLInt } },
        }),
      },
    },
  }),
});

const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1", path: "/graphql" });
useServer({ schema }, sockets);
await once(sockets, "listening");
process.on("message", (message: Change | string) => {
  if (typeof message === "string") return;
  progress = message.progress;
  changes.emit("change");
});
answerMeasurements(`http://127.0.0.1:${(sockets.address() as AddressInfo).port}`, () => 0);
