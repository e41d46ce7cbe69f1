import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "@jest/globals";
import { Kind, parse } from "graphql";
import { endRuns, Run } from "./support/run.js";
import { startGateway } from "./support/start-gateway.js";

const document = readFileSync(new URL("../../examples/create-tasks.graphql", import.meta.url), "utf8");

const operationNames = parse(document).definitions.flatMap((definition) =>
  definition.kind === Kind.OPERATION_DEFINITION ? [definition.name?.value ?? ""] : [],
);

interface Started {
  readonly isNew: boolean;
  readonly task: { readonly status: string };
}

describe("examples/create-tasks.graphql", () => {
  it("has ten operations", () => {
    expect(operationNames).toHaveLength(10);
  });

  it.each(operationNames)("starts a task by %s", async (operationName) => {
    const { url, emulator } = await startGateway();
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: document, operationName }),
    });
    const { data, errors } = (await response.json()) as { data: Record<string, Started>; errors?: unknown };
    expect(errors).toBeUndefined();
    expect(Object.values(data)).toMatchObject([{ isNew: true, task: { status: "RUNNING" } }]);
    expect(emulator.calls.filter(({ action }) => action.startsWith("Create"))).toMatchObject([{ status: 200 }]);
  });
});

describe("examples/follow.mjs", () => {
  const script = fileURLToPath(new URL("../../examples/follow.mjs", import.meta.url));
  const follow = (taskId: string, url: string): Run =>
    new Run([script, taskId, "FileCompression", "immtest", `${url.replace("http", "ws")}/graphql`]);

  afterEach(endRuns);

  it("prints each event, and that it is complete", async () => {
    const { url, emulator } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000 });
    expect(await follow("done", url).finished).toEqual({
      code: 0,
      stdout: '{"data":{"taskProgress":{"status":"SUCCEEDED","progress":100,"error":null}}}\ncomplete\n',
      stderr: "",
    });
  });

  it("says in one sentence that there is no gateway", async () => {
    const { url, gateway } = await startGateway();
    await gateway.stop();
    const at = `${url.replace("http", "ws")}/graphql`;
    expect(await follow("done", url).finished).toEqual({
      code: 1,
      stdout: "",
      stderr: `No gateway answers at ${at} (connect ECONNREFUSED ${new URL(url).host}): start one with "npm start".\n`,
    });
  });

  it("asks at the port of PORT, and names what a host of several addresses answers", async () => {
    const { port, gateway, emulator } = await startGateway();
    emulator.addTask({ taskType: "FileCompression", taskId: "done", startedAgoMs: 60_000 });
    const parameters = [script, "done", "FileCompression"];
    expect(await new Run(parameters, { PORT: String(port) }).finished).toMatchObject({ code: 0, stderr: "" });
    await gateway.stop();
    const at = `ws://localhost:${port}/graphql`;
    const { code, stderr } = await new Run([...parameters, "immtest", at]).finished;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^No gateway answers at ws:\/\/localhost:\d+\/graphql \([^)]*ECONNREFUSED[^)]*\): start one with "npm start"\.\n$/,
      ),
    });
  });

  it("says in one sentence that the URL is none", async () => {
    for (const given of ["127.0.0.1:4000", "localhost:4000/graphql", "http://127.0.0.1:4000/graphql", "ws://a b"]) {
      expect(await new Run([script, "done", "FileCompression", "immtest", given]).finished).toEqual({
        code: 1,
        stdout: "",
        stderr: `Expected a URL such as ws://127.0.0.1:4000/graphql, got "${given}".\n`,
      });
    }
  });

  it("says in one sentence that the path is wrong, and that a server refuses", async () => {
    const { url } = await startGateway();
    const at = `${url.replace("http", "ws")}/nowhere`;
    expect(await new Run([script, "done", "FileCompression", "immtest", at]).finished).toEqual({
      code: 1,
      stdout: "",
      stderr: `There is no gateway at this path of ${at}: it is /graphql.\n`,
    });
    const narrow = await startGateway({
      gateway: { host: "0.0.0.0", insecureNoAuth: true, allowedHosts: ["api.example.com"] },
    });
    const refusing = `ws://127.0.0.1:${narrow.port}/graphql`;
    expect(await new Run([script, "done", "FileCompression", "immtest", refusing]).finished).toEqual({
      code: 1,
      stdout: "",
      stderr: `A server at ${refusing} refused the WebSocket with status 403.\n`,
    });
  });

  it("says of a task that does not exist so, and not that it is complete", async () => {
    const { url } = await startGateway();
    const { code, stdout, stderr } = await follow("nobody", url).finished;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^The gateway at ws:\S+ refused: [^\n]+\n$/);
  });

  it("says in one sentence what the gateway refuses", async () => {
    const { url } = await startGateway({ gateway: { maxQueryTokens: 20 } });
    const { code, stdout, stderr } = await follow("done", url).finished;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^The gateway at ws:\S+ refused: [^\n]+\n$/);
  });
});
