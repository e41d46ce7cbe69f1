/** A server that stands for IMM and keeps what it was asked, by place: for what the emulator does not serve. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** One request as it came over the wire. */
export interface WireRequest {
  readonly action: string;
  readonly method: string;
  readonly path: string;
  /** The values by name; a name that came twice is refused. */
  readonly query: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, string>>;
  readonly contentType: string | undefined;
}

/** Parameters travel in the URL, which Node counts among the headers. */
const MAX_HEADER_BYTES = 262_144; // 256 KiB

export interface ImmServer {
  readonly url: string;
  readonly requests: readonly WireRequest[];
  close(): Promise<void>;
}

/** Starts it on a free port. `answer` ends each response. */
export async function serveImm(answer: (response: ServerResponse, request: WireRequest) => void): Promise<ImmServer> {
  const requests: WireRequest[] = [];
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(incoming.url ?? "", "http://localhost");
    const request: WireRequest = {
      action: String(incoming.headers["x-acs-action"]),
      method: incoming.method ?? "",
      path: pathname,
      query: toRecord(searchParams),
      body: toRecord(new URLSearchParams(await text(incoming))),
      contentType: incoming.headers["content-type"],
    };
    requests.push(request);
    answer(response, request);
  };
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (incoming, response) => {
    void serve(incoming, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function toRecord(values: URLSearchParams): Record<string, string> {
  const record = Object.fromEntries(values);
  if (Object.keys(record).length !== values.size) throw new Error(`A parameter came twice: ${String(values)}`);
  return record;
}
