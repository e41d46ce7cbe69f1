import { describe, expect, it } from "@jest/globals";
import { query } from "../../support/query.js";
import { startGateway } from "../../support/start-gateway.js";
import { subscribeBySse } from "../../support/stream-request.js";
import { connect, subscribe } from "../../support/subscribe.js";

const MUTATION =
  'mutation { createImageModerationTask(input: { projectName: "immtest", sourceUri: "oss://b/a.jpg" }) { task { taskId } } }';
const ANSWER = { createImageModerationTask: { task: { taskId: expect.stringMatching(/^ImageModeration-/) } } };
const FOREIGN = "https://elsewhere.example";

async function post(url: string, headers: Record<string, string>, body: string): Promise<number> {
  return (await fetch(url, { method: "POST", headers, body })).status;
}

const json = { "content-type": "application/json" };
const body = JSON.stringify({ query: MUTATION });

describe("a mutation", () => {
  it("works through each door that carries single results", async () => {
    const { url, emulator } = await startGateway();
    expect((await query(url, MUTATION)).data).toEqual(ANSWER);
    expect(await subscribe(connect(url), MUTATION).rest()).toEqual([{ data: ANSWER }]);
    const stream = await subscribeBySse(url, MUTATION);
    expect(await stream.rest()).toMatchObject([{ event: "next", data: { data: ANSWER } }, { event: "complete" }]);
    expect(emulator.calls.map(({ action }) => action)).toEqual(Array(3).fill("CreateImageModerationTask"));
  });

  it("starts nothing by GET, whatever the door and the headers", async () => {
    const { url, emulator } = await startGateway();
    const search = `?query=${encodeURIComponent(MUTATION)}`;
    for (const path of ["/graphql", "/graphql/stream"]) {
      for (const headers of [{}, json, { "apollo-require-preflight": "true" }, { accept: "text/event-stream" }]) {
        const { status } = await fetch(`${url}${path}${search}`, { headers });
        expect([400, 405, 406]).toContain(status);
      }
    }
    expect(emulator.calls).toEqual([]);
  });

  it("starts nothing for a foreign page that does not ask for leave", async () => {
    const { url, emulator } = await startGateway({ gateway: { corsOrigins: [] } });
    const simple = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"];
    for (const type of simple) {
      const headers = { "content-type": type, origin: FOREIGN };
      expect(await post(`${url}/graphql`, headers, body)).toBeGreaterThanOrEqual(400);
      expect(await post(`${url}/graphql/stream`, headers, body)).toBeGreaterThanOrEqual(400);
    }
    expect(await post(`${url}/graphql/stream`, { ...json, origin: FOREIGN }, body)).toBe(403);
    const parts = { "content-type": "text/plain", accept: "multipart/mixed;subscriptionSpec=1.0", origin: FOREIGN };
    expect(await post(`${url}/graphql`, parts, body)).toBeGreaterThanOrEqual(400);
    expect(emulator.calls).toEqual([]);
    // A page asks for leave before it posts JSON, and is not given it.
    const leave = await fetch(`${url}/graphql`, {
      method: "OPTIONS",
      headers: {
        origin: FOREIGN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    });
    expect(leave.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("is FORBIDDEN in a read-only gateway, through every door and without a call; queries go on", async () => {
    const { url, emulator } = await startGateway({ gateway: { readOnly: true } });
    const errors = [{ extensions: { code: "FORBIDDEN" }, path: ["createImageModerationTask"] }];
    const answer = await query(url, MUTATION);
    expect(answer).toMatchObject({ data: { createImageModerationTask: null }, errors });
    expect(await subscribe(connect(url), MUTATION).rest()).toMatchObject([{ errors }]);
    expect(await (await subscribeBySse(url, MUTATION)).rest()).toMatchObject([{ data: { errors } }, {}]);
    const rerun = await query(url, 'mutation { rerunTask(input: { id: "x" }) { isNew } }');
    expect(rerun.errors).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
    expect(emulator.calls).toEqual([]);
    expect((await query(url, "{ taskTypes { name } }")).errors).toEqual([]);
  });

  it("is counted through every door", async () => {
    const { url, emulator } = await startGateway({ gateway: { maxCreatesPerOperation: 1 } });
    const field = MUTATION.slice("mutation { ".length, -" }".length);
    const two = `mutation { a: ${field} b: ${field} }`;
    const refusal = {
      message: "Expected an operation of at most 1 mutations.",
      extensions: { code: "BAD_USER_INPUT" },
    };
    expect((await query(url, two)).errors).toMatchObject([refusal]);
    expect(await subscribe(connect(url), two).failure()).toMatchObject([refusal]);
    expect(await (await subscribeBySse(url, two)).rest()).toMatchObject([{ data: { errors: [refusal] } }, {}]);
    expect(emulator.calls).toEqual([]);
  });
});
