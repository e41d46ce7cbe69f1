/**
 * A client of Redis, as a program hands it to `createGateway`: only its outline, so that the types of the gateway ask no one to
 * install ioredis.
 */

/** A client of ioredis 6: `Redis`, of one server or by Sentinel, or `Cluster`. It is copied: neither used nor closed. */
export interface RedisClientLike {
  readonly isCluster: boolean;
  duplicate(...given: never[]): unknown;
  defineCommand(name: string, definition: { readonly lua: string }): void;
}
