import { describe, expect, it } from "@jest/globals";
import type { AccessConfig } from "../../../src/access/config/access-config.js";
import { AccessFile } from "../../../src/access/config/access-file.js";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../support/eventually.js";
import { RawSocket, subscribeMessage } from "../../support/raw-socket.js";
import { RecordingLogger } from "../../support/recording-logger.js";
import { disposeAfterTest, manualClockNow, startGateway, type RunningGateway } from "../../support/start-gateway.js";
import { openStream, SseStream } from "../../support/stream-request.js";
import { digestOf } from "../../support/test-token.js";

const KEY = 'key: { projectName: "immtest", taskType: "FileCompression", taskId: "run" }';
const FOLLOW = `subscription { taskProgress(${KEY}) { status } }`;

function config(...names: readonly string[]): AccessConfig {
  const grants = [{ projects: ["immtest"], allow: ["read"] }] as const;
  return { tokens: names.map((name) => ({ name, sha256: digestOf(`imm_${name}`), grants })) };
}

interface Filed extends RunningGateway {
  /** Writes the file anew, and waits until it is in force. */
  readonly change: (config: AccessConfig) => Promise<void>;
}

async function start(): Promise<Filed> {
  const folder = mkdtempSync(join(tmpdir(), "access-"));
  disposeAfterTest(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "access.json");
  writeFileSync(path, JSON.stringify(config("kept", "gone")));
  const [clock, logger] = [manualClockNow(), new RecordingLogger()];
  const access = await AccessFile.open(path, { clock, logger });
  const running = await startGateway({ clock, gateway: { access } });
  running.emulator.addTask({ taskType: "FileCompression", taskId: "run", durationMs: Infinity });
  return {
    ...running,
    async change(config) {
      writeFileSync(path, JSON.stringify(config));
      await clock.advance(10_000);
      await eventually(() => logger.lines.length === 1);
    },
  };
}

async function followBySocket(url: string, name: string): Promise<RawSocket> {
  const socket = await RawSocket.openSilently(url);
  socket.send({ type: "connection_init", payload: { authorization: `Bearer imm_${name}` } });
  await new Promise((resolve) => socket.webSocket.once("message", resolve));
  socket.webSocket.on("message", (data: Buffer) => socket.received.push(JSON.parse(data.toString())));
  socket.send(subscribeMessage("a", FOLLOW));
  await eventually(() => socket.of("a").length > 0);
  return socket;
}

async function followBySse(url: string, name: string): Promise<SseStream> {
  const text = await openStream(`${url}/graphql/stream`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      authorization: `Bearer imm_${name}`,
    },
    body: JSON.stringify({ query: FOLLOW }),
  });
  const stream = new SseStream(text);
  await stream.result();
  return stream;
}

describe("a token that the access file has no more", () => {
  it("ends its streams and its sockets, and those of no other", async () => {
    const { url, clock, change, gateway } = await start();
    const [kept, gone] = [await followBySocket(url, "kept"), await followBySocket(url, "gone")];
    const [keptStream, goneStream] = [await followBySse(url, "kept"), await followBySse(url, "gone")];
    await change(config("kept"));
    await clock.advance(2_000);
    expect(await gone.closed).toBe(4_403);
    const [last, completion] = (await goneStream.rest()).slice(-2);
    expect([last?.data?.errors?.[0]?.extensions?.["code"], completion?.event]).toEqual(["UNAUTHENTICATED", "complete"]);
    // An error would be final for a client that else comes again.
    expect(new Set(gone.of("a").map(({ type }) => type))).toEqual(new Set(["next"]));
    expect(kept.webSocket.readyState).toBe(kept.webSocket.OPEN);
    kept.send(subscribeMessage("b", "{ __typename }"));
    expect(await kept.rest("b")).toMatchObject([{ type: "next" }, { type: "complete" }]);
    expect(gateway.watchedTasks).toBe(1);
    keptStream.text.vanish();
    const again = await RawSocket.openSilently(url);
    again.send({ type: "connection_init", payload: { authorization: "Bearer imm_gone" } });
    expect(await again.closed).toBe(4_401);
  });

  it("may expire earlier: its sockets are judged by that, without another sign-in", async () => {
    const { url, clock, change } = await start();
    const socket = await followBySocket(url, "kept");
    const [token] = config("kept").tokens ?? [];
    if (token === undefined) throw new Error("There is a token.");
    await change({ tokens: [{ ...token, expiresAt: new Date(clock.now() + 11_000).toISOString() }] });
    socket.send(subscribeMessage("b", "{ __typename }"));
    expect(await socket.rest("b")).toMatchObject([{ type: "next" }, { type: "complete" }]);
    await clock.advance(1_000);
    socket.send(subscribeMessage("c", "{ __typename }"));
    expect(await socket.rest("c")).toMatchObject([
      { type: "error", payload: [{ extensions: { code: "UNAUTHENTICATED" } }] },
    ]);
    await clock.advance(2_000);
    expect(await socket.closed).toBe(4_403);
  });
});
