// One soak: a pool is harmed by seed for so long, then left alone until its backlog is done, and judged twice.
import { statSync } from "node:fs";
import { systemClock as clock } from "../../dist/clock.js";
import { pssMb } from "../support/process.ts";
import { type Account, takeAccount } from "./count.ts";
import { Mischief } from "./mischief.ts";
import { SoakPool } from "./pool.ts";
import { Chance } from "./random.ts";

export interface SoakOptions {
  seed: number;
  videos: number;
  minutes: number;
  instances: { least: number; most: number };
  pace: number;
  /** How often it is judged on the way. */
  lookEveryS: number;
  settings?: Record<string, string>;
  say: (line: string) => void;
  /** Asked after each look: a person has stopped it. */
  stopped?: () => boolean;
}

export interface SoakReport {
  seed: number;
  problems: string[];
  seconds: number;
  /** Until the last video had come to its end, from the start. */
  workSeconds: number;
  events: Record<string, number>;
  kills: number;
  lives: number;
  account: Omit<Account, "problems">;
  memory: { start: number[]; end: number[]; daemonStart: number; daemonEnd: number };
  journalBytes: number;
  refused: string[];
  skipped: string[];
  looks: number;
  folder: string;
}

/** What one instance gets done while it is harmed, as a share of what it could. */
const USEFUL = 0.5;
const CONCURRENCY = 2;
/** So long without one more video at its end, with nobody doing harm, means that something is lost. */
const STALLED_S = 90;

/** `retryBeforeEnd`: what is failed, quarantined or cancelled at the end, a person sends round again. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { seed, videos, say } = options;
  const problems: string[] = [];
  const pool = await SoakPool.create(durationsOf(options), settingsOf(options));
  const stop = () => pool.killAll();
  process.once("exit", stop);
  say(`seed ${seed}: ${videos} videos, ${options.minutes} min, in ${pool.folder}`);
  const mischief = new Mischief({ ...options, pool });
  const started = clock.monotonic();
  const report = {
    events: {},
    memory: { start: [], end: [], daemonStart: 0, daemonEnd: 0 },
    looks: 0,
  } as Partial<SoakReport>;
  try {
    const answer = await pool.start(options.instances.least);
    if (answer.code !== 0) throw new Error(`pm2 start: ${answer.stderr}`);
    await pool.until("instances", () => workingPids(pool).length >= options.instances.least, 60_000);
    await clock.sleep(Math.min(10_000, options.minutes * 6000));
    report.memory = { ...memoryOf(pool, "start"), end: [], daemonEnd: 0 };
    mischief.begin();
    report.looks = await watch(pool, { options, problems, until: started + options.minutes * 60_000 });
    await mischief.end();
    say("left alone from here on");
    await finish(pool, { options, problems });
    report.workSeconds = (clock.monotonic() - started) / 1000;
    const { end, daemonEnd } = await settle(pool, options);
    report.memory = { ...report.memory, end, daemonEnd };
    const forgotten = await pool.endForgotten();
    if (forgotten > 0) say(`PM2 had forgotten ${forgotten} processes that it was running`);
    await pool.pm2("kill");
  } catch (error) {
    problems.push(`the soak itself broke off: ${error instanceof Error ? error.stack : error}`);
    await mischief.end().catch(() => undefined);
  }
  const oomKills = typeof pool.group === "string" ? 0 : pool.group.kills();
  if (oomKills > 0) say(`the kernel has ended ${oomKills} processes for want of memory`);
  const { kills, events, refused, skipped } = mischief;
  const account = await takeAccount(pool.database, { journal: pool.journal, kills, expectedDeaths: oomKills });
  problems.push(...account.problems, ...(await judge(pool)), ...checkFile(pool));
  const { problems: _, ...figures } = account;
  const whole: SoakReport = {
    ...{ seed, problems, events: Object.fromEntries(events), kills: kills.length, refused, skipped },
    ...{
      seconds: (clock.monotonic() - started) / 1000,
      workSeconds: report.workSeconds ?? 0,
      looks: report.looks ?? 0,
    },
    ...{ lives: pool.lives().length, account: figures, memory: report.memory as SoakReport["memory"] },
    ...{ journalBytes: statSync(pool.journal).size, folder: pool.folder },
  };
  await pool.end({ keep: problems.length > 0 });
  process.off("exit", stop);
  return whole;
}

function settingsOf({ seed, settings }: SoakOptions): Record<string, string> {
  return {
    HIDB_CONCURRENCY: String(CONCURRENCY),
    HIDB_BACKOFF_MS: "200",
    HIDB_DRAIN_MS: "5000",
    HIDB_REHEARSE_SEED: String(seed),
    HIDB_REHEARSE_FAIL: "0.01",
    HIDB_REHEARSE_BLOCK: "0.003",
    ...settings,
  };
}

/** Most are short, some long; all together as much as the pool gets done in the time. */
function durationsOf({ seed, videos, minutes, instances }: SoakOptions): number[] {
  const chance = new Chance(seed, "durations");
  const lengths = Array.from({ length: videos }, () => {
    const kind = chance.next();
    const length = kind < 0.5 ? 0.3 : kind < 0.9 ? 1 : kind < 0.98 ? 4 : 12;
    return length * chance.between(0.5, 1.5);
  });
  const sum = lengths.reduce((total, length) => total + length, 0);
  const capacityS = ((instances.least + instances.most) / 2) * CONCURRENCY * minutes * 60 * USEFUL;
  return lengths.map((length) => (length * capacityS) / sum);
}

interface Watching {
  options: SoakOptions;
  problems: string[];
}

/** Looks now and then until the time is over or the backlog is done; resolves to how often. */
async function watch(pool: SoakPool, { options, problems, until }: Watching & { until: number }): Promise<number> {
  let looks = 0;
  let next = clock.monotonic() + options.lookEveryS * 1000;
  while (clock.monotonic() < until && !options.stopped?.() && pool.left() > 0) {
    await clock.sleep(500);
    if (clock.monotonic() < next) continue;
    next = clock.monotonic() + options.lookEveryS * 1000;
    options.say(`states ${JSON.stringify(pool.counts())}, ${pool.present().length} instances`);
    const found = await judge(pool, { running: true });
    looks++;
    problems.push(...found);
    for (const problem of found) options.say(`PROBLEM ${problem}`);
    if (problems.length > 0) break;
  }
  return looks;
}

/** The history checker's word; while faults go on the command itself may be refused. */
async function judge(pool: SoakPool, { running = false } = {}): Promise<string[]> {
  const { code, stdout, stderr } = await pool.hidb("verify", "--json", "--journal", pool.journal);
  if (running && code === 5) return [];
  try {
    const { problems } = JSON.parse(stdout) as { problems: { message: string }[] };
    return problems.map(({ message }) => `hidb verify: ${message}`);
  } catch {
    return [`hidb verify ended with ${code}: ${stderr}`];
  }
}

/** Nobody harms it any more: every video has to come to its end, and what people must send round again they do. */
async function finish(pool: SoakPool, { options }: Watching): Promise<void> {
  const { most } = options.instances;
  await pool.hidb("resume");
  await clock.sleep(1000);
  if (pool.present().length === 0) await pool.pm2("delete", "hidb").then(() => pool.start(most));
  else await pool.pm2("scale", "hidb", String(most));
  for (;;) {
    let left = pool.left();
    let since = clock.monotonic();
    while (left > 0) {
      await clock.sleep(200);
      const now = pool.left();
      if (now < left) since = clock.monotonic();
      left = now;
      if (clock.monotonic() - since > STALLED_S * 1000) {
        throw new Error(
          `${left} videos do not come to their end: ${JSON.stringify([pool.counts(), pool.lives().slice(-10)])}`,
        );
      }
    }
    if (Object.keys(pool.counts()).join() === "completed") return;
    const { code, stdout, stderr } = await pool.hidb("retry", "--failed", "--quarantined", "--cancelled");
    options.say(`retry at the end: ${stdout.trim()}`);
    if (code !== 0) throw new Error(`hidb retry: ${stderr}`);
  }
}

/** Idle instances at rest, to be compared with those of the beginning. */
async function settle(pool: SoakPool, options: SoakOptions): Promise<{ end: number[]; daemonEnd: number }> {
  await pool.pm2("scale", "hidb", String(options.instances.least));
  await clock.sleep(Math.min(15_000, options.minutes * 6000));
  const { start: end, daemonStart: daemonEnd } = memoryOf(pool, "start");
  return { end, daemonEnd };
}

function workingPids(pool: SoakPool): number[] {
  return pool
    .present()
    .filter((life) => life.state === "working")
    .map((life) => life.pid);
}

function memoryOf(pool: SoakPool, _: "start"): { start: number[]; daemonStart: number } {
  const start = workingPids(pool).map((pid) => Math.round(pssMb(pid)));
  return { start, daemonStart: Math.round(pssMb(pool.daemonPid ?? 0)) };
}

function checkFile(pool: SoakPool): string[] {
  const rows = pool.database.pragma("integrity_check") as { integrity_check: string }[];
  return rows.flatMap((row) => (row.integrity_check === "ok" ? [] : [`integrity_check: ${row.integrity_check}`]));
}
