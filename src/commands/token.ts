/** The command `token`: prints a new random token, and what an access file has of it, which is its digest alone. */

import { randomBytes } from "node:crypto";
import { ConfigurationError } from "../errors.js";
import type { CommandIo, Environment } from "./command.js";
import { sha256 } from "../sha256.js";

/** As they were given. */
export interface TokenFlags {
  readonly name: string;
}

/** What scanners for leaked secrets, and people, know a token by. */
const PREFIX = "imm_";

/** @throws ConfigurationError - when the name is none. */
export function printToken({ name }: TokenFlags, _environment: Environment, { stdout }: CommandIo): void {
  if (!/^[\w.-]{1,100}$/.test(name)) {
    throw new ConfigurationError("--name: expected letters, digits and . _ - alone, at most 100.");
  }
  const token = PREFIX + randomBytes(32).toString("base64url");
  const digest = sha256(token);
  stdout.write(
    [
      `The token, which is shown only now: ${token}`,
      `Its SHA-256: ${digest}`,
      "",
      "For the access file, with the projects and rights that it shall have:",
      "",
      "tokens:",
      `  - name: ${JSON.stringify(name)}`,
      `    sha256: "${digest}"`,
      "    grants:",
      "      - projects: [my-project]",
      "        allow: [read]",
      "",
    ].join("\n"),
  );
}
