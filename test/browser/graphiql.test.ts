import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { AccessConfig } from "../../src/access/config/access-config.js";
import { createGateway, type Gateway } from "../../src/server/gateway.js";
import { startDemo } from "../../src/emulator/demo.js";
import { EMULATOR_REGION, startEmulator, type Emulator } from "../../src/emulator/emulator.js";
import { parseEndpoint } from "../../src/imm/wire/endpoints.js";
import { createOpenApi } from "../../src/imm/wire/openapi-client.js";
import { launchChromium } from "../support/chromium.js";
import { eventually } from "../support/eventually.js";

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
/** What its policy kept the page from. */
let violations: string[];

beforeAll(async () => {
  browser = await launchChromium();
}, TIMEOUT_MS);

afterAll(async () => browser.close());

/** Starts a gateway in front of the emulator. */
async function serve(access?: AccessConfig): Promise<void> {
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(emulator.url),
    accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
    userAgent: "test",
  });
  gateway = createGateway({
    region: EMULATOR_REGION,
    openApi,
    access,
    port: 0,
    explorer: true,
    example,
    minPollIntervalMs: 200,
    maxPollIntervalMs: 200,
  });
  ({ url } = await gateway.start());
}

beforeEach(async () => {
  // Twenty times the pace: a task of thirty seconds is over in one and a half.
  emulator = await startEmulator({ timeScale: 20 });
  demo = startDemo(emulator);
  await serve();
  outside = [];
  violations = [];
  context = await browser.newContext();
  await context.exposeFunction("onViolation", (violation: string) => violations.push(violation));
  await context.addInitScript(
    `addEventListener("securitypolicyviolation", (event) => onViolation(event.violatedDirective + " " + event.blockedURI))`,
  );
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

/** Waits until an expression is true in the page. Playwright's own way would need a policy that lets texts be run. */
async function holds(expression: string): Promise<void> {
  while ((await page.evaluate(expression)) !== true) await page.evaluate("new Promise(requestAnimationFrame)");
}

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
      expect(violations).toEqual([]);
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
      await holds('localStorage.getItem("graphiql:query")?.includes("Follow")');
      await run();
      await result.getByText("taskProgress").waitFor({ timeout: TIMEOUT_MS });
      const first = await result.textContent();
      await result.getByText("SUCCEEDED").waitFor({ timeout: TIMEOUT_MS });
      expect(await result.textContent()).toMatch(/"progress":\s*100/);
      expect(first).toContain("RUNNING");
      expect(outside.filter((target) => !target.startsWith("data:"))).toEqual([]);
      expect(violations).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "signs in with a token, for a query and for a subscription",
    async () => {
      await gateway.stop();
      const grants = [{ projects: ["immtest"], allow: ["read", "definitions"] }] as const;
      const sha256 = createHash("sha256").update("imm_secret").digest("hex");
      await serve({ tokens: [{ name: "developer", sha256, grants }] });
      await page.goto(`${url}/graphiql`);
      const result = page.locator(".result-window");
      for (const [tab, refused, shown] of [
        ["Look", "UNAUTHENTICATED", "requestDefinition"],
        // What GraphiQL makes of a socket that was closed.
        ["Follow", "isTrusted", "SUCCEEDED"],
      ] as const) {
        await page.getByRole("tab", { name: tab }).click();
        await holds(`localStorage.getItem("graphiql:query")?.includes("${tab}") ?? ${tab === "Look"}`);
        await writeHeaders("");
        await run();
        await result.getByText(refused).waitFor({ timeout: TIMEOUT_MS });
        await writeHeaders('{ "Authorization": "Bearer imm_secret" }');
        await run();
        await result.getByText(shown).waitFor({ timeout: TIMEOUT_MS });
      }
      // It keeps the headers: the page that is loaded again is still signed in.
      await page.reload();
      await run();
      await result.getByText("SUCCEEDED").waitFor({ timeout: TIMEOUT_MS });
      expect(violations).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    "says what stands as Authorization among its headers in every request, and in the first message of every socket",
    async () => {
      const asked: (string | undefined)[] = [];
      const said: string[] = [];
      page.on("request", (request) => {
        if (request.method() === "POST") asked.push(request.headers()["authorization"]);
      });
      page.on("websocket", (socket) => {
        socket.on("framesent", ({ payload }) => {
          if (String(payload).includes("connection_init")) said.push(String(payload));
        });
      });
      await page.goto(`${url}/graphiql`);
      await writeHeaders('{ "Authorization": "Bearer one" }');
      await run();
      const result = page.locator(".result-window");
      await result.getByText("requestDefinition").waitFor({ timeout: TIMEOUT_MS });
      expect(asked.at(-1)).toBe("Bearer one");

      await page.getByRole("tab", { name: "Follow" }).click();
      await holds('localStorage.getItem("graphiql:query")?.includes("Follow")');
      await writeHeaders('{ "authorization": "Bearer two" }');
      await run();
      await result.getByText("SUCCEEDED").waitFor({ timeout: TIMEOUT_MS });
      await writeHeaders("");
      await run();
      await eventually(() => said.length === 2);
      expect(said.map((text) => JSON.parse(text).payload)).toEqual([{ authorization: "Bearer two" }, {}]);
      expect(violations).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

/** Puts a text in the place of all that stands in the headers editor. */
async function writeHeaders(text: string): Promise<void> {
  await page.getByRole("button", { name: "Headers", exact: true }).click();
  const editor = page.locator('.monaco-editor[data-uri$="request-headers.json"]');
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(text);
}

/** In the place of Apollo's script: a frame of Apollo's, styles, and what its relay does for that frame. */
const SANDBOX_SCRIPT = `
  window.EmbeddedSandbox = class {
    constructor({ target, initialEndpoint }) {
      const frame = document.createElement("iframe");
      frame.src = "https://sandbox.embed.apollographql.com/sandbox/explorer";
      document.querySelector(target).append(frame);
      const body = JSON.stringify({ query: "{ __typename }" });
      const headers = { "content-type": "application/json", authorization: "Bearer one" };
      fetch(initialEndpoint, { method: "POST", headers, body })
        .then((response) => response.text())
        .then((answer) => { document.title = answer; });
      const socket = new WebSocket(initialEndpoint.replace("http", "ws"), "graphql-transport-ws");
      socket.onopen = () => { document.body.dataset.socket = "open"; };
    }
  };`;

describe("Apollo Sandbox", () => {
  it(
    "gets by its policy what it loads and asks for, and runs no script that was put into its page",
    async () => {
      const answers: Readonly<Record<string, { contentType: string; body: string }>> = {
        "https://embeddable-sandbox.cdn.apollographql.com": { contentType: "text/javascript", body: SANDBOX_SCRIPT },
        "https://sandbox.embed.apollographql.com": { contentType: "text/html", body: "<p>The frame of Sandbox" },
        "https://fonts.googleapis.com": {
          contentType: "text/css",
          body: "@font-face { font-family: F; src: url(https://fonts.gstatic.com/f) } body { font-family: F }",
        },
      };
      await context.route(
        (target) => target.origin in answers,
        async (route) => route.fulfill(answers[new URL(route.request().url()).origin] ?? {}),
      );
      await page.goto(`${url}/graphql`);
      await page.frameLocator("iframe").getByText("The frame of Sandbox").waitFor();
      await holds(`document.title.includes('"__typename":"Query"')`);
      await holds('document.body.dataset.socket === "open"');
      await eventually(() => outside.some((target) => target.includes("gstatic")));
      expect(violations).toEqual([]);

      await page.evaluate(`
        const put = document.createElement("script");
        put.textContent = "document.title = 'taken'";
        document.body.append(put);`);
      await eventually(() => violations.length > 0);
      expect(violations).toContain("script-src-elem inline");
      expect(await page.title()).not.toBe("taken");
    },
    TIMEOUT_MS,
  );
});
