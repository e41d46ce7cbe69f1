/** The access of a configuration by itself, which a test changes as a file would. */

import type { AccessConfig } from "../../src/access/config/access-config.js";
import { ConfiguredAccess } from "../../src/access/authenticators/configured-access.js";
import { systemClock } from "../../src/clock.js";
import { manualClockNow, disposeAfterTest } from "./start-gateway.js";
import type { ManualClock } from "./manual-clock.js";
import { NOBODY } from "./nobody.js";
import { RecordingLogger } from "./recording-logger.js";

export interface StartedAccess {
  readonly access: ConfiguredAccess;
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
  /** Puts another configuration in the place of the present one. */
  readonly change: (config: AccessConfig) => void;
  /** Who holds a token, or why not. */
  readonly whoHas: (token: string | undefined) => Promise<string>;
}

export function startAccess(config: AccessConfig, clock = manualClockNow()): StartedAccess {
  const logger = new RecordingLogger();
  let change: (config: AccessConfig) => void = () => undefined;
  const source = {
    config,
    watch: (listener: (config: AccessConfig) => void) => {
      change = listener;
      return () => undefined;
    },
  };
  const access = new ConfiguredAccess(source, { clock, networkClock: systemClock, logger });
  access.open();
  disposeAfterTest(() => access.close());
  return {
    access,
    clock,
    logger,
    change: (config) => change(config),
    async whoHas(token) {
      const authorization = token === undefined ? undefined : `Bearer ${token}`;
      try {
        return (await access.authenticate({ ...NOBODY, authorization })).caller;
      } catch (thrown) {
        return String(thrown);
      }
    },
  };
}
