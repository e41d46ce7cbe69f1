/** A collector of traces: what is sent to it by OTLP over HTTP, as JSON. It is closed when the test ends. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { disposeAfterTest } from "./start-gateway.js";

/** A span as it travels, with its attributes as an object. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** 1 for internal, 2 for a server's, 3 for a client's. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly hasFailed: boolean;
}

export interface OtlpReceiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** All that was received, as it travelled. */
  readonly texts: readonly string[];
  /** Of what sends. */
  readonly service: Readonly<Record<string, unknown>>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface SentSpan extends Omit<ReceivedSpan, "attributes" | "links" | "hasFailed"> {
  readonly attributes?: readonly Attribute[];
  readonly links?: ReceivedSpan["links"];
  readonly status?: { readonly code?: number };
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

const ERROR = 2;

function toObject(attributes: readonly Attribute[] = []): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const texts: string[] = [];
  const service: Record<string, unknown> = {};
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const text = Buffer.concat(pieces).toString();
      texts.push(`${request.url} ${text}`);
      for (const { resource, scopeSpans } of (JSON.parse(text) as Sent).resourceSpans) {
        Object.assign(service, toObject(resource.attributes));
        for (const { attributes, links = [], status, ...span } of scopeSpans.flatMap((scope) => scope.spans)) {
          const isLinked = links.map(({ traceId, spanId }) => ({ traceId, spanId }));
          spans.push({ ...span, attributes: toObject(attributes), links: isLinked, hasFailed: status?.code === ERROR });
        }
      }
      response.setHeader("content-type", "application/json").end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  disposeAfterTest(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, texts, service };
}
