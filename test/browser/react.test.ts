import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { launchChromium } from "../support/chromium.js";
import { eventually } from "../support/eventually.js";
import { endRuns, Run } from "../support/run.js";

// The test runs from dist/test/browser/: the command lies in dist/src/, the example three folders up.
const command = fileURLToPath(new URL("../../src/cli.js", import.meta.url));
const example = fileURLToPath(new URL("../../../examples/react", import.meta.url));

const TIMEOUT_MS = 120_000;
/** For one thing in the page: a created task runs for up to 20 seconds. */
const PATIENCE_MS = 45_000;

let browser: Browser;
let context: BrowserContext;
let gateway: Run;
let port: string;
let url: string;

async function startGateway(at: string): Promise<void> {
  gateway = new Run([command, "serve", "--port", at]);
  port = await gateway.prints(/ serves http:\/\/127\.0\.0\.1:(\d+)\/graphql$/m);
}

/** The app in a tab of its own, once its subscription has told of a task that is too old for the list. */
async function openApp(): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  await page.getByRole("row", { name: "MediaConvert-demo-hour" }).waitFor();
  return page;
}

/** The row of a task that was started here: those of the demo have it in their id. */
function startedRow(page: Page): Locator {
  return page.getByRole("row", { name: /FileCompression-(?!demo)/ });
}

beforeAll(async () => {
  browser = await launchChromium();
}, TIMEOUT_MS);

afterAll(async () => browser.close());

beforeEach(async () => {
  await startGateway("0");
  const preview = new Run([`${example}/node_modules/vite/bin/vite.js`, "preview", example, "--port", "0"], {
    GATEWAY_URL: `http://127.0.0.1:${port}`,
  });
  url = await preview.prints(/(http:\/\/localhost:\d+\/)/);
  context = await browser.newContext();
}, TIMEOUT_MS);

afterEach(async () => {
  await context.close();
  await endRuns();
}, TIMEOUT_MS);

describe("the React example, as it is built, against the real command", () => {
  it(
    "starts a task, whose bar moves to 100 % in every tab, and lists it",
    async () => {
      const [page, other] = [await openApp(), await openApp()];
      await page.getByRole("button", { name: "Start" }).click();

      for (const row of [startedRow(page), startedRow(other)]) {
        await row.getByRole("cell", { name: /^running/ }).waitFor();
        await row.locator('progress[value]:not([value="0"], [value="100"])').waitFor();
      }
      for (const row of [startedRow(page), startedRow(other)]) {
        await row.locator('progress[value="100"]').waitFor();
        await row.getByRole("cell", { name: "succeeded" }).waitFor();
      }

      // Asked anew, the gateway says the same as the subscription told.
      await page.reload();
      await startedRow(page).getByRole("cell", { name: "succeeded" }).waitFor();
      expect(await startedRow(page).getByRole("progressbar").getAttribute("value")).toBe("100");
    },
    TIMEOUT_MS,
  );

  it(
    "goes on when the gateway comes back after a while, and drops what that one does not know",
    async () => {
      let refusedSockets = 0;
      context.on("page", (page) =>
        page.on("websocket", (socket) => socket.on("socketerror", () => void (refusedSockets += 1))),
      );
      const page = await openApp();
      await page.getByRole("button", { name: "Start" }).click();
      await startedRow(page).waitFor();

      gateway.kill("SIGTERM");
      await gateway.finished;
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByRole("alert").waitFor();
      // Away for longer than the client's first attempts to connect again.
      await eventually(() => refusedSockets >= 2);
      await startGateway(port);
      await startedRow(page).waitFor({ state: "detached" });

      await page.getByRole("button", { name: "Start" }).click();
      await page.getByRole("alert").waitFor({ state: "detached" });
      await startedRow(page).locator('progress[value]:not([value="0"], [value="100"])').waitFor();
      expect(await startedRow(page).count()).toBe(1);
    },
    TIMEOUT_MS,
  );

  it(
    "tells why a task failed",
    async () => {
      const page = await openApp();
      await page.getByLabel("Folder to compress").fill("oss://examplebucket/missing/");
      await page.getByRole("button", { name: "Start" }).click();
      const failed = startedRow(page).locator('[data-status="FAILED"]');
      expect(await failed.textContent()).toBe("The specified resource Object is not found.");
    },
    TIMEOUT_MS,
  );
});
