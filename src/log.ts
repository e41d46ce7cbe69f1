/**
 * What the house needs of a logger: pino's call form, and nothing of pino.
 *
 * A caller passes facts as fields and a fixed sentence. No field may hold a query string, a vendor's message or a
 * credential: the error border in `imm/openapi-client` has removed them before an error reaches any caller.
 */

import type { Clock } from "./clock.js";

/** Writes one line: facts as fields, and a fixed sentence. */
export type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** A structured logger; a pino logger is one. */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

const ignore: LogMethod = () => undefined;

/** Says nothing: the default of a library that was given no logger. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

const MINUTE_MS = 60_000;

/** So many lines of one kind a minute and no more, so that a flood of what causes them does not fill a disk. */
export class BoundedLines {
  readonly #clock: Clock;
  readonly #maxPerMinute: number;
  #sinceTick: number;
  #lines = 0;
  #unwritten = 0;

  constructor(clock: Clock, maxPerMinute: number) {
    this.#clock = clock;
    this.#maxPerMinute = maxPerMinute;
    this.#sinceTick = clock.tick();
  }

  /** Calls `write` where there is room for a line, with a field that says how many were not written before it. */
  write(write: (unwritten: { readonly unlogged?: number }) => void): void {
    const tick = this.#clock.tick();
    if (tick - this.#sinceTick >= MINUTE_MS) {
      this.#sinceTick = tick;
      this.#lines = 0;
    }
    this.#lines += 1;
    if (this.#lines > this.#maxPerMinute) {
      this.#unwritten += 1;
      return;
    }
    const unlogged = this.#unwritten;
    this.#unwritten = 0;
    write(unlogged > 0 ? { unlogged } : {});
  }
}
