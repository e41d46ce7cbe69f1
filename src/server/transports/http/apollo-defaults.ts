/** What Apollo Server would do by itself, by its environment or because it is one of development, and is not to. */

import type { ApolloServerOptions, ApolloServerPlugin, BaseContext } from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from "@apollo/server/plugin/disabled";
import type { Logger } from "../../../log.js";

const DISABLED = [
  // It hooks every field of every answer for cache hints that this schema does not have.
  ApolloServerPluginCacheControlDisabled,
  // On by itself in a subgraph: a client that sends a header would get the duration of each field.
  ApolloServerPluginInlineTraceDisabled,
  // The page is shown before Apollo is asked.
  ApolloServerPluginLandingPageDisabled,
  // On by APOLLO_KEY and its like: the gateway reads no environment, and sends nothing to others.
  ApolloServerPluginUsageReportingDisabled,
  ApolloServerPluginSchemaReportingDisabled,
];

/** By what Apollo itself knows that a plugin of its own is there. */
function nameOf(plugin: object): unknown {
  return Reflect.get(plugin, "__internal_plugin_id__");
}

/** These plugins, and none that comes by itself. One of Apollo's own that is among them is asked for, and stays. */
export function withoutDefaults<Context extends BaseContext>(
  plugins: readonly ApolloServerPlugin<Context>[],
): ApolloServerPlugin<Context>[] {
  const asked = new Set(plugins.map(nameOf));
  const disabled = DISABLED.map((disable) => disable()).filter((plugin) => !asked.has(nameOf(plugin)));
  return [...disabled, ...plugins];
}

/** What it says by itself goes where the gateway logs. */
export function toApolloLogger(logger: Logger): NonNullable<ApolloServerOptions<BaseContext>["logger"]> {
  return {
    debug: (message) => logger.debug({}, String(message)),
    info: (message) => logger.info({}, String(message)),
    warn: (message) => logger.warn({}, String(message)),
    error: (message) => logger.error({}, String(message)),
  };
}
