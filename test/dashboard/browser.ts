// A real Chromium for the page, watched: what it asks for, what its console says, what axe-core finds.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Undefined where there is a Chromium, else the reason why tests are skipped. */
export function whyNoBrowser(): string | undefined {
  return existsSync(CHROMIUM) ? undefined : `skipped: expected a Chromium at ${CHROMIUM}, got none`;
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

/** What nobody should find there at the end. */
export interface Watch {
  /** Errors and warnings of the console, and exceptions. */
  complaints: string[];
  /** Requests to anywhere else than the pool. */
  strangers: string[];
}

export const DESK = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; watch: Watch }> {
  const context = await browser.newContext({ viewport: DESK, ...options });
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  const watch: Watch = { complaints: [], strangers: [] };
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) watch.complaints.push(message.text());
  });
  page.on("pageerror", (error) => watch.complaints.push(error.message));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) watch.strangers.push(request.url());
  });
  await page.goto(url);
  return { page, watch };
}

export interface Finding {
  impact: string;
  id: string;
  where: string[];
}

interface AxeResults {
  passes: unknown[];
  violations: { impact: string | null; id: string; nodes: { html: string }[] }[];
}

/** What axe-core finds on the page as it is now; the page's own policy would not let it in by a script element. */
export async function findBarriers(page: Page): Promise<Finding[]> {
  await page.evaluate(AXE);
  const { passes, violations } = (await page.evaluate("axe.run(document)")) as AxeResults;
  if (passes.length === 0) throw new Error("expected axe-core to look at the page, got no rule that applies");
  return violations.map(({ impact, id, nodes }) => ({
    impact: impact ?? "none",
    id,
    where: nodes.map(({ html }) => html.slice(0, 200)),
  }));
}
