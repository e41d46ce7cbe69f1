/**
 * What the house needs of a logger: pino's call form, and nothing of pino.
 *
 * A caller passes facts as fields and a fixed sentence. No field may hold a query string, a vendor's message or a
 * credential: the error border in `imm/openapi-client` has removed them before an error reaches any caller.
 */

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
