/**
 * By what a gateway is observed: loads the metrics and the traces where they are asked for, and ends them. What is not asked for
 * is not loaded, and then the gateway's parts call functions that do nothing.
 */

import type { Clock } from "../clock.js";
import type { Logger } from "../log.js";
import { createObservers, type Observers, type Readings } from "../observe.js";
import type { Options } from "../options/options.js";
import type { OpenTelemetry } from "../adapters/opentelemetry.js";
import { ConfigurationError, watchFailures } from "../errors.js";
import type { Access } from "../access/access.js";
import type { WatchEvent } from "../tasks/watch/watch-stream.js";
import { startMetricsServer, type MetricsServer } from "./metrics-server.js";
import { OperationJournal } from "./operation/operation-journal.js";
import type { RefuseHost } from "./transports/hosts.js";
import type { AllowsOrigin } from "./transports/origins.js";

export interface ObservationOptions {
  readonly options: Pick<Options, "host" | "allowedHosts" | "metricsPort" | "otlpEndpoint" | "logOperations">;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Observation {
  /** Held by all parts of the gateway. */
  readonly observers: Observers = createObservers();
  readonly journal: OperationJournal;
  readonly #parts: ObservationOptions;
  #text: (() => Promise<string>) | undefined;
  #server: MetricsServer | undefined;
  #traces: OpenTelemetry | undefined;

  constructor(parts: ObservationOptions) {
    const { clock, logger, options } = parts;
    this.#parts = parts;
    this.journal = new OperationJournal({ ...options, clock, logger, observers: this.observers });
  }

  /** Where the metrics are; undefined where there are none. */
  get metricsUrl(): string | undefined {
    return this.#server?.url;
  }

  /** The metrics at this moment; an empty text where there are none. */
  async metrics(): Promise<string> {
    return (await this.#text?.()) ?? "";
  }

  /**
   * Loads what is asked for, before the gateway listens.
   *
   * @throws ConfigurationError - when the port of the metrics cannot be had, or what makes traces is not installed.
   */
  async open(readings: () => Readings): Promise<void> {
    const { otlpEndpoint, metricsPort } = this.#parts.options;
    if (otlpEndpoint !== undefined) await this.#openTraces(otlpEndpoint);
    if (metricsPort !== undefined) await this.#openMetrics(metricsPort, readings);
  }

  async #openTraces(otlpEndpoint: string): Promise<void> {
    const { startOpenTelemetry } = await importTraces();
    this.#traces = startOpenTelemetry({ ...this.#parts, otlpEndpoint });
    this.observers.tracing = this.#traces.tracing;
  }

  async #openMetrics(metricsPort: number, readings: () => Readings): Promise<void> {
    const { options, clock } = this.#parts;
    const { createPrometheus, CONTENT_TYPE } = await import("../adapters/prometheus.js");
    const { metrics, text } = createPrometheus({ clock, readings });
    this.#server = await startMetricsServer({ ...options, metricsPort, contentType: CONTENT_TYPE, text });
    this.#text = text;
    this.observers.metrics = metrics;
  }

  /** Leaves no port and no timer. The last spans are sent, where that does not take long. */
  async close(): Promise<void> {
    await this.#traces?.close();
    this.#traces = undefined;
    await this.#server?.close();
    this.#server = undefined;
  }

  /** A snapshot was handed to the subscribers of its task. */
  readonly onEvent = (event: WatchEvent): void => {
    if (event.kind !== "snapshot") return;
    this.observers.metrics.delivered(this.#parts.clock.tick() - event.snapshot.observedTick);
  };

  /** The same rule, and the metrics learn whom it refuses. */
  countingHosts(refuseHost: RefuseHost): RefuseHost {
    return (request, isProbe) => {
      const refused = refuseHost(request, isProbe);
      if (refused !== null) this.observers.metrics.refused("host", "");
      return refused;
    };
  }

  /** The same rule, and the metrics learn whom it refuses: without a host it is asked for headers alone. */
  countingOrigins(allowsOrigin: AllowsOrigin): AllowsOrigin {
    return (origin, host) => {
      const isAllowed = allowsOrigin(origin, host);
      if (!isAllowed && host !== undefined) this.observers.metrics.refused("origin", "");
      return isAllowed;
    };
  }

  /** The same rule, and the metrics learn whom it refuses. */
  countingLogins(authenticate: Access["authenticate"]): Access["authenticate"] {
    return watchFailures(authenticate, () => this.observers.metrics.refused("credentials", ""));
  }

  /** For limits: an allowance is used up. */
  readonly onSpent = (allowance: string): void => this.observers.metrics.refused("allowance", allowance);
}

/** What traces are made with weighs more than the gateway, so it is not installed with it. */
async function importTraces(): Promise<typeof import("../adapters/opentelemetry.js")> {
  try {
    return await import("../adapters/opentelemetry.js");
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
    if (code !== "ERR_MODULE_NOT_FOUND") throw thrown;
    throw new ConfigurationError(
      "OTEL_EXPORTER_OTLP_ENDPOINT (`otlpEndpoint`) needs packages that are not installed: npm install " +
        "@opentelemetry/core@2 @opentelemetry/resources@2 @opentelemetry/sdk-trace-base@2 @opentelemetry/exporter-trace-otlp-http@0.223.",
      { cause: thrown },
    );
  }
}
