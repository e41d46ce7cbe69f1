/**
 * What may come from one address, whoever it is: requests, logins that fail, and sockets at once. The transports ask before they
 * read anything; logins are limited before their credentials are looked at.
 */

import type { Authenticate } from "../../access/principal.js";
import type { Clock } from "../../clock.js";
import { RateLimitedError, UnauthenticatedError, watchFailures } from "../../errors.js";
import { perMinute } from "../../token-bucket.js";
import { TokenBuckets, type Charge } from "../../token-buckets.js";
import { networkOf } from "./client-address.js";
import { Slots } from "./slots.js";

/** What may come from each address; 0 for no limit. */
export interface AddressLimitsOptions {
  readonly clock: Clock;
  /** Called with the name of the setting that refuses. @default nothing is */
  readonly onSpent?: ((setting: string) => void) | undefined;
  readonly requestsPerMinute: number;
  readonly failedLoginsPerMinute: number;
  readonly maxSocketsPerAddress: number;
}

/** The limits of all addresses of one gateway. An address is as `client-address.ts` names it. */
export class AddressLimits {
  readonly #options: AddressLimitsOptions;
  readonly #requests: TokenBuckets;
  readonly #request: Charge;
  readonly #failedLogins: TokenBuckets;
  readonly #failedLogin: Charge;
  readonly #sockets: Slots;

  constructor(options: AddressLimitsOptions) {
    this.#options = options;
    this.#requests = new TokenBuckets(options.clock);
    this.#request = oneOf("requests", options.requestsPerMinute);
    this.#failedLogins = new TokenBuckets(options.clock);
    this.#failedLogin = oneOf("failed logins", options.failedLoginsPerMinute);
    this.#sockets = new Slots(options.maxSocketsPerAddress);
  }

  /** Counts a request: why it is refused, or null. */
  refuseRequest(address: string): RateLimitedError | null {
    const { requestsPerMinute } = this.#options;
    if (requestsPerMinute === 0) return null;
    const retryAfterMs = this.#requests.take(networkOf(address), this.#request);
    if (retryAfterMs === null) return null;
    this.#options.onSpent?.("REQUESTS_PER_MINUTE");
    return new RateLimitedError(`Expected at most ${requestsPerMinute} requests a minute from one address.`, {
      retryAfterMs,
    });
  }

  /** Why a further socket is refused, or null. Counts none. */
  refuseSocket(address: string): RateLimitedError | null {
    if (this.#sockets.hasRoom(networkOf(address))) return null;
    this.#options.onSpent?.("MAX_SOCKETS_PER_ADDRESS");
    const { maxSocketsPerAddress } = this.#options;
    return new RateLimitedError(
      `Expected at most ${maxSocketsPerAddress} sockets at once from one address: close one before the next.`,
    );
  }

  /** Counts a socket that was not refused, and answers what is to be called when it is closed. */
  openSocket(address: string): () => void {
    return this.#sockets.take(networkOf(address)) ?? (() => undefined);
  }

  /**
   * Looks at credentials, unless too many from there were wrong lately: then none are looked at, so that nothing is learned by
   * trying on, and a RateLimitedError is thrown. Those that are being looked at meanwhile come on top. Who says nothing has not tried.
   */
  limitLogins(authenticate: Authenticate): Authenticate {
    const { failedLoginsPerMinute } = this.#options;
    if (failedLoginsPerMinute === 0) return authenticate;
    const login = watchFailures(authenticate, (thrown, { address }) => {
      // One that may succeed later was no guess.
      const isWrong = thrown instanceof UnauthenticatedError && thrown.retryAfterMs === undefined;
      if (isWrong) this.#failedLogins.take(networkOf(address), this.#failedLogin);
    });
    return (credentials) => {
      if (credentials.authorization === undefined) return authenticate(credentials);
      const retryAfterMs = this.#failedLogins.wait(networkOf(credentials.address), this.#failedLogin);
      if (retryAfterMs === null) return login(credentials);
      this.#options.onSpent?.("FAILED_LOGINS_PER_MINUTE");
      throw new RateLimitedError(`Expected at most ${failedLoginsPerMinute} failed logins a minute from one address.`, {
        retryAfterMs,
      });
    };
  }
}

function oneOf(bucket: string, countPerMinute: number): Charge {
  return { bucket, size: perMinute(countPerMinute), tokens: 1 };
}
