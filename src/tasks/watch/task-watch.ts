/**
 * The one watch of one task, shared by all its subscribers: what they need, and what each was sent last.
 *
 * The `ProjectWatch` makes it for the first subscriber and hands it what polls and queries bring. It makes no call, sets no
 * timer and knows nothing of rhythm.
 */

import { mergeParts, NO_PARTS, type TaskKey, type TaskParts } from "../task.js";
import { hasChanged, isFinal, mergeSnapshots, satisfies, type TaskSnapshot } from "../snapshot.js";
import type { WatchStream } from "./watch-stream.js";

/** How one subscriber follows tasks. */
export interface FollowOptions {
  readonly parts: TaskParts;
  /** The oldest snapshot it wants to live with, in milliseconds; undefined leaves it to the gateway. */
  readonly maxStalenessMs: number | undefined;
}

interface Follower {
  readonly stream: WatchStream;
  readonly parts: TaskParts;
  lastSent?: TaskSnapshot;
}

/** Keeps one task's followers informed. */
export class TaskWatch {
  readonly key: TaskKey;
  readonly keyText: string;
  /** When its first subscriber came. */
  readonly beganTick: number;
  /** Whether it is being asked for as one that a follower waits for. */
  isAsked = false;
  /** When another instance was first asked for what its followers wait for; undefined where none is. */
  soughtTick: number | undefined;
  /** Whether the instance that polls has shown it, and goes on to. */
  isShared = false;
  readonly #followers = new Map<WatchStream, Follower>();
  /** Followers that wait for an answer: their first one, or what the present snapshot lacks for them. */
  readonly #waiting = new Set<Follower>();
  /** What all followers need together; undefined until it is asked for after one has left. */
  #parts: TaskParts | undefined = NO_PARTS;
  #snapshot: TaskSnapshot | undefined;
  #hasEnded = false;

  /** @param keyText - the key as one text. */
  constructor(key: TaskKey, keyText: string, beganTick: number) {
    this.key = key;
    this.keyText = keyText;
    this.beganTick = beganTick;
  }

  /** What is known of the task; undefined before anything is. */
  get snapshot(): TaskSnapshot | undefined {
    return this.#snapshot;
  }

  /** When IMM was last asked about the task with success; `-Infinity` before that. */
  get answeredTick(): number {
    return this.#snapshot?.observedTick ?? -Infinity;
  }

  /** Whether it is over: it has no follower, or the task has ended, or it cannot be followed. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether a follower waits for an answer. */
  get isAwaited(): boolean {
    return !this.#hasEnded && this.#waiting.size > 0;
  }

  /** Who follows it. */
  get streams(): Iterable<WatchStream> {
    return this.#followers.keys();
  }

  /** What all followers need together. */
  get parts(): TaskParts {
    this.#parts ??= [...this.#followers.values()].reduce((all, { parts }) => mergeParts(all, parts), NO_PARTS);
    return this.#parts;
  }

  /** What those need who follow it by its key; undefined where all follow the project. */
  get namedParts(): TaskParts | undefined {
    let all: TaskParts | undefined;
    for (const { stream, parts } of this.#followers.values()) {
      if (!stream.isEndless) all = mergeParts(all ?? NO_PARTS, parts);
    }
    return all;
  }

  /** What this one needs; undefined where it does not follow. */
  partsOf(stream: WatchStream): TaskParts | undefined {
    return this.#followers.get(stream)?.parts;
  }

  /** Takes in a subscriber, or other parts for it. It is sent the present snapshot at once where that answers it. */
  join(stream: WatchStream, { parts }: FollowOptions): void {
    const known = this.#followers.get(stream);
    if (known !== undefined) this.#waiting.delete(known);
    const follower: Follower = { stream, parts };
    this.#followers.set(stream, follower);
    // Thousands may join: those that are there already are not asked again.
    if (known !== undefined) this.#parts = undefined;
    else if (this.#parts !== undefined) this.#parts = mergeParts(this.#parts, parts);
    this.#waiting.add(follower);
    if (this.#snapshot !== undefined) this.#send(follower, this.#snapshot);
  }

  /** Lets a subscriber go. The last one to leave ends the watch. */
  leave(stream: WatchStream): void {
    const follower = this.#followers.get(stream);
    if (follower === undefined) return;
    this.#forget(follower);
    if (this.#followers.size === 0) this.end();
  }

  /** The present snapshot, where the subscriber was sent an older one that looks the same. */
  youngerThanSent(stream: WatchStream): TaskSnapshot | undefined {
    const lastSent = this.#followers.get(stream)?.lastSent;
    return lastSent === undefined || lastSent === this.#snapshot ? undefined : this.#snapshot;
  }

  /** Ends the watch without a word to its followers. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Takes in what a poll or a query has brought. */
  observe(snapshot: TaskSnapshot): void {
    if (this.#hasEnded) return;
    const merged = mergeSnapshots(this.#snapshot, snapshot);
    this.#snapshot = merged;
    for (const follower of Array.from(this.#followers.values())) this.#send(follower, merged);
    if (isFinal(merged) && this.#followers.size === 0) this.end();
  }

  /** Ends the watch, with the reason for its followers. */
  fail(error: Error): void {
    if (this.#hasEnded) return;
    for (const stream of this.#followers.keys()) {
      stream.push(this.keyText, { kind: "failure", key: this.key, error }, true);
    }
    this.end();
  }

  #send(follower: Follower, snapshot: TaskSnapshot): void {
    const { stream, parts, lastSent } = follower;
    if (!satisfies(snapshot, parts, -Infinity)) return;
    this.#waiting.delete(follower);
    if (lastSent !== undefined && !hasChanged(lastSent, snapshot, parts)) return;
    follower.lastSent = snapshot;
    // Its stream no longer names this task when it leaves; it must not keep the watch.
    if (isFinal(snapshot)) this.#forget(follower);
    const event = { kind: "snapshot", snapshot, isFirst: lastSent === undefined } as const;
    stream.push(this.keyText, event, isFinal(snapshot));
  }

  #forget(follower: Follower): void {
    this.#followers.delete(follower.stream);
    this.#waiting.delete(follower);
    this.#parts = undefined;
  }
}
