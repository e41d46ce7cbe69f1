/**
 * Whose turn it is where several instances want more calls of a project than there are: the most urgent calls of all have four
 * turns of five, the less urgent ones share the fifth, and the instances that want the same have equal parts. Each line of
 * calls has a tag that grows with each of its turns, the less often it is to be served the faster, and the lowest tag is next
 * (start-time fair queueing). The script of `adapters/redis/call-grants.ts` does the same.
 */

/** What one instance wants of one urgency. In the order in which they came, the earlier first where tags are equal. */
interface Line {
  readonly holder: object;
  readonly priority: number;
  wanted: number;
  tag: number;
  /** Until when it counts as waiting, if it does not ask again. */
  endTick: number;
}

export interface Question {
  /** The instance that asks. */
  readonly holder: object;
  /** How many calls it wants of each urgency. */
  readonly wanted: ReadonlyMap<number, number>;
  /** And how many at most over all. */
  readonly most: number;
  /** How many there are. */
  readonly room: number;
  readonly now: number;
}

export interface Deal {
  readonly calls: number;
  /** Undefined where no other instance waits: then the order is the business of the one who asks. */
  readonly byUrgency: ReadonlyMap<number, number> | undefined;
  /** Whether it waits for more. */
  readonly isWanting: boolean;
}

/** The less urgent ones together have one turn in so many. */
const TURNS_PER_ROUND = 5;

export class CallTurns {
  #lines: Line[] = [];
  /** The tag of the last turn. */
  #reached = 0;

  /** Gives the one who asks what it may have now. What remains is kept for those whose turn comes before its own. */
  deal(question: Question): Deal {
    const { holder, wanted, most, room, now } = question;
    this.#lines = this.#lines.filter(
      (line) => line.endTick > now && (line.holder !== holder || wanted.has(line.priority)),
    );
    const isAlone = this.#lines.every((line) => line.holder === holder);
    for (const [priority, count] of wanted) this.#want(holder, priority, count, now);
    const all = [...wanted.values()].reduce((sum, count) => sum + count, 0);
    const byUrgency = isAlone ? undefined : this.#dealTurns(holder, most, room);
    const calls = byUrgency
      ? [...byUrgency.values()].reduce((sum, count) => sum + count, 0)
      : Math.min(all, most, room);
    const isWanting = calls < Math.min(all, most);
    if (!isWanting) this.leave(holder);
    this.#lines = this.#lines.filter((line) => line.wanted > 0);
    return { calls, byUrgency, isWanting };
  }

  /** Keeps turns for what it still wants until then, for so many calls at most. */
  keep(holder: object, most: number, endTick: number): void {
    for (const line of this.#lines) {
      if (line.holder !== holder) continue;
      line.wanted = Math.min(line.wanted, most);
      line.endTick = endTick;
    }
  }

  leave(holder: object): void {
    this.#lines = this.#lines.filter((line) => line.holder !== holder);
  }

  /** What is wanted anew begins as if it had just had a turn, so that it gains nothing by having been away. */
  #want(holder: object, priority: number, wanted: number, now: number): void {
    let line = this.#lines.find((each) => each.holder === holder && each.priority === priority);
    if (line === undefined) {
      line = { holder, priority, wanted: 0, tag: -Infinity, endTick: now };
      this.#lines.push(line);
    }
    line.tag = Math.max(line.tag, this.#reached + this.#step(priority) * (1 - line.wanted));
    line.wanted = wanted;
  }

  #dealTurns(holder: object, most: number, room: number): Map<number, number> {
    const dealt = new Map<number, number>();
    // What the turns of the others would be: they have them when they ask.
    const planned = this.#lines.map((line) => ({ line, wanted: line.wanted, tag: line.tag }));
    let calls = 0;
    for (let left = room; left > 0 && calls < most; left -= 1) {
      const next = first(planned.filter(({ wanted }) => wanted > 0));
      if (next === undefined) break;
      const { line } = next;
      if (line.holder === holder) {
        this.#reached = Math.max(this.#reached, next.tag);
        line.tag += this.#step(line.priority);
        line.wanted -= 1;
        dealt.set(line.priority, (dealt.get(line.priority) ?? 0) + 1);
        calls += 1;
      }
      next.tag += this.#step(line.priority);
      next.wanted -= 1;
    }
    return dealt;
  }

  /** By how much a turn moves a line of this urgency on. */
  #step(priority: number): number {
    const urgencies = new Set(this.#lines.map((line) => line.priority));
    const instances = this.#lines.filter((line) => line.priority === priority).length;
    const isMostUrgent = priority === Math.max(...urgencies);
    return instances * (isMostUrgent ? 1 : (TURNS_PER_ROUND - 1) * (urgencies.size - 1));
  }
}

interface Planned {
  readonly line: Line;
  wanted: number;
  tag: number;
}

function first(planned: readonly Planned[]): Planned | undefined {
  return planned.reduce<Planned | undefined>((best, each) => {
    if (best === undefined || each.tag < best.tag) return each;
    return each.tag === best.tag && each.line.priority > best.line.priority ? each : best;
  }, undefined);
}
