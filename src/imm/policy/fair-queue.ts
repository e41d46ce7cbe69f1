/**
 * Whose turn it is among the calls of one project that wait: the most urgent one's, but now and then that of a call which
 * more urgent ones have kept waiting.
 *
 * `project-budget` gives it to p-queue. Without the second rule a flood of queries would keep every watch from the end of
 * its task for as long as the flood lasts.
 */

import { PriorityQueue, type QueueAddOptions } from "p-queue";

type Run = NonNullable<ReturnType<PriorityQueue["dequeue"]>>;

/** The calls of one urgency, first come, first served. */
interface Line {
  readonly priority: number;
  readonly calls: PriorityQueue;
  /** The turn that it had last. */
  servedAt: number;
}

/** One turn in so many is not the most urgent one's. */
const TURNS_PER_ROUND = 5;

/** The calls that wait. It is p-queue's own queue by type, since p-queue takes aborted calls out of no other. */
export class FairQueue extends PriorityQueue {
  /** By priority. */
  readonly #lines = new Map<number, Line>();
  #turn = 0;

  override get size(): number {
    return [...this.#lines.values()].reduce((sum, { calls }) => sum + calls.size, 0);
  }

  override enqueue(run: Run, options: QueueAddOptions = {}): void {
    const { priority = 0 } = options;
    const line = this.#lines.get(priority) ?? { priority, calls: new PriorityQueue(), servedAt: 0 };
    this.#lines.set(priority, line);
    line.calls.enqueue(run, options);
  }

  override dequeue(): Run | undefined {
    this.#turn += 1;
    const waiting = [...this.#lines.values()].filter(({ calls }) => calls.size > 0);
    const isOfMostUrgent = this.#turn % TURNS_PER_ROUND !== 0;
    const [first] = waiting.toSorted((a, b) => (isOfMostUrgent ? b.priority - a.priority : a.servedAt - b.servedAt));
    if (first === undefined) return undefined;
    first.servedAt = this.#turn;
    return first.calls.dequeue();
  }

  override filter({ priority = 0 }: Readonly<Partial<QueueAddOptions>>): Run[] {
    return this.#lines.get(priority)?.calls.filter({ priority }) ?? [];
  }

  override remove(run: string | Run): void {
    // The cast: each of the two overloads takes one of the two.
    for (const { calls } of this.#lines.values()) calls.remove(run as Run);
  }
}
