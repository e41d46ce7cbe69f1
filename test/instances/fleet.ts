/**
 * Several instances of the gateway as processes of the built command, in front of one emulator, with one Redis. Each talks to both
 * through relays of its own, so that a test sees which instance asks IMM, and can harm the network of one alone.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { EMULATOR_REGION, startEmulator, type Emulator } from "../../src/emulator/emulator.js";
import { Run } from "../support/run.js";
import { RedisProcess } from "./redis-process.js";
import { Relay } from "./relay.js";
import { Turns } from "./turns.js";
import { pass, until } from "./until.js";

/** The command as it is built: this module runs from dist/test/instances/. */
export const command = fileURLToPath(new URL("../../command/imm-graphql.js", import.meta.url));

export interface FleetOptions {
  readonly instances: number;
  /** Without, each instance is alone. @default true */
  readonly hasRedis?: boolean;
  /** Whether Redis runs from the start. @default true */
  readonly isRedisUp?: boolean;
  /** What stands behind the name in `ACL SETUSER`: the instances are that user, with the password `secret`. */
  readonly rights?: readonly string[];
  /** Settings of each instance. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether there are relays. @default true */
  readonly isRelayed?: boolean;
}

/** One process after the other, each in the place of the one before. */
export class Instance {
  readonly index: number;
  readonly toImm: Relay | undefined;
  readonly toRedis: Relay | undefined;
  readonly #env: Readonly<Record<string, string>>;
  #run: Run | undefined;
  #url: string | undefined;

  constructor(
    index: number,
    env: Readonly<Record<string, string>>,
    relays: { readonly toImm: Relay | undefined; readonly toRedis: Relay | undefined },
  ) {
    this.index = index;
    this.#env = env;
    this.toImm = relays.toImm;
    this.toRedis = relays.toRedis;
  }

  /** Undefined while no process serves. */
  get url(): string | undefined {
    return this.#url;
  }

  /** What the process has written to its log so far. */
  get log(): string {
    return this.#run?.stderr ?? "";
  }

  async start(): Promise<void> {
    const run = new Run([command, "serve", "--port", "0"], this.#env);
    this.#run = run;
    this.#url = await run.prints(/ serves (http:\/\/127\.0\.0\.1:\d+)\/graphql$/m);
  }

  /** SIGKILL and SIGTERM take it out of rotation at once, as a load balancer would. */
  signal(signal: NodeJS.Signals): void {
    if (signal === "SIGKILL" || signal === "SIGTERM") this.#url = undefined;
    this.#run?.kill(signal);
  }

  /** The status of `/readyz`. */
  async readiness(): Promise<number> {
    const { status } = await fetch(`${this.#url}/readyz`);
    return status;
  }

  /** User and system time of the process so far. Linux alone says so. */
  get cpuMs(): number {
    const stat = readFileSync(`/proc/${this.#run?.pid}/stat`, "utf8");
    // Behind the name in parentheses, which may have spaces; in ticks, of which there are a hundred a second.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Ends it, and waits for that. */
  async end(): Promise<void> {
    this.signal("SIGKILL");
    await this.#run?.finished;
  }
}

export class Fleet {
  readonly emulator: Emulator;
  readonly redis: RedisProcess | undefined;
  readonly instances: readonly Instance[];
  /** Of the process that the emulator is in. */
  readonly turns = new Turns();
  #stopped: Promise<void> | undefined;

  private constructor(emulator: Emulator, redis: RedisProcess | undefined, instances: readonly Instance[]) {
    this.emulator = emulator;
    this.redis = redis;
    this.instances = instances;
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const { hasRedis = true, isRedisUp = true, isRelayed = true, env = {} } = options;
    const emulator = await startEmulator({ maxRequestsPerSecond: Infinity });
    const redis = hasRedis ? await RedisProcess.start() : undefined;
    if (options.rights !== undefined) await redis?.ask("ACL", "SETUSER", "gateway", ...options.rights);
    if (!isRedisUp) await redis?.crash();
    const user = options.rights === undefined ? "" : "gateway:secret@";
    const immPort = Number(new URL(emulator.url).port);
    const instances = Array.from({ length: options.instances }, async (_value, index) => {
      const toImm = isRelayed ? await Relay.open(immPort, "other") : undefined;
      const toRedis = isRelayed && redis !== undefined ? await Relay.open(redis.port, "redis") : undefined;
      const redisPort = toRedis?.port ?? redis?.port;
      const settings = {
        IMM_ENDPOINT: `http://127.0.0.1:${toImm?.port ?? immPort}`,
        IMM_REGION: EMULATOR_REGION,
        ALIBABA_CLOUD_ACCESS_KEY_ID: "emulator",
        ALIBABA_CLOUD_ACCESS_KEY_SECRET: "emulator",
        ...(redisPort !== undefined && { REDIS_URL: `redis://${user}127.0.0.1:${redisPort}` }),
        ...env,
      };
      return new Instance(index, settings, { toImm, toRedis });
    });
    const fleet = new Fleet(emulator, redis, await Promise.all(instances));
    await Promise.all(fleet.instances.map(async (instance) => instance.start()));
    return fleet;
  }

  /** The URL of the instance, or else of one that serves, as a load balancer without sticky sessions chooses. */
  urlFor(index: number): string {
    const { instances } = this;
    for (let step = 0; step < instances.length; step += 1) {
      const { url } = instances[(index + step) % instances.length] ?? {};
      if (url !== undefined) return url;
    }
    return "http://127.0.0.1:9";
  }

  at(index: number): Instance {
    const instance = this.instances[index];
    if (instance === undefined) throw new RangeError(`There is no instance ${index}.`);
    return instance;
  }

  /** Those that have asked IMM for something in the last milliseconds. */
  askersWithin(ms: number): readonly Instance[] {
    const since = performance.now() - ms;
    return this.instances.filter(({ toImm }) => (toImm?.sentAt.at(-1) ?? -Infinity) >= since);
  }

  /** The instance that polls, once it alone has done so for a while. */
  async poller(whileMs = 4_500): Promise<Instance> {
    await pass(whileMs);
    await until("one instance polls", () => this.askersWithin(whileMs).length === 1, 20_000);
    const [poller] = this.askersWithin(whileMs);
    if (poller === undefined) throw new Error("No instance polls.");
    return poller;
  }

  /** Ends all, also processes that stand still. Called again, it changes nothing. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.turns.end();
    await Promise.all(this.instances.map(async (instance) => instance.end()));
    for (const { toImm, toRedis } of this.instances) {
      await toImm?.close();
      await toRedis?.close();
    }
    await this.redis?.close();
    await this.emulator.close();
  }
}
