/**
 * The keys of one issuer. Those behind a URL are fetched in the background; while that fails the last ones stay in use. A
 * token with a key that is not among them makes them be fetched again, but not more often than every half minute.
 */

import type { createLocalJWKSet, CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from "jose";
import type { Clock, Timer } from "../../clock.js";
import { UnauthenticatedError } from "../../errors.js";
import type { Logger } from "../../log.js";
import type { KeySetConfig } from "../config/access-config.js";
import { fetchKeys, KeysUnavailable } from "./fetch-keys.js";
import { keyIdsOf } from "./key-ids.js";

type LocalJWKSetKey = ReturnType<typeof createLocalJWKSet>;

/** Finds the key that a token was signed with. */
export interface IssuerKeys {
  find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey>;
  /** Whether the issuer still has a key, by `key-ids.ts`. True while it is not known which it has. */
  has(keyId: string): boolean;
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

/** And who learns that `has` may answer otherwise than before: what was verified is to be judged again. */
export interface KeyWatching extends KeyFetching {
  readonly onKeysGone: () => void;
}

const DEFAULT_REFRESH_MS = 300_000;
const DEFAULT_STALE_MS = 86_400_000;
/** How long a fetch may take. */
const FETCH_TIMEOUT_MS = 5_000;
/** How often a token with an unknown key, or the first one while there are no keys, may cause a fetch. */
const ASK_INTERVAL_MS = 30_000;

/** Keeps the keys of an issuer. @param issuer - for the log. */
export function createIssuerKeys(issuer: string, config: KeySetConfig, watching: KeyWatching): IssuerKeys {
  return "keys" in config && config.keys !== undefined
    ? new InlineKeys(config.keys)
    : new RemoteKeys(issuer, config as Extract<KeySetConfig, { url: string }>, watching);
}

type InlineKeySet = Extract<KeySetConfig, { keys: unknown }>["keys"];

class InlineKeys implements IssuerKeys {
  readonly #keys: InlineKeySet;
  readonly #ids: ReadonlySet<string>;
  #find: Promise<LocalJWKSetKey> | undefined;

  constructor(keys: InlineKeySet) {
    this.#keys = keys;
    this.#ids = keyIdsOf(keys);
  }

  async find(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    this.#find ??= import("jose").then(({ createLocalJWKSet }) => createLocalJWKSet({ keys: [...this.#keys] }));
    return (await this.#find)(header, token);
  }

  has(keyId: string): boolean {
    return this.#ids.has(keyId);
  }

  open(): void {}

  close(): void {}
}

interface KnownKeys {
  readonly find: LocalJWKSetKey;
  readonly ids: ReadonlySet<string>;
  readonly fetchedTick: number;
}

class RemoteKeys implements IssuerKeys {
  readonly #issuer: string;
  readonly #url: string;
  readonly #refreshMs: number;
  readonly #staleForMs: number;
  readonly #watching: KeyWatching;
  #known: KnownKeys | undefined;
  /** Whether `has` was asked before it could know. */
  #hasGuessed = false;
  #flight: Promise<void> | undefined;
  #abort: (() => void) | undefined;
  #askedTick: number | undefined;
  #next: Timer | undefined;
  #isClosed = false;

  constructor(issuer: string, config: Extract<KeySetConfig, { url: string }>, watching: KeyWatching) {
    this.#issuer = issuer;
    this.#url = config.url;
    this.#refreshMs = config.refreshMs ?? DEFAULT_REFRESH_MS;
    this.#staleForMs = config.staleForMs ?? DEFAULT_STALE_MS;
    this.#watching = watching;
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
    if (known === undefined) {
      // Not the token's fault: its client should come again.
      throw new UnauthenticatedError("The keys of the token's issuer cannot be had now.", {
        retryAfterMs: ASK_INTERVAL_MS,
      });
    }
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

  has(keyId: string): boolean {
    if (this.#known === undefined) this.#hasGuessed = true;
    return this.#known?.ids.has(keyId) ?? true;
  }

  #usable(): LocalJWKSetKey | undefined {
    const known = this.#known;
    if (known === undefined) return undefined;
    return this.#watching.clock.tick() - known.fetchedTick <= this.#staleForMs ? known.find : undefined;
  }

  /** On behalf of a token: waits for the fetch that is under way, or begins one, unless the last such was just now. */
  async #ask(): Promise<void> {
    if (this.#flight !== undefined) return this.#flight;
    const tick = this.#watching.clock.tick();
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
    const { clock, networkClock, logger } = this.#watching;
    const controller = new AbortController();
    const deadline = networkClock.setTimer(FETCH_TIMEOUT_MS, () => controller.abort());
    this.#abort = () => controller.abort();
    this.#next?.cancel();
    try {
      const keys = await fetchKeys(this.#url, controller.signal);
      const { createLocalJWKSet } = await import("jose");
      this.#learn({ find: createLocalJWKSet(keys), ids: keyIdsOf(keys.keys), fetchedTick: clock.tick() });
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

  #learn(known: KnownKeys): void {
    const isGone = [...(this.#known?.ids ?? [])].some((id) => !known.ids.has(id));
    const mustTell = isGone || this.#hasGuessed;
    this.#known = known;
    this.#hasGuessed = false;
    if (mustTell && !this.#isClosed) this.#watching.onKeysGone();
  }

  #plan(): void {
    if (this.#isClosed) return;
    // Without any keys no caller is let in: that is worth asking more often.
    const delayMs = this.#known === undefined ? Math.min(this.#refreshMs, ASK_INTERVAL_MS) : this.#refreshMs;
    this.#next = this.#watching.clock.setTimer(delayMs, () => void this.#refresh());
  }
}
