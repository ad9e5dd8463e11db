// An instance as far as a Worker is concerned: a process that hosts one Worker after the other, gives each a hostile video
// beside a healthy one and then a healthy one alone, and tells what came of them.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { systemClock as clock } from "../../../dist/clock.js";
import { readConfig } from "../../../dist/config/read.js";
import { openSqlite } from "../../../dist/database/sqlite.js";
import { Attempt } from "../../../dist/instance/attempt.js";
import { Deadlines } from "../../../dist/instance/deadlines.js";
import { createWorker } from "../../../dist/process/worker.js";
import type { Outcome } from "../../../src/video.js";
import type { Hosted, Told } from "./instance.ts";

const MB = 2 ** 20;
const SHOWN = 300;

process.on("message", (hosted: Hosted) => {
  // An error of the harness shows as the end of this process.
  void tell(hosted).then((told) => process.send?.(told));
});

async function tell({ source, isolation, node, timeoutMs }: Hosted): Promise<Told> {
  const folder = mkdtempSync(join(tmpdir(), "hidb-fuzz-worker-"));
  const wrangler = { name: "app", main: "index.mjs", compatibility_date: "2026-07-30", no_bundle: true };
  writeFileSync(join(folder, "index.mjs"), source);
  writeFileSync(join(folder, "wrangler.json"), JSON.stringify({ ...wrangler, d1_databases: [{ binding: "DB" }] }));
  const file = join(folder, "hidb.sqlite");
  const config = readConfig({
    environment: {
      HIDB_PROCESSOR: "worker",
      HIDB_SQLITE_FILE: file,
      HIDB_WORKER: join(folder, "wrangler.json"),
      HIDB_WORKER_DIR: join(folder, "state"),
      HIDB_WORKER_ISOLATION: isolation,
      HIDB_CONCURRENCY: "2",
      HIDB_TIMEOUT_MS: String(timeoutMs),
      ...(node && { HIDB_WORKER_NODE: "full" }),
    },
    cwd: folder,
  });
  const database = await openSqlite(file, { create: true });
  const told: Told = { start: "", startMs: 0, videos: [], lines: 0, longestLine: 0, logged: 0, grownMb: 0, left: "" };
  const memory = watchMemory();
  const log = (_level: string, text: string) => {
    told.lines++;
    told.longestLine = Math.max(told.longestLine, text.length);
    told.logged += text.length;
  };
  const startedAt = performance.now();
  const worker = await createWorker(config, { clock, database, log }).catch((error: unknown) => {
    const isOurs = error instanceof Error && error.name === "HidbError";
    told.start = isOurs ? "refused" : "broken";
    told.refusal = `${error instanceof Error ? error.message : error}`;
    return undefined;
  });
  told.startMs = performance.now() - startedAt;
  if (worker !== undefined) {
    const deadlines = new Deadlines(timeoutMs, clock);
    const run = async (id: number): Promise<void> => {
      const video = { id, source: `/v/${id}.mp4`, title: null, durationS: null };
      const claim = { video, attempt: 1, deaths: 0, claimedAt: clock.now(), rank: 0, count: 1 };
      const attempt = new Attempt({ claim, processor: worker, database, clock, deadlines });
      const begunAt = performance.now();
      const outcome = await attempt.run();
      told.videos.push({ id, tookMs: performance.now() - begunAt, hung: attempt.hung, ...describe(outcome) });
    };
    await Promise.all([run(66), run(7)]);
    await run(8);
    const closingAt = performance.now();
    await worker.close();
    told.closeMs = performance.now() - closingAt;
  }
  await database.close();
  told.grownMb = memory.stop();
  rmSync(folder, { recursive: true, force: true });
  // A thread that was ended is gone a moment later.
  await delay(20);
  told.left = `${readdirSync("/proc/self/task").length} threads`;
  told.rssMb = process.memoryUsage.rss() / MB;
  return told;
}

type Described = Omit<Told["videos"][number], "id" | "tookMs" | "hung">;

function describe(outcome: Outcome): Described {
  const { kind } = outcome;
  if (kind === "released") return { kind, length: 0, text: "", controls: false };
  const text = (kind === "completed" ? outcome.output : outcome.reason) ?? "null";
  const controls = kind !== "completed" && /[^\P{Cc}\t\n]/u.test(text);
  return { kind, length: text.length, text: text.slice(0, SHOWN), controls };
}

function watchMemory(): { stop: () => number } {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 10);
  return {
    stop: () => {
      clearInterval(timer);
      return (Math.max(most, process.memoryUsage.rss()) - before) / MB;
    },
  };
}
