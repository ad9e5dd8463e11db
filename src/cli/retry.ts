// `hidb retry`: videos that have ended are pending again, as if they had never been tried.
import type { Command } from "commander";
import { countRetriable, findRetriable, retryVideos } from "../catalogue/backlog.js";
import { retryInJournal } from "../report/journal-retry.js";
import type { State } from "../video.js";
import { describeUntouched, refuseNothing } from "./choose.js";
import { clock, collectVideoIds, readSettings, withDatabase } from "./context.js";
import { note, plural, say, sayJson } from "./print.js";

interface RetryFlags {
  failed?: boolean;
  quarantined?: boolean;
  cancelled?: boolean;
  completed?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export function registerRetry(program: Command): void {
  program
    .command("retry")
    .description(
      "Try videos again from their first attempt. Running ones are never touched, completed ones only on demand.",
    )
    .argument("[ids...]", "ids of videos", collectVideoIds)
    .option("--failed", "all that failed")
    .option("--quarantined", "all that killed their instance twice")
    .option("--cancelled", "all that were cancelled")
    .option("--completed", "completed ones too; their output is forgotten")
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(retry);
}

const HELP = `
Examples:
  $ hidb retry --failed --quarantined
  $ hidb retry 7 8 -5
  $ hidb retry 7 --completed        process a completed video once more`;

const RETRIED = ["failed", "quarantined", "cancelled", "completed"] as const satisfies State[];

async function retry(ids: number[], flags: RetryFlags, command: Command): Promise<void> {
  const flagged = RETRIED.filter((state) => flags[state]);
  refuseNothing(ids, flagged, "hidb retry --failed, or hidb retry 7");
  // For a video that is named, waiting out its backoff or being over is the same: try it now.
  const named: State[] = [
    "pending",
    "failed",
    "quarantined",
    "cancelled",
    ...(flags.completed ? ["completed" as const] : []),
  ];
  const choice = ids.length > 0 ? { ids, states: named } : { ids: null, states: flagged };
  const config = readSettings(command);
  await withDatabase(config, flags.dryRun ? "read" : "change", async (database) => {
    const untouched = await describeUntouched(database, ids, choice.states);
    const count = flags.dryRun ? await countRetriable(database, choice) : await retryNow();
    if (flags.json) return sayJson({ retried: count, dryRun: flags.dryRun ?? false });
    say(`${plural(count, "video")} ${flags.dryRun ? "would be" : count === 1 ? "is" : "are"} pending again`);
    if (untouched !== undefined) note(untouched);

    async function retryNow(): Promise<number> {
      const find = () => findRetriable(database, choice);
      const retry = () => retryVideos(database, choice);
      return (await retryInJournal(config.journal, { clock, find, retry })).length;
    }
  });
}
