// `hidb show`: everything known about one video.
import type { Command } from "commander";
import { videoUnknown } from "../catalogue/backlog.js";
import { describeLimits, wouldHaveFailed } from "../report/limits.js";
import { showVideo, type VideoRecord } from "../report/videos.js";
import { NO_SOURCE, parseVideoId, readSettings, withDatabase } from "./context.js";
import { alignColumns, formatTime, printable, say, sayJson } from "./print.js";

export function registerShow(program: Command): void {
  program
    .command("show")
    .description("Show one video: its state, its output, and what went wrong.")
    .argument("<id>", "the id of the video", parseVideoId)
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(show);
}

const HELP = `
Examples:
  $ hidb show 7
  $ hidb show 7 --json | jq .output
  $ hidb show -- -5`;

async function show(id: number, flags: { json?: boolean }, command: Command): Promise<void> {
  await withDatabase(readSettings(command), "read", async (database, catalogue) => {
    const record = await showVideo(database, catalogue, id);
    if (record === undefined) throw videoUnknown(id);
    if (flags.json) return sayJson(record);
    for (const line of describeRecord(record)) say(line);
  });
}

export function describeRecord(record: VideoRecord): string[] {
  const { video, state, attempt, deaths, error, output, attempts, usage } = record;
  const facts: [string, string | null][] = [
    ["source", video.source ?? NO_SOURCE],
    ["title", video.title],
    ["duration", video.durationS === null ? null : `${video.durationS} s`],
    ["state", state],
    ["attempt", String(attempt)],
    ["deaths", deaths === 0 ? null : `${deaths} (instances that died with it in hand)`],
    ["instance", record.instance],
    ["claimed", timeOrNull(record.claimedAt)],
    ["finished", timeOrNull(record.finishedAt)],
    ["not before", state === "pending" && record.runAfter > 0 ? formatTime(record.runAfter) : null],
    ["error", error],
  ];
  const known = facts.filter((fact): fact is [string, string] => fact[1] !== null);
  const lines = [
    `video ${video.id}`,
    ...alignColumns(
      known.map(([name, value]) => [name, printable(value)]),
      "  ",
    ),
  ];
  for (const one of attempts) {
    const took = `${((one.endedAt - one.claimedAt) / 1000).toFixed(1)} s`;
    lines.push(
      `  attempt ${one.attempt}: ${one.outcome} after ${took}, ${formatTime(one.endedAt)}: ${printable(one.reason)}`,
    );
  }
  if (usage !== null) {
    lines.push(wouldHaveFailed(usage.plan), ...describeLimits(usage).map((limit) => `  ${limit}`));
  }
  if (output !== null) lines.push("output", JSON.stringify(output, null, 2));
  return lines;
}

function timeOrNull(ms: number | null): string | null {
  return ms === null ? null : formatTime(ms);
}
