/** Subscribers who mean no harm, one on each transport: they must get every event whatever others send. */

import { GOOD_PROJECT } from "./hostile-upstream.js";
import { RawSocket } from "./transports.js";
import { MULTIPART } from "../support/stream-request.js";

export const INNOCENT_TASK = { projectName: GOOD_PROJECT, taskType: "FileCompression", taskId: "innocent" };

/** The arguments that name the innocents' task, as they stand in a document. */
export const INNOCENT_KEY = `key: { projectName: "${GOOD_PROJECT}", taskType: "FileCompression", taskId: "innocent" }`;

/** The arguments that name another task, which runs for ever and changes never. */
export const WAITED_KEY = INNOCENT_KEY.replace('"innocent"', '"waited"');
export const WAITED_TASK = { ...INNOCENT_TASK, taskId: "waited" };

const DOCUMENT = `subscription Innocent { taskProgress(${INNOCENT_KEY}) { status userData } }`;
const BODY = JSON.stringify({ query: DOCUMENT });

/** One subscriber: the newest `userData` that it was sent. */
export interface Innocent {
  readonly name: string;
  readonly newest: string | null;
  /** Why nothing more comes; undefined while the subscription lives. */
  readonly end: string | undefined;
}

/** Called whenever one of them has received something. */
type OnNews = () => void;

/** One on the socket that is attacked, and one on another connection of each kind. */
export async function startInnocents(
  url: string,
  shared: RawSocket,
  onNews: OnNews,
  leaving: AbortSignal,
): Promise<readonly Innocent[]> {
  const other = await RawSocket.open(url);
  leaving.addEventListener("abort", () => other.terminate());
  return [
    followBySocket("on the same socket", shared, onNews),
    followBySocket("on another socket", other, onNews),
    followByHttp("on a stream", `${url}/graphql/stream`, "text/event-stream", onNews, leaving),
    followByHttp("on a multipart answer", `${url}/graphql`, MULTIPART, onNews, leaving),
  ];
}

const ID = "innocent";

function followBySocket(name: string, { socket, received }: RawSocket, onNews: OnNews): Innocent {
  const innocent = { name, newest: null as string | null, end: undefined as string | undefined };
  // Ahead of the socket's own listener: what is the innocent's is not kept.
  socket.on("message", (data: Buffer) => {
    const text = data.toString();
    if (!text.includes(`"id":"${ID}"`)) return;
    innocent.newest = /"userData":"(\w+)"/.exec(text)?.[1] ?? innocent.newest;
    if (!text.includes('"type":"next"') || text.includes('"errors"')) innocent.end ??= text;
    received.splice(0, received.length, ...received.filter(({ id }) => id !== ID));
    onNews();
  });
  socket.on("close", (code) => {
    innocent.end ??= `closed with ${code}`;
    onNews();
  });
  socket.send(`{"id":"${ID}","type":"subscribe","payload":${BODY}}`);
  return innocent;
}

function followByHttp(name: string, url: string, accept: string, onNews: OnNews, leaving: AbortSignal): Innocent {
  const innocent = { name, newest: null as string | null, end: undefined as string | undefined };
  const read = async (): Promise<void> => {
    const headers = { "content-type": "application/json", accept };
    const response = await fetch(url, { method: "POST", headers, body: BODY, signal: leaving });
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const text = decoder.decode(chunk, { stream: true });
      innocent.newest = [...text.matchAll(/"userData":"(\w+)"/g)].at(-1)?.[1] ?? innocent.newest;
      if (text.includes('"errors"')) innocent.end ??= text;
      onNews();
    }
    innocent.end ??= "the answer ended";
  };
  read().catch((thrown: unknown) => {
    innocent.end ??= String(thrown);
    onNews();
  });
  return innocent;
}
