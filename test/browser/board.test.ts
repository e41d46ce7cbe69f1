import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import axe, { type AxeResults } from "axe-core";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { parseEndpoint } from "../../src/imm/wire/endpoints.js";
import { createOpenApi } from "../../src/imm/wire/openapi-client.js";
import { EMULATOR_REGION } from "../../src/emulator/emulator.js";
import { createGateway, type GatewayOptions } from "../../src/server/gateway.js";
import { launchChromium, longestTaskMs } from "../support/chromium.js";
import { EVERY_SECOND, nextPoll } from "../support/next-poll.js";
import { disposeAfterTest, QUICK_LIMITS, startGateway, type RunningGateway } from "../support/start-gateway.js";
import { digestOf, TOKEN } from "../support/test-token.js";

// The board as `npm run build:react` makes it, served by the gateway, with the network off.

const TIMEOUT_MS = 120_000;
const MINUTE_MS = 60_000;
const DEFINITION = JSON.stringify({
  Sources: [{ URI: "oss://examplebucket/a/" }],
  TargetURI: "oss://examplebucket/a.zip",
});

const grants = [{ projects: ["immtest"], allow: ["read", "create", "definitions"] }] as const;
const signedIn = { access: { tokens: [{ name: "operator", sha256: digestOf(TOKEN), grants }] } };

let browser: Browser;
/** What the page asked of any host but the gateway, and what its policy kept it from. */
let wrongs: string[];

beforeAll(async () => {
  browser = await launchChromium();
}, TIMEOUT_MS);

afterAll(async () => browser.close());
afterEach(() => {
  if (wrongs.length > 0) throw new Error(`The page does what it must not: ${wrongs.join("; ")}`);
});

/** A gateway with a task that runs, one that failed and one that succeeded. */
async function serve(gateway: Partial<GatewayOptions> = {}): Promise<RunningGateway> {
  const running = await startGateway({
    gateway: { ...EVERY_SECOND, ...gateway },
    emulator: { createdTasks: () => ({ durationMs: 10_000 }) },
  });
  const { emulator } = running;
  const common = { taskType: "FileCompression", requestDefinition: DEFINITION };
  emulator.addTask({ ...common, taskId: "runs", durationMs: 20_000 });
  emulator.addTask({ ...common, taskId: "done", startedAgoMs: 5 * MINUTE_MS, userData: '{"order":1}' });
  emulator.addTask({
    taskType: "MediaConvert",
    taskId: "broken",
    startedAgoMs: 10 * MINUTE_MS,
    outcome: { status: "Failed", code: "ResourceNotFound", message: "The specified resource Object is not found." },
    requestDefinition: JSON.stringify({
      Sources: [{ URI: "oss://b/a.mov" }],
      Targets: [{ URI: "oss://b/a.mp4", Container: "mp4" }],
    }),
    tags: { team: "video" },
  });
  return running;
}

async function openPage({ url }: RunningGateway, path: string, options: BrowserContextOptions = {}): Promise<Page> {
  wrongs = [];
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  disposeAfterTest(async () => context.close());
  await context.exposeFunction("onViolation", (violation: string) => wrongs.push(violation));
  await context.addInitScript(
    `addEventListener("securitypolicyviolation", (event) => onViolation(event.violatedDirective + " " + event.blockedURI))`,
  );
  await context.route(
    (target) => target.origin !== url && target.protocol !== "data:",
    async (route) => {
      wrongs.push(route.request().url());
      await route.abort();
    },
  );
  const page = await context.newPage();
  page.on("pageerror", (error) => wrongs.push(error.message));
  page.setDefaultTimeout(20_000);
  await page.goto(url + path);
  return page;
}

/** Where one task is on the board. */
function rowOf(page: Page, taskId: string | RegExp): Locator {
  return page.getByRole("listitem").filter({ has: page.getByRole("link", { name: taskId }) });
}

/** Lets time pass until something is shown. */
async function untilShown(running: RunningGateway, shown: Locator): Promise<void> {
  for (let polls = 0; polls < 60; polls += 1) {
    await nextPoll(running);
    // The page waits a moment for further events, by a clock of its own.
    if (
      await shown.waitFor({ timeout: 250 }).then(
        () => true,
        () => false,
      )
    )
      return;
  }
  throw new Error(`Not shown after a minute: ${String(shown)}`);
}

/** Nothing that axe takes for serious, and nothing that is wider than the window. */
async function expectFit(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate("axe.run()")) as AxeResults;
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(serious.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
}

describe.each([
  [420, "light"],
  [420, "dark"],
  [1280, "light"],
  [1280, "dark"],
] as const)("the board, %i pixels wide and %s", (width, colorScheme) => {
  it(
    "signs in, filters, starts a task and follows it to its end, says why one failed, and runs it again",
    async () => {
      const running = await serve(signedIn);
      const page = await openPage(running, "/board", { viewport: { width, height: 800 }, colorScheme });
      await page.getByLabel("Token").fill(TOKEN);
      await expectFit(page);
      await page.getByRole("button", { name: "Sign in" }).click();

      // The only project is shown at once; what runs stands first, then what failed.
      await rowOf(page, "runs").waitFor();
      expect(await page.getByRole("listitem").getByRole("link").allTextContents()).toEqual([
        "FileCompression runs",
        "MediaConvert broken",
        "FileCompression done",
      ]);
      await expectFit(page);

      await page.getByRole("link", { name: "Failed", exact: true }).click();
      await rowOf(page, "done").waitFor({ state: "detached" });
      expect(new URL(page.url()).searchParams.get("status")).toBe("FAILED");
      await page.getByRole("link", { name: "broken" }).click();
      await page.getByText("IMM did not find a source that the task names", { exact: false }).waitFor();
      await page.getByText("oss://b/a.mov").waitFor();
      await expectFit(page);
      await page.getByRole("button", { name: "Run again" }).click();
      await page.getByRole("heading", { name: /MediaConvert-/ }).waitFor();
      await page.getByRole("progressbar").waitFor();
      await page.goBack();
      await page.goBack();
      await rowOf(page, "broken").waitFor();
      expect(await rowOf(page, "done").count()).toBe(0);
      await page.goBack();
      await rowOf(page, "done").waitFor();

      await page.getByLabel("Type").selectOption("FileCompression");
      await rowOf(page, "broken").waitFor({ state: "detached" });
      await page.getByRole("link", { name: "Start a task" }).click();
      await page.getByText("What the input takes").click();
      await page.getByText("targetUri", { exact: true }).waitFor();
      await expectFit(page);
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByRole("heading", { name: /FileCompression-/ }).waitFor();
      await page.getByText("running", { exact: true }).waitFor();
      await untilShown(running, page.locator("progress[value]:not([value='0'], [value='100'])"));
      await untilShown(running, page.getByText("succeeded", { exact: true }));
      await page.getByText("oss://examplebucket/archives/reports-2026.zip", { exact: true }).waitFor();
    },
    TIMEOUT_MS,
  );
});

describe("the board", () => {
  it(
    "asks for no sign-in where the gateway asks for none, and shows all that happens by one subscription",
    async () => {
      const running = await serve();
      const sent: string[] = [];
      const page = await openPage(running, "/board");
      page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => sent.push(String(payload))));
      await page.getByLabel("Project").fill("immtest");
      await page.keyboard.press("Enter");
      await rowOf(page, "runs").waitFor();
      running.emulator.addTask({ taskType: "ImageToPDF", taskId: "elsewhere", durationMs: 3_000 });
      await untilShown(running, rowOf(page, "elsewhere").getByText("running"));
      await page.getByRole("link", { name: "elsewhere" }).click();
      await untilShown(running, page.getByText("succeeded", { exact: true }));
      expect(sent.filter((text) => text.includes('"subscribe"'))).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  it(
    "says that a token is wrong, keeps the right one for this tab alone, and forgets it at the sign-out",
    async () => {
      const running = await serve(signedIn);
      const page = await openPage(running, "/board");
      await page.getByLabel("Token").fill("imm_wrong");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").getByText("does not believe this token").waitFor();
      await page.getByLabel("Token").fill(` Bearer ${TOKEN} `);
      await page.keyboard.press("Enter");
      await rowOf(page, "runs").waitFor();
      await page.reload();
      await rowOf(page, "runs").waitFor();
      expect(await page.evaluate("localStorage.length")).toBe(0);
      const other = await page.context().newPage();
      await other.goto(page.url());
      await other.getByLabel("Token").waitFor();

      // Another gateway at its place believes no token of this one.
      await running.gateway.stop();
      await startAgain(running, { access: { tokens: [{ name: "other", sha256: digestOf("imm_other"), grants }] } });
      await page.getByRole("alert").getByText("does not believe this token").waitFor();
      await page.getByLabel("Token").fill("imm_other");
      await page.keyboard.press("Enter");
      await rowOf(page, "runs").waitFor();

      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByLabel("Token").waitFor();
      expect(await page.evaluate("sessionStorage.length")).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    "says that the gateway is away, keeps what was typed, comes back by itself and shows what ended meanwhile",
    async () => {
      const running = await serve();
      const page = await openPage(running, "/board?project=immtest");
      await rowOf(page, "runs").waitFor();
      await page.getByRole("link", { name: "Start a task" }).click();
      const input = page.getByLabel("Input, as JSON");
      await input.fill('{ "sources": [{ "uri": "oss://typed/" }], "targetUri": "oss://typed/a.zip" }');
      await running.gateway.stop();
      await page.getByText("The connection to the gateway is lost.").waitFor();
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByText("The gateway does not answer.").waitFor();
      await page.getByRole("link", { name: /All tasks/ }).click();
      await rowOf(page, "runs").getByText("running").waitFor();
      await expectFit(page);

      running.emulator.failTask("runs", "AccessDenied", "Not yours.");
      const again = await startAgain(running);
      await rowOf(page, "runs").getByText("failed").waitFor();
      await page.getByText("The connection to the gateway is lost.").waitFor({ state: "detached" });
      await page.getByRole("link", { name: "Start a task" }).click();
      expect(await input.inputValue()).toContain("oss://typed/a.zip");
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByRole("heading", { name: /FileCompression-/ }).waitFor();
      await untilShown(again, page.getByText("succeeded", { exact: true }));
      const created = running.emulator.calls.filter(({ action }) => action.startsWith("Create"));
      expect(created).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  it(
    "says what to start while no gateway is there, and goes on when one is",
    async () => {
      const running = await serve();
      const page = await openPage(running, "/board?project=immtest");
      await rowOf(page, "runs").waitFor();
      // The page is there already; what it asks fails, as where the gateway went away before it asked.
      await page.route("**/graphql", async (route) => route.abort());
      await page.reload();
      await page.getByText("npx imm-graphql serve").waitFor();
      await page.unroute("**/graphql");
      await rowOf(page, "runs").waitFor();
      expect(await page.getByRole("alert").count()).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    "says what is wrong with an input and with a project, and starts nothing where it must not",
    async () => {
      const running = await serve();
      const page = await openPage(running, "/board?project=immtest&start=FileCompression");
      const input = page.getByLabel("Input, as JSON");
      await input.fill("{ targetUri }");
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByRole("alert").getByText("This is not JSON").waitFor();
      await input.fill('{ "targetUri": "https://example.com/a.zip" }');
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByRole("alert").getByText("OSS URI").waitFor();
      await input.fill('{ "targetUri": "oss://a/a.zip" }');
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByRole("alert").getByText("INVALID_INPUT").waitFor();
      await page.goto(`${running.url}/board?project=nowhere`);
      await page.getByRole("alert").getByText("NOT_FOUND").first().waitFor();
      await expectFit(page);

      const readOnly = await serve({ readOnly: true });
      const other = await openPage(readOnly, "/board?project=immtest");
      await rowOf(other, "broken").waitFor();
      expect(await other.getByRole("link", { name: "Start a task" }).count()).toBe(0);
      await other.getByRole("link", { name: "broken" }).click();
      await other.getByText("oss://b/a.mov").waitFor();
      expect(await other.getByRole("button", { name: "Run again" }).count()).toBe(0);
    },
    TIMEOUT_MS,
  );

  it(
    "is used by the keyboard: from the list to a task and back, and the heading of what is shown has the focus",
    async () => {
      const page = await openPage(await serve(), "/board?project=immtest");
      const link = rowOf(page, "broken").getByRole("link");
      await link.waitFor();
      for (let presses = 0; presses < 30; presses += 1) {
        await page.keyboard.press("Tab");
        if (await link.evaluate((element) => element.matches(":focus"))) break;
      }
      await page.keyboard.press("Enter");
      await page.locator("h1:focus", { hasText: "broken" }).waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: /MediaConvert-/ }).waitFor();
      await page.goBack();
      expect(await page.locator("h1").textContent()).toContain("broken");
    },
    TIMEOUT_MS,
  );

  it(
    "shows a thousand tasks that all change, and scrolls through them, without a stall",
    async () => {
      const running = await serve();
      const oneHour = 60 * MINUTE_MS;
      for (let index = 0; index < 1_000; index += 1) {
        running.emulator.addTask({ taskType: "MediaConvert", taskId: `t-${index}`, durationMs: oneHour });
      }
      const page = await openPage(running, "/board?project=immtest");
      await page.getByText("1001 running").waitFor();
      await browser.startTracing(page, { categories: ["toplevel"] });
      for (const percent of [10, 20, 30, 40, 50]) {
        for (let index = 0; index < 1_000; index += 1) running.emulator.setProgress(`t-${index}`, percent);
        await nextPoll(running);
        const last = page.locator("li[aria-posinset='1001']");
        while (!(await last.isVisible())) await page.mouse.wheel(0, 1_600);
        await page.evaluate("scrollTo(0, 0)");
        // A poll that was under way may have brought what was before.
        await untilShown(running, page.locator("li[aria-posinset='1']").getByText(`${percent} %`));
      }
      expect(await page.getByRole("listitem").count()).toBeLessThan(60);
      const longestMs = longestTaskMs(await browser.stopTracing());
      process.stderr.write(`With 1,000 tasks the longest task of the page took ${Math.round(longestMs)} ms of CPU\n`);
      // A frame is late after 17 ms, and a user sees that a page stalls after 100.
      expect(longestMs).toBeLessThan(50);
    },
    TIMEOUT_MS,
  );
});

/** Another gateway at the place of one that was stopped. */
async function startAgain(running: RunningGateway, more: Partial<GatewayOptions> = {}): Promise<RunningGateway> {
  const { openApi } = await createOpenApi({
    endpoint: parseEndpoint(running.emulator.url),
    accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
    userAgent: "test",
  });
  const { clock, port } = running;
  const options = { region: EMULATOR_REGION, explorer: true, ...QUICK_LIMITS, ...EVERY_SECOND };
  const gateway = createGateway({ ...options, ...more, openApi, clock, port });
  disposeAfterTest(async () => gateway.stop());
  await gateway.start();
  return { ...running, gateway };
}
