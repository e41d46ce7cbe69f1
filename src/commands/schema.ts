/** The command `schema`: prints the schema that the gateway serves, or checks that a file is that schema. */

import { ConfigurationError } from "../errors.js";
import { parseOptions } from "../options/options.js";
import { printGatewaySchema } from "../schema/build-schema.js";
import { readText, type CommandIo, type Environment } from "./command.js";

export interface SchemaFlags {
  readonly federation?: boolean;
  readonly federationPrefix?: string;
  readonly check?: string;
}

/** @throws ConfigurationError - when the file to check is not the schema, or a prefix is none. */
export function printOrCheckSchema(flags: SchemaFlags, _environment: Environment, { stdout }: CommandIo): void {
  const { federation, federationPrefix } = parseOptions({
    flags: { federation: String(flags.federation ?? false), "federation-prefix": flags.federationPrefix },
  });
  const schema = printGatewaySchema({ federation, federationPrefix });
  const path = flags.check;
  if (path === undefined) {
    stdout.write(schema);
    return;
  }
  const prefixed = federationPrefix === undefined ? "" : ` --federation-prefix ${federationPrefix}`;
  const cure = `write it by "imm-graphql schema${federation ? " --federation" : ""}${prefixed} > ${path}".`;
  // Git may write the line ends of the system.
  if (readText(path, cure).replaceAll("\r\n", "\n") !== schema) {
    throw new ConfigurationError(`${path} is not the schema that the gateway serves: ${cure}`);
  }
}
