/** Which IMM is asked: by `chooseUpstream`, as `serve` does; the embedded emulator is started where `serve` would start it. */

import type { Clock } from "../../clock.js";
import { closest, distance } from "fastest-levenshtein";
import { DEMO_PROJECT } from "../../emulator/names.js";
import { parseEndpoint, REGIONS, type Endpoint } from "../../imm/wire/endpoints.js";
import type { AccessKey } from "../../imm/wire/openapi-client.js";
import type { CommandOptions } from "../../options/options.js";
import type { Stop } from "../stop-on-signal.js";
import { chooseUpstream } from "../upstream.js";
import { failed, ok, warning, wordsOf, type Finding } from "./check.js";

/** Whom to ask. */
export interface Target {
  readonly isEmulator: boolean;
  readonly region: string;
  readonly endpoint: Endpoint;
  readonly url: string;
  readonly accessKey: AccessKey | undefined;
}

/** @param stops - gets to know an emulator that was started. */
export async function checkUpstream(options: CommandOptions, clock: Clock, stops: Stop[]): Promise<Finding<Target>> {
  let upstream: ReturnType<typeof chooseUpstream>;
  try {
    upstream = chooseUpstream(options);
  } catch (thrown) {
    return { checks: [failed("upstream", wordsOf(thrown), cureOf(options))] };
  }
  const { region } = upstream;
  if (upstream.kind === "emulator") {
    // Not loaded where IMM answers.
    const { EMULATOR_KEY, startDemoEmulator } = await import("../emulator.js");
    const { url } = await startDemoEmulator({ clock }, stops);
    const message = `No IMM is set: the embedded emulator serves made-up data (project ${DEMO_PROJECT}), and is what is checked here.`;
    const value = { isEmulator: true, region, endpoint: parseEndpoint(url), url, accessKey: EMULATOR_KEY };
    return { checks: [ok("upstream", message)], value };
  }
  const { endpoint, accessKey } = upstream;
  const url = `${endpoint.protocol}://${endpoint.host}`;
  const value = { isEmulator: false, region, endpoint, url, accessKey };
  const message = `IMM is asked at ${url}, as the region ${region}.`;
  if (endpoint.protocol === "https" || /^(localhost|127\.|\[::1\])/.test(endpoint.host)) {
    return { checks: [ok("upstream", message)], value };
  }
  const cure = `Set IMM_ENDPOINT=https://${endpoint.host}, unless all that lies between is yours.`;
  return { checks: [warning("upstream", `${message} It is asked without TLS.`, cure)], value };
}

/** So many letters of a region may be wrong. */
const MAX_SLIPS = 3;

function cureOf({ region, endpoint }: CommandOptions): string {
  if (region === undefined || endpoint !== undefined || REGIONS.includes(region)) {
    return "Set IMM_REGION to the region of your projects; IMM_ENDPOINT only where IMM is reached another way.";
  }
  const nearest = closest(region, REGIONS);
  const guess = distance(region, nearest) <= MAX_SLIPS ? `Is it ${nearest}? ` : "";
  return `${guess}The console of IMM shows the region of a project.`;
}
