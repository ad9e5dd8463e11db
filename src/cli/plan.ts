// `hidb plan`: what 1 to 8 instances would mean, or any other number.
import { type Command, InvalidArgumentError } from "commander";
import type { Config } from "../config/settings.js";
import { HidbError } from "../errors.js";
import { COUNTS, type PlanRow, type PoolPlan, planGiven, readPlan } from "../report/plan.js";
import { clock, parseCount, readSettings, withDatabase } from "./context.js";
import { alignColumns, asTyped, formatCount, formatSeconds, plural, say, sayJson, styled } from "./print.js";

interface PlanFlags {
  instances?: number[];
  secondsPerVideo?: number;
  videos?: number;
  memoryPerInstance?: number;
  budget?: number;
  json?: boolean;
}

export function registerPlan(program: Command): void {
  program
    .command("plan")
    .description("Show for 1 to 8 instances when it would be done, whether it fits, and what D1 would cost.")
    .option("-n, --instances <counts>", "further numbers of instances, as 12 or 12,16", parseCounts)
    .option("--seconds-per-video <seconds>", "in place of what this database has measured", parseNumber)
    .option("--videos <count>", "in place of the videos that are left", parseCount)
    .option("--memory-per-instance <mb>", "in place of HIDB_INSTANCE_MEMORY_MB", parseNumber)
    .option("--budget <mb>", "in place of the memory of this machine or its cgroup", parseNumber)
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(plan);
}

const HELP = `
Examples:
  $ hidb plan                       from the durations measured so far
  $ hidb plan -n 12
  $ hidb plan --videos 2376 --seconds-per-video 200 --memory-per-instance 700 --budget 987`;

async function plan(flags: PlanFlags, command: Command): Promise<void> {
  const config = readSettings(command);
  const made = await makePlan(flags, config);
  if (flags.json) return sayJson(made);
  for (const line of describePlan(made)) say(line);
}

/** With both figures given, no database is needed. */
async function makePlan(flags: PlanFlags, config: Config): Promise<PoolPlan> {
  const { instances, secondsPerVideo, videos, memoryPerInstance, budget } = flags;
  const options = {
    ...{ config, now: clock.now(), counts: countsOf(instances), secondsPerVideo, videos },
    memoryPerInstanceMb: memoryPerInstance,
    budgetMb: budget,
  };
  if (secondsPerVideo !== undefined && videos !== undefined) return planGiven(videos, options);
  const made = await withDatabase(config, "read", (database) => readPlan(database, options));
  if (made.videos > 0 && made.basis === "unknown") throw nothingMeasured();
  return made;
}

function countsOf(further: number[] = []): number[] {
  return [...new Set([...COUNTS, ...further])].sort((a, b) => a - b);
}

function nothingMeasured(): HidbError {
  return new HidbError({
    code: "USAGE",
    message: "expected at least one completed video to plan by, found none in this database",
    fix: "let `hidb start` do a few, or say `hidb plan --seconds-per-video 200`",
  });
}

function describePlan(made: PoolPlan): string[] {
  const { rows, videos } = made;
  if (rows.length === 0) return ["nothing is left to plan: no video is pending"];
  const head = ["instances", "done in (p50)", "p90", "speed-up", "memory", "fits", "D1 requests", "D1 cost"];
  return [
    styled("bold", `${plural(videos, "video")}, ${describeBasis(made)}`),
    ...alignColumns([head, ...rows.map(describeRow)], "  "),
    describeBox(made),
    asTyped(`next: hidb start -i ${bestOf(rows).instances}`),
  ];
}

function describeBasis({ secondsPerVideo, basis, measured }: PoolPlan): string {
  const each = `${formatShort(secondsPerVideo ?? 0)} each`;
  return basis === "given" ? `${each}, as given` : `${each} (mean of the last ${plural(measured, "video")})`;
}

function describeRow({ instances, p50S, p90S, speedUp, memoryBytes, fits, d1Requests, dollars }: PlanRow) {
  return [
    instances,
    formatLong(p50S),
    formatLong(p90S),
    `${speedUp.toFixed(2)} x`,
    formatMb(memoryBytes),
    fits ? "yes" : "no",
    d1Requests,
    `$${dollars.toFixed(4)}`,
  ];
}

function describeBox({
  rows,
  memoryPerInstanceBytes,
  measuredInstanceBytes,
  budgetBytes,
  budgetFrom,
}: PoolPlan): string {
  const from = budgetFrom === "given" ? "as given" : budgetFrom === "machine" ? "of this machine" : `by ${budgetFrom}`;
  const most = Math.floor(budgetBytes / memoryPerInstanceBytes);
  const measured = measuredInstanceBytes === null ? "" : ` (measured now: ${formatMb(measuredInstanceBytes)} each)`;
  const over = rows.filter(({ fits }) => !fits).map(({ instances }) => instances);
  const [first] = over;
  const unfit = first === undefined ? "" : `; ${over.length === 1 ? first : `${first} and more`} do not fit`;
  return `memory: ${formatMb(budgetBytes)} ${from}, room for ${formatCount(most)} of ${formatMb(memoryPerInstanceBytes)}${measured}${unfit}`;
}

/** The smallest of the fastest pools that fit: a larger one that is no faster wastes memory. */
function bestOf(rows: PlanRow[]): PlanRow {
  const [first] = rows as [PlanRow, ...PlanRow[]];
  return rows.filter(({ fits }) => fits).reduce((best, row) => (row.p50S < 0.95 * best.p50S ? row : best), first);
}

const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;

/** Exact enough to compare two numbers of instances. */
function formatLong(seconds: number): string {
  if (seconds < 100 * 60) return formatSeconds(seconds);
  return seconds < DAY_S ? `${(seconds / HOUR_S).toFixed(1)} h` : `${(seconds / DAY_S).toFixed(2)} days`;
}

function formatShort(seconds: number): string {
  return seconds < 600 ? `${Number(seconds.toPrecision(3))} s` : formatSeconds(seconds);
}

function formatMb(bytes: number): string {
  return `${formatCount(Math.round(bytes / 1048576))} MB`;
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (/^\d{1,12}(\.\d+)?$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("Expected a number above 0.");
}

function parseCounts(text: string): number[] {
  const counts = text.split(",").map(Number);
  if (/^\d{1,4}(,\d{1,4})*$/.test(text) && counts.every((count) => count > 0)) return counts;
  throw new InvalidArgumentError("Expected numbers of instances, as 12 or 12,16.");
}
