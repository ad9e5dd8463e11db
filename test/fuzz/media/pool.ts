// Mutants through a real instance: the program that PM2 starts, as a process of its own, with a database and a log. It must
// live to the end, hold no more than an instance may, and settle every mutant at its first attempt.
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import BetterSqlite3 from "better-sqlite3";
import type { MediaFile } from "./files.ts";
import { makeMutant } from "./mutate.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
/** HIDB_INSTANCE_MEMORY_MB: above it an instance is recycled. */
const MOST_MB = 250;
const PATIENCE_MS = 600_000;

interface Row {
  state: string;
  attempt: number;
  deaths: number;
}

export interface PoolRun {
  settled: number;
  /** Peak of the instance's memory. */
  mostMb: number;
  faults: string[];
}

export async function runPool(files: readonly MediaFile[], seed: number, count: number): Promise<PoolRun> {
  const folder = mkdtempSync(join(tmpdir(), "hidb-fuzz-pool-"));
  const videos = join(folder, "videos");
  mkdirSync(videos);
  for (let index = 0; index < count; index++) {
    const { base, content } = makeMutant(files, seed, index);
    writeFileSync(join(videos, `${index}${extname(base)}`), content);
  }
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    HIDB_SQLITE_FILE: join(folder, "hidb.sqlite"),
    HIDB_LOG_DIR: join(folder, "logs"),
    HIDB_PORT: "0",
    HIDB_PROBE_TIMEOUT_MS: "3000",
    HIDB_CONCURRENCY: "2",
  };
  execFileSync(process.execPath, [join(ROOT, "dist/cli/hidb.cjs"), "add", videos], { env, stdio: "ignore" });
  const instance = fork(join(ROOT, "dist/entry.cjs"), [], { env, cwd: ROOT, execArgv: [], stdio: "ignore" });
  const ended = once(instance, "exit") as Promise<[number | null, string | null]>;
  const database = new BetterSqlite3(env.HIDB_SQLITE_FILE, { timeout: 60_000 });
  const ask = <T>(statement: string) => database.prepare(statement).all() as T[];
  const open = () =>
    ask<{ n: number }>("SELECT count(*) AS n FROM hidb_videos WHERE state IN ('pending', 'running')")[0]?.n;
  let mostMb = 0;
  const until = performance.now() + PATIENCE_MS;
  while (instance.exitCode === null && open() !== 0 && performance.now() < until) {
    mostMb = Math.max(mostMb, peakMbOf(instance.pid));
    await delay(100);
  }
  const faults: string[] = [];
  if (instance.exitCode !== null) faults.push(`the instance ended with ${instance.exitCode}`);
  instance.kill("SIGINT");
  await ended;
  const rows = ask<Row>("SELECT state, attempt, deaths FROM hidb_videos");
  const wrong = rows.filter(({ state, attempt, deaths }) => {
    return !["completed", "failed"].includes(state) || attempt !== 1 || deaths !== 0;
  });
  if (wrong.length > 0)
    faults.push(`${wrong.length} mutants did not end at their first attempt: ${JSON.stringify(wrong[0])}`);
  if (mostMb > MOST_MB) faults.push(`the instance held ${Math.round(mostMb)} MB`);
  database.close();
  rmSync(folder, { recursive: true, force: true });
  return { settled: rows.length, mostMb, faults };
}

function peakMbOf(pid: number | undefined): number {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return 0;
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(file, "utf8"))?.[1] ?? 0) / 1024;
}
