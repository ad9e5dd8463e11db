// What stands on the screen when a run is over.
import { describeOver } from "../../report/limits.js";
import type { RunReport } from "../../report/run.js";
import type { Counts, FailureGroup } from "../../report/status.js";
import { STATES } from "../../video.js";
import { alignColumns, asTyped, formatCount, formatSeconds, plural, printable } from "../print.js";

export interface SummaryParts {
  counts: Counts;
  run: RunReport;
  failures: FailureGroup[];
  wallMs: number;
  /** Why HIDB_HALT has halted the pool. */
  halted?: string | null;
}

export function describeRun({ counts, run, failures, wallMs, halted = null }: SummaryParts): string[] {
  const speedUp = run.speedUp === null ? "" : `, ${run.speedUp.toFixed(1)} times as fast as one instance`;
  return [
    `${describeCounts(counts)} in ${formatWall(wallMs)}${speedUp}`,
    ...alignColumns(run.instances.map(describeInstance), "  "),
    ...describeFailures(failures),
    ...run.over.map((one) => `${describeOver(one)}; ${asTyped("hidb list --over any")}`),
    ...(halted === null ? [describeNext(counts)] : describeHalt(halted)),
  ];
}

export function describeHalt(reason: string | null): string[] {
  return [
    `halted: ${printable(reason ?? "too many videos have failed")}`,
    asTyped("next: hidb list --state failed,quarantined; `hidb resume` and then `hidb start` go on"),
  ];
}

export function describeCounts(counts: Counts): string {
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

export function describeNext(counts: Counts): string {
  return asTyped(`next: ${nextCommand(counts)}`);
}

function nextCommand(counts: Counts): string {
  if (counts.pending + counts.running > 0) return "hidb start";
  if (counts.failed + counts.quarantined > 0) return "hidb list --state failed,quarantined";
  return "hidb export --out results.ndjson";
}

function formatWall(ms: number): string {
  return ms < 100_000 ? `${(ms / 1000).toFixed(1)} s` : formatSeconds(ms / 1000);
}
