/**
 * The command `serve`: joins the settings, the vendor's client or the embedded emulator, and the gateway, and says where
 * things are.
 */

import { AccessFile } from "../access/config/access-file.js";
import { DEMO_PROJECT } from "../emulator/names.js";
import { isBoardOn, parseOptions, toGatewayOptions, type CommandOptions } from "../options/options.js";
import { createGateway, type StartedGateway } from "../server/gateway.js";
import { placeOf } from "../server/gateway-sharing.js";
import { BOARD_PATH } from "../server/transports/http/board.js";
import { parseManifest } from "../server/operation/documents/operation-manifest.js";
import { readText, version, type CommandIo, type Environment } from "./command.js";
import { EXAMPLE } from "./example.js";
import { openUpstream, type OpenUpstream } from "./open-upstream.js";
import { stopAll, stopOnSignal, type Stop } from "./stop-on-signal.js";
import { chooseUpstream, type Upstream } from "./upstream.js";

/** By their own names, such as `max-retries`. */
export type ServeFlags = Readonly<Record<string, string | undefined>>;

export async function serve(flags: ServeFlags, environment: Environment, io: CommandIo): Promise<void> {
  const { clock } = io;
  const options = parseOptions({ environment, flags });
  const upstream = chooseUpstream(options);
  const log = io.openLog(options.logLevel);
  const stops: Stop[] = [];
  try {
    const opened = await openUpstream(upstream, clock, stops);
    const { logger } = log;
    const { accessFile } = options;
    const access = accessFile === undefined ? undefined : await AccessFile.open(accessFile, { clock, logger });
    const gateway = createGateway({
      ...toGatewayOptions(options),
      region: upstream.region,
      openApi: opened.openApi,
      clock,
      logger,
      access,
      example: EXAMPLE,
      persistedOperations: readManifest(options.persistedOperations),
      persistedOperationsSource: options.persistedOperations,
    });
    stops.push(async () => gateway.stop());
    const { url, metricsUrl } = await gateway.start();
    stopOnSignal(io, stops, log, () => void gateway.stop({ drainDelayMs: 0 }));
    io.stdout.write(`${startMessage({ url, metricsUrl }, upstream, opened, options)}\n`);
  } catch (thrown) {
    await stopAll(stops);
    await log.close();
    throw thrown;
  }
}

function readManifest(path: string | undefined): ReadonlyMap<string, string> | undefined {
  return path === undefined ? undefined : parseManifest(readText(path), path);
}

function startMessage(
  { url, metricsUrl }: Pick<StartedGateway, "url" | "metricsUrl">,
  { kind }: Upstream,
  { data }: OpenUpstream,
  options: CommandOptions,
): string {
  const { explorer, persistedOperations, onlyPersistedOperations, accessFile } = options;
  const lines = [`imm-graphql ${version} serves ${url}/graphql`, "", `  Data       ${data}`];
  if (accessFile !== undefined) lines.push(`  Callers    those whom ${accessFile} lets in.`);
  if (persistedOperations !== undefined) {
    const others = onlyPersistedOperations ? "no others" : "whatever else is sent";
    lines.push(`  Documents  those of ${persistedOperations}, and ${others}.`);
  }
  if (options.redisUrl !== undefined) {
    lines.push(`  Shared     by ${placeOf(options.redisUrl)}, under ${options.redisPrefix}.`);
  }
  if (metricsUrl !== undefined) lines.push(`  Metrics    ${metricsUrl}`);
  if (explorer) {
    lines.push(`  Explorers  ${url}/graphql   Apollo Sandbox, in a browser with the internet`);
    lines.push(`             ${url}/graphiql  GraphiQL, in any browser`);
  }
  if (isBoardOn(options)) {
    const project = kind === "emulator" ? `?project=${DEMO_PROJECT}` : "";
    lines.push(`  Board      ${url}${BOARD_PATH}${project}   what runs, what failed and why`);
  }
  if (kind === "emulator" && !onlyPersistedOperations) {
    lines.push("", "A query to paste:", "", indent(EXAMPLE.query), "", "A subscription to paste:", "");
    lines.push(indent(EXAMPLE.subscription));
  }
  return lines.join("\n");
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}
