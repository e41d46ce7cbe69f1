// The command of the gateway, in front of an emulator of IMM that has a project for each of two tenants. An app of its own has
// IMM in the place of the emulator, and an access file like this one.

import { argv, env } from "node:process";
import { fileURLToPath } from "node:url";
import { EMULATOR_REGION, startEmulator } from "../../../dist/src/index.js";

const MINUTE_MS = 60_000;
const tenants = ["acme", "globex"];

const emulator = await startEmulator({ projects: tenants.map((tenant) => `${tenant}-media`) });
for (const tenant of tenants) {
  const task = { projectName: `${tenant}-media`, taskType: "MediaConvert", startedAgoMs: MINUTE_MS };
  emulator.addTask({ ...task, taskId: `${tenant}-film`, durationMs: 60 * MINUTE_MS });
  emulator.addTask({ ...task, taskId: `${tenant}-trailer`, durationMs: MINUTE_MS / 2 });
}

env.ACCESS_FILE ??= fileURLToPath(new URL("access.yaml", import.meta.url));
env.IMM_ENDPOINT = emulator.url;
env.IMM_REGION = EMULATOR_REGION;
env.ALIBABA_CLOUD_ACCESS_KEY_ID = "emulator";
env.ALIBABA_CLOUD_ACCESS_KEY_SECRET = "emulator";
argv.splice(2, Infinity, "serve");
await import("../../../dist/command/imm-graphql.js");
