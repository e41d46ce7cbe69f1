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
 * Does what is asked of an owner's buckets, one request after the other: takes tokens from each bucket or from none, and answers with the
 * number of the first that has not enough and how long to wait for it, or with 0. Those of "in any case" are taken at all events, and less
 * than nothing is put back. A bucket that is full has no key.
 *
 * ARGV: tokens a millisecond and burst of each key; then for each request how, the number of its charges, and of each the key's number
 * and the tokens.
 */
const TAKE: RedisScript = {
  name: "immTakeTokens",
  lua: `
    local time = redis.call("TIME")
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local perMs, burst, left = {}, {}, {}
    for i, key in ipairs(KEYS) do
      perMs[i], burst[i] = tonumber(ARGV[i * 2 - 1]), tonumber(ARGV[i * 2])
      local kept = redis.call("HMGET", key, "tokens", "at")
      left[i] = burst[i]
      if kept[1] and kept[2] then
        -- Where the clock of Redis was set back, no time has passed.
        left[i] = math.min(burst[i], tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * perMs[i])
      end
    end
    local replies, at = {}, #KEYS * 2 + 1
    while at <= #ARGV do
      local isAllOrNone, last = ARGV[at] == "all or none", at + ARGV[at + 1] * 2
      local short, waitMs = 0, 0
      for place = at + 2, last, 2 do
        local i, tokens = tonumber(ARGV[place]), tonumber(ARGV[place + 1])
        local missing = math.min(tokens, burst[i]) - left[i]
        if isAllOrNone and short == 0 and tokens > 0 and missing > ${ROUNDING} then
          short, waitMs = (place - at) / 2, math.ceil(missing / perMs[i])
        end
      end
      for place = at + 2, short == 0 and last or 0, 2 do
        local i = tonumber(ARGV[place])
        left[i] = math.min(burst[i], left[i] - ARGV[place + 1])
      end
      replies[#replies + 1] = { short, waitMs }
      at = last + 2
    end
    for i, key in ipairs(KEYS) do
      local fullInMs = math.ceil((burst[i] - left[i]) / perMs[i])
      if fullInMs > 0 then
        redis.call("HSET", key, "tokens", string.format("%.17g", left[i]), "at", string.format("%.0f", now))
        redis.call("PEXPIRE", key, string.format("%.0f", fullInMs))
      else
        redis.call("DEL", key)
      end
    end
    return replies
  `,
};

/** The number of the charge that its bucket has not enough for, from 1 on, and for how long; or zeros. */
type Taken = readonly [short: number, retryAfterMs: number];

interface Request {
  readonly charges: readonly Charge[];
  readonly how: "all or none" | "in any case";
  readonly resolve: (taken: Taken) => void;
  readonly reject: (reason: unknown) => void;
}

export class RedisTokenBuckets implements Buckets {
  readonly #connection: RedisConnection;
  readonly #own: TokenBuckets;
  /** By owner: what this turn asks for. One script does it all, so that operations which came together go on together. */
  readonly #requests = new Map<string, Request[]>();

  constructor({ connection, clock }: RedisTokenBucketsOptions) {
    this.#connection = connection;
    this.#own = new TokenBuckets(clock);
  }

  charge<C extends Charge>(owner: string, charges: readonly C[]): Charged<C> | Promise<Charged<C>> {
    return this.#connection.state === "up" ? this.#chargeShared(owner, charges) : this.#chargeOwn(owner, charges);
  }

  async #chargeShared<C extends Charge>(owner: string, charges: readonly C[]): Promise<Charged<C>> {
    try {
      const [short, retryAfterMs] = await this.#take(owner, charges, "all or none");
      const charge = charges[short - 1];
      if (charge !== undefined) return { charge, retryAfterMs };
    } catch (thrown) {
      if (!(thrown instanceof SharedStateAwayError)) throw thrown;
      return this.#chargeOwn(owner, charges);
    }
    return {
      giveBack: (charge, tokens) => {
        if (tokens === 0) return;
        // What Redis does not learn is as if it was not given back: the bucket fills by itself. A debt is lost then.
        void this.#take(owner, [{ ...charge, tokens: -tokens }], "in any case").catch(() => undefined);
      },
    };
  }

  #take(owner: string, charges: readonly Charge[], how: Request["how"]): Promise<Taken> {
    const requests = this.#requests.get(owner) ?? [];
    if (requests.length === 0) {
      this.#requests.set(owner, requests);
      void Promise.resolve().then(async () => this.#send(owner));
    }
    return new Promise((resolve, reject) => void requests.push({ charges, how, resolve, reject }));
  }

  async #send(owner: string): Promise<void> {
    const requests = this.#requests.get(owner) ?? [];
    this.#requests.delete(owner);
    try {
      const buckets = new Map(requests.flatMap(({ charges }) => charges.map(({ bucket, size }) => [bucket, size])));
      const names = [...buckets.keys()];
      const numberOf = new Map(names.map((bucket, index) => [bucket, index + 1]));
      const owned = hashOf(owner);
      const keys = names.map((bucket) => this.#connection.keyOf(`bucket:v1:${bucket}`, owned));
      const sizes = [...buckets.values()].flatMap(({ perMs, burst }) => [perMs, burst]);
      const amounts = requests.flatMap(({ how, charges }) => [
        how,
        charges.length,
        ...charges.flatMap(({ bucket, tokens }) => [numberOf.get(bucket) ?? 0, tokens]),
      ]);
      // The cast: the script above says so.
      const replies = (await this.#connection.run(TAKE, keys, [...sizes, ...amounts])) as readonly Taken[];
      for (const [index, { resolve }] of requests.entries()) resolve(replies[index] ?? [0, 0]);
    } catch (thrown) {
      for (const { reject } of requests) reject(thrown);
    }
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
