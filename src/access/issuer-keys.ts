/**
 * The keys of one issuer. Those behind a URL are fetched in the background; while that fails the last ones stay in use. A
 * token with a key that is not among them makes them be fetched again, but not more often than every half minute.
 */

import type { createLocalJWKSet, CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from "jose";
import type { Clock, Timer } from "../clock.js";
import { UnauthenticatedError } from "../errors.js";
import type { Logger } from "../log.js";
import type { KeySetConfig } from "./access-config.js";
import { fetchKeys, KeysUnavailable } from "./fetch-keys.js";

type LocalJWKSetKey = ReturnType<typeof createLocalJWKSet>;

/** Finds the key that a token was signed with. */
export interface IssuerKeys {
  find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>;
  /** Another one whenever other keys have been fetched: what was verified before is to be verified again. */
  readonly version: number;
  /** Begins to fetch them, where they are behind a URL. */
  open(): void;
  /** Leaves no timer. */
  close(): void;
}

/** What fetching them takes. */
export interface KeyFetching {
  readonly clock: Clock;
  /** For the deadline of a fetch. */
  readonly networkClock: Clock;
  readonly logger: Logger;
}

const DEFAULT_REFRESH_MS = 300_000;
const DEFAULT_STALE_MS = 86_400_000;
/** How long a fetch may take. */
const FETCH_TIMEOUT_MS = 5_000;
/** How often a token with an unknown key, or the first one while there are no keys, may cause a fetch. */
const ASK_INTERVAL_MS = 30_000;

/** Keeps the keys of an issuer. @param issuer - for the log. */
export function createIssuerKeys(issuer: string, config: KeySetConfig, fetching: KeyFetching): IssuerKeys {
  return "keys" in config && config.keys !== undefined
    ? new InlineKeys(config.keys)
    : new RemoteKeys(issuer, config as Extract<KeySetConfig, { url: string }>, fetching);
}

type InlineKeySet = Extract<KeySetConfig, { keys: unknown }>["keys"];

class InlineKeys implements IssuerKeys {
  readonly version = 0;
  readonly #keys: InlineKeySet;
  #find: Promise<LocalJWKSetKey> | undefined;

  constructor(keys: InlineKeySet) {
    this.#keys = keys;
  }

  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    this.#find ??= import("jose").then(({ createLocalJWKSet }) => createLocalJWKSet({ keys: [...this.#keys] }));
    return (await this.#find)(header, token);
  }

  open(): void {}

  close(): void {}
}

class RemoteKeys implements IssuerKeys {
  readonly #issuer: string;
  readonly #url: string;
  readonly #refreshMs: number;
  readonly #staleForMs: number;
  readonly #fetching: KeyFetching;
  #known: { readonly find: LocalJWKSetKey; readonly fetchedTick: number; readonly text: string } | undefined;
  #version = 0;
  #flight: Promise<void> | undefined;
  #abort: (() => void) | undefined;
  #askedTick: number | undefined;
  #next: Timer | undefined;
  #isClosed = false;

  constructor(issuer: string, config: Extract<KeySetConfig, { url: string }>, fetching: KeyFetching) {
    this.#issuer = issuer;
    this.#url = config.url;
    this.#refreshMs = config.refreshMs ?? DEFAULT_REFRESH_MS;
    this.#staleForMs = config.staleForMs ?? DEFAULT_STALE_MS;
    this.#fetching = fetching;
  }

  get version(): number {
    return this.#version;
  }

  open(): void {
    void this.#refresh();
  }

  close(): void {
    this.#isClosed = true;
    this.#next?.cancel();
    this.#abort?.();
  }

  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    if (this.#usable() === undefined) await this.#ask();
    const known = this.#usable();
    if (known === undefined) throw new UnauthenticatedError("The keys of the token's issuer cannot be had now.");
    try {
      return await known(header, token);
    } catch (thrown) {
      if (Object(thrown).code !== "ERR_JWKS_NO_MATCHING_KEY") throw thrown;
      await this.#ask();
      const newer = this.#usable();
      if (newer === undefined || newer === known) throw thrown;
      return newer(header, token);
    }
  }

  #usable(): LocalJWKSetKey | undefined {
    const known = this.#known;
    if (known === undefined) return undefined;
    return this.#fetching.clock.tick() - known.fetchedTick <= this.#staleForMs ? known.find : undefined;
  }

  /** On behalf of a token: waits for the fetch that is under way, or begins one, unless the last such was just now. */
  async #ask(): Promise<void> {
    if (this.#flight !== undefined) return this.#flight;
    const tick = this.#fetching.clock.tick();
    if (this.#askedTick !== undefined && tick - this.#askedTick < ASK_INTERVAL_MS) return;
    this.#askedTick = tick;
    await this.#refresh();
  }

  /** Never rejects. One at a time. */
  async #refresh(): Promise<void> {
    this.#flight ??= this.#fetch().finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }

  async #fetch(): Promise<void> {
    const { clock, networkClock, logger } = this.#fetching;
    const controller = new AbortController();
    const deadline = networkClock.setTimer(FETCH_TIMEOUT_MS, () => controller.abort());
    this.#abort = () => controller.abort();
    this.#next?.cancel();
    try {
      const keys = await fetchKeys(this.#url, controller.signal);
      const { createLocalJWKSet } = await import("jose");
      const text = JSON.stringify(keys);
      const known = { find: createLocalJWKSet(keys), fetchedTick: clock.tick(), text };
      if (this.#known?.text !== text) this.#version += 1;
      this.#known = known;
    } catch (thrown) {
      const reason = thrown instanceof KeysUnavailable ? thrown.message : "the answer is no set of keys";
      const fields = { issuer: this.#issuer, reason };
      const effect =
        this.#known === undefined ? "until they are, none of its tokens is let in" : "the last ones stay in use";
      if (!this.#isClosed) logger.warn(fields, `The keys of an issuer could not be fetched; ${effect}.`);
    } finally {
      deadline.cancel();
      this.#plan();
    }
  }

  #plan(): void {
    if (this.#isClosed) return;
    // Without any keys no caller is let in: that is worth asking more often.
    const delayMs = this.#known === undefined ? Math.min(this.#refreshMs, ASK_INTERVAL_MS) : this.#refreshMs;
    this.#next = this.#fetching.clock.setTimer(delayMs, () => void this.#refresh());
  }
}
