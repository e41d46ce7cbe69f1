/** The command `emulator`: IMM's wire protocol with made-up data. `serve` embeds the same where no IMM is set. */

import type { Clock } from "../clock.js";
import { DEMO_PROJECT, startDemo } from "../emulator/demo.js";
import { EMULATOR_REGION, startEmulator, type Emulator, type EmulatorOptions } from "../emulator/emulator.js";
import { ConfigurationError } from "../errors.js";
import type { CommandIo, Environment } from "./command.js";
import { stopOnSignal, type Stop } from "./stop-on-signal.js";

/** The key pair that an emulator of this command accepts. It opens nothing but made-up data. */
export const EMULATOR_KEY = { accessKeyId: "emulator", accessKeySecret: "emulator" };

/** As they were written. */
export interface EmulatorFlags {
  readonly port: string;
  readonly host: string;
  readonly timeScale: string;
  readonly seed: string;
}

/** Serves made-up data until it is stopped. */
export async function runEmulator(flags: EmulatorFlags, _environment: Environment, io: CommandIo): Promise<void> {
  const port = parseNumber("--port", flags.port, 0, 65_535, true);
  const timeScale = parseNumber("--time-scale", flags.timeScale, 0.001, 1_000_000, false);
  const seed = parseNumber("--seed", flags.seed, 0, 2 ** 31 - 1, true);
  const stops: Stop[] = [];
  const emulator = await startDemoEmulator({ port, timeScale, seed, host: flags.host, clock: io.clock }, stops);
  stopOnSignal(io, stops, io.openLog("error"), () => undefined);
  io.stdout.write(`${startMessage(emulator.url)}\n`);
}

/** An emulator with the demo's tasks, which `stops` gets to know. */
export async function startDemoEmulator(
  options: Pick<EmulatorOptions, "port" | "host" | "timeScale"> & { readonly clock: Clock; readonly seed?: number },
  stops: Stop[],
): Promise<Emulator> {
  const { seed, ...emulatorOptions } = options;
  const emulator = await startEmulator({ ...emulatorOptions, ...EMULATOR_KEY, projects: [DEMO_PROJECT] });
  stops.push(async () => emulator.close());
  const demo = startDemo(emulator, { clock: options.clock, ...(seed === undefined ? {} : { seed }) });
  stops.push(() => demo.stop());
  return emulator;
}

function startMessage(url: string): string {
  return [
    `The IMM emulator serves ${url} with made-up data in project ${DEMO_PROJECT}.`,
    "",
    "Point a gateway at it:",
    "",
    `  IMM_ENDPOINT=${url} IMM_REGION=${EMULATOR_REGION} \\`,
    `  ALIBABA_CLOUD_ACCESS_KEY_ID=${EMULATOR_KEY.accessKeyId} ALIBABA_CLOUD_ACCESS_KEY_SECRET=${EMULATOR_KEY.accessKeySecret} \\`,
    "  imm-graphql serve",
  ].join("\n");
}

function parseNumber(flag: string, text: string, min: number, max: number, isInteger: boolean): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= min && value <= max && (Number.isInteger(value) || !isInteger)) return value;
  throw new ConfigurationError(
    `${flag}: expected ${isInteger ? "an integer" : "a number"} from ${min} to ${max}, got "${text}".`,
  );
}
