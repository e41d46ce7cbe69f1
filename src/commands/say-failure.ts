/** What a command that shows tasks says when it cannot: a message may repeat a gateway's words, so it is made plain. */

import { ConfigurationError } from "../errors.js";
import { describeFailure, type CommandIo } from "./command.js";
import { toPlainText } from "./terminal/plain-text.js";

export function sayFailure({ stderr }: Pick<CommandIo, "stderr">, thrown: unknown): void {
  const text = describeFailure(thrown);
  stderr.write(thrown instanceof ConfigurationError ? `${toPlainText(text.trimEnd())}\n` : text);
}
