// The band of the ETA against what came: runs over the real catalogue, looked at on their way as the database shows them.
import { join } from "node:path";
import { systemClock } from "../../dist/clock.js";
import { readConfig } from "../../dist/config/read.js";
import type { Database } from "../../dist/database/database.js";
import { migrate } from "../../dist/database/migrate.js";
import { openSqlite } from "../../dist/database/sqlite.js";
import { readOverview } from "../../dist/report/overview.js";
import { readCatalogue } from "./catalogue.ts";
import { type Plan, Simulation } from "./eta-simulation.ts";
import { median, ROOT } from "./world.ts";

export interface EtaFigure {
  at: string;
  looks: number;
  /** Share of the looks whose band from `low` to `high`, nine of ten by its own word, held the true end. */
  inBand: number;
  /** Share of the looks by whose p90 the run was over. */
  byP90: number;
  /** Of the p50, over the time that was really left. */
  medianError: number;
  /** Of the band, over the time that its p50 had left. */
  medianWidth: number;
  /** The same errors where the run went on with all changes that nobody could foresee. */
  medianErrorAsRecorded: number;
}

interface Sight {
  plan: string;
  at: string;
  leftMs: number;
  recordedLeftMs: number;
  p50: number;
  p90: number;
  low: number;
  high: number;
}

/** Shares of the videos that have ended. */
const LOOKS = [0.05, 0.25, 0.5, 0.9, 0.99];

export async function benchEta(seeds = 3): Promise<EtaFigure[]> {
  const durations = readCatalogue().entries.map(({ durationS }) => durationS ?? 0);
  const sights: Sight[] = [];
  for (const plan of makePlans(seeds)) sights.push(...(await follow(plan, durations)));
  if (process.argv.includes("--each")) showMissed(sights);
  if (process.argv.includes("--bias")) showBias(sights);
  return [...Map.groupBy(sights, ({ at }) => at)].map(([at, group]) => summarise(at, group));
}

/** About 200 s a video. */
const USUAL = {
  order: "id",
  instances: 3,
  concurrency: 1,
  baseMs: 20_000,
  perSecondMs: 95,
  spread: 0.3,
  wander: 0,
  cores: 64,
  again: 0,
  changes: [],
} as const satisfies Omit<Plan, "name" | "seed">;

const HOUR_MS = 3_600_000;

function makePlans(seeds: number): Plan[] {
  const kinds: Partial<Plan>[] = [
    { name: "three instances" },
    { name: "longest first", order: "longest" },
    { name: "one instance", instances: 1, spread: 0.5 },
    { name: "more instances", changes: [{ at: 0.15, instances: 6 }] },
    { name: "fewer instances", instances: 6, order: "longest", changes: [{ at: 0.4, instances: 2 }] },
    {
      name: "up, down and a pause",
      changes: [
        { at: 0.1, instances: 5 },
        { at: 0.3, pauseMs: 5 * HOUR_MS },
        { at: 0.6, instances: 3 },
      ],
    },
    { name: "a pause", spread: 0.5, changes: [{ at: 0.2, pauseMs: 12 * HOUR_MS }] },
    {
      name: "retries and deaths",
      again: 0.06,
      changes: [
        { at: 0.1, dies: true },
        { at: 0.45, dies: true },
        { at: 0.8, dies: true },
      ],
    },
    { name: "good and bad hours", wander: 0.15 },
    { name: "two cores", cores: 2, instances: 2, changes: [{ at: 0.2, instances: 4 }] },
    { name: "work without regard to length", baseMs: 200_000, perSecondMs: 0, spread: 0.6 },
    { name: "four at a time", concurrency: 4, instances: 2, order: "longest", changes: [{ at: 0.5, instances: 4 }] },
  ];
  return Array.from({ length: seeds }, (_, round) => round + 1).flatMap((round) =>
    kinds.map((kind, at) => ({ ...USUAL, name: "", ...kind, seed: 100 * round + at }) satisfies Plan),
  );
}

async function follow(plan: Plan, durations: number[]): Promise<Sight[]> {
  const database = await openSqlite(":memory:", { clock: systemClock, create: true });
  await migrate(database, { folder: join(ROOT, "data", "migrations"), withCatalogue: true });
  const simulation = new Simulation(plan, durations);
  const sights: Omit<Sight, "recordedLeftMs">[] = [];
  const moments: number[] = [];
  const looks = LOOKS.map((share) => ({ at: `${100 * share} %`, ended: share * durations.length }));
  let seen = simulation.lastChange;
  do {
    const change = simulation.lastChange;
    if (change !== undefined && change !== seen && simulation.pausedUntil <= simulation.now) {
      if (simulation.ended >= change.ended + SOON) {
        seen = change;
        sights.push(await look(database, simulation, `after a ${change.kind}`));
        moments.push(simulation.now);
      }
    }
    const [next] = looks;
    if (next === undefined || simulation.ended < next.ended || simulation.pausedUntil > simulation.now) continue;
    looks.shift();
    sights.push(await look(database, simulation, next.at));
    moments.push(simulation.now);
  } while (simulation.step());
  await database.close();
  return sights.map((sight, at) => ({ ...sight, recordedLeftMs: simulation.now - (moments[at] as number) }));
}

/** So many videos after a resume or a scale. */
const SOON = 10;

async function look(database: Database, simulation: Simulation, at: string): Promise<Omit<Sight, "recordedLeftMs">> {
  await store(database, simulation);
  const { now, plan } = simulation;
  const config = readConfig({ environment: { HIDB_ORDER: plan.order, HIDB_TIMEOUT_MS: "0" }, cwd: ROOT });
  const { eta } = await readOverview(database, { now, isDead: () => false, config });
  if (eta === null) throw new Error(`no ETA ${at} of ${plan.name}`);
  const leftMs = simulation.fork().finish() - now;
  return {
    plan: plan.name,
    at,
    leftMs,
    p50: eta.p50 - now,
    p90: eta.p90 - now,
    low: eta.low - now,
    high: eta.high - now,
  };
}

/** The run as its instances would have written it down by now. */
async function store(database: Database, { videos, lives, attempts, now }: Simulation): Promise<void> {
  await database.batch([
    ...["hidb_videos", "hidb_instances", "hidb_attempts"].map((table) => database.prepare(`DELETE FROM ${table}`)),
    database
      .prepare(
        `INSERT INTO hidb_videos (video_id, state, attempt, run_after, priority, instance, claimed_at, finished_at)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
           FROM json_each(?)`,
      )
      .bind(
        JSON.stringify(
          videos.map((video) => {
            const { id, state, attempt, runAfter, durationS, instance, claimedAt, finishedAt } = video;
            return [id, state, attempt, runAfter, -durationS, instance, claimedAt, finishedAt];
          }),
        ),
      ),
    database
      .prepare(
        `INSERT INTO hidb_instances (id, host, boot, pid, pid_started_at, process_id, state, started_at, lease_until, gone_at,
                                     completed, retried, failed, busy_ms, in_hand)
         SELECT value ->> 0, 'host', 'boot', 1, '1', value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
                value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10
           FROM json_each(?)`,
      )
      .bind(
        JSON.stringify(
          lives.map((life) => {
            const { id, processId, startedAt, goneAt, completed, retried, failed, busyMs, draining } = life;
            const state = goneAt !== null ? "gone" : draining ? "draining" : "working";
            const inHand = videos.filter((video) => video.state === "running" && video.instance === id).length;
            const lease = goneAt ?? now + 30_000;
            return [id, processId, state, startedAt, lease, goneAt, completed, retried, failed, busyMs, inHand];
          }),
        ),
      ),
    database
      .prepare(
        `INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at)
         SELECT value ->> 0, value ->> 1, 'i', 'retry', 'why', value ->> 2, value ->> 3 FROM json_each(?)`,
      )
      .bind(
        JSON.stringify(
          attempts.map(({ videoId, attempt, claimedAt, endedAt }) => [videoId, attempt, claimedAt, endedAt]),
        ),
      ),
  ]);
}

function summarise(at: string, sights: Sight[]): EtaFigure {
  const share = (holds: (sight: Sight) => boolean) => round(sights.filter(holds).length / sights.length);
  return {
    at,
    looks: sights.length,
    inBand: share(({ leftMs, low, high }) => low <= leftMs && leftMs <= high),
    byP90: share(({ leftMs, p90 }) => leftMs <= p90),
    medianError: round(median(sights.map(({ leftMs, p50 }) => Math.abs(p50 - leftMs) / leftMs))),
    medianWidth: round(median(sights.map(({ p50, low, high }) => (high - low) / p50))),
    medianErrorAsRecorded: round(median(sights.map(({ recordedLeftMs: left, p50 }) => Math.abs(p50 - left) / left))),
  };
}

function round(share: number): number {
  return Math.round(1000 * share) / 1000;
}

/** With `--each` every look that a band has missed. */
function showMissed(sights: Sight[]): void {
  const percent = (ms: number, of: number) => `${((100 * (ms - of)) / of).toFixed(1)} %`;
  const missed = sights.filter(({ leftMs, low, high }) => leftMs < low || leftMs > high);
  console.table(
    missed.map(({ plan, at, leftMs, p50, low, high }) => ({
      plan,
      at,
      hours: (leftMs / HOUR_MS).toFixed(2),
      low: percent(low, leftMs),
      p50: percent(p50, leftMs),
      high: percent(high, leftMs),
    })),
  );
}

function showBias(sights: Sight[]): void {
  const rows = [...Map.groupBy(sights, ({ plan, at }) => `${plan} ${at}`)].map(([what, group]) => ({
    what,
    bias: group.map(({ p50, leftMs }) => Math.round((1000 * (p50 - leftMs)) / leftMs) / 10).join(" "),
    out: group.filter(({ leftMs, low, high }) => leftMs < low || leftMs > high).length,
  }));
  console.table(rows);
}

if (import.meta.main) console.table(await benchEta(Number(process.argv[2] ?? 3)));
