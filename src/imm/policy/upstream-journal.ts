/**
 * What the log says of IMM's troubles: one line when a kind of them begins, then at most one a minute while it lasts, with
 * how many calls it has met since the last line, and one when a minute has gone by without it. `call-policy` says how
 * each attempt went and when the breaker opens and closes; it sets no timer and decides nothing.
 */

import type { Clock } from "../../clock.js";
import { GatewayError, type ErrorCode } from "../../errors.js";
import type { Logger } from "../../log.js";

const LINE_INTERVAL_MS = 60_000;

/** What is said of each kind of failure that is about IMM, and not about one request; by the error's code. */
const TROUBLES: Partial<Record<ErrorCode, string>> = {
  UPSTREAM_UNAVAILABLE: "IMM is not available.",
  UPSTREAM_TIMEOUT: "IMM does not answer in time.",
  UPSTREAM_INVALID_RESPONSE: "IMM's answers cannot be used.",
  UPSTREAM_THROTTLED: "IMM is throttling.",
  UPSTREAM_MISCONFIGURED: "IMM cannot be asked with the gateway's credentials, clock or endpoint.",
  FORBIDDEN: "IMM denies the gateway's account an operation or a project.",
};

/** A kind of trouble from its first failure on, until a minute has gone by without one. */
interface Trouble {
  /** Failures since the last line. */
  failures: number;
  readonly firstTick: number;
  lineTick: number;
  lastTick: number;
  error: GatewayError;
}

export class UpstreamJournal {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #troubles = new Map<ErrorCode, Trouble>();
  #openedTick: number | undefined;
  #refusedByBreaker = 0;
  #breakerLineTick = -Infinity;

  constructor({ logger, clock }: { readonly logger: Logger; readonly clock: Clock }) {
    this.#logger = logger;
    this.#clock = clock;
  }

  succeeded(): void {
    if (this.#troubles.size === 0) return;
    const now = this.#clock.tick();
    for (const [code, { failures, firstTick, lastTick, error }] of this.#troubles) {
      if (now - lastTick < LINE_INTERVAL_MS) continue;
      this.#troubles.delete(code);
      this.#logger.info(
        { code, failures, lastedMs: lastTick - firstTick, imm: error.imm },
        "A trouble with IMM is over: no call has met it for a minute.",
      );
    }
  }

  failed(projectName: string, error: Error): void {
    if (!(error instanceof GatewayError)) return;
    const said = TROUBLES[error.code];
    if (said === undefined) return;
    const now = this.#clock.tick();
    const trouble = this.#troubles.get(error.code) ?? {
      failures: 0,
      firstTick: now,
      lineTick: -Infinity,
      lastTick: now,
      error,
    };
    this.#troubles.set(error.code, trouble);
    trouble.failures += 1;
    trouble.lastTick = now;
    trouble.error = error;
    if (now - trouble.lineTick < LINE_INTERVAL_MS) return;
    const { failures } = trouble;
    trouble.lineTick = now;
    trouble.failures = 0;
    const { code, message: reason, imm } = error;
    // An operator has to act.
    this.#logger[code === "UPSTREAM_MISCONFIGURED" ? "error" : "warn"](
      { code, failures, projectName, reason, imm },
      said,
    );
  }

  /** The breaker has opened, or opened again after its trial call failed. */
  breakerOpened(threshold: number): void {
    if (this.#openedTick !== undefined) return;
    this.#openedTick = this.#clock.tick();
    this.#refusedByBreaker = 0;
    this.#breakerLineTick = this.#openedTick;
    this.#logger.error(
      { failuresInARow: threshold },
      "The breaker has opened: calls to IMM fail at once, but for a trial now and then.",
    );
  }

  /** The open breaker has refused a call. */
  breakerRefused(): void {
    this.#refusedByBreaker += 1;
    const now = this.#clock.tick();
    if (now - this.#breakerLineTick < LINE_INTERVAL_MS) return;
    this.#breakerLineTick = now;
    this.#logger.error({ refused: this.#refusedByBreaker }, "The breaker is still open.");
    this.#refusedByBreaker = 0;
  }

  /** A trial call was answered. */
  breakerClosed(): void {
    if (this.#openedTick === undefined) return;
    const openMs = this.#clock.tick() - this.#openedTick;
    this.#openedTick = undefined;
    this.#logger.info({ openMs, refused: this.#refusedByBreaker }, "The breaker has closed: IMM answers again.");
  }
}
