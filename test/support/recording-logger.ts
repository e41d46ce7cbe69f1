/** A logger that keeps its lines, as the text in which they would be written. */

import type { Logger } from "../../src/log.js";

export class RecordingLogger implements Logger {
  readonly lines: string[] = [];
  readonly debug = this.#method("debug");
  readonly info = this.#method("info");
  readonly warn = this.#method("warn");
  readonly error = this.#method("error");

  #method(level: string): Logger["debug"] {
    return (fields, message) => void this.lines.push(JSON.stringify({ level, message, ...fields }));
  }
}
