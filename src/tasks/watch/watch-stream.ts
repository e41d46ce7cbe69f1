/**
 * What one subscriber reads: the newest event of each task it follows, as an async iterator written by hand.
 *
 * An async generator cannot honour `return()` while it awaits, so a departing subscriber would keep its poll loop; here
 * `return()` wakes the pending `next()` at once. A slow reader finds the newest event of each task, not a queue. The
 * hub writes, the transport reads.
 */

import { toKeyText, type TaskKey, type TaskSnapshot } from "../task.js";

/** What happened to a followed task. After a `failure`, or a final snapshot, nothing more comes for this task. */
export type WatchEvent =
  | { readonly kind: "snapshot"; readonly snapshot: TaskSnapshot }
  /** Of a task, or where `key` is null of all that is followed: then it is the last event. */
  | { readonly kind: "failure"; readonly key: TaskKey | null; readonly error: Error };

/** Where the failure of the whole stream waits; no key text is empty. */
const WHOLE_STREAM = "";

/** Equal for events of which a later one replaces an earlier one: the key text of their task. */
export function keyTextOf(event: WatchEvent): string {
  const key = event.kind === "snapshot" ? event.snapshot.key : event.key;
  return key === null ? WHOLE_STREAM : toKeyText(key);
}

/** The events of one subscriber. Ends after the last followed task has ended, or when the reader leaves. */
export class WatchStream implements AsyncIterableIterator<WatchEvent> {
  /** By key text, in the order in which a task first had news. */
  readonly #pending = new Map<string, WatchEvent>();
  /** What looks without a change have shown since the last event of each task: nothing to tell, but younger. */
  readonly #renewed = new Map<string, WatchEvent>();
  readonly #open: Set<string>;
  readonly #onLeave: () => void;
  #isEndless: boolean;
  #hasLeft = false;
  #phase: "reading" | "closed" = "reading";
  #wake: ((result: IteratorResult<WatchEvent>) => void) | undefined;

  /**
   * @param onLeave - called once, when nothing more is to be pushed, for whatever reason; `openKeys` still has what was
   * followed.
   * @param isEndless - whether the stream goes on when all its tasks have ended, since others may be opened.
   */
  constructor(keyTexts: Iterable<string>, onLeave: () => void, isEndless = false) {
    this.#open = new Set(keyTexts);
    this.#onLeave = onLeave;
    this.#isEndless = isEndless;
  }

  /** Whether it goes on when all its tasks have ended. */
  get isEndless(): boolean {
    return this.#isEndless;
  }

  /** The key texts of the tasks whose last event has not come. */
  get openKeys(): ReadonlySet<string> {
    return this.#open;
  }

  /** Takes the events of one more task. */
  open(keyText: string): void {
    this.#open.add(keyText);
  }

  /** Puts an event in the place of an unread older one of the same task. Ignored once that task or the stream has ended. */
  push(keyText: string, event: WatchEvent, isLast: boolean): void {
    if (this.#phase === "closed" || !this.#open.has(keyText)) return;
    this.#renewed.delete(keyText);
    if (isLast) this.#open.delete(keyText);
    if (this.#wake === undefined) {
      this.#pending.set(keyText, event);
      return;
    }
    this.#settle({ done: false, value: event });
  }

  /** Keeps an event that shows no change, for whoever asks how the task stands. */
  renew(keyText: string, event: WatchEvent): void {
    if (this.#open.has(keyText)) this.#renewed.set(keyText, event);
  }

  /** The newest event of a task, where looks without a change have made it younger than the last that was told. */
  renewedEvent(keyText: string): WatchEvent | undefined {
    return this.#renewed.get(keyText);
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
    this.#pending.clear();
    this.#renewed.clear();
    this.#settle({ done: true, value: undefined });
    this.#leave();
  }

  async next(): Promise<IteratorResult<WatchEvent>> {
    if (this.#phase === "closed") return { done: true, value: undefined };
    const [first] = this.#pending;
    if (first !== undefined) {
      const [keyText, event] = first;
      this.#pending.delete(keyText);
      return { done: false, value: event };
    }
    if (this.#open.size === 0 && !this.#isEndless) {
      this.close();
      return { done: true, value: undefined };
    }
    return new Promise((resolve) => {
      // Two reads at once get the same answer: the transports read one at a time.
      const wakeOther = this.#wake;
      this.#wake = (result) => {
        wakeOther?.(result);
        resolve(result);
      };
    });
  }

  async return(): Promise<IteratorResult<WatchEvent>> {
    this.close();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<WatchEvent>> {
    this.close();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#onLeave();
  }

  #settle(result: IteratorResult<WatchEvent>): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.(result);
  }
}
