import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { createGateway, type Gateway } from "../../src/server/gateway.js";
import { startDemo } from "../../src/emulator/demo.js";
import { EMULATOR_REGION, startEmulator, type Emulator } from "../../src/emulator/emulator.js";
import { parseEndpoint } from "../../src/imm/wire/endpoints.js";
import { createOpenApi } from "../../src/imm/wire/openapi-client.js";
import { launchChromium } from "../support/chromium.js";

const KEY = `key: { projectName: "immtest", taskType: "FileCompression", taskId: "FileCompression-demo-running" }`;
const example = {
  query: `query Look { task(${KEY}) { status progress requestDefinition } }`,
  subscription: `subscription Follow { taskProgress(${KEY}) { status progress } }`,
};

const TIMEOUT_MS = 60_000;

let browser: Browser;
let emulator: Emulator;
let gateway: Gateway;
let url: string;
let demo: ReturnType<typeof startDemo>;
let context: BrowserContext;
let page: Page;
/** What the page asked of any host but the gateway. */
let outside: string[];

beforeAll(async () => {
  browser = await launchChromium();
}, TIMEOUT_MS);

afterAll(async () => browser.close());

beforeEach(async () => {
  // Twenty times the pace: a task of thirty seconds is over in one and a half.
  emulator = await startEmulator({ timeScale: 20 });
  demo = startDemo(emulator);
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(emulator.url),
    accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
    userAgent: "test",
  });
  gateway = createGateway({
    region: EMULATOR_REGION,
    openApi,
    port: 0,
    explorer: true,
    example,
    minPollIntervalMs: 200,
    maxPollIntervalMs: 200,
  });
  ({ url } = await gateway.start());
  outside = [];
  context = await browser.newContext();
  // The network is off: whatever is not the gateway itself cannot be reached.
  await context.route(
    (target) => target.origin !== url,
    async (route) => {
      outside.push(route.request().url());
      await route.abort();
    },
  );
  page = await context.newPage();
}, TIMEOUT_MS);

afterEach(async () => {
  await context.close();
  await gateway.stop();
  demo.stop();
  await emulator.close();
}, TIMEOUT_MS);

async function run(): Promise<void> {
  await page.getByRole("button", { name: /execute query/i }).click();
}

describe("GraphiQL without a network", () => {
  it(
    "loads, and runs the query",
    async () => {
      await page.goto(`${url}/graphiql`);
      await run();
      const result = page.locator(".result-window");
      await result.getByText("requestDefinition").waitFor({ timeout: TIMEOUT_MS });
      const shown = (await result.textContent()) ?? "";
      expect(shown).toContain("RUNNING");
      expect(shown).toContain("progress");
      expect(shown).toContain("CompressedFormat");
      expect(outside.filter((target) => !target.startsWith("data:"))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "shows the events of the subscription until the task has succeeded",
    async () => {
      await page.goto(`${url}/graphiql`);
      await page.getByRole("tab", { name: "Follow" }).click();
      const result = page.locator(".result-window");
      // GraphiQL takes over what another tab holds a moment after the click, and keeps it then: until that is there, the button
      // runs the operation of the tab before.
      await page.waitForFunction('localStorage.getItem("graphiql:query")?.includes("Follow")');
      await run();
      await result.getByText("taskProgress").waitFor({ timeout: TIMEOUT_MS });
      const first = await result.textContent();
      await result.getByText("SUCCEEDED").waitFor({ timeout: TIMEOUT_MS });
      expect(await result.textContent()).toMatch(/"progress":\s*100/);
      expect(first).toContain("RUNNING");
      expect(outside.filter((target) => !target.startsWith("data:"))).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
