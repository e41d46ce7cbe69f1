/** One timer for all sockets of a transport: thousands of them, each with its own, would wake the process for each ping. */

import type { Clock, Timer } from "../../../clock.js";

/** What has to be done from time to time. */
export interface Beating {
  /** Called every second. */
  beat(): void;
}

const BEAT_MS = 1_000;

/** Lets members beat. It leaves no timer when it has none, nor once it is stopped. */
export class Heartbeat<Member extends Beating> {
  readonly members = new Set<Member>();
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(member: Member): void {
    this.members.add(member);
    this.#timer ??= this.#plan();
  }

  delete(member: Member): void {
    this.members.delete(member);
    if (this.members.size === 0) this.stop();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #plan(): Timer {
    return this.#clock.setTimer(BEAT_MS, () => {
      this.#timer = this.#plan();
      for (const member of this.members) member.beat();
    });
  }
}
