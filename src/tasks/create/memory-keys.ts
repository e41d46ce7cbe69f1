/**
 * Idempotency keys in memory, bounded: of those that were answered the least recently used go first; those that are under way
 * or whose answer was lost never go, or the next one with such a key would start another task. It sets no timer.
 */

import { LRUCache } from "lru-cache";
import type { Clock } from "../../clock.js";
import { UpstreamThrottledError } from "../../errors.js";
import {
  KEY_LIFETIME_MS,
  type IdempotencyKeys,
  type KeyAnswer,
  type KeyHold,
  type KeyUse,
} from "./idempotency-keys.js";
import type { IdempotencyTag } from "./idempotency-tag.js";

interface Answered {
  readonly input: string;
  readonly expiresTick: number;
  readonly answer: KeyAnswer;
}

/** A key without an answer yet. */
interface Open extends Omit<Answered, "answer"> {
  readonly phase: "taken" | "begun" | "lost";
  readonly attempt: symbol;
  /** Until when it is held; of one that is lost, since when. */
  readonly tick: number;
  /** Of one that was taken: the create before, whose answer was lost. */
  readonly lost: Loss | null;
}

type Loss = Pick<Open, "attempt" | "tick">;

export class MemoryKeys implements IdempotencyKeys {
  readonly #answered: LRUCache<string, Answered>;
  readonly #open = new Map<string, Open>();
  readonly #maxKeys: number;
  readonly #clock: Clock;

  /** @param maxKeys - how many keys are remembered at once, of those that were answered and of the others. */
  constructor(maxKeys: number, clock: Clock) {
    this.#answered = new LRUCache({ max: maxKeys });
    this.#maxKeys = maxKeys;
    this.#clock = clock;
  }

  async take(_projectName: string, { key, input }: IdempotencyTag, holdMs: number): Promise<KeyUse> {
    const now = this.#clock.tick();
    const open = this.#openAt(key);
    const answered = this.#answered.get(key);
    if (open !== undefined) {
      if (open.input !== input) return { kind: "reused" };
      if (open.phase !== "lost" && open.tick > now) return { kind: "underWay", restMs: open.tick - now };
    } else if (answered !== undefined && answered.expiresTick > now) {
      return answered.input === input ? { kind: "answered", answer: answered.answer } : { kind: "reused" };
    } else {
      this.#makeRoom(now);
      this.#answered.delete(key);
    }
    const lost = open === undefined ? null : open.phase === "taken" ? open.lost : open;
    const attempt = Symbol("attempt");
    const expiresTick = open?.expiresTick ?? now + KEY_LIFETIME_MS;
    this.#open.set(key, { input, expiresTick, phase: "taken", attempt, tick: now + holdMs, lost });
    return { kind: "taken", hold: this.#holdOf(key, attempt), lostMs: lost && now - lost.tick };
  }

  #holdOf(key: string, attempt: symbol): KeyHold {
    const heldNow = (): Open | undefined => {
      const open = this.#openAt(key);
      return open?.attempt === attempt ? open : undefined;
    };
    return {
      begin: async (holdMs) => {
        const held = heldNow();
        if (held?.phase !== "taken") return false;
        this.#open.set(key, { ...held, phase: "begun", tick: this.#clock.tick() + holdMs, lost: null });
        return true;
      },
      settle: async (answer) => {
        const open = this.#openAt(key);
        // What counts as lost by now may be known after all, as long as no other has begun.
        if (open === undefined || (open.attempt !== attempt && open.lost?.attempt !== attempt)) return;
        this.#open.delete(key);
        this.#answered.set(key, { input: open.input, expiresTick: open.expiresTick, answer });
      },
      lose: async () => {
        const held = heldNow();
        if (held !== undefined) this.#open.set(key, { ...held, phase: "lost", tick: this.#clock.tick(), lost: null });
      },
      free: async () => {
        const held = heldNow();
        if (held === undefined) return;
        if (held.lost === null) this.#open.delete(key);
        else this.#open.set(key, { ...held, phase: "lost", ...held.lost, lost: null });
      },
    };
  }

  #openAt(key: string): Open | undefined {
    const open = this.#open.get(key);
    return open !== undefined && open.expiresTick > this.#clock.tick() ? open : undefined;
  }

  #makeRoom(now: number): void {
    if (this.#open.size < this.#maxKeys) return;
    for (const [key, { expiresTick }] of this.#open) {
      if (expiresTick <= now) this.#open.delete(key);
    }
    if (this.#open.size < this.#maxKeys) return;
    throw new UpstreamThrottledError(
      "Too many creates with an idempotency key are under way or have lost their answer.",
    );
  }
}
