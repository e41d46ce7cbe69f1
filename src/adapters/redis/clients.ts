/**
 * How the clients of ioredis are opened, reached and closed: none connects again, queues or sends again by itself, since the heartbeat of
 * the connection does all of that in one place.
 */

import { Redis, type Cluster, type ClusterOptions, type RedisOptions } from "ioredis";

/** A client of ioredis: of one server, of Sentinel, or of a cluster. */
export type RedisClient = Redis | Cluster;

/** Milliseconds that Redis has to answer. */
const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** Milliseconds until a connection that is given up is closed, also when the other side says nothing to that. */
const CLOSE_MS = 100;
/** Milliseconds between two questions whether Redis has read its data. */
const LOADING_MS = 500;

const OPTIONS = {
  lazyConnect: true,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  disconnectTimeout: CLOSE_MS,
  maxLoadingRetryTime: LOADING_MS,
  // What is asked for while Redis is away is answered for by the one who asks, and is not asked for later behind its back.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: false,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
  // Its own subscribing again ends the process where it fails, and says nothing of what was missed.
  autoResubscribe: false,
  // One round trip less before a connection is ready.
  disableClientInfo: true,
  // Of a client that is copied: keys have their prefix, and channels would have none of it.
  keyPrefix: "",
  stringNumbers: false,
  reconnectOnError: null,
  readOnly: false,
  protocol: 2,
  replyMapping: "legacy",
} satisfies RedisOptions;

const CLUSTER_OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  clusterRetryStrategy: () => null,
  scaleReads: "master",
  keyPrefix: "",
  redisOptions: OPTIONS,
} satisfies ClusterOptions;

/** Not by class: the client may be of another copy of the package. */
function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** A client for commands; it is not connected yet. */
export function openClient(redis: string | RedisClient): RedisClient {
  if (typeof redis === "string") return new Redis(redis, OPTIONS);
  return isCluster(redis) ? redis.duplicate([], CLUSTER_OPTIONS) : redis.duplicate(OPTIONS);
}

/**
 * A client for channels; it is not connected yet. In a cluster it is of one node, since each has all messages: a client of the
 * whole would change from node to node without a word of what was missed.
 *
 * @param commands - the client for commands, connected.
 * @param random - from 0 to 1, chooses the node.
 */
export function openSubscriber(redis: string | RedisClient, commands: RedisClient, random: number): Redis {
  if (typeof redis === "string") return new Redis(redis, OPTIONS);
  if (!isCluster(redis)) return redis.duplicate(OPTIONS);
  const nodes = isCluster(commands) ? commands.nodes("master") : [];
  const node = nodes[Math.floor(random * nodes.length)];
  if (node === undefined) throw new Error("No node of the cluster is known.");
  return node.duplicate(OPTIONS);
}

/** Connects it where it is not. */
export async function reach(client: RedisClient): Promise<void> {
  const { status } = client;
  if (status === "ready" || status === "connecting" || status === "connect") return;
  // A cluster that is not ready yet is closed, and what waits for its connection is not told.
  const ended = new Promise<never>((_resolve, reject) => {
    client.once("end", () => reject(new Error("The connection was closed.")));
  });
  await Promise.race([client.connect(), ended]);
}

/**
 * Gives its connection up, unless Redis has answered and it is the answer that was wrong: what answers nothing may answer too late, or
 * never. READONLY is what a server says that is the first no more, and Sentinel knows the one that is.
 */
export function giveUp(client: RedisClient, error: Error): void {
  const isAnswer = error.name === "ReplyError" && !error.message.startsWith("READONLY");
  if (!isAnswer && client.status === "ready") client.disconnect(true);
}

/** Resolves when it is closed. */
export async function end(client: RedisClient): Promise<void> {
  if (client.status === "wait" || client.status === "end") return;
  const ended = new Promise<void>((resolve) => {
    client.once("end", resolve);
  });
  client.disconnect();
  await ended;
}

const MAX_REASON_CHARACTERS = 200;

/** What an error says, for a log. The error itself has the arguments of the command with it: passwords, and what others' tasks hold. */
export function reasonOf(error: Error): string {
  // Where each address of a name refuses, Node says so by the code alone.
  const text = error.message === "" && "code" in error ? String(error.code) : error.message;
  return text.slice(0, MAX_REASON_CHARACTERS);
}
