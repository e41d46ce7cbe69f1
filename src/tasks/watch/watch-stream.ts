/**
 * What one subscriber reads: the newest event of each task it follows, as an async iterator written by hand.
 *
 * An async generator cannot honour `return()` while it awaits, so a departing subscriber would keep its poll loop; here
 * `return()` wakes the pending `next()` at once. A slow reader finds the newest event of each task, not a queue. The
 * hub writes, the transport reads.
 */

import type { GatewayError } from "../../errors.js";
import type { Cause } from "../../observe.js";
import { Mailbox } from "../../mailbox.js";
import type { AccessTarget, Right } from "../../access/principal.js";
import { toKeyText, type TaskKey } from "../task.js";
import type { TaskSnapshot } from "../snapshot.js";

/** What happened. After a `failure`, or a final snapshot, nothing more comes for this task. */
export type WatchEvent =
  | {
      readonly kind: "snapshot";
      readonly snapshot: TaskSnapshot;
      /** Whether it is the first of this task. */
      readonly isFirst: boolean;
    }
  /** Of a task, or where `key` is null of all that is followed: then it is the last event. */
  | { readonly kind: "failure"; readonly key: TaskKey | null; readonly error: Error }
  /** What there is has been sent: after the first snapshots, and after each delay. */
  | { readonly kind: "caughtUp" }
  /** IMM cannot be asked at the moment. */
  | { readonly kind: "delayed"; readonly error: GatewayError };

/** What waits for events that are of no task; no key text is like these. */
const WHOLE_STREAM = "";
const CAUGHT_UP = "caught up";
const DELAYED = "delayed";

const DONE = { done: true, value: undefined } as const;

/** Equal for events of which a later one replaces an earlier one: the key text of their task. */
export function keyTextOf(event: WatchEvent): string {
  switch (event.kind) {
    case "snapshot":
      return toKeyText(event.snapshot.key);
    case "failure":
      return event.key === null ? WHOLE_STREAM : toKeyText(event.key);
    case "caughtUp":
      return CAUGHT_UP;
    case "delayed":
      return DELAYED;
  }
}

/** What a stream lives by: one that is granted less than this ends. */
export interface StreamNeeds {
  readonly rights: readonly Right[];
  readonly targets: readonly AccessTarget[];
}

/** How a stream is opened. */
export interface WatchStreamOptions {
  /** Called once, when nothing more is to be pushed, for whatever reason; `openKeys` still has what was followed. */
  readonly onLeave: () => void;
  /** Whether the stream goes on when all its tasks have ended, since others may be opened. @default false */
  readonly isEndless?: boolean;
  /** Whether it says that it has caught up, and that there is a delay. @default false */
  readonly sendsPhases?: boolean | undefined;
  /** Whether the reader may see a task as it is now; else it gets no event of it. @default it may see all */
  readonly sees?: ((snapshot: TaskSnapshot) => boolean) | undefined;
  /** What the reader must go on being granted. @default nothing */
  readonly needs?: StreamNeeds | undefined;
  /** The operations that wait for it, where they are traced. @default none is */
  readonly waiting?: ReadonlySet<Cause> | undefined;
  /** The snapshot of a task, where it is younger than the last event of it and shows no change. @default none is */
  readonly youngerThanSent?: (keyText: string) => TaskSnapshot | undefined;
}

/** The events of one subscriber. Ends after the last followed task has ended, or when the reader leaves. */
export class WatchStream implements AsyncIterableIterator<WatchEvent> {
  readonly #mailbox = new Mailbox<string, WatchEvent>();
  readonly #open: Set<string>;
  /** The open ones that have had no event yet. */
  readonly #unsent: Set<string>;
  readonly #options: WatchStreamOptions;
  #isEndless: boolean;
  /** Whether all that is to be followed is known; of an endless one, a list says it. */
  #isListed: boolean;
  #course: "catching up" | "caught up" | "delayed" = "catching up";
  #hasLeft = false;
  #phase: "reading" | "closed" = "reading";
  #wake: ((result: IteratorResult<WatchEvent>) => void) | undefined;

  constructor(keyTexts: Iterable<string>, options: WatchStreamOptions) {
    this.#open = new Set(keyTexts);
    this.#unsent = new Set(this.#open);
    this.#options = options;
    this.#isEndless = options.isEndless ?? false;
    this.#isListed = !this.#isEndless;
  }

  /** Whether it goes on when all its tasks have ended. */
  get isEndless(): boolean {
    return this.#isEndless;
  }

  /** What its reader must go on being granted. */
  get needs(): StreamNeeds | undefined {
    return this.#options.needs;
  }

  /** The operations that wait for it. */
  get waiting(): ReadonlySet<Cause> | undefined {
    return this.#options.waiting;
  }

  /** The key texts of the tasks whose last event has not come. */
  get openKeys(): ReadonlySet<string> {
    return this.#open;
  }

  /** Takes the events of one more task. */
  open(keyText: string): void {
    this.#open.add(keyText);
    this.#unsent.add(keyText);
  }

  /** Takes no more events of a task. */
  shut(keyText: string): void {
    this.#open.delete(keyText);
    this.#unsent.delete(keyText);
    this.#mailbox.remove(keyText);
  }

  /** Takes what is unread, for a reader that does not wait for events. */
  readRest(): readonly WatchEvent[] {
    return this.#mailbox.readRest();
  }

  /** Puts an event in the place of an unread older one of the same task. Ignored once that task or the stream has ended. */
  push(keyText: string, event: WatchEvent, isLast: boolean): void {
    if (this.#phase === "closed" || !this.#open.has(keyText)) return;
    this.#unsent.delete(keyText);
    if (isLast) this.#open.delete(keyText);
    if (event.kind !== "snapshot" || this.#options.sees?.(event.snapshot) !== false) this.#put(keyText, event);
    else if (this.#isOver) this.close();
    if (this.#course === "catching up") this.#catchUp();
  }

  /** All that is to be followed is known, and IMM has just been asked about it. */
  catchUp(): void {
    this.#isListed = true;
    if (this.#course !== "caught up") this.#catchUp();
  }

  /** IMM cannot be asked at the moment. Sent once, until the stream has caught up again. */
  delay(error: GatewayError): void {
    if (!this.#options.sendsPhases || this.#phase === "closed" || this.#course === "delayed") return;
    this.#course = "delayed";
    this.#mailbox.remove(CAUGHT_UP);
    this.#put(DELAYED, { kind: "delayed", error });
  }

  #catchUp(): void {
    if (!this.#options.sendsPhases || this.#phase === "closed" || !this.#isListed || this.#unsent.size > 0) return;
    this.#course = "caught up";
    this.#put(CAUGHT_UP, { kind: "caughtUp" });
  }

  /** What was unread as the first stays that. */
  #put(keyText: string, event: WatchEvent): void {
    const unread = this.#mailbox.unread(keyText);
    const isFirst = unread?.kind === "snapshot" && unread.isFirst;
    this.#mailbox.put(keyText, event.kind === "snapshot" && isFirst ? { ...event, isFirst } : event);
  }

  /** The newest snapshot of a task as a first event, where polls without a change have made it younger than the last sent. */
  renewedEvent(keyText: string): WatchEvent | undefined {
    const snapshot = this.#options.youngerThanSent?.(keyText);
    return snapshot && { kind: "snapshot", snapshot, isFirst: true };
  }

  /** Ends the stream with the failure of all that it follows, after the events that are still unread. */
  fail(error: Error): void {
    if (this.#phase === "closed") return;
    this.#leave();
    this.#isEndless = false;
    this.#open.clear();
    this.#open.add(WHOLE_STREAM);
    this.push(WHOLE_STREAM, { kind: "failure", key: null, error }, true);
  }

  /** Ends the stream without the events that are still unread. */
  close(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#mailbox.readRest();
    this.#settle(DONE);
    this.#leave();
  }

  async next(): Promise<IteratorResult<WatchEvent>> {
    if (this.#isOver) this.close();
    if (this.#phase === "closed") return DONE;
    return new Promise((resolve) => {
      // Two reads at once get the same answer: the transports read one at a time.
      const wakeOther = this.#wake;
      this.#wake = (result) => {
        wakeOther?.(result);
        resolve(result);
      };
      this.#mailbox.read((value) => this.#settle({ done: false, value }));
    });
  }

  async return(): Promise<IteratorResult<WatchEvent>> {
    this.close();
    return DONE;
  }

  async throw(error: unknown): Promise<IteratorResult<WatchEvent>> {
    this.close();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Whether all has been read, and nothing more will come. */
  get #isOver(): boolean {
    return this.#mailbox.isEmpty && this.#open.size === 0 && !this.#isEndless;
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#options.onLeave();
  }

  #settle(result: IteratorResult<WatchEvent>): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.(result);
  }
}
