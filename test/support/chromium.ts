/** The browser of the tests. */

import { chromium, type Browser } from "playwright-core";

/** Where Debian puts it; another place can be named in the environment. */
const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";

/** Chromium without a window, which talks to nobody by itself. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
}
