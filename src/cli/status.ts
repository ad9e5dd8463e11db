// `hidb status`: the state of the pool on one screen.
import type { Command } from "commander";
import { isOwnTable } from "../catalogue/table.js";
import type { Config } from "../config/settings.js";
import { nameDatabase } from "../database/open.js";
import { type PoolCosts, readCosts } from "../report/costs.js";
import type { Eta } from "../report/eta.js";
import { describeOver } from "../report/limits.js";
import { readOverview } from "../report/overview.js";
import {
  type FailureGroup,
  type InstanceRow,
  readFailures,
  readInstances,
  readStatus,
  type Status,
} from "../report/status.js";
import { type OverCount, readOver } from "../report/usage.js";
import { type Millis, STATES } from "../video.js";
import { clock, deathJudge, readSettings, withDatabase } from "./context.js";
import { describeEta } from "./eta.js";
import { alignColumns, asTyped, formatCount, formatSeconds, plural, printable, say, sayJson, styled } from "./print.js";
import { describeStop } from "./stops.js";

export function registerStatus(program: Command): void {
  program
    .command("status")
    .description("Show counts, instances, rate and the time that is left.")
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(showStatus);
}

const HELP = `
Examples:
  $ hidb status
  $ hidb status --json | jq .counts.pending`;

async function showStatus(flags: { json?: boolean }, command: Command): Promise<void> {
  const config = readSettings(command);
  await withDatabase(config, "read", async (database) => {
    const view = { now: clock.now(), isDead: deathJudge() };
    const [status, { eta: band }, { dead }, failures, over, costs] = await Promise.all([
      readStatus(database, view),
      readOverview(database, { ...view, config }),
      readInstances(database, view),
      readFailures(database, REASONS_SHOWN),
      readOver(database),
      config.database === "d1" ? readCosts(database) : undefined,
    ]);
    if (flags.json) {
      const further = { ...(costs === undefined ? {} : { d1: costs }), ...(over.length === 0 ? {} : { over }) };
      return sayJson({ ...status, ...inSeconds(band, view.now), ...further });
    }
    for (const line of describeStatus({ status, band, now: view.now, dead, failures, over, config, costs })) say(line);
  });
}

const REASONS_SHOWN = 5;

/** `eta` as ever, from the likeliest moment; `etaP90` likewise. */
function inSeconds(band: Eta | null, now: Millis) {
  if (band === null) return {};
  const [eta, etaP90] = [band.p50, band.p90].map((at) => Math.max(0, at - now) / 1000);
  return { eta, etaP90 };
}

interface StatusParts {
  status: Status;
  band: Eta | null;
  now: Millis;
  dead: InstanceRow[];
  failures: FailureGroup[];
  over: OverCount[];
  config: Config;
  costs: PoolCosts | undefined;
}

function describeStatus({ status, band, now, dead, failures, over, config, costs }: StatusParts): string[] {
  const { counts } = status;
  const ended = counts.total - counts.pending - counts.running;
  const share = counts.total === 0 ? "" : `, ${((100 * ended) / counts.total).toFixed(1)} % done`;
  return [
    styled("bold", `${plural(counts.total, "video")}${share}`) + styled("dim", `  ${printable(nameDatabase(config))}`),
    ...alignColumns(
      STATES.map((state) => [state, counts[state]]),
      "  ",
    ),
    "",
    ...describeInstances(status, dead),
    ...describePace(status, describeEta(band, now)),
    ...(costs === undefined ? [] : describeCosts(costs, config)),
    ...describeFailures(failures),
    ...(over.length === 0
      ? []
      : ["", ...over.map((one) => `${describeOver(one)}; ${asTyped("hidb list --over any")}`)]),
    "",
    asTyped(`next: ${nextCommand(status, isOwnTable(config))}`),
  ];
}

function describeInstances({ instances }: Status, dead: InstanceRow[]): string[] {
  const lines: string[] = [];
  if (instances.length === 0) lines.push("no instance is live");
  else {
    const rows = instances.map((one) => [
      one.rank === null ? "-" : String(one.rank),
      String(one.processId),
      String(one.pid),
      one.heldBack === null ? one.state : `${one.state}, waits (memory: ${one.heldBack})`,
      one.inHand,
      one.completed,
      one.failed,
      `${Math.round(one.rssBytes / 1048576)} MB`,
      printable(one.host),
    ]);
    const head = ["rank", "process id", "pid", "state", "in hand", "completed", "failed", "memory", "host"];
    lines.push(`${plural(instances.length, "instance")} live`, ...alignColumns([head, ...rows], "  "));
  }
  if (dead.length > 0) {
    const inHand = dead.reduce((sum, one) => sum + one.inHand, 0);
    const who = plural(dead.length, "instance");
    lines.push(`${who} died with ${plural(inHand, "video")} in hand; the next one to beat or start takes them back`);
  }
  return lines;
}

function describePace(status: Status, end: string | null): string[] {
  const { rate, eta, instances, counts } = status;
  const stop = describeStop(status);
  const lines = stop === null ? [] : [styled("yellow", stop)];
  if (rate !== null) {
    const pace = rate >= 1 ? `${rate.toFixed(1)} videos/s` : `${(rate * 60).toFixed(1)} videos/min`;
    const left = end ?? (eta === null || eta === 0 ? null : `about ${formatSeconds(eta)} left`);
    lines.push(`${pace} over the last minute${left === null ? "" : `, ${left}`}`);
  } else if (instances.length > 0 && counts.pending + counts.running > 0 && stop === null) {
    lines.push("no video has ended in the last minute");
  }
  return lines;
}

function describeCosts(costs: PoolCosts, { d1Requests }: Config): string[] {
  const { requests, requestsRecent, rowsRead, rowsWritten, dollars } = costs;
  return [
    `D1: ${formatCount(requestsRecent)} of ${formatCount(d1Requests)} requests in 5 minutes, ${formatCount(requests)} in all`,
    `    ${formatCount(rowsRead)} rows read, ${formatCount(rowsWritten)} written: $${dollars.toFixed(4)} beyond what the paid plan includes`,
  ];
}

function describeFailures(failures: FailureGroup[]): string[] {
  if (failures.length === 0) return [];
  const rows = failures.map(({ count, state, reason }) => [count, state, shorten(printable(reason))]);
  return ["", "why videos failed, the most frequent first", ...alignColumns(rows, "  ")];
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/** The rows of a table that hidb did not make are only counted once the pool has read it. */
function nextCommand(status: Status, ownTable: boolean): string {
  const { counts, instances, paused, draining, halted } = status;
  if (counts.total === 0) return ownTable ? "hidb add <folder or list>" : "hidb start";
  if (halted) return "hidb list --state failed,quarantined, then hidb resume";
  if (paused || draining) return "hidb resume";
  if (counts.pending + counts.running > 0) return instances.length === 0 ? "hidb start" : "hidb status";
  if (counts.failed + counts.quarantined > 0) {
    return `hidb list --state failed,quarantined (${formatCount(counts.failed + counts.quarantined)}), then hidb retry --failed`;
  }
  return "hidb export --out results.ndjson";
}
