/** How the gateway is observed from outside. */

import { httpUrl, integer, oneOf, type Section } from "./row.js";

const LOGGED = ["errors", "all", "none"] as const;

export const observing = {
  title: "Metrics, traces and logs",
  gateway: {
    metricsPort: integer({
      min: 0,
      max: 65_535,
      default: undefined,
      fallback: "none: there are no metrics",
      effect:
        "a port of its own, on HOST, for the metrics: Prometheus reads them at /metrics; 0 takes a free one. It asks no one who they are: let only what scrapes it reach it",
    }),
    otlpEndpoint: httpUrl({
      env: "OTEL_EXPORTER_OTLP_ENDPOINT",
      flag: "otel-exporter-otlp-endpoint",
      default: undefined,
      fallback: "none: there are no traces",
      effect:
        "where traces are sent, by OTLP over HTTP; /v1/traces is added. The other variables of OpenTelemetry's SDK are its own to read, such as OTEL_SERVICE_NAME and OTEL_TRACES_SAMPLER",
    }),
    logOperations: oneOf(LOGGED, {
      placeholder: "<errors|all|none>",
      default: "errors",
      effect:
        "of which operations the log has a line when they are over: of those with an error, of all, or of none. It never has their text or variables",
    }),
  },
  command: {},
} satisfies Section;
