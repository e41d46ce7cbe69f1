/**
 * What waits for its turn, by urgency: the most urgent first, but each fifth turn belongs to the urgency that was served
 * longest ago. Without that a flood of queries would keep each watch from the end of its task for as long as it lasts.
 * `call-budget` has one for each project; nothing here knows what waits, or for how long.
 */

/** What waits with one urgency, first come, first served. */
interface Line<T> {
  readonly priority: number;
  /** Those before `next` have been served. */
  items: T[];
  next: number;
  servedTurn: number;
}

/** One turn in so many is not the most urgent one's. */
const TURNS_PER_ROUND = 5;

export class FairQueue<T> {
  readonly #lines = new Map<number, Line<T>>();
  #turn = 0;

  get size(): number {
    return [...this.#lines.values()].reduce((sum, { items, next }) => sum + items.length - next, 0);
  }

  /** How much of each urgency waits; none of which nothing does. */
  get sizes(): ReadonlyMap<number, number> {
    const sizes = [...this.#lines.keys()].map((priority) => [priority, this.sizeAt(priority)] as const);
    return new Map(sizes.filter(([, size]) => size > 0));
  }

  /** How much of this urgency waits. */
  sizeAt(priority: number): number {
    const line = this.#lines.get(priority);
    return line === undefined ? 0 : line.items.length - line.next;
  }

  push(item: T, priority: number): void {
    const line = this.#lines.get(priority);
    if (line === undefined) this.#lines.set(priority, { priority, items: [item], next: 0, servedTurn: 0 });
    else line.items.push(item);
  }

  /**
   * Whose turn it is; undefined when nothing waits.
   *
   * @param turns - how many turns each urgency has; the one that is served has one less. @default any number
   */
  shift(turns?: Map<number, number>): T | undefined {
    this.#turn += 1;
    const isOfMostUrgent = this.#turn % TURNS_PER_ROUND !== 0;
    let first: Line<T> | undefined;
    for (const line of this.#lines.values()) {
      if (line.next === line.items.length || (turns !== undefined && !turns.get(line.priority))) continue;
      const goesFirst =
        first === undefined || (isOfMostUrgent ? line.priority > first.priority : line.servedTurn < first.servedTurn);
      if (goesFirst) first = line;
    }
    if (first === undefined) return undefined;
    turns?.set(first.priority, (turns.get(first.priority) ?? 0) - 1);
    return this.#serve(first);
  }

  #serve(line: Line<T>): T | undefined {
    line.servedTurn = this.#turn;
    const item = line.items[line.next];
    line.next += 1;
    // Moving what waits for each that is served would be quadratic.
    if (line.next * 2 > line.items.length) {
      line.items = line.items.slice(line.next);
      line.next = 0;
    }
    return item;
  }
}
