import { describe, expect, it } from "@jest/globals";
import { EXAMPLE } from "../../src/commands/example.js";
import { startDemo } from "../../src/emulator/demo.js";
import { query } from "../support/query.js";
import { disposeAfterTest, startGateway } from "../support/start-gateway.js";
import { connect, subscribe } from "../support/subscribe.js";

describe("the operations that the explorers begin with", () => {
  it("show progress, also where the subscription comes long after the query", async () => {
    const { url, emulator, clock } = await startGateway({ gateway: { example: EXAMPLE } });
    const demo = startDemo(emulator, { clock });
    disposeAfterTest(() => demo.stop());

    expect((await query(url, EXAMPLE.query)).data).toMatchObject({ task: { status: "RUNNING", progress: 0 } });
    await clock.advance(60_000);
    expect((await query(url, EXAMPLE.query)).data).toMatchObject({ task: { status: "SUCCEEDED" } });
    const following = subscribe(connect(url), EXAMPLE.subscription);
    expect(await following.next()).toEqual({ data: { taskProgress: { status: "RUNNING", progress: 0 } } });
    following.unsubscribe();
  });

  it("are both in Sandbox's first document", async () => {
    const { url } = await startGateway({ gateway: { example: { query: "{ mine }", subscription: "subscription S" } } });
    const page = await (await fetch(`${url}/graphql`, { headers: { accept: "text/html" } })).text();
    expect(page).toContain(String.raw`{ mine }\n\nsubscription S`);
  });
});
