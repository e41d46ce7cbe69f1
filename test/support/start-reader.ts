/** The read path without doors: a `TaskReader` and a `WatchHub` on the real client, in front of an emulator. */

import { startEmulator, type Emulator, type EmulatorOptions } from "../../src/emulator/emulator.js";
import { parseEndpoint } from "../../src/imm/wire/endpoints.js";
import type { ImmClient } from "../../src/imm/imm-client.js";
import { createOpenApi, OpenApiImmClient } from "../../src/imm/wire/openapi-client.js";
import { TaskReader } from "../../src/tasks/read/task-reader.js";
import type { TaskKey, TaskParts } from "../../src/tasks/task.js";
import type { TaskSnapshot } from "../../src/tasks/snapshot.js";
import { WatchHub } from "../../src/tasks/watch/watch-hub.js";
import { countAttempts } from "./count-attempts.js";
import type { ManualClock } from "./manual-clock.js";
import { RecordingLogger } from "./recording-logger.js";
import { disposeAfterTest, manualClockNow } from "./start-gateway.js";

export interface RunningReader {
  readonly clock: ManualClock;
  readonly emulator: Emulator;
  readonly client: ImmClient;
  readonly reader: TaskReader;
  readonly hub: WatchHub;
}

export async function startReader(
  options: {
    readonly emulator?: EmulatorOptions;
    readonly taskMaxAgeMs?: number;
    readonly maxCachedTasks?: number;
    readonly maxWatchedTasks?: number;
    /** Stands between the reader and the client. */
    readonly wrapClient?: (client: ImmClient, clock: ManualClock) => ImmClient;
  } = {},
): Promise<RunningReader> {
  const clock = manualClockNow();
  const emulator = await startEmulator({
    maxRequestsPerSecond: Infinity,
    // The vendor's client signs with the machine's time, which stands still for nobody.
    maxClockSkewMs: Infinity,
    ...options.emulator,
    clock,
  });
  disposeAfterTest(async () => emulator.close());
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(emulator.url),
    accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
    userAgent: "test",
  });
  const {
    taskMaxAgeMs = 1_000,
    maxCachedTasks = 100,
    maxWatchedTasks = 10_000,
    wrapClient = (client: ImmClient) => client,
  } = options;
  const client = wrapClient(countAttempts(new OpenApiImmClient({ openApi, callTimeoutMs: 5_000 })), clock);
  const reader = new TaskReader({ client, clock, taskMaxAgeMs, maxCachedTasks });
  const rate = { watchCallsPerSecond: 0.5, minPollIntervalMs: 1_000, maxPollIntervalMs: 15_000 };
  const hub = new WatchHub({
    reader,
    clock,
    logger: new RecordingLogger(),
    rate,
    refusalGraceMs: 600_000,
    maxWatchedTasks,
    maxFollowedProjects: 100,
  });
  disposeAfterTest(() => hub.dispose());
  return { clock, emulator, client, reader, hub };
}

/** The actions that reached the emulator, in order. */
export function actionsOf(emulator: Emulator): readonly string[] {
  return emulator.calls.map((call) => call.action);
}

/** One task. */
export async function readOne(reader: TaskReader, key: TaskKey, parts: TaskParts): Promise<TaskSnapshot> {
  const [answer] = reader.readEach([{ key, parts }]);
  if (answer === undefined) throw new Error("The reader gave no answer.");
  return answer;
}
