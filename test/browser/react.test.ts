import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchChromium } from "../support/chromium.js";
import { eventually } from "../support/eventually.js";
import { endRuns, Run } from "../support/run.js";

// The test runs from dist/test/browser/: the example lies three folders up.
const example = fileURLToPath(new URL("../../../examples/react", import.meta.url));

const TIMEOUT_MS = 120_000;
/** For one thing in the page: a created task runs for up to 20 seconds. */
const PATIENCE_MS = 45_000;
/** Of a token: short enough that some expire while a test runs. */
const TOKEN_SECONDS = "5";

let browser: Browser;
let context: BrowserContext;
let folder: string;
let port: string;
let issuerUrl: string;
let url: string;

async function startGateway(at: string): Promise<void> {
  const access = join(folder, "access.yaml");
  const written = readFileSync(join(example, "backend/access.yaml"), "utf8");
  writeFileSync(access, written.replaceAll("http://127.0.0.1:4001/", issuerUrl));
  const gateway = new Run([join(example, "backend/gateway.js")], { ACCESS_FILE: access, PORT: at });
  port = await gateway.prints(/ serves http:\/\/127\.0\.0\.1:(\d+)\/graphql$/m);
}

async function openPage(): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  return page;
}

/** The app of one who has signed in, in a tab of its own, once the tasks of its tenant are there. */
async function signIn(person: "Ada of acme" | "Grace of globex", page?: Page): Promise<Page> {
  const tab = page ?? (await openPage());
  await tab.getByRole("button", { name: person }).click();
  await tab.getByRole("link", { name: `${person.split(" ").at(-1)}-film` }).waitFor();
  return tab;
}

/** Starts a task and stays on its page. */
async function start(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Start a task" }).click();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("heading", { name: /FileCompression-/ }).waitFor();
}

/** Asks with the token of one tenant for a task of the other, as a page might that was tampered with. */
const OTHERS_TASK = `(async () => {
  const { token } = await (await fetch("/issuer/people/ada/token")).json();
  const query = \`mutation { createFileCompressionTask(input: {
    projectName: "globex-media", sources: [{ uri: "oss://bucket/a/" }], targetUri: "oss://bucket/a.zip"
  }) { requestId } }\`;
  const headers = { "content-type": "application/json", authorization: "Bearer " + token };
  return (await fetch("/graphql", { method: "POST", headers, body: JSON.stringify({ query }) })).json();
})()`;

beforeAll(async () => {
  browser = await launchChromium();
}, TIMEOUT_MS);

afterAll(async () => browser.close());

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
  const issuer = new Run([join(example, "backend/issuer.js")], { ISSUER_PORT: "0", TOKEN_SECONDS });
  issuerUrl = await issuer.prints(/(http:\/\/127\.0\.0\.1:\d+\/)/);
  await startGateway("0");
  const app = new Run([`${example}/node_modules/vite/bin/vite.js`, example, "--port", "0"], {
    GATEWAY_URL: `http://127.0.0.1:${port}`,
    ISSUER_URL: issuerUrl,
  });
  url = await app.prints(/(http:\/\/localhost:\d+\/)/);
  context = await browser.newContext();
}, TIMEOUT_MS);

afterEach(async () => {
  await context.close();
  await endRuns();
  rmSync(folder, { recursive: true });
}, TIMEOUT_MS);

describe("the board as an app with a login of its own, against the real command", () => {
  it(
    "shows two people of two tenants the tasks of their own, and lets each start its own",
    async () => {
      const [ada, grace] = [await signIn("Ada of acme"), await signIn("Grace of globex")];
      await start(ada);
      await start(grace);
      for (const page of [ada, grace]) await page.getByText("succeeded", { exact: true }).waitFor();
      const shown = [await ada.locator("body").textContent(), await grace.locator("body").textContent()];
      expect(shown).toEqual([expect.not.stringContaining("globex"), expect.not.stringContaining("acme")]);

      // What the page does not offer is refused too.
      const asked = (await ada.evaluate(OTHERS_TASK)) as { errors: readonly object[] };
      expect(asked).toMatchObject({ errors: [{ extensions: { code: "FORBIDDEN" } }] });
    },
    TIMEOUT_MS,
  );

  it(
    "shows nothing of any task to one who is signed out, and follows none",
    async () => {
      const page = await openPage();
      let [asked, open] = [0, 0];
      page.on("request", (request) => void (asked += Number(request.url().endsWith("/graphql"))));
      page.on("websocket", (socket) => {
        if (!socket.url().endsWith("/graphql")) return;
        open += 1;
        socket.on("close", () => void (open -= 1));
      });
      await page.getByRole("button", { name: "Grace of globex" }).waitFor();
      expect([asked, open]).toEqual([0, 0]);
      await signIn("Ada of acme", page);
      await eventually(() => open === 1);

      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("button", { name: "Grace of globex" }).waitFor();
      await eventually(() => open === 0);
      expect(await page.locator("body").textContent()).not.toContain("acme-");
      await page.goto(url);
      await signIn("Grace of globex", page);
      expect(await page.locator("main").textContent()).not.toContain("acme");
    },
    TIMEOUT_MS,
  );

  it(
    "brings a fresh token when the last one has expired, and misses no end",
    async () => {
      const page = await openPage();
      let sockets = 0;
      page.on("websocket", (socket) => void (sockets += Number(socket.url().endsWith("/graphql"))));
      await signIn("Ada of acme", page);
      await eventually(() => sockets >= 3);
      await start(page);
      await page.getByText("succeeded", { exact: true }).waitFor();
      expect(await page.getByRole("alert").count()).toBe(0);
    },
    TIMEOUT_MS,
  );
});
