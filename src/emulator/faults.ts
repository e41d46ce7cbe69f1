/**
 * Decides which calls go wrong, and how. Knows nothing of HTTP: `imm-http-server.ts` asks once per call and carries it out.
 */

import type { Clock } from "../clock.js";

/** How a call goes wrong. */
export type FaultKind =
  /** Answered as usual, but `delayMs` later. */
  | "latency"
  /** Received and never answered, until the client leaves or the emulator closes. */
  | "stall"
  /** The connection is reset without an answer, and nothing is done. */
  | "reset"
  /** Everything is done, then the connection is reset instead of the answer: a create has started its task. */
  | "answerLost"
  /** HTTP 503 `ServiceUnavailable`. */
  | "serverError"
  /** HTTP 400 `Throttling.User`, with `x-acs-retry-after` when `retryAfterMs` is given. */
  | "throttle"
  /** HTTP 400 with the `code` that is given, for example `InvalidSecurityToken.Expired`. */
  | "refuse"
  /** HTTP 200 with an HTML page, as a proxy in between would answer. */
  | "notJson"
  /** The right answer, of which only the first half of the JSON text is sent. */
  | "truncated"
  /** HTTP 200 without a body. */
  | "emptyBody";

/** Calls that shall go wrong. */
export interface FaultRule {
  readonly kind: FaultKind;
  /** Only calls of this action. @default every call */
  readonly action?: string;
  /**
   * The share of the calls, 0 to 1. Rates are shares of all the rule's calls, not of those that other rules leave: a
   * call draws one number, and the rules claim adjoining stretches of 0 to 1 in the order of their injection, so
   * `reset` at 0.2 beside `throttle` at 0.1 hits 20 % and 10 % of the calls, never both at once. Rules whose rates add
   * up to more than 1 are cut off there. `latency` rules draw apart from all others: a slow call may also fail.
   *
   * @default 1
   */
  readonly rate?: number;
  /** The rule ends after this many calls. @default Infinity */
  readonly times?: number;
  /** For `latency`: how much later the answer comes, by the emulator's clock. @default 1_000 // 1 second */
  readonly delayMs?: number;
  /** For `throttle`: the header `x-acs-retry-after`, in milliseconds. @default no header */
  readonly retryAfterMs?: number;
  /** For `refuse`: the `Code` of the answer. @default "Forbidden.RAM" */
  readonly code?: string;
}

export interface DrawnFaults {
  /** The `latency` rule that hit, or null. */
  readonly latency: FaultRule | null;
  /** The rule of any other kind that hit, or null. */
  readonly failure: FaultRule | null;
}

interface ActiveRule {
  readonly rule: FaultRule;
  timesLeft: number;
}

export class Faults {
  readonly #clock: Clock;
  #active: ActiveRule[] = [];

  /** @param clock the source of chance: one number per call and group of rules, none while no rule applies */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Adds a rule behind those already there.
   *
   * @returns removes it; harmless when it is gone already
   * @throws RangeError - when a number of the rule is out of its range
   */
  inject(rule: FaultRule): () => void {
    checkRule(rule);
    const active = { rule, timesLeft: rule.times ?? Infinity };
    this.#active.push(active);
    return () => this.#remove(active);
  }

  clear(): void {
    this.#active = [];
  }

  /** Draws what happens to a call of `action`, and counts it against the rules that hit. */
  draw(action: string): DrawnFaults {
    const candidates = this.#active.filter(({ rule }) => rule.action === undefined || rule.action === action);
    return {
      latency: this.#drawFrom(candidates.filter(({ rule }) => rule.kind === "latency")),
      failure: this.#drawFrom(candidates.filter(({ rule }) => rule.kind !== "latency")),
    };
  }

  #drawFrom(candidates: readonly ActiveRule[]): FaultRule | null {
    if (candidates.length === 0) return null;
    const drawn = this.#clock.random();
    let claimed = 0;
    for (const active of candidates) {
      claimed += active.rule.rate ?? 1;
      if (drawn < claimed) return this.#use(active);
    }
    return null;
  }

  #use(active: ActiveRule): FaultRule {
    active.timesLeft -= 1;
    if (active.timesLeft <= 0) this.#remove(active);
    return active.rule;
  }

  #remove(active: ActiveRule): void {
    this.#active = this.#active.filter((other) => other !== active);
  }
}

function checkRule({ rate = 1, times = 1, delayMs = 0, retryAfterMs = 0 }: FaultRule): void {
  if (!(rate >= 0 && rate <= 1)) throw new RangeError(`Expected \`rate\` to be from 0 to 1, got \`${rate}\``);
  if (!(times >= 1)) throw new RangeError(`Expected \`times\` to be 1 or more, got \`${times}\``);
  if (!(delayMs >= 0)) throw new RangeError(`Expected \`delayMs\` to be 0 or more, got \`${delayMs}\``);
  if (!(retryAfterMs >= 0)) throw new RangeError(`Expected \`retryAfterMs\` to be 0 or more, got \`${retryAfterMs}\``);
}
