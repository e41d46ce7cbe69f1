/**
 * The connection to Redis that all adapters in this folder use: scripts, channels, the time that all instances share, and how many
 * instances there are. A heartbeat learns whether Redis is there; what is asked for while it is away fails at once. Two
 * connections are opened, since the one that is subscribed to channels can do nothing else.
 */

import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { letOthersRun, type Clock, type Timer } from "../../clock.js";
import { SharedStateAwayError, toError } from "../../errors.js";
import { BoundedLines, type Logger } from "../../log.js";
import { end, giveUp, openClient, openSubscriber, reach, reasonOf, type RedisClient } from "./clients.js";

export type { RedisClient } from "./clients.js";

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

/** Milliseconds between two heartbeats: with the time that Redis has to answer, a stall is noticed after so long. */
const HEARTBEAT_MS = 2_000;
/** Milliseconds between two heartbeats while Redis is away. */
const RETRY_MS = 500;
/** Milliseconds after its last heartbeat for which an instance counts. */
const INSTANCE_MS = 30_000;
/** Milliseconds by which two clocks may drift apart between two heartbeats. */
const DRIFT_MS = 0.4;
/** Scripts that wait for their answers at once. More are refused: a wait takes memory. */
const MAX_WAITING = 10_000;
/** Redis that comes and goes does not fill the log. */
const MAX_LINES_PER_MINUTE = 10;
/** Milliseconds that connecting may take: also where a server reads its data, or a cluster does not say who has what. */
const REACH_MS = 3_000;
/** Milliseconds that closing may take. */
const CLOSE_MS = 500;
/** What a part gives away when it ends takes so many scripts one behind the other, at most. */
const MAX_LAST_SCRIPTS = 3;

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
  readonly #lines: BoundedLines;
  readonly #commands: RedisClient;
  /** Undefined before the first contact; in a cluster, another after each loss. */
  #subscriber: Redis | undefined;
  readonly #scripts = new Set<string>();
  readonly #channels = new Map<string, Set<(message: string) => void>>();
  /** What the present subscriber has been asked to subscribe to, and its answers. */
  readonly #joined = new Map<string, Promise<unknown>>();
  readonly #listeners = new Set<(state: RedisState) => void>();
  #state: RedisState = "unseen";
  #reason: string | undefined;
  /** What a connection has said since the last heartbeat began: says more than the failure of what was sent over it. */
  #fault: Error | undefined;
  /** How often anything was lost: a heartbeat that one came into does not count. */
  #losses = 0;
  #instances = 1;
  /** Redis' time less this machine's tick, as the quickest of the last heartbeats has shown it. */
  #offsetMs = 0;
  #offsetErrorMs = Infinity;
  #timer: Timer | undefined;
  #isBeating = false;
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#lines = new BoundedLines(options.clock, MAX_LINES_PER_MINUTE);
    this.#commands = this.#watch(openClient(options.redis));
  }

  get state(): RedisState {
    return this.#state;
  }

  /** Why it is not up, in Redis' or the system's words, without a secret; undefined while it is, and before the first attempt. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** How many instances there are, as last seen, this one included. */
  get instances(): number {
    return this.#instances;
  }

  /** Begins to connect, and goes on with that until `close`. Resolves after the first attempt, whatever came of it. */
  async start(): Promise<void> {
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
   * @throws SharedStateAwayError - when Redis does not answer as it should; the script may have been run, or be run yet.
   */
  async run(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    if (!this.#isUp || this.#running.size >= MAX_WAITING) throw new SharedStateAwayError();
    const reply = this.#send(script, keys, args);
    this.#running.add(reply);
    try {
      return await reply;
    } catch (thrown) {
      const error = toError(thrown);
      throw isOfOneScript(error) ? this.#refuse(script, error) : this.#lose(this.#commands, error);
    } finally {
      this.#running.delete(reply);
    }
  }

  /** Listens to a channel, also after Redis was away: what is said meanwhile is missed. Answers with what ends that. */
  subscribe(channel: string, listener: (message: string) => void): () => void {
    const listeners = this.#channels.get(channel) ?? new Set();
    listeners.add(listener);
    this.#channels.set(channel, listeners);
    if (this.#isUp) void this.subscribed(channel).catch(() => undefined);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#channels.get(channel) !== listeners) return;
      this.#channels.delete(channel);
      if (this.#joined.delete(channel)) void this.#subscriber?.unsubscribe(channel).catch(() => undefined);
    };
  }

  /**
   * Resolves when all that will be said in a channel is heard, unless Redis is away meanwhile.
   *
   * @throws SharedStateAwayError - when it cannot be heard.
   */
  async subscribed(channel: string): Promise<void> {
    const subscriber = this.#subscriber;
    if (!this.#isUp || subscriber === undefined) throw new SharedStateAwayError();
    try {
      await this.#join(subscriber, [channel]);
    } catch (thrown) {
      throw this.#lose(subscriber, toError(thrown));
    }
  }

  /** Lets the scripts end that run, such as those that give away a lease. Then leaves no connection and no timer. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    for (let round = 0; round < MAX_LAST_SCRIPTS && this.#running.size > 0; round += 1) {
      await Promise.allSettled(this.#running);
      // One that has waited for another begins now.
      await letOthersRun();
    }
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#listeners.clear();
    this.#channels.clear();
    if (this.#state === "up") {
      await this.#commands.zrem(this.keyOf("instances"), this.instanceId).catch(() => undefined);
    }
    const clients = [this.#commands, ...(this.#subscriber === undefined ? [] : [this.#subscriber])];
    await this.#within(CLOSE_MS, Promise.all(clients.map(async (client) => end(client)))).catch(() => undefined);
  }

  get #isUp(): boolean {
    return this.#state === "up" && !this.#isClosed;
  }

  /** A connection that closes is a loss, whether or not something is sent over it. */
  #watch<T extends RedisClient>(client: T): T {
    const onError = (error: Error): void => {
      this.#fault = error;
    };
    // Without a listener it would end the process.
    client.on("error", onError);
    client.on("node error", onError);
    client.on("close", () => void this.#lose(client, new Error("The connection was closed.")));
    return client;
  }

  async #send(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const { name, lua } = script;
    if (!this.#scripts.has(name)) this.#commands.defineCommand(name, { lua });
    this.#scripts.add(name);
    // The cast: the client has a method for each command that was defined.
    const command = this.#commands[name as keyof RedisClient] as unknown as (...all: unknown[]) => Promise<unknown>;
    const { clock, onScript } = this.#options;
    const sentTick = clock.tick();
    let error: unknown;
    try {
      return await command.call(this.#commands, keys.length, ...keys, ...args);
    } catch (thrown) {
      error = thrown;
      throw thrown;
    } finally {
      onScript?.(name, error, clock.tick() - sentTick);
    }
  }

  async #beat(): Promise<void> {
    this.#isBeating = true;
    this.#fault = undefined;
    await this.#contact(this.#losses);
    this.#isBeating = false;
    this.#beatIn(this.#state === "up" ? HEARTBEAT_MS : RETRY_MS);
  }

  #beatIn(delayMs: number): void {
    this.#timer?.cancel();
    if (!this.#isClosed) this.#timer = this.#options.clock.setTimer(delayMs, () => void this.#beat());
  }

  async #contact(losses: number): Promise<void> {
    const { clock } = this.#options;
    let client: RedisClient | undefined = this.#commands;
    try {
      await this.#reach(client);
      const sentTick = clock.tick();
      const reply = await this.#send(HEARTBEAT, [this.keyOf("instances")], [this.instanceId, INSTANCE_MS]);
      const answeredTick = clock.tick();
      if (this.#isClosed) return;
      client = undefined;
      // Subscribed again is what it has to be, before it can be said that nothing is missed.
      client = this.#reopenSubscriber();
      await this.#listen(client);
      if (losses !== this.#losses || this.#isClosed) return;
      // The cast: the script above says so.
      const [now, instances] = reply as [number, number];
      this.#learnTime(now, sentTick, answeredTick);
      this.#instances = Math.max(1, instances);
      this.#enter("up");
    } catch (thrown) {
      this.#lose(client, toError(thrown));
    }
  }

  async #reach(client: RedisClient): Promise<void> {
    try {
      await this.#within(REACH_MS, reach(client));
    } catch (thrown) {
      // An attempt that goes on would be in the way of the next.
      if (client.status !== "end") client.disconnect(true);
      throw thrown;
    }
  }

  async #within(ms: number, work: Promise<unknown>): Promise<void> {
    let timer: Timer | undefined;
    const isLate = new Promise<never>((_resolve, reject) => {
      timer = this.#options.clock.setTimer(ms, () => reject(new Error("Connecting took too long.")));
    });
    await Promise.race([work, isLate]).finally(() => timer?.cancel());
  }

  #reopenSubscriber(): Redis {
    const { redis, clock } = this.#options;
    const known = this.#subscriber;
    if (known !== undefined && known.status !== "end") return known;
    const subscriber = this.#watch(openSubscriber(redis, this.#commands, clock.random()));
    subscriber.on("message", (channel: string, message: string) => {
      for (const listener of this.#channels.get(channel) ?? []) listener(message);
    });
    this.#joined.clear();
    this.#subscriber = subscriber;
    return subscriber;
  }

  async #listen(subscriber: Redis): Promise<void> {
    await this.#reach(subscriber);
    const missing = [...this.#channels.keys()].filter((channel) => !this.#joined.has(channel));
    if (missing.length === 0) await subscriber.ping();
    // Answered for all, also for those that were asked for meanwhile.
    await this.#join(subscriber, [...this.#channels.keys()]);
  }

  async #join(subscriber: Redis, channels: readonly string[]): Promise<void> {
    const missing = channels.filter((channel) => !this.#joined.has(channel));
    if (missing.length > 0) {
      const joining = subscriber.subscribe(...missing);
      for (const channel of missing) this.#joined.set(channel, joining);
    }
    await Promise.all(channels.flatMap((channel) => this.#joined.get(channel) ?? []));
  }

  /** A heartbeat that took longer says less of the time; an old one drifts. */
  #learnTime(now: number, sentTick: number, answeredTick: number): void {
    const errorMs = (answeredTick - sentTick) / 2;
    this.#offsetErrorMs += DRIFT_MS;
    // After a loss it may be another server, with another clock.
    if (this.#state === "up" && errorMs > this.#offsetErrorMs) return;
    this.#offsetErrorMs = errorMs;
    this.#offsetMs = now - (sentTick + errorMs);
  }

  /** Redis is there, and does not carry out this script: its key holds what is not ours, or the user may not do it. */
  #refuse({ name }: RedisScript, error: Error): SharedStateAwayError {
    const reason = reasonOf(error);
    const { logger } = this.#options;
    this.#lines.write((unwritten) => logger.warn({ ...unwritten, script: name, reason }, "Redis refuses a script."));
    return new SharedStateAwayError({ cause: new Error(reason) });
  }

  /** Answers with what is thrown to the one who has asked. */
  #lose(client: RedisClient | undefined, error: Error): SharedStateAwayError {
    const reason = reasonOf(error.name === "ReplyError" ? error : (this.#fault ?? error));
    const failure = new SharedStateAwayError({ cause: new Error(reason) });
    if (this.#isClosed) return failure;
    this.#losses += 1;
    if (client === this.#subscriber) this.#joined.clear();
    if (client !== undefined) giveUp(client, error);
    const isNew = this.#reason === undefined;
    const isNewRefusal = error.name === "ReplyError" && reason !== this.#reason;
    this.#reason = reason;
    // Before the first contact nothing is known of the others, and nothing is guessed.
    if (this.#state === "unseen" && isNew) this.#warn("Redis cannot be reached: this instance waits for it.");
    if (this.#state === "away" && isNewRefusal) this.#warn("Redis refuses this instance, which goes on by itself.");
    if (this.#state !== "up") return failure;
    if (!this.#isBeating) this.#beatIn(RETRY_MS);
    this.#warn("Redis is away: this instance goes on by itself.");
    this.#enter("away");
    return failure;
  }

  #warn(message: string): void {
    const { logger } = this.#options;
    this.#lines.write((unwritten) => logger.warn({ ...unwritten, reason: this.#reason }, message));
  }

  #enter(state: "up" | "away"): void {
    if (this.#state === state) return;
    const { logger } = this.#options;
    if (state === "up") {
      const message = this.#state === "unseen" ? "Redis is there." : "Redis is there again.";
      this.#lines.write((unwritten) => logger.info({ ...unwritten, instances: this.#instances }, message));
      this.#reason = undefined;
    }
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

/** Words of Redis by which it refuses whatever is asked. */
const REFUSALS_OF_ALL =
  /\b(OOM|READONLY|LOADING|NOAUTH|WRONGPASS|MISCONF|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|BUSY|MOVED|ASK|TRYAGAIN)\b/;

/** Whether Redis answers, and refuses this script alone. */
function isOfOneScript({ name, message }: Error): boolean {
  return name === "ReplyError" && !REFUSALS_OF_ALL.test(message);
}
