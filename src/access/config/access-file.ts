/**
 * A configuration in a file: YAML, and so JSON too. It is read at the start and every 10 seconds from then on, and compared by
 * digest: what mounts configurations swaps links. One that is wrong later is logged, and the old one stays.
 */

import { readFile } from "node:fs/promises";
import { systemClock, type Clock, type Timer } from "../../clock.js";
import { ConfigurationError, toError } from "../../errors.js";
import { silentLogger, type Logger } from "../../log.js";
import { sha256 } from "../../sha256.js";
import { parseAccessConfig, type AccessConfig, type AccessSource } from "./access-config.js";

/** What reading it takes. */
export interface AccessFileOptions {
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** @default nowhere */
  readonly logger?: Logger;
}

const REREAD_MS = 10_000;

/** A file that was read once; it is read again while a gateway watches it. */
export class AccessFile implements AccessSource {
  #config: AccessConfig;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Of what was read last, or why it could not be read. */
  #digest: string;

  private constructor(path: string, digest: string, config: AccessConfig, options: AccessFileOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#path = path;
    this.#digest = digest;
    this.#config = config;
  }

  /** @throws ConfigurationError - when it cannot be read, or is wrong. */
  static async open(path: string, options: AccessFileOptions = {}): Promise<AccessFile> {
    const text = await readAccessFile(path);
    return new AccessFile(path, sha256(text), await parseAccessFile(text, path), options);
  }

  get config(): AccessConfig {
    return this.#config;
  }

  watch(listener: (config: AccessConfig) => void): () => void {
    let timer: Timer | undefined;
    let isOver = false;
    const plan = (): void => {
      if (isOver) return;
      timer = this.#clock.setTimer(REREAD_MS, () => void reread());
    };
    const reread = async (): Promise<void> => {
      const config = await this.#reread();
      if (config !== null && !isOver) listener(config);
      plan();
    };
    plan();
    return () => {
      isOver = true;
      timer?.cancel();
    };
  }

  /** The configuration, if it is a new one that is right. Never rejects. */
  async #reread(): Promise<AccessConfig | null> {
    const before = this.#digest;
    try {
      const text = await readAccessFile(this.#path).catch((thrown: unknown) => {
        this.#digest = toError(thrown).message;
        throw thrown;
      });
      this.#digest = sha256(text);
      if (this.#digest === before) return null;
      this.#config = await parseAccessFile(text, this.#path);
      this.#logger.info({ file: this.#path }, "The access file has changed, and is in force.");
      return this.#config;
    } catch (thrown) {
      if (this.#digest === before) return null;
      const { message } = toError(thrown);
      this.#logger.error({ reason: message }, "The access file is wrong: what was in force before stays.");
      return null;
    }
  }
}

async function readAccessFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    const { code } = toError(thrown) as NodeJS.ErrnoException;
    throw new ConfigurationError(
      code === "ENOENT" ? `${path}: there is no such file: is the path right?` : `${path}: cannot be read (${code}).`,
    );
  }
}

/** @param path - what errors call it. */
async function parseAccessFile(text: string, path: string): Promise<AccessConfig> {
  const { LineCounter, parseDocument } = await import("yaml");
  const lineCounter = new LineCounter();
  // Its own sentences would repeat the line that is wrong.
  const document = parseDocument(text, { prettyErrors: false, lineCounter });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const { line, col } = lineCounter.linePos(problem.pos[0]);
    throw new ConfigurationError(
      `${path}: line ${line}, column ${col}: expected YAML, got what is none (${problem.code}).`,
    );
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch {
    throw new ConfigurationError(`${path}: expected YAML without aliases, or with few that are there.`);
  }
  return parseAccessConfig(value, path);
}
