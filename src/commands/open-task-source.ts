/** Whom the commands that show tasks ask: the gateway of `--url`, or IMM by the settings of `serve`. */

import { systemClock } from "../clock.js";
import { parseOptions } from "../options/options.js";
import type { CommandIo, Environment } from "./command.js";
import type { Link } from "./follow/gateway-source.js";
import type { TaskSource } from "./follow/task-source.js";
import { stopAll, type Stop } from "./stop-on-signal.js";

/**
 * Opens it. A gateway is connected to by the first question.
 *
 * @param onLink - called when the connection to a gateway that was there is lost, and when it is back.
 * @throws ConfigurationError - when the URL is none, or a setting is wrong.
 */
export async function openTaskSource(
  url: string | undefined,
  environment: Environment,
  { clock, stderr }: Pick<CommandIo, "clock" | "stderr">,
  onLink: (link: Link) => void,
): Promise<TaskSource> {
  // Each is loaded when it is the one: IMM takes the schema and the vendor's client.
  if (url !== undefined) {
    const { GatewaySource, parseGatewayUrl, TOKEN_VARIABLE } = await import("./follow/gateway-source.js");
    const token = environment[TOKEN_VARIABLE];
    return new GatewaySource({ url: parseGatewayUrl(url), token: token === "" ? undefined : token, clock, onLink });
  }
  const options = parseOptions({ environment });
  const { chooseUpstream } = await import("./upstream.js");
  const upstream = chooseUpstream(options);
  const { openUpstream } = await import("./open-upstream.js");
  const { ImmSource } = await import("./follow/imm-source.js");
  const stops: Stop[] = [];
  const { openApi, data } = await openUpstream(upstream, clock, stops);
  if (upstream.kind === "emulator") stderr.write(`The data is ${data} --url asks a gateway.\n`);
  // A call in flight takes the time of the network, also where the clock is moved by hand.
  const source = new ImmSource({ options, region: upstream.region, openApi, clock, networkClock: systemClock });
  stops.push(async () => source.close());
  return {
    subscribe: (operation, sink) => source.subscribe(operation, sink),
    cureOf: () => source.cureOf(),
    close: async () => stopAll(stops),
  };
}
