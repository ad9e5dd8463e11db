// What is printed when a run is over.
import type { Config } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import { describeOver } from "../../report/limits.js";
import { type RunReport, readRun } from "../../report/run.js";
import { type FailureGroup, readFailures, readStatus, type StateCounts } from "../../report/status.js";
import { type Millis, STATES } from "../../video.js";
import { clock, deathJudge } from "../context.js";
import { alignColumns, asTyped, formatCount, formatSeconds, plural, printable, say } from "../print.js";

interface SumUpParts extends Omit<NextParts, "counts"> {
  /** What the catalogue held when the run began. */
  before: StateCounts;
  startedAt: Millis;
  config: Config;
}

const REASONS_SHOWN = 5;
/** So long instances that stay have to tell what they have done: with their next heartbeat. */
const LOOKS_AT_FIGURES = 15;
const LOOK_AT_FIGURES_MS = 100;

/** Prints what the run has done and what can be done next; resolves to what has become of its videos. */
export async function sumUp(database: Database, parts: SumUpParts): Promise<StateCounts> {
  const { before, startedAt, config, stays } = parts;
  const wallMs = clock.now() - startedAt;
  const { counts, halted, reason } = await readStatus(database, { now: clock.now(), isDead: deathJudge() });
  const own = countOwn(before, counts);
  let run = await readRun(database, startedAt);
  for (let look = 0; stays && look < LOOKS_AT_FIGURES && countTold(run) < own.completed + own.failed; look++) {
    await clock.sleep(LOOK_AT_FIGURES_MS);
    run = await readRun(database, startedAt);
  }
  const failures = await readFailures(database, REASONS_SHOWN, startedAt);
  for (const line of describeRun({ counts, own, run, failures, wallMs, concurrency: config.concurrency })) say(line);
  for (const line of halted ? describeHalt(reason) : describeNext({ ...parts, counts: own })) say(line);
  return own;
}

function countTold({ instances }: RunReport): number {
  return instances.reduce((sum, { completed, failed }) => sum + completed + failed, 0);
}

export interface SummaryParts {
  /** Of the whole catalogue. */
  counts: StateCounts;
  /** Of the videos of this run. */
  own: StateCounts;
  run: RunReport;
  failures: FailureGroup[];
  wallMs: number;
  concurrency: number;
}

export function describeRun({ counts, own, run, failures, wallMs, concurrency }: SummaryParts): string[] {
  const several = run.instances.length > 1 || concurrency > 1;
  const together = several && run.sideBySide !== null ? `, on average ${run.sideBySide.toFixed(1)} side by side` : "";
  return [
    `${describeCounts(own)} in ${formatWall(wallMs)}${together}`,
    ...(own.total === counts.total ? [] : [`in the catalogue: ${describeCounts(counts)}`]),
    ...alignColumns(run.instances.map(describeInstance), "  "),
    ...describeFailures(failures),
    ...run.over.map((one) => `${describeOver(one)}; ${asTyped("hidb list --over any")}`),
  ];
}

/** What is open, and what has ended since. */
export function countOwn(before: StateCounts, after: StateCounts): StateCounts {
  const own = { ...after };
  for (const state of ENDED) own[state] = Math.max(0, after[state] - before[state]);
  own.total = STATES.reduce((sum, state) => sum + own[state], 0);
  return own;
}

const ENDED = ["completed", "failed", "quarantined", "cancelled"] as const;

export function describeHalt(reason: string | null): string[] {
  return [
    `halted: ${printable(reason ?? "too many videos have failed")}`,
    asTyped("next: hidb list --state failed,quarantined; `hidb resume` and then `hidb start` go on"),
  ];
}

export function describeCounts(counts: StateCounts): string {
  const parts = STATES.filter((state) => counts[state] > 0).map((state) => `${formatCount(counts[state])} ${state}`);
  return `${plural(counts.total, "video")}: ${parts.join(", ")}`;
}

function describeInstance({ processId, lives, completed, retried, failed, busyMs }: RunReport["instances"][number]) {
  return [
    `instance ${processId}`,
    `${formatCount(completed)} completed`,
    failed > 0 ? `${formatCount(failed)} failed` : "",
    retried > 0 ? `${formatCount(retried)} retried` : "",
    `${(busyMs / 1000).toFixed(1)} s busy`,
    lives > 1 ? `${lives} lives` : "",
  ];
}

function describeFailures(failures: FailureGroup[]): string[] {
  if (failures.length === 0) return [];
  return [
    "why videos failed:",
    ...alignColumns(
      failures.map((one) => [one.count, printable(one.reason)]),
      "  ",
    ),
  ];
}

export interface NextParts {
  counts: StateCounts;
  /** Where the page is, unless it is not there. */
  page: string | undefined;
  /** The page stays until a key is pressed. */
  stays: boolean;
  /** How the database of the samples is named in a command, if this run was theirs and commands would choose another. */
  samples: { typed: string } | undefined;
}

/** Commands that can be typed as they stand, each with what it is for; the page last. */
export function describeNext({ counts, page, stays, samples }: NextParts): string[] {
  const commands = samples === undefined ? nextCommands(counts) : nextAfterSamples(counts, samples.typed);
  const rows = commands.map(([command, what]) => [asTyped(command), what]);
  if (page !== undefined)
    rows.push([page, stays ? "the page, until this command ends" : "the page, while a pool runs"]);
  return ["next:", ...alignColumns(rows, "  ")];
}

function nextCommands(counts: StateCounts): [command: string, what: string][] {
  if (counts.pending + counts.running > 0) {
    return [
      ["hidb start", "goes on from here"],
      ["hidb list --state pending,running", "what is left"],
    ];
  }
  if (counts.failed + counts.quarantined > 0) {
    return [
      ["hidb list --state failed,quarantined", "which videos, and why"],
      ["hidb retry --failed --quarantined", "lets the next `start` try them again"],
    ];
  }
  return [
    ["hidb list", "every video"],
    ["hidb export --out results.ndjson", "what was found out about them"],
  ];
}

function nextAfterSamples({ failed, quarantined }: StateCounts, database: string): [command: string, what: string][] {
  const first = failed + quarantined > 0 ? "hidb list --state failed,quarantined" : "hidb show 1";
  return [
    [`${first}${database}`, failed + quarantined > 0 ? "which samples, and why" : "what was found out about a video"],
    ["hidb start <folder>", "your own videos, in a database of their own"],
  ];
}

function formatWall(ms: number): string {
  return ms < 100_000 ? `${(ms / 1000).toFixed(1)} s` : formatSeconds(ms / 1000);
}
