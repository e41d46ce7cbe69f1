/**
 * Somebody else's subgraph: albums, each with the task that converts it, known by its names. It adds `album` to the
 * tasks, so a query can go from either side to the other.
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { buildSchema, graphql } from "graphql";
import type { RegionalTaskKey } from "../../src/tasks/task-id.js";
import { disposeAfterTest } from "./start-gateway.js";

export const ALBUMS_SDL = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
  type Query { albums: [Album!]! }
  type Album @key(fields: "title") { title: String!  conversion: Task }
  type Task @key(fields: "region projectName taskType taskId") {
    region: String!
    projectName: String!
    taskType: String!
    taskId: String!
    album: Album
  }
  type PageInfo @shareable { hasNextPage: Boolean!  hasPreviousPage: Boolean!  startCursor: String  endCursor: String }
`;

const schema = buildSchema(`
  ${ALBUMS_SDL.replace(/extend schema .*/, "").replaceAll(/@key\(.*?\)|@shareable/g, "")}
  scalar _Any
  union _Entity = Task
  extend type Query { _entities(representations: [_Any!]!): [_Entity]! }
`);

export interface Album {
  readonly title: string;
  readonly conversion: RegionalTaskKey;
}

/** Serves the albums until the test ends; answers where. */
export async function serveAlbums(albums: readonly Album[]): Promise<string> {
  const titles = new Map(albums.map(({ title, conversion }) => [conversion.taskId, title]));
  const rootValue = {
    albums,
    _entities: ({ representations }: { readonly representations: readonly RegionalTaskKey[] }) =>
      representations.map((task) => ({ ...task, album: { title: titles.get(task.taskId), conversion: task } })),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { query, variables } = JSON.parse(await text(request)) as { query: string; variables?: object };
    const result = await graphql({ schema, source: query, variableValues: { ...variables }, rootValue });
    response.setHeader("content-type", "application/json").end(JSON.stringify(result));
  };
  const server = createServer((request, response) => void answer(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  disposeAfterTest(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
}
