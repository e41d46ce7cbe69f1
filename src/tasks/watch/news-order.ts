/**
 * Puts the news of a project in order for an instance: each is told once, none is left out unnoticed. What comes while a claim is
 * under way waits for its answer, which says from where on it is news.
 */

import { letOthersRun } from "../../clock.js";
import type { Member } from "./exchange.js";

/** Where in the news of a project one stands: `epoch` grows with each owner of the lease, `seq` with each publication. */
export interface Position {
  readonly epoch: number;
  readonly seq: number;
}

/** A publication as it comes. */
export interface NewsMessage extends Position {
  readonly text: string;
  /** Of this instance, which knows it already. */
  readonly isOwn: boolean;
}

/** A claim takes a second at most, and there is hardly more than one publication in it. */
const MAX_HELD = 100;

/** In place of a message that was not understood, or not kept: later than all that is known. */
const MISSED: NewsMessage = { epoch: Infinity, seq: Infinity, text: "", isOwn: false };

export class NewsOrder {
  readonly #member: Pick<Member, "onNews" | "onGap">;
  /** Undefined where only a claim can tell. */
  #position: Position | undefined;
  #claims = 0;
  #held: NewsMessage[] = [];
  #isClosed = false;

  constructor(member: Pick<Member, "onNews" | "onGap">) {
    this.#member = member;
  }

  /** Before a claim is sent. */
  claimBegins(): void {
    this.#claims += 1;
  }

  /** When it is answered, with where it stands; or has failed. */
  claimEnds(position: Position | undefined): void {
    this.#claims -= 1;
    if (position !== undefined && (this.#position === undefined || isLater(position, this.#position))) {
      this.#position = position;
      // What the answer has in it need not wait: claims one upon the other would let it grow.
      this.#held = this.#held.filter((message) => isLater(message, position));
    }
    // Only after who has claimed has read the answer.
    if (this.#claims === 0 && this.#held.length > 0) void letOthersRun().then(() => this.#release());
  }

  /** What this instance has published: its own message need not come. */
  published(position: Position): void {
    if (this.#position?.epoch === position.epoch && isLater(position, this.#position)) this.#position = position;
  }

  receive(message: NewsMessage): void {
    if (this.#claims === 0 && this.#held.length === 0) this.#take(message);
    else if (this.#held.length < MAX_HELD) this.#held.push(message);
    else this.#held[MAX_HELD - 1] = MISSED;
  }

  /** A message came that cannot be read. */
  missed(): void {
    this.receive(MISSED);
  }

  /** Forgets where it stands: the next claim tells. */
  lose(): void {
    this.#position = undefined;
    this.#held = [];
  }

  /** Nothing is told from now on. */
  close(): void {
    this.#isClosed = true;
    this.lose();
  }

  #release(): void {
    if (this.#claims > 0) return;
    const held = this.#held;
    this.#held = [];
    for (const message of held) this.#take(message);
  }

  #take(message: NewsMessage): void {
    const position = this.#position;
    if (this.#isClosed || position === undefined || !isLater(message, position)) return;
    if (message.epoch === position.epoch && message.seq === position.seq + 1) {
      this.#position = { epoch: message.epoch, seq: message.seq };
      if (!message.isOwn) this.#member.onNews(message.text);
      return;
    }
    this.#position = undefined;
    this.#member.onGap();
  }
}

function isLater(position: Position, than: Position): boolean {
  return position.epoch > than.epoch || (position.epoch === than.epoch && position.seq > than.seq);
}
