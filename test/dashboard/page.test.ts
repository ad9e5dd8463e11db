// The page in a real Chromium, served by real instances under PM2, with 100,000 videos in its database.
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPool, type TestPool } from "../pm2/pool.js";
import { freePort } from "../support/ports.js";
import { DESK, findBarriers, launch, openPage, PHONE, type Watch, whyNoBrowser } from "./browser.js";

const TOKEN = "a-token-for-this-test-only";
const EARLIER = 100_000;
const NOW = 80;
const PANELS = ["overview", "videos", "videos/7", "instances", "failures", "batches", "plan", "remote", "settings"];

const reason = whyNoBrowser();
if (reason !== undefined) console.warn(`page.test.ts ${reason}`);

describe.skipIf(reason !== undefined)("the page", () => {
  let pool: TestPool;
  let browser: Browser;
  let page: Page;
  let watch: Watch;
  let url: string;

  beforeAll(async () => {
    const port = await freePort(4);
    url = `http://127.0.0.1:${port}/`;
    const settings = { HIDB_PORT: String(port), HIDB_TOKEN: TOKEN, HIDB_REHEARSE_PERMANENT: "0.04" };
    pool = await createPool({ settings });
    addEarlierVideos(pool);
    pool.addVideos(NOW, 150);
    [browser] = await Promise.all([launch(), pool.start(["-i", "2"])]);
    await pool.waitFor("an answer", () =>
      fetch(`${url}readyz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    ({ page, watch } = await openPage(browser, url));
  });

  afterAll(async () => {
    await browser?.close();
    await pool?.end();
  });

  it("watches a run to its end without a reload", async () => {
    await page.getByText("live", { exact: true }).waitFor();
    const bar = page.getByRole("progressbar", { name: "Videos that have ended" });
    await bar.waitFor();
    const first = await bar.getAttribute("aria-valuetext");
    await expectText(page.locator(".lead"), "100 %");
    expect(first).toMatch(/^100,0\d\d of 100,080, 99\.\d %$/);
    expect(await bar.getAttribute("aria-valuetext")).toBe("100,080 of 100,080, 100 %");
    await expectText(page.locator(".figures"), "all have ended");
    expect(pool.count("pending", "running")).toBe(0);
    expect(await page.getByRole("img", { name: /Videos that ended in each/ }).getAttribute("aria-label")).toMatch(
      / \d+ completed, \d+ failed/,
    );
  });

  it("tries a failure again once it was given the token", async () => {
    await go(page, "Failures");
    const row = page.getByRole("row", { name: /rehearsed a permanent failure/ });
    const retry = row.getByRole("button", { name: /^Retry/ });
    await retry.waitFor();
    expect(await retry.isDisabled()).toBe(true);
    await unlock(page, "not-the-token-of-this-pool");
    await retry.click();
    await expectText(page.getByRole("status"), "expected the token of this pool, got another one");
    await expectText(page.getByRole("status"), "Fix: ");
    expect(await retry.isDisabled()).toBe(true);
    await unlock(page, TOKEN);
    const spent = pool.spentAttempts();
    const failed = pool.count("failed") - 1000;
    await retry.click();
    await expectText(page.getByRole("status"), `${failed} videos are pending again.`);
    // Videos that are broken for good fail again: that they did is the proof of a second attempt.
    await pool.waitFor("the attempts after the retry", () => pool.spentAttempts() >= spent + failed);
    watch.complaints = watch.complaints.filter((text) => !text.includes("401")); // The browser notes each refusal.
  });

  it("pauses and resumes the pool", async () => {
    await go(page, "Overview");
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await expectText(page.locator(".notice"), "The pool is paused");
    await page.getByRole("button", { name: "Resume" }).click();
    await page.locator(".notice").waitFor({ state: "detached" });
  });

  it("scales the pool and shows the new instance", async () => {
    await go(page, "Instances");
    const rows = page.locator("tbody tr");
    expect(await rows.count()).toBe(2);
    await page.getByLabel("Instances", { exact: true }).fill("3");
    await page.getByRole("button", { name: "Scale to 3" }).click();
    await rows.nth(2).waitFor();
    await pool.waitForInstances(3);
    await expectText(rows.nth(2), "working");
  });

  it("answers a search and a filter among 100,000 videos", async () => {
    await go(page, "Videos");
    const status = page.getByRole("navigation", { name: "Pages" }).getByRole("status");
    await expectText(status, "1–50 of 100,080");
    await page.getByRole("button", { name: "Next" }).click();
    await expectText(status, "51–100 of 100,080");
    await page.getByLabel("Search").fill("Episode 99999");
    await expectText(status, "1–1 of 1");
    await expectText(page.locator("tbody"), "Episode 99999");
    await page.getByLabel("Search").fill("");
    await page.getByLabel("State").selectOption("quarantined");
    await expectText(status, "No video of 0");
    expect(page.url()).toContain("#/videos?state=quarantined");
    await page.getByLabel("State").selectOption("failed");
    await expectText(status, /1–50 of 1,0\d\d/);
  });

  it("shows a video with its attempts, its output and its log", async () => {
    const id = pool.database.prepare("SELECT max(video_id) FROM hidb_videos WHERE state = 'completed'").pluck().get();
    await page.goto(`${url}#/videos/${id}`);
    await expectText(page.getByRole("region", { name: "Output", exact: true }).last(), '"rehearsed_s"');
    await expectText(page.getByRole("region", { name: "Log lines" }), "attempt.finished");
    await page.goto(`${url}#/videos/123456789`);
    await expectText(page.locator(".notice"), "expected the id of a video, got 123456789");
    watch.complaints = watch.complaints.filter((text) => !text.includes("404"));
  });

  it("can be used by keyboard alone", async () => {
    await page.goto(`${url}#/overview`);
    await page.reload();
    await page.getByText("live", { exact: true }).waitFor();
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    expect(await focused(page)).toBe("Overview");
    await tabTo(page, "Videos", "Shift+Tab");
    await page.keyboard.press("Enter");
    await expectText(page.locator("h1:focus"), "Videos");
    await tabTo(page, "q");
    await page.keyboard.type("Episode 4242");
    await expectText(page.locator("tbody"), "Episode 4242");
    await tabTo(page, "4242");
    await page.keyboard.press("Enter");
    await expectText(page.locator("h1:focus"), "Video 4242");
    await tabTo(page, "Lock", "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    expect(await focused(page)).toBe("token-field");
    await page.keyboard.press("Escape");
    expect(await focused(page)).toBe("Unlock");
  });

  it.each(["light", "dark"] as const)("has no serious barrier in any panel, on %s", async (colorScheme) => {
    for (const viewport of [DESK, PHONE]) {
      const shown = await openPage(browser, url, { viewport, colorScheme });
      for (const panel of PANELS) {
        await shown.page.goto(`${url}#/${panel}`);
        await shown.page.getByText("live", { exact: true }).waitFor();
        await expect.poll(() => shown.page.getByText(/^(Loading|Waiting for the pool) …$/).count()).toBe(0);
        const grave = (await findBarriers(shown.page)).filter(({ impact }) => /serious|critical/.test(impact));
        expect(grave, panel).toEqual([]);
        const spill = await shown.page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
        expect(spill, `${panel} is wider than ${viewport.width}`).toBeLessThanOrEqual(0);
      }
      expect(shown.watch).toEqual({ complaints: [], strangers: [] });
      await shown.page.context().close();
    }
  });

  it("says that the connection is lost, and takes it up again by itself", async () => {
    await page.goto(`${url}#/overview`);
    expect(watch).toEqual({ complaints: [], strangers: [] });
    await pool.ok("stop", "hidb");
    await expectText(page.locator("#connection"), "connection lost, trying again");
    await pool.ok("restart", "hidb");
    await page.getByText("live", { exact: true }).waitFor();
    expect(watch.strangers).toEqual([]);
  });
});

/** Videos of an earlier run, as its instances would have left them. */
function addEarlierVideos({ database }: TestPool): void {
  const ids = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${EARLIER})`;
  database.exec(`
    INSERT INTO videos (id, source, title, duration_s) ${ids}
      SELECT i, '/videos/season-' || (i % 40) || '/' || i || '.mp4', 'Episode ' || i, i % 900 FROM n;
    INSERT INTO hidb_videos (video_id, state, attempt, claimed_at, finished_at, error) ${ids}
      SELECT i, iif(i % 100, 'completed', 'failed'), 1, 1e12, 1e12 + i, iif(i % 100, NULL, 'the file is empty (0 bytes)') FROM n;`);
}

async function expectText(locator: Locator, text: string | RegExp): Promise<void> {
  await locator.filter({ hasText: text }).first().waitFor();
}

async function go(page: Page, panel: string): Promise<void> {
  await page
    .getByRole("navigation", { name: "Panels" })
    .getByRole("link", { name: new RegExp(`^${panel}`) })
    .click();
  await page.getByRole("heading", { level: 1, name: panel }).waitFor();
}

async function unlock(page: Page, token: string): Promise<void> {
  await page.getByRole("button", { name: "Unlock" }).click();
  await page.getByLabel("Token").fill(token);
  await page.getByRole("dialog").getByRole("button", { name: "Unlock" }).click();
}

/** What has the focus, by the words that name it. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>(
    "(({ id, name, textContent }) => (id === 'token-field' ? id : name || textContent))(document.activeElement)",
  );
}

async function tabTo(page: Page, name: string, key = "Tab"): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press(key);
    if ((await focused(page)) === name) return;
  }
  throw new Error(`expected to come to ${name} with ${key}, got ${await focused(page)}`);
}
