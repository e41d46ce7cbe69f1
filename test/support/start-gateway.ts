/**
 * A gateway in front of an emulator, both on free ports, both disposed of when the test ends.
 *
 * Time is a `ManualClock` unless a test brings its own, and the budget is wide, so that nothing waits on real time.
 */

import type { Clock } from "../../src/clock.js";
import { EMULATOR_REGION, startEmulator, type Emulator, type EmulatorOptions } from "../../src/emulator/emulator.js";
import { parseEndpoint } from "../../src/imm/wire/endpoints.js";
import { createOpenApi, type AccessKey } from "../../src/imm/wire/openapi-client.js";
import { createGateway, type Gateway, type GatewayOptions } from "../../src/server/gateway.js";
import { disposeAfterTest } from "./dispose-after-test.js";
import { ManualClock } from "./manual-clock.js";
import { RecordingLogger } from "./recording-logger.js";

export { disposeAfterTest };

/** A clock that stands still at the machine's present time: the vendor's client signs with that. */
export function manualClockNow(): ManualClock {
  return new ManualClock(Date.now());
}

export interface RunningGateway {
  readonly clock: ManualClock;
  readonly emulator: Emulator;
  readonly gateway: Gateway;
  readonly logger: RecordingLogger;
  readonly url: string;
  readonly port: number;
  /** Empty without `metricsPort`. */
  readonly metricsUrl: string;
}

export interface StartOptions {
  readonly clock?: ManualClock;
  /** IMM's. @default the gateway's */
  readonly immClock?: Clock;
  readonly emulator?: Omit<EmulatorOptions, "clock">;
  readonly gateway?: Omit<Partial<GatewayOptions>, "openApi" | "client" | "clock" | "logger">;
  readonly accessKey?: AccessKey;
}

/** The numbers of a test: no wait on real time longer than a few milliseconds, and memory that is soon allocated. */
export const QUICK_LIMITS = {
  maxCallsPerSecond: 10_000,
  retryDelayMs: 1,
  maxRetryDelayMs: 1,
  maxCachedTasks: 1_000,
  maxIdempotencyKeys: 100,
} as const;

export async function startGateway(options: StartOptions = {}): Promise<RunningGateway> {
  const clock = options.clock ?? manualClockNow();
  const emulator = await startEmulator({
    maxRequestsPerSecond: Infinity,
    // The vendor's client signs with the machine's time, which stands still for nobody.
    maxClockSkewMs: Infinity,
    ...options.emulator,
    clock: options.immClock ?? clock,
  });
  disposeAfterTest(async () => emulator.close());
  const logger = new RecordingLogger();
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(emulator.url),
    accessKey: options.accessKey ?? { accessKeyId: "emulator", accessKeySecret: "emulator" },
    userAgent: "test",
  });
  const gateway = createGateway({
    region: EMULATOR_REGION,
    port: 0,
    explorer: true,
    ...QUICK_LIMITS,
    ...options.gateway,
    openApi,
    clock: clock satisfies Clock,
    logger,
  });
  disposeAfterTest(async () => gateway.stop());
  const { url, port, metricsUrl = "" } = await gateway.start();
  return { clock, emulator, gateway, logger, url, port, metricsUrl };
}
