/**
 * When a socket is closed for what its client does or leaves undone: it sends too much, it has nothing open for too long, or it is
 * open for too long. `SocketConnection` asks it for each message. It leaves no timer once it is stopped.
 */

import type { Clock, Timer } from "../../../clock.js";
import { TokenBucket } from "../../../token-bucket.js";

/** The bounds of every socket; 0 for none. */
export interface SocketGuardOptions {
  readonly clock: Clock;
  readonly maxSocketMessagesPerSecond: number;
  readonly socketIdleMs: number;
  readonly maxSocketAgeMs: number;
}

/** What a guard may ask and do. */
export interface GuardedSocket {
  /** Whether an operation is open. */
  isBusy(): boolean;
  close(code: number, reason: string): void;
}

/** "Normal": graphql-ws's client comes again when it has something to ask. */
const IDLE = 1_000;
/** "Policy violation", which clients take for final: the same flood would follow. */
const FLOODING = 1_008;
/** "Service restart": clients come again, and begin anew what they followed. */
const TOO_OLD = 1_012;
/** A client that comes again begins all that it follows at once. */
const BURST_SECONDS = 10;
/** Of the greatest age, so that sockets that were opened together are not closed together. */
const AGE_JITTER = 0.1;

/** Guards one socket, from its handshake on. */
export class SocketGuard {
  readonly #options: SocketGuardOptions;
  readonly #socket: GuardedSocket;
  readonly #messages: TokenBucket | undefined;
  #activeTick: number;
  #idle: Timer | undefined;
  #age: Timer | undefined;

  constructor(options: SocketGuardOptions, socket: GuardedSocket) {
    const { clock, maxSocketMessagesPerSecond: perSecond, socketIdleMs, maxSocketAgeMs } = options;
    this.#options = options;
    this.#socket = socket;
    this.#activeTick = clock.tick();
    if (perSecond > 0) {
      this.#messages = new TokenBucket({ perMs: perSecond / 1_000, burst: BURST_SECONDS * perSecond }, clock.tick());
    }
    if (socketIdleMs > 0) this.#planIdle(socketIdleMs);
    if (maxSocketAgeMs > 0) {
      const ageMs = maxSocketAgeMs * (1 - AGE_JITTER * clock.random());
      this.#age = clock.setTimer(ageMs, () => socket.close(TOO_OLD, "The socket is too old: open another one"));
    }
  }

  /** A message or ping has come. False, and the socket closes, when they come too fast. */
  admitMessage(): boolean {
    const tick = this.#options.clock.tick();
    this.#activeTick = tick;
    if (this.#messages === undefined || this.#messages.take(1, tick) === null) return true;
    this.#socket.close(FLOODING, `Expected at most ${this.#options.maxSocketMessagesPerSecond} messages a second`);
    return false;
  }

  /** An operation has ended: from now on the socket may be idle. */
  operationEnded(): void {
    this.#activeTick = this.#options.clock.tick();
  }

  stop(): void {
    this.#idle?.cancel();
    this.#age?.cancel();
  }

  #planIdle(delayMs: number): void {
    const { clock, socketIdleMs } = this.#options;
    this.#idle = clock.setTimer(delayMs, () => {
      if (this.#socket.isBusy()) return this.#planIdle(socketIdleMs);
      const restMs = this.#activeTick + socketIdleMs - clock.tick();
      if (restMs > 0) return this.#planIdle(restMs);
      this.#socket.close(IDLE, "The socket has been idle");
    });
  }
}
