/**
 * By what a gateway is observed: loads the metrics and the traces where they are asked for, and ends them. What is not asked for
 * is not loaded, and then the gateway's parts call functions that do nothing.
 */

import type { Clock } from "../clock.js";
import type { Logger } from "../log.js";
import { createObservers, type Observers, type Readings } from "../observe.js";
import type { Options } from "../options/options.js";
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
    const { options, clock } = this.#parts;
    const { metricsPort } = options;
    if (metricsPort === undefined) return;
    const { createPrometheus, CONTENT_TYPE } = await import("../adapters/prometheus.js");
    const { metrics, text } = createPrometheus({ clock, readings });
    this.#server = await startMetricsServer({ ...options, metricsPort, contentType: CONTENT_TYPE, text });
    this.#text = text;
    this.observers.metrics = metrics;
  }

  /** Leaves no port and no timer. */
  async close(): Promise<void> {
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

  /** The same rule, and the metrics learn whom it refuses. */
  countingOrigins(allowsOrigin: AllowsOrigin): AllowsOrigin {
    return (origin, host) => {
      const isAllowed = allowsOrigin(origin, host);
      if (!isAllowed) this.observers.metrics.refused("origin", "");
      return isAllowed;
    };
  }

  /** The same rule, and the metrics learn whom it refuses. */
  countingLogins(authenticate: Access["authenticate"]): Access["authenticate"] {
    return async (credentials) => {
      try {
        return await authenticate(credentials);
      } catch (thrown) {
        this.observers.metrics.refused("credentials", "");
        throw thrown;
      }
    };
  }

  /** For limits: an allowance is used up. */
  readonly onSpent = (allowance: string): void => this.observers.metrics.refused("allowance", allowance);
}
