/**
 * The traces, by OpenTelemetry: a span for each request, its operation, and each call to IMM, and one for each poll that is
 * linked to the operations that wait for it. `server/` loads it only where there is a place to send them.
 *
 * Parents are handed on by the gateway's own objects: a call may be sent in the turn of another operation, so what runs at the
 * moment says nothing of whose it is.
 */

import {
  defaultTextMapGetter,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from "@opentelemetry/api";
import { ExportResultCode, W3CTraceContextPropagator, type ExportResult } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { systemClock, type Clock } from "../clock.js";
import { GatewayError } from "../errors.js";
import type { Logger } from "../log.js";
import type { Cause, Tracing } from "../observe.js";

export interface OpenTelemetryOptions {
  /** Of the collector; `/v1/traces` is added. */
  readonly otlpEndpoint: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Traces that are sent. */
export interface OpenTelemetry {
  readonly tracing: Tracing;
  /** Sends what waits, for two seconds at most. Never rejects. */
  close(): Promise<void>;
}

const NAME = "imm-graphql";
const CLOSE_TIMEOUT_MS = 2_000;
const LINE_INTERVAL_MS = 60_000;
/** Of a poll that thousands wait for. */
const MAX_LINKS = 100;

/** The SDK reads its variables by itself: of the service, the sampler, the batches, and the headers for the collector. */
export function startOpenTelemetry({ otlpEndpoint, clock, logger }: OpenTelemetryOptions): OpenTelemetry {
  const url = `${otlpEndpoint.replace(/\/+$/, "")}/v1/traces`;
  const exporter = new LoggedExporter(new OTLPTraceExporter({ url }), clock, logger);
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ "service.name": NAME }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  return {
    tracing: createTracing(provider.getTracer(NAME)),
    async close() {
      await new Promise<void>((resolve) => {
        const timer = systemClock.setTimer(CLOSE_TIMEOUT_MS, resolve);
        void provider
          .shutdown()
          .catch(() => undefined)
          .finally(() => {
            timer.cancel();
            resolve();
          });
      });
    },
  };
}

/** A collector that cannot be reached is one line a minute, and no more. */
class LoggedExporter {
  readonly #exporter: OTLPTraceExporter;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #lineTick = -Infinity;
  #lost = 0;

  constructor(exporter: OTLPTraceExporter, clock: Clock, logger: Logger) {
    this.#exporter = exporter;
    this.#clock = clock;
    this.#logger = logger;
  }

  export(spans: ReadableSpan[], onResult: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      if (result.code !== ExportResultCode.SUCCESS) this.#report(spans.length);
      onResult(result);
    });
  }

  async shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    return this.#exporter.forceFlush();
  }

  #report(lost: number): void {
    this.#lost += lost;
    const now = this.#clock.tick();
    if (now - this.#lineTick < LINE_INTERVAL_MS) return;
    this.#lineTick = now;
    this.#logger.warn({ spans: this.#lost }, "Spans could not be sent to the collector of traces.");
    this.#lost = 0;
  }
}

/** Whatever calls are made for. */
class TracedCause implements Cause {
  readonly span: Span;
  readonly #tracer: Tracer;
  readonly #context: Context;

  constructor(tracer: Tracer, span: Span, parent: Context = ROOT_CONTEXT) {
    this.span = span;
    this.#tracer = tracer;
    this.#context = trace.setSpan(parent, span);
  }

  call(action: string, projectName: string): { end(error: unknown): void } {
    const attributes = { "rpc.method": action, "imm_graphql.project": projectName };
    const span = this.#tracer.startSpan(`IMM ${action}`, { kind: SpanKind.CLIENT, attributes }, this.#context);
    return { end: (error) => endSpan(span, error) };
  }
}

function createTracing(tracer: Tracer): Tracing {
  const propagator = new W3CTraceContextPropagator();
  return {
    request(transport, requestId, headers) {
      const attributes = { "imm_graphql.transport": transport, "imm_graphql.request_id": requestId };
      const caller = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
      const span = tracer.startSpan(`graphql over ${transport}`, { kind: SpanKind.SERVER, attributes }, caller);
      const context = trace.setSpan(caller, span);
      const operation = tracer.startSpan("operation", {}, context);
      const cause = new TracedCause(tracer, operation, context);
      return {
        operation: Object.assign(cause, {
          traceId: operation.spanContext().traceId,
          name(kind: string, name: string | undefined): void {
            operation.updateName(name === undefined ? kind : `${kind} ${name}`);
            operation.setAttribute("graphql.operation.type", kind);
            if (name !== undefined) operation.setAttribute("graphql.operation.name", name);
          },
          end(code: string, calls: number, sharedTasks: number): void {
            operation.setAttributes({
              "imm_graphql.code": code,
              "imm_graphql.imm_calls": calls,
              "imm_graphql.shared_tasks": sharedTasks,
            });
            if (code !== "OK") operation.setStatus({ code: SpanStatusCode.ERROR });
            operation.end();
          },
        }),
        end: () => span.end(),
      };
    },
    poll(projectName, waiting) {
      const links = [];
      for (const cause of waiting) {
        if (links.length === MAX_LINKS) break;
        if (cause instanceof TracedCause) links.push({ context: cause.span.spanContext() });
      }
      const attributes = { "imm_graphql.project": projectName };
      const span = tracer.startSpan("poll", { links, attributes, root: true }, ROOT_CONTEXT);
      return Object.assign(new TracedCause(tracer, span), { end: (error: unknown) => endSpan(span, error) });
    },
  };
}

/** Of an error its codes are said, and none of its words. */
function endSpan(span: Span, error: unknown): void {
  if (error !== undefined) {
    const attributes: Attributes = { "error.type": error instanceof GatewayError ? error.code : "other" };
    const imm = error instanceof GatewayError ? error.imm : undefined;
    if (imm?.code) attributes["imm_graphql.imm_code"] = imm.code;
    if (imm?.requestId) attributes["imm_graphql.imm_request_id"] = imm.requestId;
    span.setAttributes(attributes);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}
