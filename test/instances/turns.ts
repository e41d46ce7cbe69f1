/**
 * When this process last had a turn: what is seen to arrive may have arrived since then. On a busy machine a process may have no turn
 * for long, and then sees the calls of a second or two at one moment.
 */

const TICK_MS = 5;

export class Turns {
  readonly #turns: number[] = [Date.now()];
  readonly #timer = setInterval(() => void this.#turns.push(Date.now()), TICK_MS);

  /**
   * Two turns before that instant, in milliseconds since the epoch: the last one may have begun behind a stand-still, with all that
   * had arrived meanwhile still to be read, and on a new connection it is read a turn later.
   */
  before(at: number): number {
    let [low, high] = [0, this.#turns.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#turns[middle] ?? Infinity) < at) low = middle;
      else high = middle - 1;
    }
    return Math.min(at, this.#turns[Math.max(0, low - 2)] ?? at);
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
