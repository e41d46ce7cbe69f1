/**
 * Token buckets that all instances of the gateway share: the bucket of `token-bucket.ts` as a script in Redis. While Redis is away, and
 * before the first contact with it, each instance has buckets of its own, each of them an equal part of the shared one.
 */

import { createHash } from "node:crypto";
import type { Clock } from "../../clock.js";
import { SharedStateAwayError } from "../../errors.js";
import { partOf, ROUNDING } from "../../token-bucket.js";
import { TokenBuckets, type Buckets, type Charge, type Charged } from "../../token-buckets.js";
import type { RedisConnection, RedisScript } from "./connection.js";

export interface RedisTokenBucketsOptions {
  readonly connection: RedisConnection;
  /** Fills this instance's own buckets; the shared ones are filled by Redis' time. */
  readonly clock: Pick<Clock, "tick">;
}

/**
 * Takes tokens from each bucket or from none, and answers with the number of the first that has not enough and how long to wait for
 * it, or with 0. Without "all or none" they are taken in any case, and less than nothing is put back. A bucket that is full has no key.
 */
const TAKE: RedisScript = {
  name: "immTakeTokens",
  lua: `
    local time = redis.call("TIME")
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local isAllOrNone = ARGV[1] == "all or none"
    local left = {}
    for i, key in ipairs(KEYS) do
      local tokens, perMs, burst = tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3]), tonumber(ARGV[i * 3 + 1])
      local kept = redis.call("HMGET", key, "tokens", "at")
      local held = burst
      if kept[1] and kept[2] then
        -- Where the clock of Redis was set back, no time has passed.
        held = math.min(burst, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * perMs)
      end
      local missing = math.min(tokens, burst) - held
      if isAllOrNone and tokens > 0 and missing > ${ROUNDING} then
        return { i, math.ceil(missing / perMs) }
      end
      left[i] = math.min(burst, held - tokens)
    end
    for i, key in ipairs(KEYS) do
      local perMs, burst = tonumber(ARGV[i * 3]), tonumber(ARGV[i * 3 + 1])
      local fullInMs = math.ceil((burst - left[i]) / perMs)
      if fullInMs > 0 then
        redis.call("HSET", key, "tokens", string.format("%.17g", left[i]), "at", string.format("%.0f", now))
        redis.call("PEXPIRE", key, string.format("%.0f", fullInMs))
      else
        redis.call("DEL", key)
      end
    end
    return { 0, 0 }
  `,
};

export class RedisTokenBuckets implements Buckets {
  readonly #connection: RedisConnection;
  readonly #own: TokenBuckets;

  constructor({ connection, clock }: RedisTokenBucketsOptions) {
    this.#connection = connection;
    this.#own = new TokenBuckets(clock);
  }

  charge<C extends Charge>(owner: string, charges: readonly C[]): Charged<C> | Promise<Charged<C>> {
    return this.#connection.state === "up" ? this.#chargeShared(owner, charges) : this.#chargeOwn(owner, charges);
  }

  async #chargeShared<C extends Charge>(owner: string, charges: readonly C[]): Promise<Charged<C>> {
    try {
      // The cast: the script above says so.
      const [missing, retryAfterMs] = (await this.#take(owner, charges, "all or none")) as [number, number];
      const charge = charges[missing - 1];
      if (charge !== undefined) return { charge, retryAfterMs };
    } catch (thrown) {
      if (!(thrown instanceof SharedStateAwayError)) throw thrown;
      return this.#chargeOwn(owner, charges);
    }
    return {
      giveBack: (charge, tokens) => {
        if (tokens === 0) return;
        // What Redis does not learn is as if it was not given back: the bucket fills by itself.
        void this.#take(owner, [{ ...charge, tokens: -tokens }], "in any case").catch(() => undefined);
      },
    };
  }

  async #take(owner: string, charges: readonly Charge[], how: "all or none" | "in any case"): Promise<unknown> {
    const name = hashOf(owner);
    const keys = charges.map(({ bucket }) => this.#connection.keyOf(`bucket:v1:${bucket}`, name));
    const amounts = charges.flatMap(({ tokens, size: { perMs, burst } }) => [tokens, perMs, burst]);
    return this.#connection.run(TAKE, keys, [how, ...amounts]);
  }

  /** Its part, of the instances that were last seen: another number of them has other buckets. */
  #chargeOwn<C extends Charge>(owner: string, charges: readonly C[]): Charged<C> {
    const { instances } = this.#connection;
    const partFor = (charge: C): PartCharge<C> => {
      const { bucket, size, tokens } = charge;
      return { bucket: `${bucket}/${instances}`, size: partOf(size, instances), tokens, charge };
    };
    const charged = this.#own.charge(owner, charges.map(partFor));
    if ("retryAfterMs" in charged) return { charge: charged.charge.charge, retryAfterMs: charged.retryAfterMs };
    return { giveBack: (charge, tokens) => charged.giveBack(partFor(charge), tokens) };
  }
}

interface PartCharge<C extends Charge> extends Charge {
  /** Of which this is a part. */
  readonly charge: C;
}

/** So that a caller's name, whatever stands in it, is neither read in a key nor breaks one. */
function hashOf(owner: string): string {
  return createHash("sha256").update(owner).digest("base64url");
}
