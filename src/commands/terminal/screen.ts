/**
 * The picture of `watch` on a terminal, by log-update: drawn again when something has changed, each second, since times go on,
 * and when the terminal has another size. The cursor is hidden meanwhile.
 */

import { createLogUpdate } from "log-update";
import type { Clock, Timer } from "../../clock.js";
import type { Size } from "./bars.js";
import { widthOf } from "./fit.js";

/** A terminal, as far as it is drawn on. */
export type Terminal = NodeJS.WritableStream & Partial<Size>;

const HIDE_CURSOR = "\u001B[?25l";
const SHOW_CURSOR = "\u001B[?25h";
const ERASE_LINE_AND_UP = "\u001B[2K\u001B[1A";
const ERASE_BELOW = "\u001B[J";
const ERASE_LINE = "\u001B[2K\u001B[G";
const REDRAW_MS = 1_000;
/** Changes of one poll come together. */
const SOON_MS = 50;
/** Of a terminal that does not say. */
const USUAL: Size = { columns: 80, rows: 24 };

export interface ScreenOptions {
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** The lines for a size; none wider, and fewer than its rows. */
  readonly draw: (size: Size, isOver: boolean) => readonly string[];
}

export class Screen {
  readonly #options: ScreenOptions;
  readonly #update: ReturnType<typeof createLogUpdate>;
  readonly #onResize = (): void => this.#resize();
  #timer: Timer | undefined;
  #isSoon = false;
  #drawn: readonly string[] = [];
  #columns: number;
  #phase: "open" | "closed" = "open";

  constructor(options: ScreenOptions) {
    const { terminal } = options;
    this.#options = options;
    this.#columns = this.#size.columns;
    // By itself it hides the cursor of standard error.
    this.#update = createLogUpdate(this.#toSized(terminal), { showCursor: true });
    terminal.write(HIDE_CURSOR);
    terminal.on("resize", this.#onResize);
    this.#redraw();
  }

  /** Something has changed. */
  invalidate(): void {
    if (this.#isSoon || this.#phase === "closed") return;
    this.#isSoon = true;
    this.#planIn(SOON_MS);
  }

  /** Leaves the last picture where it is, and the cursor below it. Called again, it does nothing. */
  close(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#timer?.cancel();
    const { terminal } = this.#options;
    terminal.off("resize", this.#onResize);
    try {
      this.#draw(true);
      this.#update.done();
    } finally {
      // What the terminal has shown of a Ctrl-C is there.
      terminal.write(`${ERASE_BELOW}${SHOW_CURSOR}`);
    }
  }

  /** As log-update is to see it: on one of no size it would draw nothing. */
  #toSized(terminal: Terminal): Terminal {
    const sizeOf = (): Size => this.#size;
    return new Proxy(terminal, {
      get(target, name) {
        if (name === "columns" || name === "rows") return sizeOf()[name];
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
  }

  get #size(): Size {
    const { columns = 0, rows = 0 } = this.#options.terminal;
    return { columns: columns || USUAL.columns, rows: rows || USUAL.rows };
  }

  #redraw(): void {
    this.#isSoon = false;
    this.#draw(false);
    this.#planIn(REDRAW_MS);
  }

  #planIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(delayMs, () => this.#redraw());
  }

  #draw(isOver: boolean): void {
    this.#drawn = this.#options.draw(this.#size, isOver);
    // An empty picture is no empty line.
    if (this.#drawn.length === 0) this.#update.clear();
    else this.#update(this.#drawn.join("\n"));
  }

  /** A terminal that became narrower has wrapped the lines that are there: there are more of them now. */
  #resize(): void {
    const { columns } = this.#size;
    const wrapped = this.#drawn.reduce((sum, line) => sum + Math.ceil(widthOf(line) / columns || 1) - 1, 0);
    if (columns < this.#columns && wrapped > 0) {
      this.#update.clear();
      this.#options.terminal.write(ERASE_LINE_AND_UP.repeat(wrapped) + ERASE_LINE);
    }
    this.#columns = columns;
    this.#redraw();
  }
}
