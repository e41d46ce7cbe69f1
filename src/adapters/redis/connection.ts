/**
 * The connection to Redis that all adapters in this folder use: scripts, channels, the time that all instances share, and how many
 * instances there are. A heartbeat learns whether Redis is there; what is asked for while it is away fails at once. Two
 * connections are opened, since the one that is subscribed to channels can do nothing else.
 */

import { randomUUID } from "node:crypto";
import { Redis, type Cluster, type ClusterOptions, type RedisOptions } from "ioredis";
import { letOthersRun, type Clock, type Timer } from "../../clock.js";
import { SharedStateAwayError, toError } from "../../errors.js";
import type { Logger } from "../../log.js";

/** A client of ioredis: of one server, of Sentinel, or of a cluster. */
export type RedisClient = Redis | Cluster;

export interface RedisConnectionOptions {
  /** A URL, or a client, which is copied: it is neither used nor closed. */
  readonly redis: string | RedisClient;
  /** Stands before each key and channel. */
  readonly prefix: string;
  /** Counts the heartbeat: the network takes its time also where the gateway's own clock is moved by hand. */
  readonly clock: Clock;
  readonly logger: Logger;
  /** Is called for each script that Redis has answered, or has not. @default never */
  readonly onScript?: ((name: string, error: unknown, durationMs: number) => void) | undefined;
}

/** A script that runs in Redis as one step. All its keys are of one slot of a cluster. */
export interface RedisScript {
  /** Unlike that of any other script. */
  readonly name: string;
  readonly lua: string;
}

/** `unseen` before the first contact. */
export type RedisState = "unseen" | "up" | "away";

/** Milliseconds that Redis has to answer. */
const COMMAND_TIMEOUT_MS = 1_000;
/** What ioredis says of a connection that has failed before. */
const ECHOES = /^(Stream isn't writeable|Connection is closed)/;
const HEARTBEAT_MS = 5_000;
/** Milliseconds between two heartbeats while Redis is away. */
const RETRY_MS = 500;
/** Milliseconds after its last heartbeat for which an instance counts. */
const INSTANCE_MS = 30_000;

const OPTIONS = {
  lazyConnect: true,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: 2_000,
  // A connection that does not answer is not waited for until it has closed.
  disconnectTimeout: 500,
  // What is asked for while Redis is away is answered for by the one who asks, and is not asked for later behind its back.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  // Replies are what scripts expect, whatever the client that is copied is set to.
  stringNumbers: false,
  retryStrategy: () => RETRY_MS,
  protocol: 2,
} satisfies RedisOptions;

const CLUSTER_OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  clusterRetryStrategy: () => RETRY_MS,
  redisOptions: OPTIONS,
} satisfies ClusterOptions;

/** Says that an instance is there, and answers with Redis' time in milliseconds and how many there are. */
const HEARTBEAT: RedisScript = {
  name: "immHeartbeat",
  lua: `
    local time = redis.call("TIME")
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call("ZADD", KEYS[1], now + ARGV[2], ARGV[1])
    redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now)
    redis.call("PEXPIRE", KEYS[1], ARGV[2])
    return { now, redis.call("ZCARD", KEYS[1]) }
  `,
};

export class RedisConnection {
  /** Of this process, unlike that of any other. */
  readonly instanceId = randomUUID();
  readonly #options: RedisConnectionOptions;
  readonly #commands: RedisClient;
  readonly #subscriber: RedisClient;
  readonly #scripts = new Set<string>();
  readonly #channels = new Map<string, Set<(message: string) => void>>();
  readonly #listeners = new Set<(state: RedisState) => void>();
  #state: RedisState = "unseen";
  #instances = 1;
  /** Redis' time less this machine's tick, as the quickest of the last heartbeats has shown it. */
  #offsetMs = 0;
  #offsetErrorMs = Infinity;
  #timer: Timer | undefined;
  #isClosed = false;
  /** Whether the log has that the first contact failed. */
  #isMissed = false;
  /** What was last wrong with a connection: what a command then fails with says less. */
  #fault: Error | undefined;
  readonly #running = new Set<Promise<unknown>>();

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#commands = open(options.redis);
    this.#subscriber = open(options.redis);
    // What fails is known by the heartbeat; without a listener it would end the process.
    const keep = (thrown: unknown): void => {
      const fault = plainError(thrown);
      if (!ECHOES.test(fault.message)) this.#fault = fault;
    };
    this.#commands.on("error", keep);
    this.#subscriber.on("error", keep);
    this.#subscriber.on("message", (channel: string, message: string) => {
      for (const listener of this.#channels.get(channel) ?? []) listener(message);
    });
  }

  get state(): RedisState {
    return this.#state;
  }

  /** How many instances there are, as last seen, this one included. */
  get instances(): number {
    return this.#instances;
  }

  /** Begins to connect, and goes on with that until `close`. Resolves after the first attempt, whatever came of it. */
  async start(): Promise<void> {
    await Promise.allSettled([this.#commands.connect(), this.#subscriber.connect()]);
    await this.#beat();
  }

  /** Is called after each change of the state. */
  onChange(listener: (state: RedisState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A key or a channel of a project; all of one project are in one slot of a cluster. */
  keyOf(kind: string, projectName?: string): string {
    const { prefix } = this.#options;
    return projectName === undefined ? `${prefix}:${kind}` : `${prefix}:{${encodeURIComponent(projectName)}}:${kind}`;
  }

  /** Redis' time at a tick of this machine, in milliseconds since the epoch. */
  timeAt(tick: number): number {
    return tick + this.#offsetMs;
  }

  /** The tick of that time; never one that is yet to come. */
  tickAt(timeMs: number): number {
    return Math.min(timeMs - this.#offsetMs, this.#options.clock.tick());
  }

  /**
   * Runs a script, and answers with its reply.
   *
   * @throws SharedStateAwayError - when Redis does not answer as it should; the script may have been run.
   */
  async run(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    if (this.#state !== "up") throw new SharedStateAwayError();
    try {
      return await this.#send(script, keys, args);
    } catch (thrown) {
      const error = plainError(thrown);
      this.#lose(error);
      throw new SharedStateAwayError({ cause: error });
    }
  }

  /** Listens to a channel, also after Redis was away: what is said meanwhile is missed. Answers with what ends that. */
  subscribe(channel: string, listener: (message: string) => void): () => void {
    const known = this.#channels.get(channel);
    const listeners = known ?? new Set();
    listeners.add(listener);
    this.#channels.set(channel, listeners);
    if (known === undefined) void this.#subscriber.subscribe(channel).catch(() => undefined);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#channels.get(channel) !== listeners) return;
      this.#channels.delete(channel);
      void this.#subscriber.unsubscribe(channel).catch(() => undefined);
    };
  }

  /** Waits for the scripts that run, such as those that give away a lease. Then leaves no connection and no timer. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    while (this.#running.size > 0) {
      await Promise.allSettled(this.#running);
      // One that has waited for another begins now.
      await letOthersRun();
    }
    if (this.#state === "up") {
      await this.#commands.zrem(this.keyOf("instances"), this.instanceId).catch(() => undefined);
    }
    this.#commands.disconnect();
    this.#subscriber.disconnect();
  }

  async #send(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const { clock, onScript } = this.#options;
    const sentTick = clock.tick();
    const reply = this.#command(script, keys, args);
    this.#running.add(reply);
    try {
      const answer = await reply;
      onScript?.(script.name, undefined, clock.tick() - sentTick);
      return answer;
    } catch (thrown) {
      onScript?.(script.name, thrown, clock.tick() - sentTick);
      throw thrown;
    } finally {
      this.#running.delete(reply);
    }
  }

  async #command(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const { name, lua } = script;
    if (!this.#scripts.has(name)) this.#commands.defineCommand(name, { lua });
    this.#scripts.add(name);
    // The cast: the client has a method for each command that was defined.
    const command = this.#commands[name as keyof RedisClient] as unknown as (...all: unknown[]) => Promise<unknown>;
    return command.call(this.#commands, keys.length, ...keys, ...args);
  }

  async #beat(): Promise<void> {
    const { clock } = this.#options;
    const sentTick = clock.tick();
    try {
      const [reply] = await Promise.all([
        this.#send(HEARTBEAT, [this.keyOf("instances")], [this.instanceId, INSTANCE_MS]),
        // Subscribed again is what a connection that was lost has to be, before it can be said that nothing is missed.
        this.#resubscribe(),
      ]);
      // The cast: the script above says so.
      const [now, instances] = reply as [number, number];
      this.#learnTime(now, sentTick, clock.tick());
      this.#instances = Math.max(1, instances);
      this.#fault = undefined;
      this.#enter("up");
    } catch (thrown) {
      this.#lose(plainError(thrown));
    }
    if (this.#isClosed) return;
    this.#timer = clock.setTimer(this.#state === "up" ? HEARTBEAT_MS : RETRY_MS, () => void this.#beat());
  }

  /** While Redis was away, channels may have been left or joined; a connection that does not answer is opened again. */
  async #resubscribe(): Promise<void> {
    try {
      const channels = [...this.#channels.keys()];
      await (this.#state === "up" || channels.length === 0
        ? this.#subscriber.ping()
        : this.#subscriber.subscribe(...channels));
    } catch (thrown) {
      this.#subscriber.disconnect(true);
      throw thrown;
    }
  }

  /** A heartbeat that took longer says less of the time; an old one drifts. */
  #learnTime(now: number, sentTick: number, answeredTick: number): void {
    const errorMs = (answeredTick - sentTick) / 2;
    this.#offsetErrorMs += 1;
    if (errorMs > this.#offsetErrorMs) return;
    this.#offsetErrorMs = errorMs;
    this.#offsetMs = now - (sentTick + errorMs);
  }

  #lose(error: Error): void {
    if (this.#isClosed) return;
    const err = this.#fault ?? error;
    if (this.#state === "up") {
      this.#timer?.cancel();
      this.#timer = this.#options.clock.setTimer(RETRY_MS, () => void this.#beat());
      this.#options.logger.warn({ err }, "Redis is away: this instance goes on by itself.");
    }
    if (this.#state === "unseen" && !this.#isMissed) {
      this.#isMissed = true;
      this.#options.logger.warn(
        { err },
        "Redis is not reached yet: until then /readyz answers 503, and IMM is not asked.",
      );
    }
    // Before the first contact nothing is known of the others, and nothing is guessed.
    this.#enter(this.#state === "unseen" ? "unseen" : "away");
  }

  #enter(state: RedisState): void {
    if (this.#state === state) return;
    const before = this.#state;
    this.#state = state;
    if (state === "up" && (before === "away" || this.#isMissed)) {
      this.#isMissed = false;
      this.#options.logger.info({}, before === "away" ? "Redis is there again." : "Redis is there.");
    }
    for (const listener of this.#listeners) listener(state);
  }
}

function open(redis: string | RedisClient): RedisClient {
  if (typeof redis === "string") return new Redis(redis, OPTIONS);
  // A program may have a copy of ioredis of its own, with classes of its own.
  return isCluster(redis) ? redis.duplicate([], CLUSTER_OPTIONS) : redis.duplicate(OPTIONS);
}

function isCluster(redis: RedisClient): redis is Cluster {
  return redis.isCluster;
}

/** What was thrown, without what ioredis hangs on it: the command with its arguments, of which one may be the password. */
function plainError(thrown: unknown): Error {
  const { name, message, stack, code } = toError(thrown) as NodeJS.ErrnoException;
  return Object.assign(new Error(message), { name, stack }, code === undefined ? {} : { code });
}
