import { describe, expect, it } from "vitest";
import { describeRun } from "../../src/cli/start/summary.js";
import type { Database } from "../../src/database/database.js";
import { describeLimits, describeOver } from "../../src/report/limits.js";
import { readRun } from "../../src/report/run.js";
import { countStates } from "../../src/report/status.js";
import { readOver, readUsage } from "../../src/report/usage.js";
import { type ListedVideo, type ListOptions, listVideos, showVideo } from "../../src/report/videos.js";
import type { LimitName, UsageReport } from "../../src/video.js";
import { OWN_CATALOGUE } from "../catalogue/world.js";
import { setup, type VideoParts } from "./world.js";

interface UsageParts {
  id: number;
  over: LimitName[];
  attempt?: number;
  plan?: string;
  figures?: Record<string, unknown>;
}

async function addUsage(database: Database, { id, over, attempt = 1, plan = "paid", figures = {} }: UsageParts) {
  const row = [id, attempt, plan, JSON.stringify(over), JSON.stringify(figures)];
  await database
    .prepare("INSERT INTO hidb_usage VALUES (?, ?, ?, ?, ?)")
    .bind(...row)
    .run();
}

async function setupUsage(videos: VideoParts[], usages: UsageParts[]) {
  const { database, catalogue } = await setup({ videos });
  for (const usage of usages) await addUsage(database, usage);
  return { database, catalogue };
}

const done = (id: number): VideoParts => ({ id, state: "completed" });

async function list(database: Database, options: ListOptions): Promise<ListedVideo[]> {
  const found: ListedVideo[] = [];
  for await (const page of listVideos(database, OWN_CATALOGUE, options)) found.push(...page);
  return found;
}

const idsOf = async (database: Database, options: ListOptions) => (await list(database, options)).map(({ id }) => id);

describe("the limits", () => {
  const report = (figures: Partial<UsageReport>): UsageReport =>
    readUsage({ plan: "paid", overLimits: JSON.stringify(figures.over), figures: JSON.stringify(figures) }) ??
    expect.fail("expected a report");

  it.each<[LimitName, Partial<UsageReport>, number, string]>([
    ["cpu", { cpuMs: 41_200.4 }, 30_000, "cpu 41,200 ms of 30,000 ms"],
    ["cpu", { cpuMs: 10.4 }, 10, "cpu 10.4 ms of 10 ms"],
    ["cpu", { cpuMs: 10.004 }, 10, "cpu 10.004 ms of 10 ms"],
    ["memory", { memoryMb: 211.7 }, 128, "memory 212 MB of 128 MB"],
    ["subrequests", { subrequests: 10_001 }, 10_000, "subrequests 10,001 of 10,000"],
    ["services", { serviceCalls: 1001 }, 1000, "services 1,001 of 1,000"],
    ["cache", { cacheCalls: 51 }, 50, "cache 51 of 50"],
    ["d1", { d1Queries: 1204 }, 1000, "d1 1,204 of 1,000"],
    ["request", { requestBytes: 100_000_001 }, 100_000_000, "request 100.000001 MB of 100 MB"],
    ["response", { responseBytes: 3_500_000 }, 1_000_000, "response 4 MB of 1 MB"],
    ["log", { logBytes: 300_000 }, 256_000, "log 300 KB of 256 KB"],
    ["waitUntil", { waitUntilMs: 41_200 }, 30_000, "waitUntil 41,200 ms of 30,000 ms"],
    ["batch", {}, 100, "batch"],
  ])("are told with figure and limit: %s", (name, figures, limit, text) => {
    expect(describeLimits(report({ over: [name], ...figures, limits: { [name]: limit } }))).toEqual([text]);
  });

  it("are counted in one line, for one video as for many", () => {
    expect(describeOver({ plan: "paid", videos: 3, limits: { subrequests: 1, cpu: 2 } })).toBe(
      "3 videos would have failed on Workers (paid plan): 2 cpu, 1 subrequests",
    );
    expect(describeOver({ plan: "free", videos: 1, limits: { d1: 1 } })).toBe(
      "1 video would have failed on Workers (free plan): 1 d1",
    );
  });
});

describe("the videos over a limit", () => {
  it("are counted by limit, for each plan, each video once", async () => {
    const { database } = await setupUsage([1, 2, 3, 4, 5].map(done), [
      { id: 1, over: ["cpu"] },
      { id: 2, over: ["cpu", "subrequests"] },
      { id: 3, over: ["d1"], plan: "free" },
      { id: 4, over: ["cpu"], attempt: 2 }, // Of an attempt that is not the last.
    ]);
    expect(await readOver(database)).toEqual([
      { plan: "free", videos: 1, limits: { d1: 1 } },
      { plan: "paid", videos: 2, limits: { cpu: 2, subrequests: 1 } },
    ]);
  });

  it("are none where nothing was measured", async () => {
    const { database } = await setup({ videos: [done(1)] });
    expect(await readOver(database)).toEqual([]);
    expect(await idsOf(database, { over: ["cpu"] })).toEqual([]);
  });

  it("are listed by any of their limits, with states, pages and figures", async () => {
    const { database } = await setupUsage(
      [done(-4), done(1), { id: 2, state: "failed" }, done(3), done(7)],
      [
        { id: -4, over: ["memory"] },
        { id: 1, over: ["cpu"], figures: { cpuMs: 41_200, limits: { cpu: 30_000 } } },
        { id: 2, over: ["cpu", "d1"] },
        { id: 7, over: ["subrequests"] },
      ],
    );
    expect(await idsOf(database, { over: ["cpu"] })).toEqual([1, 2]);
    expect(await idsOf(database, { over: ["d1", "memory"] })).toEqual([-4, 2]);
    expect(await idsOf(database, { over: ["cpu"], states: ["failed"] })).toEqual([2]);
    expect(await idsOf(database, { over: ["cpu", "memory", "subrequests"], after: 0, offset: 1, limit: 1 })).toEqual([
      2,
    ]);
    expect((await list(database, { over: ["cpu"], limit: 1 }))[0]?.usage).toMatchObject({
      plan: "paid",
      over: ["cpu"],
      cpuMs: 41_200,
      subrequests: 0,
      limits: { cpu: 30_000 },
    });
  });

  it("are listed page by page when there are many", async () => {
    const { database } = await setup();
    const json = JSON.stringify(Array.from({ length: 2500 }, (_, at) => at * 3 - 60));
    await database.batch([
      database.prepare("INSERT INTO hidb_videos (video_id) SELECT value FROM json_each(?)").bind(json),
      database
        .prepare("INSERT INTO hidb_usage SELECT value, 0, 'paid', '[\"cpu\"]', '{}' FROM json_each(?)")
        .bind(json),
    ]);
    expect(await idsOf(database, { over: ["cpu"] })).toEqual(JSON.parse(json));
  });

  it("bring their figures along in a list of all, and nothing where nobody asks", async () => {
    const { database } = await setupUsage([done(1), done(2)], [{ id: 2, over: ["cpu"] }]);
    const [one, two] = await list(database, { withUsage: true });
    expect(one).not.toHaveProperty("usage");
    expect(two?.usage?.over).toEqual(["cpu"]);
    expect(await list(database, {})).toEqual([one, { ...one, id: 2, source: "x://2" }]);
  });

  it("are found without a look at the others", async () => {
    const { database, catalogue } = await setupUsage(
      Array.from({ length: 200 }, (_, at) => done(at)),
      [{ id: 150, over: ["cpu"] }],
    );
    const sql = await import("../../src/report/statements.js");
    const plan = await database
      .prepare(`EXPLAIN QUERY PLAN ${sql.listVideos(catalogue, "over")}`)
      .bind(-1e17, 1, "[]", "[]", 10, 0)
      .all<{ detail: string }>();
    const details = plan.results.map(({ detail }) => detail).join("\n");
    expect(details).toMatch(/SEARCH u USING INTEGER PRIMARY KEY \(rowid>\?\)/);
    expect(details).not.toMatch(/SCAN (h|u)\b|TEMP B-TREE/);
  });
});

describe("one video", () => {
  it("is shown with what it used, and without where it kept within the limits", async () => {
    const { database, catalogue } = await setupUsage(
      [done(1), done(2)],
      [{ id: 1, over: ["cpu"], figures: { cpuMs: 41_200, limits: { cpu: 30_000 } } }],
    );
    expect(await showVideo(database, catalogue, 1)).toMatchObject({ over: ["cpu"], usage: { cpuMs: 41_200 } });
    expect(await showVideo(database, catalogue, 2)).toMatchObject({ over: [], usage: null });
  });
});

describe("the summary of a run", () => {
  it("has one line about them before the next command, only when there are such", async () => {
    const describeNow = async (database: Database) => {
      const { counts } = await countStates(database, 0);
      const run = await readRun(database, 0);
      return describeRun({ counts, own: counts, run, failures: [], wallMs: 1000, concurrency: 1 });
    };
    const { database } = await setupUsage([done(1), done(2)], [{ id: 2, over: ["cpu", "log"] }]);
    expect((await describeNow(database)).at(-1)).toMatch(
      /^1 video would have failed on Workers \(paid plan\): 1 cpu, 1 log; (npx )?hidb list --over any$/,
    );
    await database.prepare("DELETE FROM hidb_usage").run();
    expect((await describeNow(database)).join("\n")).not.toContain("Workers");
  });
});
