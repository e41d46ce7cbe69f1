/** Where several instances of the gateway share what they know. A program may hand `createGateway` a client of Redis instead. */

import { keyPrefix, redisUrl, type Section } from "./row.js";

export const sharing = {
  title: "Several instances",
  gateway: {
    redisUrl: redisUrl({
      isSecret: true,
      default: undefined,
      fallback: "none: this instance shares nothing",
      effect:
        "the Redis by which all instances that have it poll once, and have one budget, one memory of finished tasks and one of idempotency keys. With ioredis installed beside the gateway",
    }),
    redisPrefix: keyPrefix({
      default: "imm-graphql",
      effect:
        "what the names of all keys and channels in Redis begin with, before the region: instances of one prefix and region share, so gateways of another account need another one",
    }),
  },
  command: {},
} satisfies Section;
